// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Statistics of the process. Prefixes:
//   ServerStats           "server."
//   WatchdogStats         "server.", and "main_thread." / "workers." per group, ".<thread>." per thread
//   ClusterManagerStats   "cluster_manager."
//   FilesystemStats       "filesystem."
//   CaresStats            "dns.cares."
//   DispatcherStats       "server.dispatcher.", "listener_manager.worker_<n>.dispatcher."
//   AccessLogStats        "access_logs.file."
//   RegistryStats         "stats."
//   RuntimeStats          "runtime."
#define OUTRIGGER_SERVER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(accept_out_of_descriptors)                                   \
  COUNTER(debug_assertion_failures)                                    \
  COUNTER(dropped_stat_flushes)                                        \
  COUNTER(dynamic_unknown_fields)                                      \
  COUNTER(envoy_bug_failures)                                          \
  COUNTER(envoy_notifications)                                         \
  COUNTER(static_unknown_fields)                                       \
  COUNTER(wip_protos)                                                  \
  GAUGE(concurrency)                                                   \
  GAUGE(days_until_first_cert_expiring)                                \
  GAUGE(fips_mode)                                                     \
  GAUGE(hot_restart_epoch)                                             \
  GAUGE(hot_restart_generation)                                        \
  GAUGE(live)                                                          \
  GAUGE(memory_allocated)                                              \
  GAUGE(memory_heap_size)                                              \
  GAUGE(memory_physical_size)                                          \
  GAUGE(parent_connections)                                            \
  GAUGE(seconds_until_first_ocsp_response_expiring)                    \
  GAUGE(state)                                                         \
  GAUGE(stats_recent_lookups)                                          \
  GAUGE(total_connections)                                             \
  GAUGE(uptime)                                                        \
  GAUGE(version)                                                       \
  HISTOGRAM(initialization_time_ms, kMilliseconds)

#define OUTRIGGER_WATCHDOG_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(watchdog_mega_miss)                                            \
  COUNTER(watchdog_miss)

#define OUTRIGGER_CLUSTER_MANAGER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(cluster_added)                                                        \
  COUNTER(cluster_modified)                                                     \
  COUNTER(cluster_removed)                                                      \
  COUNTER(cluster_updated)                                                      \
  COUNTER(cluster_updated_via_merge)                                            \
  COUNTER(update_merge_cancelled)                                               \
  COUNTER(update_out_of_merge_window)                                           \
  GAUGE(active_clusters)                                                        \
  GAUGE(warming_clusters)

#define OUTRIGGER_FILESYSTEM_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(flushed_by_timer)                                                \
  COUNTER(reopen_failed)                                                   \
  COUNTER(write_buffered)                                                  \
  COUNTER(write_completed)                                                 \
  COUNTER(write_failed)                                                    \
  GAUGE(write_total_buffered)

// Ours, beside filesystem.*: lines that a full buffer or a failing disk cost.
#define OUTRIGGER_ACCESS_LOG_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(lines_dropped)                                                   \
  COUNTER(lines_written)                                                   \
  COUNTER(recovered)

#define OUTRIGGER_CARES_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(get_addr_failure)                                           \
  COUNTER(not_found)                                                  \
  COUNTER(reinits)                                                    \
  COUNTER(resolve_total)                                              \
  COUNTER(timeouts)                                                   \
  GAUGE(pending_resolutions)

#define OUTRIGGER_DISPATCHER_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  HISTOGRAM(loop_duration_us, kMicroseconds)                               \
  HISTOGRAM(poll_delay_us, kMicroseconds)

#define OUTRIGGER_REGISTRY_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) COUNTER(overflow)

#define OUTRIGGER_RUNTIME_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(deprecated_feature_use)                                       \
  COUNTER(load_error)                                                   \
  COUNTER(load_success)                                                 \
  COUNTER(override_dir_exists)                                          \
  COUNTER(override_dir_not_exists)                                      \
  GAUGE(admin_overrides_active)                                         \
  GAUGE(deprecated_feature_seen_since_process_start)                    \
  GAUGE(num_keys)                                                       \
  GAUGE(num_layers)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(ServerStats, OUTRIGGER_SERVER_STATS)
OUTRIGGER_STATS_BLOCK(WatchdogStats, OUTRIGGER_WATCHDOG_STATS)
OUTRIGGER_STATS_BLOCK(ClusterManagerStats, OUTRIGGER_CLUSTER_MANAGER_STATS)
OUTRIGGER_STATS_BLOCK(FilesystemStats, OUTRIGGER_FILESYSTEM_STATS)
OUTRIGGER_STATS_BLOCK(AccessLogStats, OUTRIGGER_ACCESS_LOG_STATS)
OUTRIGGER_STATS_BLOCK(CaresStats, OUTRIGGER_CARES_STATS)
OUTRIGGER_STATS_BLOCK(DispatcherStats, OUTRIGGER_DISPATCHER_STATS)
OUTRIGGER_STATS_BLOCK(RegistryStats, OUTRIGGER_REGISTRY_STATS)
OUTRIGGER_STATS_BLOCK(RuntimeStats, OUTRIGGER_RUNTIME_STATS)
}  // namespace outrigger::observe
