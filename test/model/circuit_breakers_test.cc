#include "source/model/circuit_breakers.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace outrigger::model {
namespace {

BreakerSettings Requests(uint32_t requests) {
  BreakerSettings settings;
  settings.requests = requests;
  return settings;
}

TEST(CircuitBreakersTest, OneIsMadeWhenItIsFirstAskedFor) {
  CircuitBreakers breakers(Requests(7), Requests(8));
  EXPECT_EQ(breakers.IfMade(0), nullptr);
  EXPECT_EQ(breakers.settings(0).requests, 7u);
  const std::shared_ptr<CircuitBreaker> usual = breakers.Get(0);
  EXPECT_EQ(usual->max_requests.limit(), 7u);
  EXPECT_EQ(usual->max_connections.limit(), 1024u);
  EXPECT_EQ(usual->max_retries.limit(), 3u);
  EXPECT_EQ(breakers.Get(0), usual);
  EXPECT_EQ(breakers.IfMade(0), usual);
  EXPECT_EQ(breakers.IfMade(1), nullptr);
  EXPECT_EQ(breakers.Get(1)->max_requests.limit(), 8u);
}

TEST(CircuitBreakersTest, NewNumbersReachWhatIsMadeAndWhatIsMadeLater) {
  CircuitBreakers breakers;
  const std::shared_ptr<CircuitBreaker> usual = breakers.Get(0);
  breakers.SetLimits(0, Requests(7));
  breakers.SetLimits(1, Requests(8));
  EXPECT_EQ(usual->max_requests.limit(), 7u);
  EXPECT_EQ(breakers.settings(0).requests, 7u);
  EXPECT_EQ(breakers.settings(1).requests, 8u);
  EXPECT_EQ(breakers.Get(1)->max_requests.limit(), 8u);
  breakers.SetLimits(0, BreakerSettings());
  EXPECT_EQ(usual->max_requests.limit(), 1024u);
}

TEST(CircuitBreakersTest, ABudgetDecidesHowManyRetriesThereAre) {
  BreakerSettings budget;
  budget.retries = 100;
  budget.budget_percent = 25;
  budget.budget_min_concurrency = 5;
  CircuitBreakers breakers(budget, {});
  EXPECT_EQ(breakers.settings(0).retries, 5u);
  const std::shared_ptr<CircuitBreaker> made = breakers.Get(0);
  EXPECT_EQ(made->max_retries.limit(), 5u);
  EXPECT_EQ(made->retry_budget_percent, 25.0);
  made->max_retries.SetLimit(9);  // as a worker does while there are many requests
  EXPECT_EQ(breakers.settings(0).retries, 9u);
  breakers.SetLimits(0, budget);
  EXPECT_EQ(made->max_retries.limit(), 9u);
}

TEST(CircuitBreakersTest, AllThreadsGetTheSameOne) {
  constexpr int kThreads = 4;
  CircuitBreakers breakers(Requests(7), {});
  std::vector<std::shared_ptr<CircuitBreaker>> got(kThreads);
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      ready.fetch_add(1);
      while (ready.load() < kThreads) std::this_thread::yield();
      got[static_cast<size_t>(i)] = breakers.Get(0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& one : got) EXPECT_EQ(one, got[0]);
}

}  // namespace
}  // namespace outrigger::model
