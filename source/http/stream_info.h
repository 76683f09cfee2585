// Thread: worker
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/base/ip_address.h"
#include "source/base/origin.h"
#include "source/base/time.h"
#include "source/base/value.h"
#include "source/http/protocol.h"
#include "source/http/upstream_tls.h"
#include "source/net/address.h"
#include "source/observe/response_flags.h"

namespace outrigger::http {

// Attempts before the last one, each list ending in a comma. Arena text, made only when there is a retry.
struct EarlierAttempts {
  absl::string_view hosts, ips;         // "10.0.0.1:80,", "10.0.0.1,"
  absl::string_view names, bare_names;  // host names, or addresses where there is none; without port
  absl::string_view connection_ids;
};

// Facts of one upstream attempt (the last one is logged). Views live in the stream's arena or in the pinned
// configuration.
struct UpstreamInfo {
  absl::string_view cluster;
  absl::string_view cluster_stat_name;
  const net::Address* host = nullptr;  // in the endpoint's record, which the stream keeps alive
  absl::string_view host_name;
  const Metadata* cluster_metadata = nullptr;  // both live as long as host
  const Metadata* host_metadata = nullptr;
  OriginRef cluster_origin;  // of the cluster's configuration, which the stream keeps alive as well
  net::Address local;
  absl::string_view transport_failure;  // arena copy
  const UpstreamTls* tls = nullptr;     // in the arena; null: plaintext, or nobody asks
  Protocol protocol = Protocol::kHttp11;
  uint32_t attempts = 0;
  const EarlierAttempts* earlier = nullptr;
  uint64_t connection_id = 0;
  uint64_t wire_bytes_sent = 0, wire_bytes_received = 0;
  MonotonicTime connect_start{}, connect_done{}, first_byte_sent{}, last_byte_sent{}, first_byte_received{},
      last_byte_received{};
};

// What is known of one exchange: decisions as small codes and times; text is made only when a log or an explanation
// asks. A time of zero means "did not happen".
struct StreamInfo {
  WallTime start_wall{};
  MonotonicTime start{}, request_complete{}, first_response_byte{}, last_response_byte{}, done{};
  uint64_t bytes_received = 0, bytes_sent = 0;            // bodies
  uint64_t wire_bytes_received = 0, wire_bytes_sent = 0;  // with headers, as on the wire
  uint64_t request_header_bytes = 0, response_header_bytes = 0;
  uint32_t response_code = 0;  // 0: none was sent
  observe::ResponseFlags flags;
  absl::string_view details;      // RESPONSE_CODE_DETAILS; static or arena
  absl::string_view termination;  // CONNECTION_TERMINATION_DETAILS
  absl::string_view request_id;
  Protocol protocol = Protocol::kHttp11;
  IpAddress client;  // whom trusted proxies name, else the connection's peer; kNone: nobody looked
  bool health_check = false;
  bool internal_request = false;
  bool scheme_follows_upstream = false;  // scheme_header_transformation.match_upstream
  bool expect_answered = false;          // 100 (Continue) was said by us: the upstream's would be a second one
  bool reset_by_downstream = false, reset_by_us = false;
  // Of the configuration that accepted the connection; null: nobody said.
  const Metadata* listener_metadata = nullptr;
  const Metadata* filter_chain_metadata = nullptr;
  OriginRef policy;  // the last policy that decided about it
  UpstreamInfo upstream;
};

}  // namespace outrigger::http
