#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "source/matching/header_matcher.h"
#include "source/matching/query.h"
#include "source/matching/string_matcher.h"
#include "source/matching/value_matcher.h"

namespace outrigger::matching {
namespace {

using Kind = StringMatcher::Kind;

StringMatcher Make(Kind kind, absl::string_view pattern, bool ignore_case = false) {
  absl::StatusOr<StringMatcher> made = StringMatcher::Create(kind, pattern, ignore_case);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? *std::move(made) : StringMatcher();
}

TEST(StringMatcherTest, EachKindMatchesAsTheApiSays) {
  EXPECT_TRUE(Make(Kind::kExact, "").Match(""));
  EXPECT_FALSE(Make(Kind::kExact, "").Match("a"));
  EXPECT_TRUE(Make(Kind::kExact, "aB").Match("aB"));
  EXPECT_FALSE(Make(Kind::kExact, "aB").Match("ab"));
  EXPECT_TRUE(Make(Kind::kExact, "aB", true).Match("Ab"));
  EXPECT_TRUE(Make(Kind::kPrefix, "/API", true).Match("/api/x"));
  EXPECT_FALSE(Make(Kind::kPrefix, "/API").Match("/api/x"));
  EXPECT_TRUE(Make(Kind::kSuffix, ".com").Match("a.com"));
  EXPECT_TRUE(Make(Kind::kSuffix, ".COM", true).Match("a.com"));
  EXPECT_TRUE(Make(Kind::kContains, "b").Match("abc"));
  EXPECT_TRUE(Make(Kind::kContains, "BC", true).Match("abcd"));
  EXPECT_FALSE(Make(Kind::kContains, "BC").Match("abcd"));
  EXPECT_TRUE(StringMatcher().Match("anything"));
}

TEST(StringMatcherTest, ARegexMustMatchTheWholeTextAndKeepsItsCase) {
  EXPECT_TRUE(Make(Kind::kRegex, "a+").Match("aaa"));
  EXPECT_FALSE(Make(Kind::kRegex, "a+").Match("aaab"));
  EXPECT_FALSE(Make(Kind::kRegex, "a+", true).Match("AAA"));
}

TEST(StringMatcherTest, BadPatternsAreRefusedWithTheirReason) {
  EXPECT_FALSE(StringMatcher::Create(Kind::kPrefix, "").ok());
  EXPECT_FALSE(StringMatcher::Create(Kind::kSuffix, "").ok());
  EXPECT_FALSE(StringMatcher::Create(Kind::kContains, "").ok());
  EXPECT_FALSE(StringMatcher::Create(Kind::kRegex, "").ok());
  absl::StatusOr<StringMatcher> bad = StringMatcher::Create(Kind::kRegex, "(a");
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.status().message().find("(a"), absl::string_view::npos);
  EXPECT_FALSE(StringMatcher::Create(Kind::kRegex, std::string(kMaxRegexLength + 1, 'a')).ok());
}

TEST(PathMatcherTest, IgnoresQueryAndFragment) {
  PathMatcher matcher(Make(Kind::kExact, "/a"));
  EXPECT_TRUE(matcher.Match("/a"));
  EXPECT_TRUE(matcher.Match("/a?b=c"));
  EXPECT_TRUE(matcher.Match("/a#b?c"));
  EXPECT_FALSE(matcher.Match("/a/b"));
}

class HeaderMatcherTest : public testing::Test {
 protected:
  bool Matches(HeaderMatcher::Spec spec) {
    absl::StatusOr<HeaderMatcher> made = HeaderMatcher::Create(std::move(spec));
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() && made->Match(headers_);
  }
  Arena arena_;
  http::HeaderMap headers_{arena_};
};

TEST_F(HeaderMatcherTest, SeveralValuesAreOneJoinedWithComma) {
  headers_.Add(http::HeaderName("x-a"), "1");
  headers_.Add(http::HeaderName("x-a"), "2");
  EXPECT_TRUE(Matches({.name = "X-A", .kind = HeaderMatcher::Kind::kString, .text = StringMatcher::Exact("1,2")}));
  EXPECT_FALSE(Matches({.name = "x-a", .kind = HeaderMatcher::Kind::kString, .text = StringMatcher::Exact("1")}));
}

TEST_F(HeaderMatcherTest, HostMeansAuthority) {
  headers_.Add(http::KnownHeader::kAuthority, "example.com");
  EXPECT_TRUE(
      Matches({.name = "Host", .kind = HeaderMatcher::Kind::kString, .text = StringMatcher::Exact("example.com")}));
}

TEST_F(HeaderMatcherTest, AMissingHeaderDoesNotMatchEvenInverted) {
  HeaderMatcher::Spec spec{
      .name = "x-a", .kind = HeaderMatcher::Kind::kString, .text = StringMatcher::Exact("v"), .invert = true};
  EXPECT_FALSE(Matches(spec));
  spec.treat_missing_as_empty = true;
  EXPECT_TRUE(Matches(spec));
  headers_.Add(http::HeaderName("x-a"), "v");
  EXPECT_FALSE(Matches(spec));
}

TEST_F(HeaderMatcherTest, PresenceCombinesWithAbsenceAndInversion) {
  headers_.Add(http::HeaderName("x-a"), "");
  for (const bool present : {true, false}) {
    for (const bool invert : {true, false}) {
      EXPECT_EQ(Matches({.name = "x-a", .present = present, .invert = invert}), present != invert);
      EXPECT_EQ(Matches({.name = "x-b", .present = present, .invert = invert}), present == invert);
    }
  }
}

TEST_F(HeaderMatcherTest, RangesAreHalfOpenAndNeedAWholeNumber) {
  const auto in = [&](const char* value) {
    headers_.Set(http::HeaderName("x-n"), value);
    return Matches({.name = "x-n", .kind = HeaderMatcher::Kind::kRange, .range = {-10, 10}});
  };
  EXPECT_TRUE(in("-10"));
  EXPECT_TRUE(in("9"));
  EXPECT_FALSE(in("10"));
  EXPECT_FALSE(in("9x"));
  EXPECT_FALSE(in(""));
  EXPECT_FALSE(in("99999999999999999999"));
  EXPECT_FALSE(HeaderMatcher::Create({.name = ""}).ok());
}

TEST(QueryTest, FindsTheFirstValueVerbatim) {
  EXPECT_EQ(QueryOf("/a?x=1#f?y=2"), "x=1");
  EXPECT_EQ(QueryOf("/a").data(), nullptr);
  EXPECT_EQ(FindQueryParameter("a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(FindQueryParameter("a=%31&&b==x", "a"), "%31");
  EXPECT_EQ(FindQueryParameter("a=1&&b==x", "b"), "=x");
  EXPECT_EQ(FindQueryParameter("flag&b=2", "flag"), "");
  EXPECT_NE(FindQueryParameter("flag&b=2", "flag").data(), nullptr);
  EXPECT_EQ(FindQueryParameter("ab=1", "a").data(), nullptr);
  EXPECT_EQ(FindQueryParameter("", "a").data(), nullptr);
}

TEST(QueryTest, MatchesByPresenceOrText) {
  EXPECT_TRUE(QueryParameterMatcher::Present("a")->Match("a"));
  EXPECT_FALSE(QueryParameterMatcher::Present("a")->Match("b"));
  EXPECT_TRUE(QueryParameterMatcher::Present("a", false)->Match("b"));
  EXPECT_TRUE(QueryParameterMatcher::Text("a", Make(Kind::kPrefix, "v"))->Match("a=v1"));
  EXPECT_FALSE(QueryParameterMatcher::Text("a", Make(Kind::kExact, ""))->Match("b=1"));
  EXPECT_FALSE(QueryParameterMatcher::Present("").ok());
}

TEST(CookieTest, FindsACookieInAnyCookieHeader) {
  Arena arena;
  http::HeaderMap headers(arena);
  headers.Add(http::KnownHeader::kCookie, "a=1; b=\"two\"");
  headers.Add(http::KnownHeader::kCookie, "c=3;a=4");
  EXPECT_EQ(FindCookie(headers, "a"), "1");
  EXPECT_EQ(FindCookie(headers, "b"), "two");
  EXPECT_EQ(FindCookie(headers, "c"), "3");
  EXPECT_EQ(FindCookie(headers, "d").data(), nullptr);
  EXPECT_TRUE(CookieMatcher::Create("c", Make(Kind::kExact, "3"), false)->Match(headers));
  EXPECT_FALSE(CookieMatcher::Create("c", Make(Kind::kExact, "3"), true)->Match(headers));
  EXPECT_TRUE(CookieMatcher::Create("d", Make(Kind::kExact, "3"), true)->Match(headers));
}

TEST(ValueMatcherTest, EachKindLooksAtItsOwnKindOnly) {
  const Value number(3.0), text(std::string("x")), yes(true), null;
  const Value list(Value::List{Value(1.0), Value(std::string("x"))});
  EXPECT_TRUE(ValueMatcher::Null().Match(&null));
  EXPECT_FALSE(ValueMatcher::Null().Match(nullptr));
  EXPECT_FALSE(ValueMatcher::Null().Match(&text));
  EXPECT_TRUE(ValueMatcher::NumberExact(3).Match(&number));
  EXPECT_TRUE(ValueMatcher::NumberIn({3, 4}).Match(&number));
  EXPECT_FALSE(ValueMatcher::NumberIn({2, 3}).Match(&number));
  EXPECT_TRUE(ValueMatcher::Text(StringMatcher::Exact("x")).Match(&text));
  EXPECT_FALSE(ValueMatcher::Text(StringMatcher()).Match(&number));
  EXPECT_TRUE(ValueMatcher::Bool(true).Match(&yes));
  EXPECT_TRUE(ValueMatcher::Present(true).Match(&null));
  EXPECT_FALSE(ValueMatcher::Present(true).Match(nullptr));
  EXPECT_TRUE(ValueMatcher::ListOneOf(ValueMatcher::Text(StringMatcher::Exact("x"))).Match(&list));
  EXPECT_FALSE(ValueMatcher::ListOneOf(ValueMatcher::Null()).Match(&list));
  EXPECT_TRUE(ValueMatcher::Or({ValueMatcher::Null(), ValueMatcher::Bool(true)}).Match(&yes));
}

TEST(MetadataMatcherTest, FollowsThePathAndInverts) {
  const Metadata metadata{{"f", Value(Value::Struct{{"a", Value(Value::Struct{{"b", Value(true)}})}})}};
  const auto make = [](std::vector<std::string> path, bool invert) {
    return *MetadataMatcher::Create("f", std::move(path), ValueMatcher::Bool(true), invert);
  };
  EXPECT_TRUE(make({"a", "b"}, false).Match(&metadata));
  EXPECT_FALSE(make({"a", "b"}, true).Match(&metadata));
  EXPECT_FALSE(make({"a", "c"}, false).Match(&metadata));
  EXPECT_TRUE(make({"a", "b", "c"}, true).Match(&metadata));
  EXPECT_FALSE(make({"a"}, false).Match(nullptr));
  EXPECT_FALSE(MetadataMatcher::Create("f", {}, ValueMatcher::Null(), false).ok());
}

}  // namespace
}  // namespace outrigger::matching
