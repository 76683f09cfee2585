// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Statistics of a cluster, under Envoy's published names. Prefixes:
//   ClusterStats          "cluster.<name>."
//   ClusterBreakerStats   "cluster.<name>.circuit_breakers.<default|high>."
//   ClusterRemainingStats the same, with track_remaining
//   OutlierStats          "cluster.<name>.outlier_detection."
//   HealthCheckStats      "cluster.<name>.health_check."
//   AlternateCodeStats    "cluster.<name>.external.", ".internal.", ".canary.", ".retry.": response codes seen apart
//   Http1Stats/Http2Stats (http_codec.h) "cluster.<name>.http1." / ".http2."
//   SslStats (ssl.h)      "cluster.<name>.ssl."
// <name> is alt_stat_name if the cluster has one.
#define OUTRIGGER_CLUSTER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(assignment_stale)                                             \
  COUNTER(assignment_timeout_received)                                  \
  COUNTER(assignment_use_cached)                                        \
  COUNTER(bind_errors)                                                  \
  COUNTER(lb_healthy_panic)                                             \
  COUNTER(lb_local_cluster_not_ok)                                      \
  COUNTER(lb_recalculate_zone_structures)                               \
  COUNTER(lb_subsets_created)                                           \
  COUNTER(lb_subsets_fallback)                                          \
  COUNTER(lb_subsets_fallback_panic)                                    \
  COUNTER(lb_subsets_removed)                                           \
  COUNTER(lb_subsets_selected)                                          \
  COUNTER(lb_zone_cluster_too_small)                                    \
  COUNTER(lb_zone_no_capacity_left)                                     \
  COUNTER(lb_zone_number_differs)                                       \
  COUNTER(lb_zone_routing_all_directly)                                 \
  COUNTER(lb_zone_routing_cross_zone)                                   \
  COUNTER(lb_zone_routing_sampled)                                      \
  COUNTER(membership_change)                                            \
  COUNTER(original_dst_host_invalid)                                    \
  COUNTER(retry_or_shadow_abandoned)                                    \
  COUNTER(update_attempt)                                               \
  COUNTER(update_empty)                                                 \
  COUNTER(update_failure)                                               \
  COUNTER(update_no_rebuild)                                            \
  COUNTER(update_rejected)                                              \
  COUNTER(update_success)                                               \
  COUNTER(upstream_cx_close_notify)                                     \
  COUNTER(upstream_cx_connect_attempts_exceeded)                        \
  COUNTER(upstream_cx_connect_fail)                                     \
  COUNTER(upstream_cx_connect_timeout)                                  \
  COUNTER(upstream_cx_connect_with_0_rtt)                               \
  COUNTER(upstream_cx_destroy)                                          \
  COUNTER(upstream_cx_destroy_local)                                    \
  COUNTER(upstream_cx_destroy_local_with_active_rq)                     \
  COUNTER(upstream_cx_destroy_remote)                                   \
  COUNTER(upstream_cx_destroy_remote_with_active_rq)                    \
  COUNTER(upstream_cx_destroy_with_active_rq)                           \
  COUNTER(upstream_cx_http1_total)                                      \
  COUNTER(upstream_cx_http2_total)                                      \
  COUNTER(upstream_cx_http3_total)                                      \
  COUNTER(upstream_cx_idle_before_peer)                                 \
  COUNTER(upstream_cx_idle_timeout)                                     \
  COUNTER(upstream_cx_max_duration_reached)                             \
  COUNTER(upstream_cx_max_requests)                                     \
  COUNTER(upstream_cx_none_healthy)                                     \
  COUNTER(upstream_cx_overflow)                                         \
  COUNTER(upstream_cx_pool_overflow)                                    \
  COUNTER(upstream_cx_protocol_error)                                   \
  COUNTER(upstream_cx_rx_bytes_total)                                   \
  COUNTER(upstream_cx_total)                                            \
  COUNTER(upstream_cx_tx_bytes_total)                                   \
  COUNTER(upstream_flow_control_backed_up_total)                        \
  COUNTER(upstream_flow_control_drained_total)                          \
  COUNTER(upstream_flow_control_paused_reading_total)                   \
  COUNTER(upstream_flow_control_resumed_reading_total)                  \
  COUNTER(upstream_http3_broken)                                        \
  COUNTER(upstream_internal_redirect_failed_total)                      \
  COUNTER(upstream_internal_redirect_succeeded_total)                   \
  COUNTER(upstream_rq_0rtt)                                             \
  COUNTER(upstream_rq_cancelled)                                        \
  COUNTER(upstream_rq_completed)                                        \
  COUNTER(upstream_rq_drop_overload)                                    \
  COUNTER(upstream_rq_dropped)                                          \
  COUNTER(upstream_rq_maintenance_mode)                                 \
  COUNTER(upstream_rq_max_duration_reached)                             \
  COUNTER(upstream_rq_pending_failure_eject)                            \
  COUNTER(upstream_rq_pending_overflow)                                 \
  COUNTER(upstream_rq_pending_total)                                    \
  COUNTER(upstream_rq_per_try_idle_timeout)                             \
  COUNTER(upstream_rq_per_try_timeout)                                  \
  COUNTER(upstream_rq_retry)                                            \
  COUNTER(upstream_rq_retry_backoff_exponential)                        \
  COUNTER(upstream_rq_retry_backoff_ratelimited)                        \
  COUNTER(upstream_rq_retry_limit_exceeded)                             \
  COUNTER(upstream_rq_retry_overflow)                                   \
  COUNTER(upstream_rq_retry_success)                                    \
  COUNTER(upstream_rq_repeated_idle_close)                              \
  COUNTER(upstream_rq_rx_reset)                                         \
  COUNTER(upstream_rq_timeout)                                          \
  COUNTER(upstream_rq_total)                                            \
  COUNTER(upstream_rq_tx_reset)                                         \
  GAUGE(lb_subsets_active)                                              \
  GAUGE(max_host_weight)                                                \
  GAUGE(membership_degraded)                                            \
  GAUGE(membership_excluded)                                            \
  GAUGE(membership_healthy)                                             \
  GAUGE(membership_total)                                               \
  GAUGE(upstream_cx_active)                                             \
  GAUGE(upstream_cx_rx_bytes_buffered)                                  \
  GAUGE(upstream_cx_tx_bytes_buffered)                                  \
  GAUGE(upstream_rq_active)                                             \
  GAUGE(upstream_rq_pending_active)                                     \
  GAUGE(version)                                                        \
  HISTOGRAM(upstream_cx_connect_ms, kMilliseconds)                      \
  HISTOGRAM(upstream_cx_length_ms, kMilliseconds)                       \
  HISTOGRAM(upstream_rq_time, kMilliseconds)                            \
  CODES(upstream_rq)

#define OUTRIGGER_CLUSTER_BREAKER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  GAUGE(cx_open)                                                                \
  GAUGE(cx_pool_open)                                                           \
  GAUGE(rq_open)                                                                \
  GAUGE(rq_pending_open)                                                        \
  GAUGE(rq_retry_open)

#define OUTRIGGER_CLUSTER_REMAINING_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  GAUGE(remaining_cx)                                                             \
  GAUGE(remaining_cx_pools)                                                       \
  GAUGE(remaining_pending)                                                        \
  GAUGE(remaining_retries)                                                        \
  GAUGE(remaining_rq)

// "cluster.<name>.timeout_budget." is not part of the prefix: the names stand beside the cluster's
// (track_cluster_stats).
#define OUTRIGGER_CLUSTER_TIMEOUT_BUDGET_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  HISTOGRAM(upstream_rq_timeout_budget_percent_used, kUnspecified)                     \
  HISTOGRAM(upstream_rq_timeout_budget_per_try_percent_used, kUnspecified)

// Also beside the cluster's (track_cluster_stats.request_response_sizes).
#define OUTRIGGER_CLUSTER_SIZE_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  HISTOGRAM(upstream_rq_headers_size, kBytes)                                \
  HISTOGRAM(upstream_rq_headers_count, kUnspecified)                         \
  HISTOGRAM(upstream_rq_body_size, kBytes)                                   \
  HISTOGRAM(upstream_rs_headers_size, kBytes)                                \
  HISTOGRAM(upstream_rs_headers_count, kUnspecified)                         \
  HISTOGRAM(upstream_rs_body_size, kBytes)

#define OUTRIGGER_ALTERNATE_CODE_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(upstream_rq_completed)                                               \
  HISTOGRAM(upstream_rq_time, kMilliseconds)                                   \
  CODES(upstream_rq)

#define OUTRIGGER_OUTLIER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(ejections_consecutive_5xx)                                    \
  COUNTER(ejections_detected_consecutive_5xx)                           \
  COUNTER(ejections_detected_consecutive_gateway_failure)               \
  COUNTER(ejections_detected_consecutive_local_origin_failure)          \
  COUNTER(ejections_detected_failure_percentage)                        \
  COUNTER(ejections_detected_local_origin_failure_percentage)           \
  COUNTER(ejections_detected_local_origin_success_rate)                 \
  COUNTER(ejections_detected_success_rate)                              \
  COUNTER(ejections_enforced_consecutive_5xx)                           \
  COUNTER(ejections_enforced_consecutive_gateway_failure)               \
  COUNTER(ejections_enforced_consecutive_local_origin_failure)          \
  COUNTER(ejections_enforced_failure_percentage)                        \
  COUNTER(ejections_enforced_local_origin_failure_percentage)           \
  COUNTER(ejections_enforced_local_origin_success_rate)                 \
  COUNTER(ejections_enforced_success_rate)                              \
  COUNTER(ejections_enforced_total)                                     \
  COUNTER(ejections_overflow)                                           \
  COUNTER(ejections_success_rate)                                       \
  COUNTER(ejections_total)                                              \
  GAUGE(ejections_active)

#define OUTRIGGER_HEALTH_CHECK_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(attempt)                                                           \
  COUNTER(failure)                                                           \
  COUNTER(network_failure)                                                   \
  COUNTER(passive_failure)                                                   \
  COUNTER(success)                                                           \
  COUNTER(verify_cluster)                                                    \
  GAUGE(degraded)                                                            \
  GAUGE(healthy)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(ClusterStats, OUTRIGGER_CLUSTER_STATS)
OUTRIGGER_STATS_BLOCK(ClusterBreakerStats, OUTRIGGER_CLUSTER_BREAKER_STATS)
OUTRIGGER_STATS_BLOCK(ClusterRemainingStats, OUTRIGGER_CLUSTER_REMAINING_STATS)
OUTRIGGER_STATS_BLOCK(ClusterTimeoutBudgetStats, OUTRIGGER_CLUSTER_TIMEOUT_BUDGET_STATS)
OUTRIGGER_STATS_BLOCK(ClusterSizeStats, OUTRIGGER_CLUSTER_SIZE_STATS)
OUTRIGGER_STATS_BLOCK_WHEN_USED(AlternateCodeStats, OUTRIGGER_ALTERNATE_CODE_STATS)
OUTRIGGER_STATS_BLOCK(OutlierStats, OUTRIGGER_OUTLIER_STATS)
OUTRIGGER_STATS_BLOCK(HealthCheckStats, OUTRIGGER_HEALTH_CHECK_STATS)
}  // namespace outrigger::observe
