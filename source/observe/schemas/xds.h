// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Statistics of configuration subscriptions. Prefixes:
//   SubscriptionStats     "listener_manager.lds.", "cluster_manager.cds.", "http.<stat_prefix>.rds.<route config>.",
//                         "sds.<secret>.", "cluster.<name>.client_ssl_socket_factory..." as published per type.
//                         (Endpoint updates of a cluster are in its group: ClusterScope::kUpdates, kEndpoints)
//   ControlPlaneStats     "control_plane." of ADS; a stream of one type: "cluster_manager.cds.control_plane.",
//                         "listener_manager.lds.control_plane.", "control_plane.eds." and so on. rate_limit_enforced
//                         counts the requests that rate_limit_settings held back, pending_requests those it holds back.
//   ExtensionConfigStats  "extension_config_discovery.<http_filter|network_filter|tcp_listener_filter>.<name>.", beside
//                         SubscriptionStats
//   DiscoveryStats        "xds.ads.", and of streams of one type "xds.cds.", "xds.eds." and so on: our own names, for
//                         what the published ones do not tell
//   RdsStats              "http.<stat_prefix>.rds.<route config>." beside SubscriptionStats
#define OUTRIGGER_SUBSCRIPTION_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(init_fetch_timeout)                                                \
  COUNTER(update_attempt)                                                    \
  COUNTER(update_failure)                                                    \
  COUNTER(update_rejected)                                                   \
  COUNTER(update_success)                                                    \
  GAUGE(update_time)                                                         \
  GAUGE(version)                                                             \
  HISTOGRAM(update_duration, kMilliseconds)                                  \
  TEXT(version_text)

#define OUTRIGGER_RDS_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(config_reload)                                            \
  GAUGE(config_reload_time_ms)

#define OUTRIGGER_EXTENSION_CONFIG_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(config_conflict)                                                       \
  COUNTER(config_fail)                                                           \
  COUNTER(config_reload)

#define OUTRIGGER_CONTROL_PLANE_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(rate_limit_enforced)                                                \
  GAUGE(connected_state)                                                      \
  GAUGE(pending_requests)                                                     \
  TEXT(identifier)

// accepted, refused: responses. unknown_types, unwanted_types: responses that were ignored, of a type we do not know or
// never asked for. unwanted_resources: nobody subscribes to them. malformed: messages that are no response. heartbeats:
// a time to live began again; stray_heartbeats: of a version that is not held. failovers: another management server was
// turned to; server: which one it is, from 0.
#define OUTRIGGER_DISCOVERY_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(accepted)                                                       \
  COUNTER(expired)                                                        \
  COUNTER(failovers)                                                      \
  COUNTER(heartbeats)                                                     \
  COUNTER(in_use_reports)                                                 \
  COUNTER(malformed)                                                      \
  COUNTER(refused)                                                        \
  COUNTER(resource_errors)                                                \
  COUNTER(responses)                                                      \
  COUNTER(stray_heartbeats)                                               \
  COUNTER(stream_ends)                                                    \
  COUNTER(streams)                                                        \
  COUNTER(unknown_fields)                                                 \
  COUNTER(unknown_types)                                                  \
  COUNTER(unwanted_resources)                                             \
  COUNTER(unwanted_types)                                                 \
  GAUGE(server)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(SubscriptionStats, OUTRIGGER_SUBSCRIPTION_STATS)
OUTRIGGER_STATS_BLOCK(RdsStats, OUTRIGGER_RDS_STATS)
OUTRIGGER_STATS_BLOCK(ExtensionConfigStats, OUTRIGGER_EXTENSION_CONFIG_STATS)
OUTRIGGER_STATS_BLOCK(ControlPlaneStats, OUTRIGGER_CONTROL_PLANE_STATS)
OUTRIGGER_STATS_BLOCK(DiscoveryStats, OUTRIGGER_DISCOVERY_STATS)
}  // namespace outrigger::observe
