// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Statistics of filters. Prefixes:
//   TcpProxyStats     "tcp.<stat_prefix>."
//   RbacStats         "http.<stat_prefix>.rbac.[<rules_stat_prefix>.]"; network: "<stat_prefix>.rbac."; per policy by
//   run-time
//                     name: "policy.<name>.allowed" and so on (track_per_rule_stats)
//   FaultStats        "http.<stat_prefix>.fault."; by downstream cluster: "<cluster>.delays_injected",
//   ".aborts_injected" BufferStats       "http.<stat_prefix>.buffer."
//   OnDemandStats     "http.<stat_prefix>.on_demand."
//   FetchStats        "on_demand.": what main fetches for the requests of all workers
#define OUTRIGGER_TCP_PROXY_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(downstream_cx_no_route)                                         \
  COUNTER(downstream_cx_rx_bytes_total)                                   \
  COUNTER(downstream_cx_total)                                            \
  COUNTER(downstream_cx_tx_bytes_total)                                   \
  COUNTER(downstream_flow_control_paused_reading_total)                   \
  COUNTER(downstream_flow_control_resumed_reading_total)                  \
  COUNTER(early_data_received_count_total)                                \
  COUNTER(idle_timeout)                                                   \
  COUNTER(max_downstream_connection_duration)                             \
  COUNTER(on_demand_cluster_attempt)                                      \
  COUNTER(on_demand_cluster_missing)                                      \
  COUNTER(on_demand_cluster_success)                                      \
  COUNTER(on_demand_cluster_timeout)                                      \
  COUNTER(upstream_flush_total)                                           \
  GAUGE(downstream_cx_rx_bytes_buffered)                                  \
  GAUGE(downstream_cx_tx_bytes_buffered)                                  \
  GAUGE(upstream_flush_active)

#define OUTRIGGER_RBAC_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(allowed)                                                   \
  COUNTER(denied)                                                    \
  COUNTER(logged)                                                    \
  COUNTER(not_logged)                                                \
  COUNTER(shadow_allowed)                                            \
  COUNTER(shadow_denied)

#define OUTRIGGER_FAULT_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(aborts_injected)                                            \
  COUNTER(delays_injected)                                            \
  COUNTER(faults_overflow)                                            \
  COUNTER(response_rl_injected)                                       \
  GAUGE(active_faults)

#define OUTRIGGER_BUFFER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) COUNTER(rq_timeout)

#define OUTRIGGER_ON_DEMAND_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(on_demand_cluster_attempt)                                      \
  COUNTER(on_demand_cluster_missing)                                      \
  COUNTER(on_demand_cluster_overflow)                                     \
  COUNTER(on_demand_cluster_success)                                      \
  COUNTER(on_demand_cluster_timeout)                                      \
  COUNTER(on_demand_host_attempt)                                         \
  COUNTER(on_demand_host_missing)                                         \
  COUNTER(on_demand_host_overflow)                                        \
  COUNTER(on_demand_host_success)                                         \
  COUNTER(on_demand_host_timeout)

#define OUTRIGGER_FETCH_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(asked)                                                      \
  COUNTER(came)                                                       \
  COUNTER(does_not_exist)                                             \
  COUNTER(overflow)                                                   \
  COUNTER(refused)                                                    \
  COUNTER(remembered)                                                 \
  COUNTER(unanswered)                                                 \
  GAUGE(asking)                                                       \
  GAUGE(kept)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(TcpProxyStats, OUTRIGGER_TCP_PROXY_STATS)
OUTRIGGER_STATS_BLOCK(RbacStats, OUTRIGGER_RBAC_STATS)
OUTRIGGER_STATS_BLOCK(FaultStats, OUTRIGGER_FAULT_STATS)
OUTRIGGER_STATS_BLOCK(BufferStats, OUTRIGGER_BUFFER_STATS)
OUTRIGGER_STATS_BLOCK(OnDemandStats, OUTRIGGER_ON_DEMAND_STATS)
OUTRIGGER_STATS_BLOCK(FetchStats, OUTRIGGER_FETCH_STATS)
}  // namespace outrigger::observe
