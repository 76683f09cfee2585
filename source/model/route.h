// Thread: immutable any
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "source/base/time.h"
#include "source/base/value.h"
#include "source/matching/format.h"
#include "source/matching/header_matcher.h"
#include "source/matching/host_table.h"
#include "source/matching/route_table.h"
#include "source/matching/substitution.h"
#include "source/model/cluster.h"
#include "source/model/slot.h"

namespace outrigger::http {
class Stream;
}

namespace outrigger::model {

// request_headers_to_add / _remove of one level. Applied most specific first: weighted cluster, route, virtual host,
// table (or the reverse with most_specific_header_mutations_wins).
struct HeaderMutation {
  enum class Action : uint8_t { kAppendIfExistsOrAdd, kAddIfAbsent, kOverwriteIfExistsOrAdd, kOverwriteIfExists };
  struct Add {
    std::string name;  // lower case
    matching::HeaderFormat value;
    Action action = Action::kAppendIfExistsOrAdd;
    bool keep_empty_value = false;
  };
  std::vector<Add> add;
  std::vector<std::string> remove;  // lower case
  bool empty() const { return add.empty() && remove.empty(); }
};
struct HeaderMutations {
  HeaderMutation request, response;
};

// Per-route filter configuration of one level, by the configured filter name.
struct PerFilterConfig {
  struct Item {
    std::string filter;
    std::shared_ptr<const void> config;  // the filter's own type; null where only `disabled` is said
    bool disabled = false;
    bool enabled = false;  // FilterConfig wrapper without `disabled`: turns on a filter that is off by default
  };
  std::vector<Item> items;
  const Item* Find(absl::string_view filter) const {
    for (const Item& item : items) {
      if (item.filter == filter) return &item;
    }
    return nullptr;
  }
};

enum RetryOn : uint32_t {
  kRetry5xx = 1 << 0,
  kRetryGatewayError = 1 << 1,
  kRetryReset = 1 << 2,
  kRetryResetBeforeRequest = 1 << 3,
  kRetryConnectFailure = 1 << 4,
  kRetryRetriable4xx = 1 << 5,
  kRetryRefusedStream = 1 << 6,
  kRetryRetriableStatusCodes = 1 << 7,
  kRetryRetriableHeaders = 1 << 8,
  kRetryEnvoyRatelimited = 1 << 9,
  kRetryHttp3PostConnectFailure = 1 << 10,
  kRetryGrpcCancelled = 1 << 16,
  kRetryGrpcDeadlineExceeded = 1 << 17,
  kRetryGrpcInternal = 1 << 18,
  kRetryGrpcResourceExhausted = 1 << 19,
  kRetryGrpcUnavailable = 1 << 20,
};
struct RetryPolicy {
  uint32_t on = 0;  // RetryOn bits
  uint32_t retries = 1;
  Duration per_try_timeout{0};
  Duration per_try_idle_timeout{0};
  std::vector<uint32_t> retriable_status_codes;
  std::vector<matching::HeaderMatcher> retriable_headers;
  std::vector<matching::HeaderMatcher> retriable_request_headers;
  Duration back_off_base = milliseconds(25);
  Duration back_off_max = milliseconds(250);
  struct ResetHeader {
    std::string name;
    bool unix_timestamp = false;
  };
  std::vector<ResetHeader> rate_limited_reset_headers;  // rate_limited_retry_back_off
  Duration rate_limited_max = seconds(300);
  bool previous_hosts = false;  // retry_host_predicate previous_hosts
  uint32_t host_selection_attempts = 1;
};

struct WeightedClusterEntry {
  std::string name;  // or cluster_header
  std::string cluster_header;
  ClusterSlot slot;
  uint32_t weight = 0;
  HeaderMutations headers;
  PerFilterConfig per_filter;
  std::string host_rewrite;
  Metadata metadata_match;
};

struct MirrorPolicy {
  std::string cluster, cluster_header;
  ClusterSlot slot;
  uint32_t numerator = 100, denominator = 100;
  bool disable_host_suffix = false;  // otherwise the host gets "-shadow"
};

struct Route;
struct VirtualHost;
struct RouteTable;

struct ForwardAction {
  std::string cluster;  // plain name; empty if weighted or by header
  ClusterSlot slot;
  std::string cluster_header;
  std::vector<WeightedClusterEntry> weighted;
  uint64_t total_weight = 0;
  std::string weighted_random_header;  // random_value_specifier header_name
  uint32_t cluster_not_found_code = 503;
  Duration timeout = seconds(15);                                       // 0: disabled
  Duration idle_timeout{-1};                                            // -1: the HCM's stream_idle_timeout
  Duration grpc_timeout_max{-1}, grpc_timeout_offset{0};                // instead of timeout; -1: not given
  Duration max_stream_duration{-1};                                     // -1: the HCM's
  Duration grpc_timeout_header_max{-1}, grpc_timeout_header_offset{0};  // instead of max_stream_duration; -1: not given
  std::shared_ptr<const RetryPolicy> retry;  // of the route, else of the virtual host; null: none
  std::vector<MirrorPolicy> mirrors;
  std::string prefix_rewrite;
  bool has_prefix_rewrite = false;
  std::shared_ptr<const matching::Substitution> regex_rewrite;
  std::string host_rewrite;  // literal
  std::string host_rewrite_header;
  bool auto_host_rewrite = false;
  std::shared_ptr<const matching::Substitution> host_rewrite_path;
  bool append_x_forwarded_host = false;
  RoutingPriority priority = RoutingPriority::kDefault;
  Metadata metadata_match;
  struct Upgrade {
    std::string type;  // lower case
    bool enabled = true;
    bool connect_terminate = false;  // connect_config: CONNECT payload goes to the upstream as raw TCP
  };
  std::vector<Upgrade> upgrades;
};
struct RedirectAction {
  std::string host, scheme, path, prefix_rewrite;
  bool https = false, has_path = false, has_prefix = false, strip_query = false;
  uint32_t port = 0;  // 0: keep
  uint32_t code = 301;
  std::shared_ptr<const matching::Substitution> regex_rewrite;
};
struct DirectResponse {
  uint32_t status = 200;
  std::string body;
};

// One compiled route. Streams pin it through their Snapshot.
struct Route {
  std::string name;
  OriginId origin = 0;
  std::string matched_prefix;  // what prefix_rewrite replaces: the prefix or the whole path
  bool match_is_exact_path = false;
  std::variant<ForwardAction, RedirectAction, DirectResponse> action;
  HeaderMutations headers;
  PerFilterConfig per_filter;
  Metadata metadata;
  uint32_t request_buffer_limit = 0;  // 0: the listener's
  const VirtualHost* virtual_host = nullptr;
  const RouteTable* table = nullptr;
};

struct VirtualHost {
  std::string name;
  OriginId origin = 0;
  std::vector<Route> routes;
  HeaderMutations headers;
  PerFilterConfig per_filter;
  Metadata metadata;
  enum class RequireTls : uint8_t { kNone, kExternalOnly, kAll } require_tls = RequireTls::kNone;
  bool include_request_attempt_count = false;
  bool include_attempt_count_in_response = false;
};

// A route configuration, compiled. Virtual hosts that were fetched (VHDS) are tables of their own, with one host each,
// so that one more costs no more than its domains: `domains` then tells whose a host is.
struct RouteTable {
  std::string name;
  std::string version;
  OriginId origin = 0;
  std::shared_ptr<const ResourceOrigin> resource_origin;  // explains this and all below; null: nobody knows
  matching::RouteTable matcher;                           // gives (virtual host, route) indices
  std::vector<VirtualHost> virtual_hosts;
  HeaderMutations headers;
  PerFilterConfig per_filter;
  std::vector<std::string> internal_only_headers;
  bool most_specific_header_mutations_wins = false;
  uint32_t upstream_tls_wish = 0;  // what its response headers ask for (bits of http::UpstreamTls::Wish)
  bool ignore_port = false;
  bool ignore_path_parameters = false;
  bool fetches_hosts = false;  // vhds: what it lacks can be asked for
  // If any were fetched, this table has no hosts itself: first the table of those that the configuration gives, then
  // one for each that was fetched; `domains` tells by index.
  std::vector<std::shared_ptr<const RouteTable>> fetched;
  matching::HostTable domains;
  // Whether some virtual host has a domain for it.
  bool HasHost(absl::string_view host) const {
    return fetched.empty() ? matcher.FindVirtualHost(host) >= 0 : domains.Find(host) >= 0;
  }
};

// What routing decided for a stream.
struct FoundRoute {
  const Route* route = nullptr;
  const WeightedClusterEntry* weighted = nullptr;  // of a weighted route: the one drawn
};
// Matches by the stream's request headers, connection and dynamic metadata. Pure but for the stream's own random draw.
FoundRoute FindRoute(const RouteTable& table, http::Stream& stream);
// The configurations given for `filter`, least specific first; how many (at most 4).
int PerRouteConfigs(const Route& route, const WeightedClusterEntry* weighted, absl::string_view filter,
                    const void* out[4]);
// Whether the weighted cluster, route, virtual host or table turns the filter off or on.
bool FilterEnabled(const Route& route, const WeightedClusterEntry* weighted, absl::string_view filter, bool by_default);

}  // namespace outrigger::model
