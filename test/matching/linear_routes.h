// Thread: any
#pragma once

#include <re2/re2.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/matching/route_table.h"

namespace outrigger::matching {

// The meaning of a route table, said as simply as possible: try one after the other. The compiled table must agree.
inline bool LinearPathMatches(const RouteMatchSpec& match, const RouteInput& input, absl::string_view path) {
  using Path = RouteMatchSpec::Path;
  if (match.path_kind == Path::kConnect) return input.headers->method() == "CONNECT";
  if (path.empty()) return false;
  const auto starts = [&] {
    return match.case_sensitive ? absl::StartsWith(path, match.path) : absl::StartsWithIgnoreCase(path, match.path);
  };
  switch (match.path_kind) {
    case Path::kExact:
      return match.case_sensitive ? path == match.path : absl::EqualsIgnoreCase(path, match.path);
    case Path::kPrefix:
      return starts();
    case Path::kSeparatedPrefix:
      return starts() && (path.size() == match.path.size() || path[match.path.size()] == '/');
    case Path::kRegex:
      return RE2::FullMatch(re2::StringPiece(path.data(), path.size()), match.path);
    case Path::kConnect:
      break;
  }
  return false;
}

inline bool LinearRouteMatches(const RouteMatchSpec& match, const RouteInput& input, absl::string_view path) {
  if (!LinearPathMatches(match, input, path)) return false;
  if (match.grpc) {
    const absl::string_view type = input.headers->Get(http::KnownHeader::kContentType);
    if (type != "application/grpc" && !absl::StartsWith(type, "application/grpc+")) return false;
  }
  for (const HeaderMatcher& m : match.headers) {
    if (!m.Match(*input.headers)) return false;
  }
  for (const QueryParameterMatcher& m : match.query) {
    if (!m.Match(QueryOf(input.headers->path()))) return false;
  }
  for (const CookieMatcher& m : match.cookies) {
    if (!m.Match(*input.headers)) return false;
  }
  for (const MetadataMatcher& m : match.metadata) {
    if (!m.Match(input.metadata)) return false;
  }
  if (match.presented != RouteMatchSpec::Tls::kAny &&
      (match.presented == RouteMatchSpec::Tls::kYes) != input.tls_presented) {
    return false;
  }
  if (match.validated != RouteMatchSpec::Tls::kAny &&
      (match.validated == RouteMatchSpec::Tls::kYes) != input.tls_validated) {
    return false;
  }
  return match.fraction_denominator == 0 || input.random % match.fraction_denominator < match.fraction_numerator;
}

inline int32_t LinearVirtualHost(const std::vector<VirtualHostSpec>& hosts, std::string host) {
  for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  int32_t best = -1;
  int best_class = -1;
  size_t best_size = 0;
  for (size_t i = 0; i < hosts.size(); ++i) {
    for (const std::string& domain : hosts[i].domains) {
      int kind = -1;
      if (domain == "*") {
        kind = 0;
      } else if (domain.front() == '*') {
        if (host.size() >= domain.size() && absl::EndsWith(host, domain.substr(1))) kind = 2;
      } else if (domain.back() == '*') {
        if (host.size() >= domain.size() && absl::StartsWith(host, domain.substr(0, domain.size() - 1))) kind = 1;
      } else if (host == domain) {
        kind = 3;
      }
      if (kind > best_class || (kind == best_class && kind >= 0 && domain.size() > best_size)) {
        best = static_cast<int32_t>(i);
        best_class = kind;
        best_size = domain.size();
      }
    }
  }
  return best;
}

inline RouteMatch MatchLinearly(const std::vector<VirtualHostSpec>& hosts, const RouteInput& input) {
  RouteMatch out;
  out.virtual_host = LinearVirtualHost(hosts, std::string(input.headers->authority()));
  if (out.virtual_host < 0) return out;
  const absl::string_view path = PathWithoutQuery(input.headers->path());
  const std::vector<RouteSpec>& routes = hosts[static_cast<size_t>(out.virtual_host)].routes;
  for (size_t i = 0; i < routes.size(); ++i) {
    if (!LinearRouteMatches(routes[i].match, input, path)) continue;
    out.route = static_cast<int32_t>(i);
    out.payload = routes[i].payload;
    break;
  }
  return out;
}

}  // namespace outrigger::matching
