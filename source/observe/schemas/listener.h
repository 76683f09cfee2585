// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Statistics of listeners. Prefixes:
//   ListenerStats         "listener.<address>." (or stat_prefix); the admin listener: "listener.admin."
//   ListenerWorkerStats   "listener.<address>.worker_<n>.", "listener.admin.main_thread."
//   ListenerManagerStats  "listener_manager."
//   TlsInspectorStats     "tls_inspector."
//   OriginalDstStats      "original_dst."
//   ProxyProtocolStats    "proxy_proto."
//   HttpInspectorStats    "http_inspector."
//   ListenerRateLimitStats "listener_local_ratelimit.<stat_prefix>."
#define OUTRIGGER_LISTENER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(connections_accepted_per_socket_event_dropped)                 \
  COUNTER(downstream_cx_destroy)                                         \
  COUNTER(downstream_cx_handshake_overflow)                              \
  COUNTER(downstream_cx_overflow)                                        \
  COUNTER(downstream_cx_overload_reject)                                 \
  COUNTER(downstream_cx_total)                                           \
  COUNTER(downstream_cx_transport_socket_connect_timeout)                \
  COUNTER(downstream_global_cx_overflow)                                 \
  COUNTER(downstream_listener_filter_error)                              \
  COUNTER(downstream_listener_filter_remote_close)                       \
  COUNTER(downstream_pre_cx_overflow)                                    \
  COUNTER(downstream_pre_cx_timeout)                                     \
  COUNTER(extension_config_missing)                                      \
  COUNTER(global_cx_overflow)                                            \
  COUNTER(network_extension_config_missing)                              \
  COUNTER(no_filter_chain_match)                                         \
  GAUGE(downstream_cx_active)                                            \
  GAUGE(downstream_cx_handshakes_active)                                 \
  GAUGE(downstream_pre_cx_active)                                        \
  HISTOGRAM(connections_accepted_per_socket_event, kUnspecified)         \
  HISTOGRAM(downstream_cx_length_ms, kMilliseconds)

#define OUTRIGGER_LISTENER_WORKER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(downstream_cx_total)                                                  \
  GAUGE(downstream_cx_active)

#define OUTRIGGER_LISTENER_MANAGER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(listener_added)                                                        \
  COUNTER(listener_create_failure)                                               \
  COUNTER(listener_create_success)                                               \
  COUNTER(listener_in_place_updated)                                             \
  COUNTER(listener_modified)                                                     \
  COUNTER(listener_removed)                                                      \
  COUNTER(listener_stopped)                                                      \
  GAUGE(total_filter_chains_draining)                                            \
  GAUGE(total_listeners_active)                                                  \
  GAUGE(total_listeners_draining)                                                \
  GAUGE(total_listeners_warming)                                                 \
  GAUGE(workers_started)

#define OUTRIGGER_TLS_INSPECTOR_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(alpn_found)                                                         \
  COUNTER(alpn_not_found)                                                     \
  COUNTER(client_hello_too_large)                                             \
  COUNTER(connection_closed)                                                  \
  COUNTER(read_error)                                                         \
  COUNTER(sni_found)                                                          \
  COUNTER(sni_not_found)                                                      \
  COUNTER(tls_found)                                                          \
  COUNTER(tls_not_found)                                                      \
  HISTOGRAM(bytes_processed, kBytes)

#define OUTRIGGER_HTTP_INSPECTOR_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(http10_found)                                                        \
  COUNTER(http11_found)                                                        \
  COUNTER(http2_found)                                                         \
  COUNTER(http_not_found)                                                      \
  COUNTER(read_error)

#define OUTRIGGER_LISTENER_RATE_LIMIT_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) COUNTER(rate_limited)

#define OUTRIGGER_PROXY_PROTOCOL_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(downstream_cx_proxy_proto_error)                                     \
  COUNTER(not_found_allowed)                                                   \
  COUNTER(not_found_disallowed)

// Ours: the published proxy has none for this filter.
#define OUTRIGGER_ORIGINAL_DST_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(not_found)                                                         \
  COUNTER(restored)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(ListenerStats, OUTRIGGER_LISTENER_STATS)
OUTRIGGER_STATS_BLOCK(ListenerWorkerStats, OUTRIGGER_LISTENER_WORKER_STATS)
OUTRIGGER_STATS_BLOCK(ListenerManagerStats, OUTRIGGER_LISTENER_MANAGER_STATS)
OUTRIGGER_STATS_BLOCK(TlsInspectorStats, OUTRIGGER_TLS_INSPECTOR_STATS)
OUTRIGGER_STATS_BLOCK(HttpInspectorStats, OUTRIGGER_HTTP_INSPECTOR_STATS)
OUTRIGGER_STATS_BLOCK(ListenerRateLimitStats, OUTRIGGER_LISTENER_RATE_LIMIT_STATS)
OUTRIGGER_STATS_BLOCK(ProxyProtocolStats, OUTRIGGER_PROXY_PROTOCOL_STATS)
OUTRIGGER_STATS_BLOCK(OriginalDstStats, OUTRIGGER_ORIGINAL_DST_STATS)
}  // namespace outrigger::observe
