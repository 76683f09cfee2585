// What the request path does with this room must not call malloc in the steady state.
#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "source/matching/format.h"
#include "source/matching/path.h"
#include "source/matching/route_table.h"
#include "test/matching/map_source.h"

namespace {
size_t g_allocations = 0;
}

void* operator new(size_t size) {
  ++g_allocations;
  void* made = malloc(size);
  if (made == nullptr) abort();
  return made;
}
void operator delete(void* p) noexcept { free(p); }
void operator delete(void* p, size_t) noexcept { free(p); }

namespace outrigger::matching {
namespace {

TEST(NoAllocationTest, MatchingFormattingAndCanonicalisingReuseWhatTheyHave) {
  std::vector<VirtualHostSpec> hosts(1);
  hosts[0].name = "h";
  hosts[0].domains = {"*.example.com"};
  RouteSpec exact, prefix;
  exact.match.path_kind = RouteMatchSpec::Path::kExact;
  exact.match.path = "/exact";
  prefix.match.path = "/api/";
  prefix.match.headers.push_back(*HeaderMatcher::Create({.name = "x-required-by-this-route"}));
  hosts[0].routes.push_back(std::move(exact));
  hosts[0].routes.push_back(std::move(prefix));
  const RouteTable table = *RouteTable::Build(std::move(hosts));
  const TextFormat log = *TextFormat::Create(DefaultAccessLogFormat());
  const HeaderFormat header = *HeaderFormat::Create("%REQ(x-required-by-this-route)%");
  Arena arena;
  http::HeaderMap headers(arena);
  headers.Add(http::KnownHeader::kMethod, "GET");
  headers.Add(http::KnownHeader::kAuthority, "a-long-service-name.example.com");
  headers.Add(http::KnownHeader::kPath, "/api/some/longer/path/than/any/inline/string?query=1");
  headers.Add(http::HeaderName("x-required-by-this-route"), "value");
  MapSource source;
  source.request = &headers;
  RouteInput input;
  input.headers = &headers;
  std::string line;
  line.reserve(1024);
  size_t before = 0;
  for (int i = 0; i < 10; ++i) {
    if (i == 1) before = g_allocations;  // the first round fills what is kept per thread
    line.clear();
    const CanonicalPath path = Canonicalize(headers.path(), {.normalize = true, .merge_slashes = true}, arena);
    const RouteMatch match = table.Match(input);
    const absl::string_view value = header.Evaluate(source, arena);
    log.Append(source, &line);
    ASSERT_TRUE(path.outcome == CanonicalPath::Outcome::kUnchanged && match.route == 1 && value == "value");
  }
  EXPECT_EQ(g_allocations - before, 0u);
}

}  // namespace
}  // namespace outrigger::matching
