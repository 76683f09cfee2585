// Thread: any (constant tables)
#pragma once

#include "source/observe/schemas/http_codec.h"
#include "source/observe/schemas/ssl.h"
#include "source/observe/stats_block.h"

// Statistics of a cluster, under Envoy's published names. Prefixes:
//   ClusterScope          "cluster.<name>.": the group of all of them
//   ClusterStats          "cluster.<name>."
//   ClusterUpdateStats    the same: what main counts. Most clusters of a large mesh carry no request: nothing but this
//                         is ever made for them.
//   ClusterBreakerStats   "cluster.<name>.circuit_breakers.<default|high>."
//   ClusterRemainingStats the same, with track_remaining
//   OutlierStats          "cluster.<name>.outlier_detection."
//   HealthCheckStats      "cluster.<name>.health_check."
//   AlternateCodeStats    "cluster.<name>.external.", ".internal.", ".canary.", ".retry.": response codes seen apart
//   Http1Stats/Http2Stats (http_codec.h) "cluster.<name>.http1." / ".http2."
//   SslStats (ssl.h)      "cluster.<name>.ssl."
// <name> is alt_stat_name if the cluster has one.
#define OUTRIGGER_CLUSTER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
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
  COUNTER(original_dst_host_invalid)                                    \
  COUNTER(retry_or_shadow_abandoned)                                    \
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
  GAUGE(upstream_cx_active)                                             \
  GAUGE(upstream_cx_rx_bytes_buffered)                                  \
  GAUGE(upstream_cx_tx_bytes_buffered)                                  \
  GAUGE(upstream_rq_active)                                             \
  GAUGE(upstream_rq_pending_active)                                     \
  HISTOGRAM(upstream_cx_connect_ms, kMilliseconds)                      \
  HISTOGRAM(upstream_cx_length_ms, kMilliseconds)                       \
  HISTOGRAM(upstream_rq_time, kMilliseconds)                            \
  CODES(upstream_rq)

#define OUTRIGGER_CLUSTER_UPDATE_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(assignment_stale)                                                    \
  COUNTER(assignment_timeout_received)                                         \
  COUNTER(assignment_use_cached)                                               \
  COUNTER(membership_change)                                                   \
  COUNTER(update_attempt)                                                      \
  COUNTER(update_empty)                                                        \
  COUNTER(update_failure)                                                      \
  COUNTER(update_no_rebuild)                                                   \
  COUNTER(update_rejected)                                                     \
  COUNTER(update_success)                                                      \
  GAUGE(max_host_weight)                                                       \
  GAUGE(membership_degraded)                                                   \
  GAUGE(membership_excluded)                                                   \
  GAUGE(membership_healthy)                                                    \
  GAUGE(membership_total)                                                      \
  GAUGE(version)

// Beside the cluster's too, of one whose endpoints come by EDS.
#define OUTRIGGER_ENDPOINT_UPDATE_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(init_fetch_timeout)                                                   \
  GAUGE(update_time)                                                            \
  HISTOGRAM(update_duration, kMilliseconds)                                     \
  TEXT(version_text)

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
OUTRIGGER_STATS_BLOCK_RARE(ClusterUpdateStats, OUTRIGGER_CLUSTER_UPDATE_STATS)
OUTRIGGER_STATS_BLOCK_RARE(EndpointUpdateStats, OUTRIGGER_ENDPOINT_UPDATE_STATS)
OUTRIGGER_STATS_BLOCK(ClusterBreakerStats, OUTRIGGER_CLUSTER_BREAKER_STATS)
OUTRIGGER_STATS_BLOCK(ClusterRemainingStats, OUTRIGGER_CLUSTER_REMAINING_STATS)
OUTRIGGER_STATS_BLOCK(ClusterTimeoutBudgetStats, OUTRIGGER_CLUSTER_TIMEOUT_BUDGET_STATS)
OUTRIGGER_STATS_BLOCK(ClusterSizeStats, OUTRIGGER_CLUSTER_SIZE_STATS)
OUTRIGGER_STATS_BLOCK_WHEN_USED(AlternateCodeStats, OUTRIGGER_ALTERNATE_CODE_STATS)
OUTRIGGER_STATS_BLOCK(OutlierStats, OUTRIGGER_OUTLIER_STATS)
OUTRIGGER_STATS_BLOCK(HealthCheckStats, OUTRIGGER_HEALTH_CHECK_STATS)

// Everything of a cluster. Shown from the start: what has no condition here.
struct ClusterScope {
  static constexpr MemberOf<ClusterUpdateStats> kUpdates{0};
  static constexpr MemberOf<EndpointUpdateStats> kEndpoints{1};  // shown if they come by EDS
  static constexpr MemberOf<ClusterStats> kRequests{2};
  static constexpr MemberOf<Http1Stats> kHttp1{3};                              // shown if connections may speak it
  static constexpr MemberOf<Http2Stats> kHttp2{4};                              // likewise
  static constexpr MemberOf<SslStats> kSsl{5};                                  // shown with TLS
  static constexpr MemberOf<ClusterBreakerStats> kBreakers[2] = {{6}, {7}};     // by routing priority
  static constexpr MemberOf<ClusterRemainingStats> kRemaining[2] = {{8}, {9}};  // shown with track_remaining
  // Responses once more, by who asked, who answered and whether they were retried: each shown when used.
  static constexpr MemberOf<AlternateCodeStats> kInternal{10}, kExternal{11}, kCanary{12}, kRetry{13};
  static constexpr uint32_t kAlways = 1 << 0 | 1 << 2 | 3 << 6 | 15 << 10;
  static constexpr MemberOf<ClusterStats> Main() { return kRequests; }
  static const StatGroup& Group() {
    static const StatMember kMembers[] = {
        {"", &ClusterUpdateStats::Schema()},
        {"", &EndpointUpdateStats::Schema()},
        {"", &ClusterStats::Schema()},
        {"http1.", &Http1Stats::Schema()},
        {"http2.", &Http2Stats::Schema()},
        {"ssl.", &SslStats::Schema()},
        {"circuit_breakers.default.", &ClusterBreakerStats::Schema()},
        {"circuit_breakers.high.", &ClusterBreakerStats::Schema()},
        {"circuit_breakers.default.", &ClusterRemainingStats::Schema()},
        {"circuit_breakers.high.", &ClusterRemainingStats::Schema()},
        {"internal.", &AlternateCodeStats::Schema()},
        {"external.", &AlternateCodeStats::Schema()},
        {"canary.", &AlternateCodeStats::Schema()},
        {"retry.", &AlternateCodeStats::Schema()},
    };
    static const StatGroup kGroup{kMembers, kAlways};
    return kGroup;
  }
};
}  // namespace outrigger::observe
