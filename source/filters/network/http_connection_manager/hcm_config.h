// Thread: immutable any
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/base/time.h"
#include "source/http/codec.h"
#include "source/http/filter.h"
#include "source/matching/cidr.h"
#include "source/matching/path.h"
#include "source/model/access_log.h"
#include "source/model/route.h"
#include "source/observe/schemas/http_codec.h"
#include "source/observe/schemas/http_connection.h"
#include "source/observe/stats.h"

namespace outrigger::filters::hcm {

enum class CodecType : uint8_t { kAuto, kHttp1, kHttp2 };
enum class ForwardClientCert : uint8_t { kSanitize, kForwardOnly, kAppendForward, kSanitizeSet, kAlwaysForwardOnly };
enum class ServerHeader : uint8_t { kOverwrite, kAppendIfAbsent, kPassThrough };

// One mapper of local_reply_config: the first whose filter accepts the reply rewrites it.
struct LocalReplyMapper {
  model::AccessLogFilter filter;
  uint32_t status = 0;  // 0: unchanged
  bool has_body = false;
  std::string body;
  std::shared_ptr<const model::BodyFormat> format;  // null: the default format
  model::HeaderMutation headers;
};

// The connection manager's configuration as requests read it. Part of the Snapshot.
struct HcmConfig {
  std::string stat_prefix;
  observe::StatsScope<observe::HttpConnectionStats> stats;
  observe::StatsScope<observe::HttpListenerStats> listener_stats;
  observe::StatsScope<observe::Http1Stats> http1_stats;
  observe::StatsScope<observe::Http2Stats> http2_stats;

  // Announced to the peer or decided at connection time: part of the connection's hash (law 9).
  CodecType codec = CodecType::kAuto;
  http::CodecOptions codec_options;
  http::Http1Options http1;
  http::Http2Options http2;
  std::string http1_default_host;

  std::shared_ptr<const http::FilterChainSpec> chain;
  struct Upgrade {
    std::string type;  // lower case: "websocket", "connect"
    bool enabled = true;
    std::shared_ptr<const http::FilterChainSpec> chain;  // null: the usual one
  };
  std::vector<Upgrade> upgrades;
  model::RouteTableSlot rds;                        // valid: routes come from the Snapshot
  std::shared_ptr<const model::RouteTable> routes;  // inline otherwise
  std::vector<std::shared_ptr<const observe::AccessLog>> access_logs;
  Duration access_log_flush_interval{0};
  bool log_on_new_request = false;
  bool log_on_tunnel = false;

  Duration stream_idle_timeout = minutes(5);  // 0: none, like all below
  Duration request_timeout{0};
  Duration request_headers_timeout{0};
  Duration drain_timeout = seconds(5);
  Duration delayed_close_timeout = seconds(1);
  Duration idle_timeout = hours(1);
  Duration max_connection_duration{0};
  Duration max_stream_duration{0};
  uint32_t max_requests_per_connection = 0;

  bool use_remote_address = false;
  uint32_t xff_trusted_hops = 0;
  bool skip_xff_append = false;
  // By the xff extension of original IP detection; instead of xff_trusted_hops where there are any.
  matching::CidrSet xff_trusted_proxies;
  bool xff_trusts_proxies = false;
  bool append_detected_xff = false;      // its skip_xff_append: false
  matching::CidrSet internal_addresses;  // empty: none is internal
  bool internal_unix_sockets = false;    // peers on Unix sockets are
  std::string via;
  bool generate_request_id = true, preserve_external_request_id = false, always_set_request_id_in_response = false;
  bool pack_trace_reason = true;
  // What `tracing` asks of the request id; without it nothing is decided.
  struct Sampling {
    bool on = false;
    uint32_t client_percent = 100, overall_percent = 100;
    uint32_t random_per_ten_thousand = 10000;
  } sampling;
  ForwardClientCert forward_client_cert = ForwardClientCert::kSanitize;
  struct {
    bool subject = false, cert = false, chain = false, dns = false, uri = false;
  } client_cert_details;
  std::string server_name = "envoy";
  ServerHeader server_header = ServerHeader::kOverwrite;
  matching::PathPolicy path;
  bool strip_any_port = false, strip_matching_port = false, strip_trailing_host_dot = false;
  bool add_user_agent = false;
  bool proxy_100_continue = false;
  bool append_x_forwarded_port = false;
  std::string scheme_overwrite;  // "", "http", "https"
  bool scheme_match_upstream = false;
  std::vector<LocalReplyMapper> local_reply_mappers;
  std::shared_ptr<const model::BodyFormat> local_reply_format;
  uint32_t upstream_tls_wish = 0;  // what its logs and local replies ask for (bits of http::UpstreamTls::Wish)
};

}  // namespace outrigger::filters::hcm
