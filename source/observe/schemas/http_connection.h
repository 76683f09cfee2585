// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Statistics of the HTTP connection manager. Prefixes:
//   HttpConnectionStats   "http.<stat_prefix>."
//   HttpListenerStats     "listener.<address>.http.<stat_prefix>."
//   HttpTracingStats      "http.<stat_prefix>.tracing."
//   RouterStats           "http.<stat_prefix>." (the router filter's own, beside the manager's)
//   UserAgentStats        "http.<stat_prefix>.user_agent.<agent>."
//   VirtualClusterStats   "vhost.<virtual host>.vcluster.<virtual cluster>." (and ".other.")
//   RouteStats            "vhost.<virtual host>.route.<stat_prefix of the route>."
//   Passthrough           SubscriptionStats (xds.h) at "http.<stat_prefix>.rds.<route config>."
#define OUTRIGGER_HTTP_CONNECTION_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(downstream_cx_delayed_close_timeout)                                  \
  COUNTER(downstream_cx_destroy)                                                \
  COUNTER(downstream_cx_destroy_active_rq)                                      \
  COUNTER(downstream_cx_destroy_local)                                          \
  COUNTER(downstream_cx_destroy_local_active_rq)                                \
  COUNTER(downstream_cx_destroy_remote)                                         \
  COUNTER(downstream_cx_destroy_remote_active_rq)                               \
  COUNTER(downstream_cx_drain_close)                                            \
  COUNTER(downstream_cx_first_byte_timeout)                                     \
  COUNTER(downstream_cx_http1_total)                                            \
  COUNTER(downstream_cx_http2_total)                                            \
  COUNTER(downstream_cx_http3_total)                                            \
  COUNTER(downstream_cx_idle_timeout)                                           \
  COUNTER(downstream_cx_lingering_overflow)                                     \
  COUNTER(downstream_cx_max_duration_reached)                                   \
  COUNTER(downstream_cx_max_requests_reached)                                   \
  COUNTER(downstream_cx_overload_disable_keepalive)                             \
  COUNTER(downstream_cx_protocol_error)                                         \
  COUNTER(downstream_cx_rx_bytes_total)                                         \
  COUNTER(downstream_cx_ssl_total)                                              \
  COUNTER(downstream_cx_total)                                                  \
  COUNTER(downstream_cx_tx_bytes_total)                                         \
  COUNTER(downstream_cx_upgrades_total)                                         \
  COUNTER(downstream_flow_control_paused_reading_total)                         \
  COUNTER(downstream_flow_control_resumed_reading_total)                        \
  COUNTER(downstream_rq_completed)                                              \
  COUNTER(downstream_rq_failed_path_normalization)                              \
  COUNTER(downstream_rq_header_timeout)                                         \
  COUNTER(downstream_rq_http1_total)                                            \
  COUNTER(downstream_rq_http2_total)                                            \
  COUNTER(downstream_rq_http3_total)                                            \
  COUNTER(downstream_rq_idle_timeout)                                           \
  COUNTER(downstream_rq_max_duration_reached)                                   \
  COUNTER(downstream_rq_non_relative_path)                                      \
  COUNTER(downstream_rq_overload_close)                                         \
  COUNTER(downstream_rq_redirected_with_normalized_path)                        \
  COUNTER(downstream_rq_rejected_via_ip_detection)                              \
  COUNTER(downstream_rq_response_before_rq_complete)                            \
  COUNTER(downstream_rq_rx_reset)                                               \
  COUNTER(downstream_rq_timeout)                                                \
  COUNTER(downstream_rq_too_large)                                              \
  COUNTER(downstream_rq_too_many_premature_resets)                              \
  COUNTER(downstream_rq_total)                                                  \
  COUNTER(downstream_rq_tx_reset)                                               \
  COUNTER(downstream_rq_ws_on_non_ws_route)                                     \
  COUNTER(rs_too_large)                                                         \
  GAUGE(downstream_cx_active)                                                   \
  GAUGE(downstream_cx_http1_active)                                             \
  GAUGE(downstream_cx_http1_soft_drain)                                         \
  GAUGE(downstream_cx_http2_active)                                             \
  GAUGE(downstream_cx_http3_active)                                             \
  GAUGE(downstream_cx_rx_bytes_buffered)                                        \
  GAUGE(downstream_cx_ssl_active)                                               \
  GAUGE(downstream_cx_tx_bytes_buffered)                                        \
  GAUGE(downstream_cx_upgrades_active)                                          \
  GAUGE(downstream_rq_active)                                                   \
  HISTOGRAM(downstream_cx_length_ms, kMilliseconds)                             \
  HISTOGRAM(downstream_rq_time, kMilliseconds)

// HTTP responses by class; published without the single codes, so these are plain counters.
#define OUTRIGGER_HTTP_RESPONSE_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(downstream_rq_1xx)                                                  \
  COUNTER(downstream_rq_2xx)                                                  \
  COUNTER(downstream_rq_3xx)                                                  \
  COUNTER(downstream_rq_4xx)                                                  \
  COUNTER(downstream_rq_5xx)

#define OUTRIGGER_HTTP_CONNECTION_ALL_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  OUTRIGGER_HTTP_CONNECTION_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT)           \
  OUTRIGGER_HTTP_RESPONSE_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT)

#define OUTRIGGER_HTTP_LISTENER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(downstream_rq_completed)                                            \
  OUTRIGGER_HTTP_RESPONSE_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT)

#define OUTRIGGER_HTTP_TRACING_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(client_enabled)                                                    \
  COUNTER(health_check)                                                      \
  COUNTER(not_traceable)                                                     \
  COUNTER(random_sampling)                                                   \
  COUNTER(service_forced)

#define OUTRIGGER_ROUTER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(no_cluster)                                                  \
  COUNTER(no_route)                                                    \
  COUNTER(passthrough_internal_redirect_bad_location)                  \
  COUNTER(passthrough_internal_redirect_no_route)                      \
  COUNTER(passthrough_internal_redirect_predicate)                     \
  COUNTER(passthrough_internal_redirect_too_many_redirects)            \
  COUNTER(passthrough_internal_redirect_unsafe_scheme)                 \
  COUNTER(rq_direct_response)                                          \
  COUNTER(rq_overload_local_reply)                                     \
  COUNTER(rq_redirect)                                                 \
  COUNTER(rq_reset_after_downstream_response_started)                  \
  COUNTER(rq_retry_skipped_request_not_complete)                       \
  COUNTER(rq_total)

#define OUTRIGGER_USER_AGENT_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(downstream_cx_destroy_remote_active_rq)                          \
  COUNTER(downstream_cx_total)                                             \
  COUNTER(downstream_rq_total)                                             \
  HISTOGRAM(downstream_cx_length_ms, kMilliseconds)

#define OUTRIGGER_VIRTUAL_CLUSTER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(upstream_rq_completed)                                                \
  COUNTER(upstream_rq_retry)                                                    \
  COUNTER(upstream_rq_retry_limit_exceeded)                                     \
  COUNTER(upstream_rq_retry_overflow)                                           \
  COUNTER(upstream_rq_retry_success)                                            \
  COUNTER(upstream_rq_timeout)                                                  \
  COUNTER(upstream_rq_total)                                                    \
  HISTOGRAM(upstream_rq_time, kMilliseconds)                                    \
  CODES(upstream_rq)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(HttpConnectionStats, OUTRIGGER_HTTP_CONNECTION_ALL_STATS)
OUTRIGGER_STATS_BLOCK(HttpListenerStats, OUTRIGGER_HTTP_LISTENER_STATS)
OUTRIGGER_STATS_BLOCK(HttpTracingStats, OUTRIGGER_HTTP_TRACING_STATS)
OUTRIGGER_STATS_BLOCK(RouterStats, OUTRIGGER_ROUTER_STATS)
OUTRIGGER_STATS_BLOCK(UserAgentStats, OUTRIGGER_USER_AGENT_STATS)
OUTRIGGER_STATS_BLOCK(VirtualClusterStats, OUTRIGGER_VIRTUAL_CLUSTER_STATS)
OUTRIGGER_STATS_BLOCK(RouteStats, OUTRIGGER_VIRTUAL_CLUSTER_STATS)

// The class counter of a final response (100..599), or null.
template <class Stats>
Counter* ResponseClassCounter(Stats& stats, uint32_t status) {
  switch (status / 100) {
    case 1:
      return &stats.downstream_rq_1xx;
    case 2:
      return &stats.downstream_rq_2xx;
    case 3:
      return &stats.downstream_rq_3xx;
    case 4:
      return &stats.downstream_rq_4xx;
    case 5:
      return &stats.downstream_rq_5xx;
    default:
      return nullptr;
  }
}
}  // namespace outrigger::observe
