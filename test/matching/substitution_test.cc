#include "source/matching/substitution.h"

#include <re2/re2.h>

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace outrigger::matching {
namespace {

TEST(SubstitutionTest, ReplacesEveryMatchWithGroups) {
  EXPECT_EQ(Substitution::Create("^/service/([^/]+)(/.*)$", "\\2/instance/\\1")->Replace("/service/foo/v1/api"),
            "/v1/api/instance/foo");
  EXPECT_EQ(Substitution::Create("one", "two")->Replace("/xxx/one/yyy/one/zzz"), "/xxx/two/yyy/two/zzz");
  EXPECT_EQ(Substitution::Create("(?i)/xxx/", "/yyy/")->Replace("/aaa/XxX/bbb"), "/aaa/yyy/bbb");
  EXPECT_EQ(Substitution::Create("a", "\\\\[\\0]")->Replace("ba"), "b\\[a]");
  EXPECT_EQ(Substitution::Create("x", "")->Replace("axbx"), "ab");
}

TEST(SubstitutionTest, GroupsAndEscapesAreCheckedWhenBuilt) {
  EXPECT_FALSE(Substitution::Create("(a)", "\\2").ok());
  EXPECT_FALSE(Substitution::Create("a", "\\x").ok());
  EXPECT_FALSE(Substitution::Create("a", "b\\").ok());
  EXPECT_FALSE(Substitution::Create("(a", "b").ok());
  EXPECT_FALSE(Substitution::Create("", "b").ok());
}

TEST(SubstitutionTest, AnUnmatchedTextIsReturnedAsItIs) {
  Arena arena;
  const absl::string_view text = "/path";
  EXPECT_EQ(Substitution::Create("zzz", "y")->Replace(text, arena).data(), text.data());
  EXPECT_EQ(arena.charged(), 0u);
}

TEST(SubstitutionTest, AResultThatGrowsTooLongLeavesTheTextAlone) {
  const std::string text(10000, 'a');
  EXPECT_EQ(Substitution::Create("a", std::string(1000, 'b'))->Replace(text), text);
}

TEST(SubstitutionTest, AgreesWithRe2GlobalReplace) {
  const std::vector<std::string> patterns = {"a",   "a*", "a*?",     "(a|b)+", "^a",   "a$",
                                             "\\b", "",   "(b)?(a)", ".",      "[^/]*"};
  std::mt19937 random(3);
  for (const std::string& pattern : patterns) {
    if (pattern.empty()) continue;
    const Substitution ours = *Substitution::Create(pattern, "<\\0>");
    for (int i = 0; i < 2000; ++i) {
      std::string text;
      for (size_t j = random() % 10; j > 0; --j) text += "ab/c"[random() % 4];
      std::string expected = text;
      RE2::GlobalReplace(&expected, RE2(pattern), "<\\0>");
      ASSERT_EQ(ours.Replace(text), expected) << pattern << " on " << text;
    }
  }
}

}  // namespace
}  // namespace outrigger::matching
