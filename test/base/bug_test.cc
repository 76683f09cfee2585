#include "source/base/bug.h"

#include "gtest/gtest.h"
#include "source/base/log.h"

namespace outrigger {
namespace {

TEST(BugTest, CountsEachTimeAndLetsTheCallerFail) {
  log::SetLevel(log::Level::kOff);
  const uint64_t before = BugsSeen();
  int failed = 0;
  for (int i = 0; i < 3; ++i) {
    if (OUTRIGGER_BUG(i >= 1)) ++failed;
  }
  EXPECT_EQ(failed, 2);
  EXPECT_EQ(BugsSeen(), before + 2);
}

TEST(BugDeathTest, CheckAbortsAndSaysWhere) {
  EXPECT_DEATH(OUTRIGGER_CHECK(1 == 2), "check failed: 1 == 2 at .*bug_test.cc");
}

}  // namespace
}  // namespace outrigger
