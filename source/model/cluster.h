// Thread: immutable any
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/shared_text.h"
#include "source/base/shared_value.h"
#include "source/base/time.h"
#include "source/base/value.h"
#include "source/http/codec.h"
#include "source/http/filter.h"
#include "source/model/circuit_breakers.h"
#include "source/model/endpoint.h"
#include "source/model/slot.h"
#include "source/net/address.h"
#include "source/net/socket_options.h"
#include "source/observe/schemas/cluster.h"
#include "source/observe/stats.h"
#include "source/tls/client_context.h"

namespace outrigger::model {

enum class LbPolicy : uint8_t { kRoundRobin, kLeastRequest, kRandom };
enum class ClusterType : uint8_t { kStatic, kStrictDns, kLogicalDns, kEds, kOriginalDst };

struct LbConfig {
  LbPolicy policy = LbPolicy::kRoundRobin;
  uint32_t choice_count = 2;  // least request
  double active_request_bias = 1.0;
  bool locality_weighted = false;
  double healthy_panic_threshold = 50.0;  // percent; 0 disables panic
  bool fail_traffic_on_panic = false;
  bool close_connections_on_host_set_change = false;
  friend bool operator==(const LbConfig& a, const LbConfig& b) = default;
};

// Which codec upstream connections speak (HttpProtocolOptions).
enum class UpstreamProtocol : uint8_t { kHttp1, kHttp2, kAuto /* by ALPN */, kUseDownstream };

// Plain, or TLS with a shared context. SNI and expected SANs may depend on the request or endpoint (auto_sni,
// auto_san_validation).
struct UpstreamTransport {
  std::string name;                               // transport_socket_matches[].name
  std::shared_ptr<const tls::ClientContext> tls;  // null: plain; a rotated secret makes a new ClusterConfig
  Value::Struct match;                            // transport_socket_matches[].match
};

struct DnsConfig {
  event::ResolveFamily family = event::ResolveFamily::kAuto;
  Duration refresh_rate = seconds(5);
  Duration failure_base{0}, failure_max{0};  // 0: refresh_rate
  Duration jitter{0};
  bool respect_ttl = false;
  friend bool operator==(const DnsConfig& a, const DnsConfig& b) = default;
};

// What clusters have in common: in most meshes thousands are configured alike but for their names, so equal ones are
// kept once.
struct ClusterSettings {
  Duration connect_timeout = seconds(5);
  LbConfig lb;
  uint32_t per_host_max_connections = 0;  // 0: none
  UpstreamProtocol protocol = UpstreamProtocol::kHttp1;
  http::CodecOptions codec;
  http::Http1Options http1;
  http::Http2Options http2;
  Duration idle_timeout = hours(1);  // of pooled connections; 0: none
  Duration max_connection_duration{0};
  Duration max_stream_duration{0};
  uint32_t max_requests_per_connection = 0;  // 0: unlimited
  // Requests of so many that are answered with 503 at once: runtime key upstream.maintenance_mode.NAME.
  uint32_t maintenance_numerator = 0, maintenance_denominator = 100;
  bool auto_sni = false, auto_san_validation = false;
  std::string override_auto_sni_header;
  uint32_t buffer_limit = 1024 * 1024;
  net::SocketOptions socket_options;
  net::Address bind_to;
  net::Keepalive keepalive;
  DnsConfig dns;
  bool close_connections_on_host_health_failure = false;
  friend bool operator==(const ClusterSettings& a, const ClusterSettings& b) = default;
};

// Everything of a cluster but its endpoints. Immutable; a change makes a new one and pools follow law 9.
struct ClusterConfig {
  SharedText name;
  SharedText alt_stat_name;   // observability name if set
  SharedText other_eds_name;  // what EDS calls it, if that is not its name
  OriginId origin = 0;
  ClusterType type = ClusterType::kStatic;
  std::shared_ptr<const ResourceOrigin> resource_origin;  // explains it; null: nobody knows
  uint64_t content_hash = 0;                              // of the resource: identical updates are no-ops
  uint64_t connection_hash = 0;  // of what is decided at connection time: equal means pools stay
  Shared<ClusterSettings> settings;
  Shared<std::vector<UpstreamTransport>> transports;  // [0] the default; then the matches in order; none: plain
  Shared<Metadata> metadata;
  std::shared_ptr<CircuitBreakers> circuit_breakers;  // null: the defaults, on each worker by itself
  observe::StatsScope<observe::ClusterScope> stats;   // "cluster.NAME."; may be empty: then nobody reads them

  // Of a cluster of type EDS.
  const SharedText& eds_name() const { return other_eds_name.empty() ? name : other_eds_name; }
};

// One version of a cluster as workers see it, at its slot of the Snapshot.
struct Cluster {
  ClusterSlot slot;
  std::shared_ptr<const ClusterConfig> config;
  std::shared_ptr<const EndpointSet> endpoints;  // never null; empty while warming has not finished
};

}  // namespace outrigger::model
