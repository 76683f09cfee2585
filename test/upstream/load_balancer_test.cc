#include "source/upstream/load_balancer.h"

#include <gtest/gtest.h>

#include <map>

#include "source/base/random.h"

namespace outrigger::upstream {
namespace {

// An endpoint set made by hand, and a balancer over it.
struct Bench final : ActiveRequests {
  model::LbConfig config;
  model::EndpointSet set;
  std::map<uint64_t, uint32_t> active;  // by id
  LoadBalancer balancer;
  Random random{42};
  uint64_t last_id = 0;

  void Add(uint32_t weight = 1, uint32_t priority = 0, uint32_t flags = 0, uint32_t locality = 0,
           uint32_t locality_weight = 0) {
    if (set.priorities.size() <= priority) set.priorities.resize(priority + 1);
    model::PrioritySet& to = set.priorities[priority];
    model::EndpointRef record = model::MakeEndpointRecord(++last_id, net::Address());
    record->flags = flags;
    to.Add({.record = std::move(record), .weight = weight}, locality);
    to.localities[locality].weight = locality_weight;
  }
  uint32_t At(const model::Endpoint& endpoint) const override {
    const auto at = active.find(endpoint.record->id);
    return at == active.end() ? 0 : at->second;
  }
  void Build() { balancer.Build(config, set, *this, random.Next()); }
  // How often each endpoint (by id) was picked.
  std::map<uint64_t, int> Picks(int n) {
    std::map<uint64_t, int> picks;
    for (int i = 0; i < n; ++i) {
      const auto choice = balancer.Pick(random.Next());
      ++picks[choice ? choice->endpoint->record->id : 0];
    }
    return picks;
  }
};

TEST(LoadBalancerTest, RoundRobinTakesTurns) {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.Add();
  bench.Build();
  EXPECT_EQ(bench.Picks(300), (std::map<uint64_t, int>{{1, 100}, {2, 100}, {3, 100}}));
}

TEST(LoadBalancerTest, WeightedRoundRobinIsExactAndSmooth) {
  Bench bench;
  bench.Add(1);
  bench.Add(2);
  bench.Add(5);
  bench.Build();
  uint64_t before = 0;
  int repeats = 0, longest = 0;
  std::map<uint64_t, int> picks;
  for (int i = 0; i < 800; ++i) {
    const auto choice = bench.balancer.Pick(bench.random.Next());
    const uint64_t id = choice->endpoint->record->id;
    ++picks[id];
    repeats = id == before ? repeats + 1 : 1;
    longest = std::max(longest, repeats);
    before = id;
  }
  EXPECT_NEAR(picks[1], 100, 1);
  EXPECT_NEAR(picks[2], 200, 1);
  EXPECT_NEAR(picks[3], 500, 1);
  EXPECT_LE(longest, 3);
}

TEST(LoadBalancerTest, RandomFollowsWeights) {
  Bench bench;
  bench.config.policy = model::LbPolicy::kRandom;
  for (uint32_t weight : {1u, 3u, 6u}) bench.Add(weight);
  bench.Build();
  auto picks = bench.Picks(100000);
  EXPECT_NEAR(picks[1], 10000, 600);
  EXPECT_NEAR(picks[2], 30000, 900);
  EXPECT_NEAR(picks[3], 60000, 900);
}

TEST(LoadBalancerTest, LeastRequestPrefersTheLessBusy) {
  Bench bench;
  bench.config.policy = model::LbPolicy::kLeastRequest;
  for (int i = 0; i < 2; ++i) bench.Add();
  bench.Build();
  bench.active[1] = 5;
  auto picks = bench.Picks(10000);
  EXPECT_NEAR(picks[1], 2500, 250);  // only when both draws hit it
}

TEST(LoadBalancerTest, WeightedLeastRequestDividesWeightByWhatIsUnderWay) {
  Bench bench;
  bench.config.policy = model::LbPolicy::kLeastRequest;
  bench.Add(4);
  bench.Add(1);
  bench.Build();
  bench.active[1] = 3;  // 4 / 4 against 1 / 1
  auto picks = bench.Picks(1000);
  EXPECT_NEAR(picks[1], 500, 5);
}

TEST(LoadBalancerTest, UnhealthyEndpointsAreLeftOut) {
  Bench bench;
  bench.Add();
  bench.Add(1, 0, model::kEdsUnhealthy);
  bench.Add();
  bench.Add(1, 0, model::kEjected);
  bench.Build();
  EXPECT_EQ(bench.Picks(100), (std::map<uint64_t, int>{{1, 50}, {3, 50}}));
}

TEST(LoadBalancerTest, InPanicAllAreUsedAndItIsSaid) {
  Bench bench;
  bench.Add();
  for (int i = 0; i < 3; ++i) bench.Add(1, 0, model::kEdsUnhealthy);
  bench.Build();
  EXPECT_EQ(bench.Picks(100).size(), 4u);
  EXPECT_TRUE(bench.balancer.Pick(1)->panic);
}

TEST(LoadBalancerTest, FailTrafficOnPanicPicksNobody) {
  Bench bench;
  bench.config.fail_traffic_on_panic = true;
  bench.Add();
  for (int i = 0; i < 3; ++i) bench.Add(1, 0, model::kEdsUnhealthy);
  bench.Build();
  EXPECT_EQ(bench.Picks(100), (std::map<uint64_t, int>{{0, 100}}));
  EXPECT_TRUE(bench.balancer.InPanicWithoutTraffic());
}

TEST(LoadBalancerTest, WithoutPanicAnUnhealthyClusterPicksNobody) {
  Bench bench;
  bench.config.healthy_panic_threshold = 0;
  bench.Add(1, 0, model::kEdsUnhealthy);
  bench.Build();
  EXPECT_EQ(bench.Picks(10), (std::map<uint64_t, int>{{0, 10}}));
  EXPECT_FALSE(bench.balancer.any_healthy());
}

TEST(LoadBalancerTest, AnEmptySetPicksNobody) {
  Bench bench;
  bench.Build();
  EXPECT_FALSE(bench.balancer.Pick(1).has_value());
  bench.set.priorities.resize(2);
  bench.Build();
  EXPECT_FALSE(bench.balancer.Pick(1).has_value());
}

TEST(LoadBalancerTest, TrafficSpillsOverToTheNextPriority) {
  Bench bench;
  for (int i = 0; i < 4; ++i) bench.Add(1, 0, i < 2 ? uint32_t{model::kEdsUnhealthy} : 0u);
  bench.Add(1, 1);
  bench.Build();
  auto picks = bench.Picks(20000);
  EXPECT_NEAR(picks[5], 6000, 400);  // 50 % healthy * 1.4 = 70 % stay
}

TEST(LoadBalancerTest, LocalitiesShareByEffectiveWeight) {
  Bench bench;
  bench.config.locality_weighted = true;
  bench.config.healthy_panic_threshold = 0;
  bench.Add(1, 0, 0, 0, 1);
  bench.Add(1, 0, 0, 1, 2);
  bench.Add(1, 0, model::kEdsUnhealthy, 1, 2);  // half of it is healthy: 2 * 0.5 * 1.4 = 1.4
  bench.Build();
  auto picks = bench.Picks(2400);
  EXPECT_NEAR(picks[1], 1000, 10);
  EXPECT_NEAR(picks[2], 1400, 10);
  EXPECT_EQ(picks[3], 0);
}

TEST(LoadBalancerTest, ALocalityWithoutWeightGetsNothing) {
  Bench bench;
  bench.config.locality_weighted = true;
  bench.Add(1, 0, 0, 0, 3);
  bench.Add(1, 0, 0, 1, 0);
  bench.Build();
  EXPECT_EQ(bench.Picks(50), (std::map<uint64_t, int>{{1, 50}}));
}

TEST(LoadBalancerTest, RetriesAvoidEndpointsThatWereTried) {
  Bench bench;
  bench.config.policy = model::LbPolicy::kRandom;
  for (int i = 0; i < 2; ++i) bench.Add();
  bench.Build();
  const uint64_t avoid[] = {1};
  int again = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto choice = bench.balancer.Pick(bench.random.Next(), avoid, 1, 20);
    again += choice->endpoint->record->id == 1 ? 1 : 0;
  }
  EXPECT_EQ(again, 0);
  const uint64_t both[] = {1, 2};
  EXPECT_TRUE(bench.balancer.Pick(3, both, 2, 5).has_value());  // nobody new: an old one is better than none
}

TEST(LoadBalancerTest, WeightedPriorityHealthCountsWeights) {
  Bench bench;
  bench.config.healthy_panic_threshold = 0;
  bench.set.weighted_priority_health = true;
  bench.set.overprovisioning_factor = 100;
  bench.Add(9, 0, model::kEdsUnhealthy);
  bench.Add(1, 0);
  bench.Add(1, 1);
  bench.Build();
  EXPECT_EQ(bench.balancer.load().healthy, (std::vector<uint32_t>{10, 90}));
}

}  // namespace
}  // namespace outrigger::upstream
