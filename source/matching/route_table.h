// Thread: any (immutable after Build; Match may be called from all threads at once)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/value.h"
#include "source/http/header_map.h"
#include "source/matching/header_matcher.h"
#include "source/matching/query.h"
#include "source/matching/value_matcher.h"

namespace outrigger::matching {

// What a route says about requests (config.route.v3.RouteMatch). All that is set must hold.
struct RouteMatchSpec {
  enum class Path : uint8_t {
    kPrefix,  // of the path without query; "" matches every path
    kExact,
    kRegex,            // full match of the path without query
    kSeparatedPrefix,  // the path, or the path followed by "/": "/api" and "/api/x", not "/apix"
    kConnect,          // CONNECT requests, with or without a path
  };
  enum class Tls : uint8_t { kAny, kYes, kNo };

  Path path_kind = Path::kPrefix;
  std::string path;
  bool case_sensitive = true;  // not of a regex
  bool grpc = false;           // content-type application/grpc or application/grpc+...
  std::vector<HeaderMatcher> headers;
  std::vector<QueryParameterMatcher> query;
  std::vector<CookieMatcher> cookies;
  std::vector<MetadataMatcher> metadata;
  Tls presented = Tls::kAny;  // the client sent a certificate
  Tls validated = Tls::kAny;  // and it was verified
  // runtime_fraction: matches when random % denominator < numerator. 0: not given. (A runtime key is resolved by
  // config/.)
  uint32_t fraction_numerator = 0;
  uint32_t fraction_denominator = 0;
};

struct RouteSpec {
  RouteMatchSpec match;
  uint32_t payload = 0;  // the caller's own; returned as it is
};

struct VirtualHostSpec {
  std::string name;
  std::vector<std::string> domains;  // "a.com", "a.com:8080", "*.a.com", "*-b.a.com", "a.*", "*"; case does not matter
  std::vector<RouteSpec> routes;     // first match wins
};

struct RouteTableOptions {
  bool ignore_port = false;             // ignore_port_in_host_matching
  bool ignore_path_parameters = false;  // the path ends at its first ";" (ignore_path_parameters_in_path_matching)
  int64_t regex_set_memory = 8 << 20;   // bytes for each compiled set of regexes
};

// One request, as far as routing is concerned. Everything is the caller's and only looked at during Match.
struct RouteInput {
  const http::HeaderMap* headers = nullptr;
  absl::string_view host;              // null: the :authority header
  uint64_t random = 0;                 // of the stream: the same at each evaluation
  const Metadata* metadata = nullptr;  // dynamic metadata, or null
  bool tls_presented = false;
  bool tls_validated = false;
};

struct RouteMatch {
  int32_t virtual_host = -1;     // index in the specs; -1: no virtual host has this domain
  int32_t route = -1;            // index in its routes; -1: none matched
  uint32_t payload = 0;          // of the route
  uint32_t regex_fallbacks = 0;  // regex sets that were short of memory and were asked one by one: count it
  explicit operator bool() const { return route >= 0; }
};

// Virtual hosts and routes, compiled: hosts and exact paths by hash, prefixes by trie, regexes by sets, so that the
// cost does not grow with their number. The first route in order whose conditions all hold wins, exactly as if they
// were tried one by one.
class RouteTable {
 public:
  RouteTable() = default;  // matches nothing

  // Refuses duplicate domains and names, hosts without a domain, bad regexes and bad path_separated_prefixes; the error
  // names the virtual host and the index of the route.
  static absl::StatusOr<RouteTable> Build(std::vector<VirtualHostSpec> hosts, const RouteTableOptions& options = {});

  RouteMatch Match(const RouteInput& input) const;
  // The index of the virtual host for a host, or -1.
  int32_t FindVirtualHost(absl::string_view host) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace outrigger::matching
