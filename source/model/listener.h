// Thread: immutable any
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/time.h"
#include "source/base/value.h"
#include "source/matching/cidr.h"
#include "source/model/slot.h"
#include "source/net/address.h"
#include "source/net/listener_filter.h"
#include "source/net/network_filter.h"
#include "source/net/socket_options.h"
#include "source/observe/access_log.h"
#include "source/observe/schemas/listener.h"
#include "source/observe/schemas/ssl.h"
#include "source/observe/stats.h"
#include "source/tls/server_context.h"

namespace outrigger::upstream {
class WorkerContext;
}

namespace outrigger::model {

struct Listener;
struct FilterChain;
struct Snapshot;

// What the server gives a network filter about the accepted connection it works for. Lives as long as the connection.
// Law 9: the connection follows its slot, so Current() may name a newer chain than the one that accepted it.
class DownstreamContext {
 public:
  virtual ~DownstreamContext() = default;
  virtual net::Connection& connection() = 0;
  virtual const net::ConnectionProperties& properties() const = 0;
  virtual upstream::WorkerContext& worker() = 0;
  // The chain that new requests of this connection use now, pinned by `pin`; null if the connection must drain (its
  // slot is gone, or something decided at connection time no longer holds).
  virtual const FilterChain* Current() = 0;
  virtual const FilterChain& accepted_by() const = 0;
  virtual const Listener& listener() const = 0;
  // True while the listener or server drains: responses announce the close.
  virtual bool draining() const = 0;
  // It drains because its peer might not be let in any more: not to be kept longer than it needs.
  virtual bool trust_changed() const { return false; }
  class DrainHandler;
  struct HeavyStream {
    uint64_t bytes = 0;
    DrainHandler* of = nullptr;
    void* stream = nullptr;
  };
  // Who hears that this connection should finish what it does and close. One per connection; null: it is just closed.
  class DrainHandler {
   public:
    virtual void OnDrain() = 0;
    // Later, once: whoever cannot be asked, because he says nothing, need not be waited for any longer.
    virtual void OnDrainIdle() {}
    // Current() is null from now on. The last chain that it was and the Snapshot that has it decide about requests that
    // come all the same; both are valid during the call.
    virtual void OnUnfollowed(const FilterChain& /*last*/, const Snapshot& /*its*/) {}
    // Overload: time limits are shorter, or longer again, than they were.
    virtual void OnLimitsScaled() {}
    // Overload: each of its streams that holds at least `least` bytes of memory.
    virtual void FindHeavyStreams(uint64_t /*least*/, std::vector<HeavyStream>& /*out*/) {}
    // One that this turn's FindHeavyStreams named; nothing if it ended meanwhile.
    virtual void ResetHeavyStream(void* /*stream*/) {}

   protected:
    ~DrainHandler() = default;
  };
  virtual void SetDrainHandler(DrainHandler* handler) = 0;
  // What decided whether the connection is let in (a policy of a network filter); nothing if no filter asked.
  const OriginRef& policy() const { return policy_; }
  void NotePolicy(const OriginRef& policy) { policy_ = policy; }

 private:
  OriginRef policy_;
};

// One configured network filter. `make` builds it for a connection; the last of a chain is terminal.
struct NetworkFilterSpec {
  std::string name, type;
  OriginId origin = 0;
  bool terminal = false;
  std::shared_ptr<const void> config;
  std::unique_ptr<net::NetworkFilter> (*make)(const std::shared_ptr<const void>& config,
                                              DownstreamContext& context) = nullptr;
  // Hash of what this filter decides at connection time (for the HCM: codec settings, not routes or HTTP filters).
  uint64_t connection_hash = 0;
};
struct ListenerFilterSpec {
  std::string name, type;
  OriginId origin = 0;
  std::shared_ptr<const void> config;
  std::unique_ptr<net::ListenerFilter> (*make)(const void* config, upstream::WorkerContext& worker) = nullptr;
};

// FilterChainMatch in Envoy's order of precedence: destination port, destination IP, server name, transport protocol,
// application protocol, directly connected source IP, source type, source IP, source port.
struct FilterChainMatch {
  uint32_t destination_port = 0;                 // 0: any
  std::vector<matching::CidrRange> destination;  // empty: any
  std::vector<std::string> server_names;         // lower case; "*.x" wildcards
  std::string transport_protocol;                // "", "tls", "raw_buffer"
  std::vector<std::string> application_protocols;
  std::vector<matching::CidrRange> direct_source;
  enum class SourceType : uint8_t { kAny, kSameIpOrLoopback, kExternal } source_type = SourceType::kAny;
  std::vector<matching::CidrRange> source;
  std::vector<uint32_t> source_ports;
};

struct FilterChain {
  std::string name;
  OriginId origin = 0;
  std::shared_ptr<const ResourceOrigin> resource_origin;  // explains this and its filters; null: nobody knows
  FilterChainMatch match;
  std::shared_ptr<const tls::ServerContext> tls;  // null: plain
  bool tls_unavailable = false;  // its secret has not come (timed out): accept and close, counted, never plaintext
  bool filter_config_missing = false;      // a filter's discovered configuration has not come: accept and close
  std::vector<NetworkFilterSpec> filters;  // the last one is terminal
  static constexpr Duration kTransportTimeout = seconds(60);  // where the configuration says nothing
  Duration transport_timeout = kTransportTimeout;             // handshake limit; 0: none
  // Law 9: hash of everything decided at connection time (transport socket without certificates, network filters' own).
  uint64_t connection_hash = 0;
  uint64_t trust_hash = 0;  // of the validation settings; a change of trust always drains
  uint64_t slot_hash = 0;   // identity among the versions of its listener: name and match rules
  Metadata metadata;
  OriginRef origin_ref() const { return {resource_origin.get(), origin}; }
};

// Picks a chain by properties; compiled once. Index into Listener::chains, -1: the default chain or nothing.
class FilterChainMatcher {
 public:
  static absl::StatusOr<FilterChainMatcher> Build(const std::vector<std::shared_ptr<const FilterChain>>& chains);
  int Find(const net::ConnectionProperties& properties) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;
};

enum class TrafficDirection : uint8_t { kUnspecified, kInbound, kOutbound };

struct Listener {
  ListenerSlot slot;
  std::string name;
  OriginId origin = 0;
  uint64_t content_hash = 0;
  std::vector<net::Address> addresses;  // the first is the main one
  bool bind_to_port = true;
  std::vector<std::shared_ptr<const FilterChain>> chains;
  std::shared_ptr<const FilterChain> default_chain;  // may be null
  FilterChainMatcher matcher;
  std::vector<ListenerFilterSpec> listener_filters;
  bool filter_config_missing = false;               // one's discovered configuration has not come: accept and close
  Duration listener_filters_timeout = seconds(15);  // 0: none
  bool continue_on_listener_filters_timeout = false;
  uint32_t buffer_limit = 1024 * 1024;
  TrafficDirection direction = TrafficDirection::kUnspecified;
  uint32_t tcp_backlog = 128;
  bool ipv4_compat = false;  // an IPv6 wildcard also takes IPv4
  bool reuse_port = true, freebind = false, transparent = false, exact_balance = false;
  std::optional<uint32_t> tcp_fast_open;
  uint32_t max_accepts_per_event = 0;  // 0: no limit of its own
  net::SocketOptions socket_options;
  std::vector<std::shared_ptr<const observe::AccessLog>> access_logs;
  bool drain_on_healthcheck_fail = true;  // DrainType DEFAULT; MODIFY_ONLY: false
  bool ignore_global_conn_limit = false;
  bool bypass_overload = false;            // its connections and requests are not refused for overload
  uint64_t connection_limit = UINT64_MAX;  // run-time key envoy.resource_limits.listener.NAME.connection_limit
  // Run-time keys outrigger.resource_limits.listener.NAME.: handshake_limit (0: none) is how many newcomers a worker
  // has at most in TLS handshakes, and as many in listener filters: the one that has taken longest makes room.
  // first_byte_timeout_ms (0: none) is how long an HTTP client may say nothing at all.
  static constexpr uint64_t kHandshakeLimit = 4096;
  static constexpr Duration kFirstByteTimeout = seconds(60);
  uint64_t handshake_limit = kHandshakeLimit;
  Duration first_byte_timeout = kFirstByteTimeout;
  Metadata metadata;
  observe::StatsScope<observe::ListenerStats> stats;  // "listener.ADDRESS."
  observe::StatsScope<observe::SslStats> ssl_stats;   // "listener.ADDRESS.ssl."
};

}  // namespace outrigger::model
