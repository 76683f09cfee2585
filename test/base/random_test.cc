#include "source/base/random.h"

#include "gtest/gtest.h"

namespace outrigger {
namespace {

TEST(RandomTest, OneSeedGivesOneSequence) {
  Random a(7);
  Random b(7);
  Random other(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.Next();
    EXPECT_EQ(value, b.Next());
    differs |= value != other.Next();
  }
  EXPECT_TRUE(differs);
}

TEST(RandomTest, BetweenReachesBothEndsAndNothingElse) {
  Random random(1);
  int seen[4] = {};
  for (int i = 0; i < 4000; ++i) {
    const uint64_t value = random.Between(5, 8);
    ASSERT_GE(value, 5u);
    ASSERT_LE(value, 8u);
    ++seen[value - 5];
  }
  for (int count : seen) EXPECT_GT(count, 800);
  EXPECT_FALSE(random.OneIn(0));
  EXPECT_TRUE(random.OneIn(1));
}

}  // namespace
}  // namespace outrigger
