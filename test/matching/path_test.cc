#include "source/matching/path.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace outrigger::matching {
namespace {

using Outcome = CanonicalPath::Outcome;
using Escaped = PathPolicy::EscapedSlashes;

constexpr PathPolicy kNormalize{.normalize = true};

// The result as text, or "!reason" if refused, ">path" if redirected.
std::string Canon(absl::string_view path, const PathPolicy& policy) {
  Arena arena;
  const CanonicalPath result = Canonicalize(path, policy, arena);
  if (result.outcome == Outcome::kReject) return std::string("!") + result.reason;
  EXPECT_EQ(result.outcome == Outcome::kUnchanged, result.path == path && result.outcome != Outcome::kRedirect);
  return (result.outcome == Outcome::kRedirect ? ">" : "") + std::string(result.path);
}

TEST(PathTest, NormalisationFollowsRfc3986) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"/", "/"},
      {"/a/b/c/./../../g", "/a/g"},
      {"/a/.", "/a/"},
      {"/a/..", "/"},
      {"/../../x", "/x"},
      {"/a/%2e%2E/b", "/b"},
      {"/.%2e/b", "/b"},
      {"/a\\..\\b", "/b"},
      {"\\a", "/a"},
      {"/...", "/..."},
      {"/.well-known/x", "/.well-known/x"},
      {"/a//../b", "/a/b"},
      {"/%41%7a%2D%5F%7E", "/Az-_~"},
      {"/%2f%3F%3f", "/%2f%3F%3f"},
      {"/a b\x01\xc3\xa9\"", "/a%20b%01%C3%A9%22"},
      {"/100%", "/100%"},
      {"/%zz%4", "/%zz%4"},
      {"/a?b=/../%2e%2e//\\", "/a?b=/../%2e%2e//\\"},
      {"/a/..?q", "/?q"},
      {"*", "*"},
      {"", ""},
      {"/%00", "!path_has_nul"},
      {"/%%34%31", "!path_has_ambiguous_percent"},
      {"/%2%35%36", "!path_has_ambiguous_percent"},
      {"a/b", "!path_is_not_absolute"},
  };
  for (const auto& [in, out] : cases) EXPECT_EQ(Canon(in, kNormalize), out) << in;
}

TEST(PathTest, WithoutAnyPolicyThePathIsLeftAlone) {
  EXPECT_EQ(Canon("/a//..\\%2f%zz?x", {}), "/a//..\\%2f%zz?x");
  EXPECT_EQ(Canon("relative", {}), "relative");
  EXPECT_EQ(Canon(absl::string_view("/a\0b", 4), kNormalize), "!path_has_nul");
}

TEST(PathTest, MergesSlashesInThePathOnlyAfterNormalising) {
  EXPECT_EQ(Canon("//a///b//?x=//", {.merge_slashes = true}), "/a/b/?x=//");
  EXPECT_EQ(Canon("//a/.././/b", {.normalize = true, .merge_slashes = true}), "/b");
}

TEST(PathTest, EscapedSlashesAreKeptRefusedOrUnescaped) {
  EXPECT_EQ(Canon("/a%2Fb%5c", {}), "/a%2Fb%5c");
  EXPECT_EQ(Canon("/a%2Fb", {.escaped_slashes = Escaped::kReject}), "!path_has_escaped_slash");
  EXPECT_EQ(Canon("/ab?%2F", {.escaped_slashes = Escaped::kReject}), "/ab?%2F");
  EXPECT_EQ(Canon("/a%2Fb%5Cc", {.escaped_slashes = Escaped::kUnescapeAndForward}), "/a/b\\c");
  EXPECT_EQ(Canon("/a%2Fb", {.escaped_slashes = Escaped::kUnescapeAndRedirect}), ">/a/b");
  EXPECT_EQ(Canon("/ab%20", {.escaped_slashes = Escaped::kUnescapeAndRedirect}), "/ab%20");
  EXPECT_EQ(Canon("/a%2f..%5cb", {.normalize = true, .escaped_slashes = Escaped::kUnescapeAndForward}), "/b");
}

TEST(PathTest, AFragmentIsRefusedOrCutOff) {
  EXPECT_EQ(Canon("/a#b", {}), "!path_has_fragment");
  EXPECT_EQ(Canon("/a?x#b", {}), "!path_has_fragment");
  EXPECT_EQ(Canon("/a#b", {.reject_fragment = false}), "/a");
  EXPECT_EQ(Canon("/a?x#b", {.normalize = true, .reject_fragment = false}), "/a?x");
  EXPECT_EQ(Canon("/a/../b#%00", {.normalize = true, .reject_fragment = false}), "/b");
}

TEST(PathTest, EveryPositionOfASpecialCharacterIsSeen) {
  for (size_t length = 1; length < 70; ++length) {
    for (size_t at = 1; at < length; ++at) {
      std::string path = "/" + std::string(length, 'a');
      path[at] = '\\';
      std::string expected = path;
      expected[at] = '/';
      ASSERT_EQ(Canon(path, kNormalize), expected);
      path[at] = '/';
      path.insert(at, "/.");
      ASSERT_EQ(Canon(path, kNormalize), expected) << path;
    }
  }
}

TEST(PathTest, CanonicalisingTwiceChangesNothing) {
  std::mt19937 random(11);
  const std::vector<std::string> pieces = {"/", "/", ".", "..", "%2e", "%2F", "%5c", "\\", "a",    "b4",  "%41", "%",
                                           "2", "f", "?", "#",  "//",  "%25", "%35", " ",  "\xff", "%00", "%7e"};
  int changed = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string path = random() % 8 == 0 ? "" : "/";
    const size_t n = random() % 12;
    for (size_t j = 0; j < n; ++j) path += pieces[random() % pieces.size()];
    if (random() % 50 == 0) path.push_back('\0');
    PathPolicy policy;
    policy.normalize = random() % 4 != 0;
    policy.merge_slashes = random() % 2 == 0;
    policy.escaped_slashes = static_cast<Escaped>(random() % 4);
    policy.reject_fragment = random() % 4 == 0;
    Arena arena;
    const CanonicalPath once = Canonicalize(path, policy, arena);
    if (once.outcome == Outcome::kReject) continue;
    changed += once.outcome == Outcome::kChanged;
    const CanonicalPath twice = Canonicalize(once.path, policy, arena);
    ASSERT_EQ(twice.outcome, Outcome::kUnchanged) << path << " -> " << once.path << " -> " << twice.path;
    if (policy.normalize) {
      const absl::string_view plain = once.path.substr(0, once.path.find('?'));
      ASSERT_EQ(plain.find("/../"), absl::string_view::npos) << path;
      ASSERT_EQ(plain.find('\\'), absl::string_view::npos) << path;
    }
  }
  EXPECT_GT(changed, 10000);
}

TEST(PathTest, ACanonicalPathCostsNoAllocation) {
  Arena arena;
  const CanonicalPath result = Canonicalize("/a/usual/path/of/some/length?with=query&and=%2f..//", kNormalize, arena);
  EXPECT_EQ(result.outcome, Outcome::kUnchanged);
  EXPECT_EQ(arena.charged(), 0u);
}

}  // namespace
}  // namespace outrigger::matching
