// How many connections a listener takes in a time.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit.pb.h"
#include "source/event/engine.h"
#include "source/filters/listener/local_ratelimit/factory.h"
#include "source/filters/listener/local_ratelimit/token_bucket.h"
#include "source/upstream/worker_context.h"
#include "test/harness/factory_context.h"

namespace outrigger::filters {
namespace {

using Verdict = net::ListenerFilter::Verdict;
using LocalRateLimitProto = envoy::extensions::filters::listener::local_ratelimit::v3::LocalRateLimit;

MonotonicTime At(Duration since) { return MonotonicTime(since); }

TEST(TokenBucketTest, IsFullAtFirstAndFillsEachIntervalUpToItsMost) {
  TokenBucket bucket({.most = 3, .per_fill = 2, .interval = milliseconds(100)});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(At(milliseconds(10)))) << i;
  EXPECT_FALSE(bucket.Take(At(milliseconds(99))));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(bucket.Take(At(milliseconds(100)))) << i;
  EXPECT_FALSE(bucket.Take(At(milliseconds(199))));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(At(seconds(1000)))) << "never more than three: " << i;
  EXPECT_FALSE(bucket.Take(At(seconds(1000))));
}

TEST(TokenBucketTest, AClockThatLagsBehindFillsNothing) {
  TokenBucket bucket({.most = 1, .per_fill = 1, .interval = milliseconds(100)});
  EXPECT_TRUE(bucket.Take(At(milliseconds(1000))));
  EXPECT_FALSE(bucket.Take(At(milliseconds(900))));
  EXPECT_FALSE(bucket.Take(At(milliseconds(1050))));
  EXPECT_TRUE(bucket.Take(At(milliseconds(1100))));
  EXPECT_FALSE(bucket.Take(At(milliseconds(1000))));
}

TEST(TokenBucketTest, ThreadsTogetherGetWhatThereIs) {
  TokenBucket bucket({.most = 10'000, .per_fill = 1, .interval = hours(1)});
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5'000; ++n) taken += bucket.Take(At(seconds(1))) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 10'000);
}

class LocalRateLimitTest : public testing::Test {
 protected:
  LocalRateLimitTest()
      : loop_(event::MakeEpollEngine()),
        context_(stats_),
        worker_(0, loop_, stats_.main(), facts_, std::make_shared<const model::Snapshot>(), [](auto) {}) {
    proto_.set_stat_prefix("in");
    proto_.mutable_token_bucket()->set_max_tokens(2);
    proto_.mutable_token_bucket()->mutable_fill_interval()->set_seconds(3600);
  }
  absl::Status Compile() {
    spec_ = kLocalRateLimitFactory.create(proto_, context_);
    return spec_.status();
  }
  // What becomes of one more connection.
  Verdict Accept() {
    const auto filter = spec_->make(spec_->config.get(), worker_);
    net::AcceptedSocket socket;
    return filter->OnAccept(loop_.engine(), socket);
  }

  event::Dispatcher loop_;
  observe::StatsRegistry stats_;
  harness::FakeFactoryContext context_;
  upstream::ProcessFacts facts_;
  upstream::WorkerContext worker_;
  LocalRateLimitProto proto_;
  absl::StatusOr<model::ListenerFilterSpec> spec_ = absl::UnknownError("none");
};

TEST_F(LocalRateLimitTest, WhoFindsNoTokenIsClosedAndCounted) {
  ASSERT_TRUE(Compile().ok());
  EXPECT_EQ(Accept(), Verdict::kContinue);
  EXPECT_EQ(Accept(), Verdict::kContinue);
  EXPECT_EQ(Accept(), Verdict::kClose);
  EXPECT_EQ(Accept(), Verdict::kClose);
  const auto scope = stats_.Register<observe::ListenerRateLimitStats>("listener_local_ratelimit.in.");
  EXPECT_EQ(stats_.main().Get(scope).rate_limited.value(), 2u);
}

TEST_F(LocalRateLimitTest, ItCanBeSwitchedOff) {
  proto_.mutable_runtime_enabled()->mutable_default_value()->set_value(false);
  proto_.mutable_runtime_enabled()->set_runtime_key("limit");
  ASSERT_TRUE(Compile().ok());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Accept(), Verdict::kContinue);
}

TEST_F(LocalRateLimitTest, AnIntervalBelowFiftyMillisecondsIsRefused) {
  proto_.mutable_token_bucket()->mutable_fill_interval()->set_seconds(0);
  proto_.mutable_token_bucket()->mutable_fill_interval()->set_nanos(49'000'000);
  EXPECT_FALSE(Compile().ok());
  EXPECT_NE(Compile().message().find("token_bucket.fill_interval"), std::string::npos) << Compile();
}

}  // namespace
}  // namespace outrigger::filters
