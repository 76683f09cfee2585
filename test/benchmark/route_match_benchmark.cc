// Cost of a route lookup by the number of routes before the one that matches: exact paths, prefixes, regexes; and
// canonicalising.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/matching/path.h"
#include "source/matching/route_table.h"

namespace outrigger::matching {
namespace {

using Path = RouteMatchSpec::Path;

std::string PathOf(Path kind, int64_t i) {
  if (kind == Path::kRegex) return absl::StrCat("/service", i, "/items/[0-9]+");
  return absl::StrCat("/service", i, "/items");
}

void Lookup(benchmark::State& state, Path kind) {
  const int64_t routes = state.range(0);
  std::vector<VirtualHostSpec> hosts(1);
  hosts[0].name = "h";
  hosts[0].domains = {"*.example.com"};
  for (int64_t i = 0; i < routes; ++i) {
    RouteSpec route;
    route.match.path_kind = kind;
    route.match.path = PathOf(kind, i);
    hosts[0].routes.push_back(std::move(route));
  }
  absl::StatusOr<RouteTable> table = RouteTable::Build(std::move(hosts));
  if (!table.ok()) {
    state.SkipWithError("the table was refused");
    return;
  }
  Arena arena;
  http::HeaderMap headers(arena);
  headers.Add(http::KnownHeader::kMethod, "GET");
  headers.Add(http::KnownHeader::kAuthority, "www.example.com");
  const char* const rest = kind == Path::kExact ? "" : "/12345";
  headers.AddCopy(http::KnownHeader::kPath, absl::StrCat("/service", routes - 1, "/items", rest, "?q=1"));
  RouteInput input;
  input.headers = &headers;
  for (auto _ : state) {
    const RouteMatch match = table->Match(input);
    if (match.route != routes - 1) state.SkipWithError("the wrong route matched");
    benchmark::DoNotOptimize(match);
  }
}

BENCHMARK_CAPTURE(Lookup, exact, Path::kExact)->Arg(1)->Arg(100)->Arg(20000);
BENCHMARK_CAPTURE(Lookup, prefix, Path::kPrefix)->Arg(1)->Arg(100)->Arg(20000);
BENCHMARK_CAPTURE(Lookup, separated, Path::kSeparatedPrefix)->Arg(1)->Arg(100)->Arg(20000);
BENCHMARK_CAPTURE(Lookup, regex, Path::kRegex)->Arg(1)->Arg(100)->Arg(1000);

void Canonical(benchmark::State& state, absl::string_view path) {
  const PathPolicy policy{.normalize = true, .merge_slashes = true};
  for (auto _ : state) {
    Arena arena;
    benchmark::DoNotOptimize(Canonicalize(path, policy, arena));
  }
}
BENCHMARK_CAPTURE(Canonical, nothing_to_do, "/api/v1/customers/12345/orders/67890?expand=items&limit=10");
BENCHMARK_CAPTURE(Canonical, work, "/api/./v1//customers/../12345%2D67890/%7euser?expand=items");

}  // namespace
}  // namespace outrigger::matching
