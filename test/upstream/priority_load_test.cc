#include "source/upstream/priority_load.h"

#include <gtest/gtest.h>

#include "source/base/random.h"

namespace outrigger::upstream {
namespace {

using Healths = std::vector<PriorityHealth>;
using Loads = std::vector<uint32_t>;

PriorityLoad Of(const Healths& healths, double panic = 50.0, uint32_t factor = 140) {
  return ComputePriorityLoad(healths, factor, panic);
}

// The tables of Envoy's documentation, "Priority levels": healthy percent of each level, 100 endpoints each.
TEST(PriorityLoadTest, TwoLevelsSpillOverAsPublished) {
  const struct {
    uint64_t p0, p1;
    uint32_t to0, to1;
  } rows[] = {{100, 100, 100, 0}, {72, 100, 100, 0}, {71, 100, 99, 1}, {50, 100, 70, 30}, {25, 100, 35, 65},
              {0, 100, 0, 100},   {25, 25, 50, 50},  {25, 20, 56, 44}, {5, 65, 8, 92}};
  for (const auto& row : rows) {
    const PriorityLoad load = Of({{100, row.p0, 0}, {100, row.p1, 0}}, 0);
    EXPECT_EQ(load.healthy, (Loads{row.to0, row.to1})) << row.p0 << " " << row.p1;
  }
}

TEST(PriorityLoadTest, ThreeLevelsSpillOverAsPublished) {
  const struct {
    uint64_t p0, p1, p2;
    uint32_t to0, to1, to2;
  } rows[] = {{100, 100, 100, 100, 0, 0}, {72, 72, 100, 100, 0, 0},  {71, 71, 100, 99, 1, 0},
              {50, 50, 100, 70, 30, 0},   {25, 100, 100, 35, 65, 0}, {25, 25, 100, 35, 35, 30}};
  for (const auto& row : rows) {
    const PriorityLoad load = Of({{100, row.p0, 0}, {100, row.p1, 0}, {100, row.p2, 0}}, 0);
    EXPECT_EQ(load.healthy, (Loads{row.to0, row.to1, row.to2})) << row.p0 << " " << row.p1;
  }
}

TEST(PriorityLoadTest, DegradedEndpointsGetWhatHealthyOnesCannotTake) {
  // 10/20/10 percent healthy and 20/10/0 degraded with no overprovisioning: 16/28/14 and 28/14/0.
  const PriorityLoad load = Of({{100, 10, 20}, {100, 20, 10}, {100, 10, 0}}, 0, 100);
  EXPECT_EQ(load.healthy, (Loads{16, 28, 14}));
  EXPECT_EQ(load.degraded, (Loads{28, 14, 0}));
}

TEST(PriorityLoadTest, OnlyDegradedEndpointsTakeEverything) {
  const PriorityLoad load = Of({{2, 0, 2}}, 50);
  EXPECT_EQ(load.healthy, (Loads{0}));
  EXPECT_EQ(load.degraded, (Loads{100}));
  EXPECT_FALSE(load.panic[0]);
}

// "Panic threshold": two levels, threshold 50.
TEST(PriorityLoadTest, ALevelPanicsOnlyWhenAllLevelsTogetherAreShort) {
  PriorityLoad load = Of({{100, 72, 0}, {100, 72, 0}});
  EXPECT_FALSE(load.panic[0] || load.panic[1]);
  load = Of({{100, 71, 0}, {100, 1, 0}});  // 99 + 1 are enough
  EXPECT_FALSE(load.panic[0] || load.panic[1]);
  load = Of({{100, 60, 0}, {100, 1, 0}});  // 84 + 1
  EXPECT_FALSE(load.panic[0]);
  EXPECT_TRUE(load.panic[1]);
  EXPECT_EQ(load.healthy, (Loads{99, 1}));
}

TEST(PriorityLoadTest, InTotalPanicLoadFollowsTheNumberOfEndpoints) {
  const PriorityLoad load = Of({{100, 25, 0}, {50, 5, 0}});
  EXPECT_TRUE(load.panic[0] && load.panic[1]);
  EXPECT_EQ(load.healthy, (Loads{67, 33}));
}

TEST(PriorityLoadTest, WithPanicOffNothingAvailableMeansTheFirstLevel) {
  const PriorityLoad load = Of({{10, 0, 0}, {10, 0, 0}}, 0);
  EXPECT_EQ(load.healthy, (Loads{100, 0}));
  EXPECT_FALSE(load.panic[0]);
}

TEST(PriorityLoadTest, AnEmptyClusterStillAddsUpToAHundred) {
  EXPECT_EQ(Of({{0, 0, 0}}).healthy, (Loads{100}));
  EXPECT_EQ(Of({}).healthy, (Loads{}));
}

TEST(PriorityLoadTest, LoadsAlwaysAddUpToAHundred) {
  Random random(7);
  const auto next = [&](uint64_t n) { return random.Below(n); };
  for (int round = 0; round < 2000; ++round) {
    Healths healths(1 + next(5));
    for (PriorityHealth& health : healths) {
      health.total = next(50);
      health.healthy = next(health.total + 1);
      health.degraded = next(health.total - health.healthy + 1);
    }
    const PriorityLoad load = Of(healths, static_cast<double>(next(101)), 100 + static_cast<uint32_t>(next(101)));
    uint32_t sum = 0;
    for (size_t i = 0; i < healths.size(); ++i) sum += load.healthy[i] + load.degraded[i];
    ASSERT_EQ(sum, 100u);
    for (uint64_t point = 0; point < 100; ++point) {
      const PriorityLoad::Choice choice = load.Choose(point);
      ASSERT_GT((choice.degraded ? load.degraded : load.healthy)[choice.priority], 0u);
    }
  }
}

}  // namespace
}  // namespace outrigger::upstream
