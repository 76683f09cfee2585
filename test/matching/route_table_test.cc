#include "source/matching/route_table.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/matching/prefix_trie.h"
#include "test/matching/linear_routes.h"

namespace outrigger::matching {
namespace {

using Path = RouteMatchSpec::Path;
using Tls = RouteMatchSpec::Tls;

RouteSpec At(Path kind, std::string path, uint32_t payload = 0) {
  RouteSpec route;
  route.match.path_kind = kind;
  route.match.path = std::move(path);
  route.payload = payload;
  return route;
}

class RouteTableTest : public testing::Test {
 protected:
  void Build(std::vector<VirtualHostSpec> hosts, const RouteTableOptions& options = {}) {
    absl::StatusOr<RouteTable> built = RouteTable::Build(std::move(hosts), options);
    ASSERT_TRUE(built.ok()) << built.status();
    table_ = *std::move(built);
  }
  void BuildOne(std::vector<RouteSpec> routes, const RouteTableOptions& options = {}) {
    std::vector<VirtualHostSpec> hosts(1);
    hosts[0] = {"h", {"*"}, std::move(routes)};
    Build(std::move(hosts), options);
  }
  int32_t Route(absl::string_view path) {
    headers_.SetCopy(http::KnownHeader::kPath, path);
    input_.headers = &headers_;
    return table_.Match(input_).route;
  }
  std::string Error(std::vector<VirtualHostSpec> hosts) {
    absl::StatusOr<RouteTable> built = RouteTable::Build(std::move(hosts));
    return built.ok() ? "" : std::string(built.status().message());
  }
  Arena arena_;
  http::HeaderMap headers_{arena_};
  RouteInput input_;
  RouteTable table_;
};

TEST_F(RouteTableTest, TheMostSpecificDomainWinsWhateverTheOrder) {
  Build({{"any", {"*"}, {}},
         {"prefix", {"www.*"}, {}},
         {"long-prefix", {"www.ex*"}, {}},
         {"suffix", {"*.com", "*-x.example.com"}, {}},
         {"long-suffix", {"*.example.com"}, {}},
         {"exact", {"WWW.example.com", "a.example.com:8080"}, {}}});
  const std::vector<std::pair<const char*, int>> cases = {{"www.example.com", 5},
                                                          {"WwW.EXAMPLE.com", 5},
                                                          {"b.example.com", 4},
                                                          {"b.com", 3},
                                                          {"www.example.org", 2},
                                                          {"www.other.org", 1},
                                                          {"example.org", 0},
                                                          {"b-x.example.com", 3},
                                                          {"-x.example.com", 4},
                                                          {".com", 0},
                                                          {"www.", 0},
                                                          {"a.example.com:8080", 5},
                                                          {"a.example.com", 4},
                                                          {"", 0},
                                                          {"www.example.com:80", 2}};
  for (const auto& [host, expected] : cases) EXPECT_EQ(table_.FindVirtualHost(host), expected) << host;
}

TEST_F(RouteTableTest, ThePortCountsUnlessItIsIgnored) {
  const std::vector<VirtualHostSpec> hosts = {{"a", {"a.com"}, {}}, {"six", {"[::1]"}, {}}};
  Build(hosts);
  EXPECT_EQ(table_.FindVirtualHost("a.com:80"), -1);
  EXPECT_EQ(table_.FindVirtualHost("a.com"), 0);
  Build(hosts, {.ignore_port = true});
  EXPECT_EQ(table_.FindVirtualHost("a.com:80"), 0);
  EXPECT_EQ(table_.FindVirtualHost("a.com"), 0);
  EXPECT_EQ(table_.FindVirtualHost("[::1]:80"), 1);
  EXPECT_EQ(table_.FindVirtualHost("[::1]"), 1);
}

TEST_F(RouteTableTest, EachKindOfPathMatchesAsTheApiSays) {
  BuildOne({At(Path::kExact, "/exact"), At(Path::kSeparatedPrefix, "/sep"), At(Path::kRegex, "/r/[0-9]+"),
            At(Path::kPrefix, "/pre"), At(Path::kConnect, "")});
  EXPECT_EQ(Route("/exact"), 0);
  EXPECT_EQ(Route("/exact?q=1"), 0);
  EXPECT_EQ(Route("/exact/"), -1);
  EXPECT_EQ(Route("/EXACT"), -1);
  EXPECT_EQ(Route("/sep"), 1);
  EXPECT_EQ(Route("/sep/x"), 1);
  EXPECT_EQ(Route("/sep?x"), 1);
  EXPECT_EQ(Route("/separate"), -1);
  EXPECT_EQ(Route("/r/12?x=/"), 2);
  EXPECT_EQ(Route("/r/12/x"), -1);
  EXPECT_EQ(Route("/prefix"), 3);
  headers_.Set(http::KnownHeader::kMethod, "CONNECT");
  EXPECT_EQ(Route("/else"), 4);
  EXPECT_EQ(Route(""), 4);
  headers_.Set(http::KnownHeader::kMethod, "GET");
  EXPECT_EQ(Route(""), -1);
}

TEST_F(RouteTableTest, CaseCanBeIgnoredPerRoute) {
  std::vector<RouteSpec> routes = {At(Path::kExact, "/Exact"), At(Path::kPrefix, "/Pre"), At(Path::kRegex, "/R")};
  for (RouteSpec& route : routes) route.match.case_sensitive = false;
  BuildOne(routes);
  EXPECT_EQ(Route("/eXACT"), 0);
  EXPECT_EQ(Route("/pREfix"), 1);
  EXPECT_EQ(Route("/r"), -1);
}

TEST_F(RouteTableTest, TheFirstRouteWhoseConditionsHoldWins) {
  RouteSpec conditional = At(Path::kPrefix, "/", 10);
  conditional.match.headers.push_back(*HeaderMatcher::Create({.name = "x-beta"}));
  RouteSpec grpc = At(Path::kPrefix, "/", 11);
  grpc.match.grpc = true;
  RouteSpec query = At(Path::kPrefix, "/a", 12);
  query.match.query.push_back(*QueryParameterMatcher::Present("debug"));
  BuildOne({conditional, grpc, query, At(Path::kExact, "/a", 13), At(Path::kRegex, "/.*", 14)});
  EXPECT_EQ(Route("/a"), 3);
  EXPECT_EQ(Route("/b"), 4);
  EXPECT_EQ(Route("/ab?debug"), 2);
  headers_.Set(http::KnownHeader::kContentType, "application/grpc-web");
  EXPECT_EQ(Route("/a"), 3);
  headers_.Set(http::KnownHeader::kContentType, "application/grpc+proto");
  EXPECT_EQ(Route("/a"), 1);
  headers_.Set(http::HeaderName("x-beta"), "");
  EXPECT_EQ(Route("/a"), 0);
  EXPECT_EQ(table_.Match(input_).payload, 10u);
}

TEST_F(RouteTableTest, TlsAndFractionAreAskedOfTheInput) {
  RouteSpec validated = At(Path::kPrefix, "/");
  validated.match.validated = Tls::kYes;
  RouteSpec absent = At(Path::kPrefix, "/");
  absent.match.presented = Tls::kNo;
  absent.match.fraction_numerator = 25;
  absent.match.fraction_denominator = 100;
  BuildOne({validated, absent});
  input_.random = 124;
  EXPECT_EQ(Route("/"), 1);
  input_.random = 125;
  EXPECT_EQ(Route("/"), -1);
  input_.tls_presented = input_.tls_validated = true;
  EXPECT_EQ(Route("/"), 0);
  input_.tls_validated = false;
  input_.random = 0;
  EXPECT_EQ(Route("/"), -1);
}

TEST_F(RouteTableTest, PathParametersCanBeIgnored) {
  const std::vector<RouteSpec> routes = {At(Path::kExact, "/a")};
  BuildOne(routes, {.ignore_path_parameters = true});
  EXPECT_EQ(Route("/a;v=1?x"), 0);
  BuildOne(routes);
  EXPECT_EQ(Route("/a;v=1"), -1);
}

TEST_F(RouteTableTest, BadTablesAreRefusedWithTheirPlace) {
  EXPECT_EQ(Error({{"a", {"x.com"}, {}}, {"b", {"X.com"}, {}}}), "virtual host \"b\": domain \"X.com\" is there twice");
  EXPECT_NE(Error({{"a", {"*"}, {}}, {"b", {"*"}, {}}}), "");
  EXPECT_NE(Error({{"a", {"*.x"}, {}}, {"b", {"*.x"}, {}}}), "");
  EXPECT_NE(Error({{"a", {"x.*", "x.*"}, {}}}), "");
  EXPECT_NE(Error({{"a", {"x"}, {}}, {"a", {"y"}, {}}}), "");
  EXPECT_EQ(Error({{"a", {}, {}}}), "virtual host \"a\": it has no domain");
  EXPECT_EQ(
      Error({{"a", {"*"}, {At(Path::kPrefix, "/"), At(Path::kRegex, "(")}}}).rfind("virtual host \"a\": route 1: ", 0),
      0u);
  for (const char* bad : {"", "a", "/a/", "/", "/a?b", "/a#b"}) {
    EXPECT_NE(Error({{"a", {"*"}, {At(Path::kSeparatedPrefix, bad)}}}), "") << bad;
  }
}

TEST_F(RouteTableTest, RegexesThatExhaustTheirMemoryAreStillMatchedAndCounted) {
  std::vector<RouteSpec> routes;
  routes.push_back(At(Path::kRegex, "/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.*"));
  for (int i = 0; i < 4; ++i) routes.push_back(At(Path::kRegex, absl::StrCat("/.*a.{", i, "}b", i, "[0-9]*")));
  std::vector<VirtualHostSpec> reference(1);
  reference[0] = {"h", {"*"}, routes};
  std::mt19937 random(1);
  uint32_t fallbacks = 0;
  for (int64_t memory = 2 << 10; memory < 128 << 10; memory += 2 << 10) {
    BuildOne(routes, {.regex_set_memory = memory});
    for (int i = 0; i < 5; ++i) {
      std::string path = "/";
      for (int j = 0; j < 40; ++j) path += "ab0123"[random() % 6];
      headers_.SetCopy(http::KnownHeader::kPath, path);
      input_.headers = &headers_;
      const RouteMatch match = table_.Match(input_);
      fallbacks += match.regex_fallbacks;
      ASSERT_EQ(match.route, MatchLinearly(reference, input_).route) << path;
    }
  }
  EXPECT_GT(fallbacks, 0u);
  EXPECT_LT(fallbacks, 63u * 5);  // with enough memory there is none
}

TEST(PrefixTrieTest, VisitsEveryStoredPrefixOnceShortestFirst) {
  std::vector<std::pair<std::string, uint32_t>> keys = {{"", 0},    {"/", 1},      {"/a", 2},
                                                        {"/ab", 3}, {"/abc/d", 4}, {"x", 5}};
  for (uint32_t i = 0; i < 256; ++i)
    keys.emplace_back(absl::StrCat("/z", std::string(1, static_cast<char>(i))), 100 + i);
  const PrefixTrie trie(keys, false);
  const auto walk = [&](absl::string_view text) {
    std::string out;
    trie.Walk(text, [&](uint32_t value, size_t size) { absl::StrAppend(&out, value, "@", size, " "); });
    return out;
  };
  EXPECT_EQ(walk(""), "0@0 ");
  EXPECT_EQ(walk("/abc/dx"), "0@0 1@1 2@2 3@3 4@6 ");
  EXPECT_EQ(walk("/abc/"), "0@0 1@1 2@2 3@3 ");
  for (uint32_t i = 0; i < 256; ++i) {
    EXPECT_EQ(walk(absl::StrCat("/z", std::string(1, static_cast<char>(i)))), absl::StrCat("0@0 1@1 ", 100 + i, "@3 "));
  }
}

// Thousands of random tables against the plain meaning.
class RandomTables {
 public:
  explicit RandomTables(uint32_t seed) : random_(seed) {}
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  std::string PathText() {
    static const char* const kPieces[] = {"/", "/a", "/b", "/A", "/ab", "a", "b", "/a/b", "/c"};
    std::string path = "/";
    for (uint32_t n = Below(4); n > 0; --n) path += kPieces[Below(9)];
    return path;
  }
  RouteSpec Route(uint32_t payload) {
    RouteSpec route = At(static_cast<Path>(Below(5)), PathText(), payload);
    RouteMatchSpec& match = route.match;
    match.case_sensitive = Below(3) != 0;
    if (match.path_kind == Path::kSeparatedPrefix) {
      while (match.path.size() > 1 && match.path.back() == '/') match.path.pop_back();
      if (match.path == "/") match.path = "/a";
    }
    if (match.path_kind == Path::kPrefix && Below(4) == 0) match.path = "";
    if (match.path_kind == Path::kRegex) match.path += Below(2) == 0 ? ".*" : "[ab/]?";
    if (Below(3) == 0) {
      match.headers.push_back(*HeaderMatcher::Create(
          {.name = "x-h", .kind = HeaderMatcher::Kind::kString, .text = StringMatcher::Exact(Below(2) ? "1" : "2")}));
    }
    if (Below(5) == 0) match.query.push_back(*QueryParameterMatcher::Present("q", Below(2) == 0));
    if (Below(6) == 0) match.cookies.push_back(*CookieMatcher::Create("c", StringMatcher::Exact("1"), Below(2) == 0));
    if (Below(8) == 0) match.grpc = true;
    if (Below(8) == 0) match.presented = static_cast<Tls>(Below(3));
    if (Below(8) == 0) {
      match.fraction_denominator = 100;
      match.fraction_numerator = Below(101);
    }
    return route;
  }
  std::vector<VirtualHostSpec> Table() {
    static const char* const kDomains[] = {"*", "a.com", "*.com", "*a.com", "a.*", "b.a.com", "*.a.com", "b.a.*"};
    std::vector<VirtualHostSpec> hosts(1 + Below(3));
    for (size_t i = 0; i < hosts.size(); ++i) {
      hosts[i].name = absl::StrCat("h", i);
      for (size_t d = i; d < 8; d += hosts.size()) {
        if (hosts[i].domains.empty() || Below(2) == 0) hosts[i].domains.push_back(kDomains[d]);
      }
      const uint32_t n = Below(8) == 0 ? 150 : 1 + Below(10);
      for (uint32_t r = 0; r < n; ++r) hosts[i].routes.push_back(Route(r * 7));
    }
    return hosts;
  }
  void Request(http::HeaderMap& headers, RouteInput& input) {
    static const char* const kHosts[] = {"a.com", "B.a.com", "c.a.com", "x.com", "a.org", "b.a.org", "q", "ba.com"};
    headers.Clear();
    headers.Add(http::KnownHeader::kMethod, Below(10) == 0 ? "CONNECT" : "GET");
    headers.Add(http::KnownHeader::kAuthority, kHosts[Below(8)]);
    if (Below(20) != 0) headers.AddCopy(http::KnownHeader::kPath, PathText() + (Below(3) == 0 ? "?q=1" : ""));
    if (Below(2) == 0) headers.Add(http::HeaderName("x-h"), Below(2) ? "1" : "2");
    if (Below(2) == 0) headers.Add(http::KnownHeader::kCookie, Below(2) ? "c=1" : "c=2");
    if (Below(4) == 0) headers.Add(http::KnownHeader::kContentType, "application/grpc");
    input.headers = &headers;
    input.random = Below(1000);
    input.tls_presented = Below(2) == 0;
  }

 private:
  std::mt19937 random_;
};

TEST(RouteTablePropertyTest, AgreesWithTryingOneRouteAfterAnother) {
  RandomTables random(2024);
  int matched = 0, requests = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::vector<VirtualHostSpec> hosts = random.Table();
    absl::StatusOr<RouteTable> table = RouteTable::Build(hosts);
    ASSERT_TRUE(table.ok()) << table.status();
    Arena arena;
    http::HeaderMap headers(arena);
    for (int i = 0; i < 15; ++i) {
      RouteInput input;
      random.Request(headers, input);
      const RouteMatch expected = MatchLinearly(hosts, input), got = table->Match(input);
      ASSERT_EQ(got.virtual_host, expected.virtual_host) << headers.authority();
      ASSERT_EQ(got.route, expected.route) << "round " << round << " path " << headers.path();
      ASSERT_EQ(got.payload, expected.payload);
      matched += got.route >= 0;
      ++requests;
    }
  }
  EXPECT_GT(matched, requests / 4);
  EXPECT_LT(matched, requests);
}

}  // namespace
}  // namespace outrigger::matching
