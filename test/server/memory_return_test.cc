#include "gtest/gtest.h"
#include "source/server/process_stats.h"

namespace outrigger::server {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(MemoryReturnTest, IsDueOnceAfterMuchWasFreed) {
  MemoryReturn memory;
  EXPECT_FALSE(memory.IsDue(10 * kMiB));
  EXPECT_FALSE(memory.IsDue(100 * kMiB));
  EXPECT_FALSE(memory.IsDue(95 * kMiB));
  EXPECT_TRUE(memory.IsDue(20 * kMiB)) << "the most since the last time counts, not what was in use at the last look";
  EXPECT_FALSE(memory.IsDue(20 * kMiB));
  EXPECT_FALSE(memory.IsDue(15 * kMiB));
  EXPECT_FALSE(memory.IsDue(22 * kMiB));
  EXPECT_TRUE(memory.IsDue(14 * kMiB));
}

TEST(MemoryReturnTest, WhatGoesRightAfterwardsGoesToo) {
  MemoryReturn memory;
  EXPECT_FALSE(memory.IsDue(100 * kMiB));
  EXPECT_TRUE(memory.IsDue(20 * kMiB));
  EXPECT_TRUE(memory.IsDue(19 * kMiB));
  EXPECT_TRUE(memory.IsDue(18 * kMiB));
  EXPECT_FALSE(memory.IsDue(18 * kMiB));
  EXPECT_FALSE(memory.IsDue(17 * kMiB)) << "it went on for itself: as of any heap";
}

TEST(MemoryReturnTest, ATenthOfALargeHeapIsTheLeast) {
  MemoryReturn memory;
  EXPECT_FALSE(memory.IsDue(1000 * kMiB));
  EXPECT_FALSE(memory.IsDue(901 * kMiB));
  EXPECT_TRUE(memory.IsDue(900 * kMiB));
}

}  // namespace
}  // namespace outrigger::server
