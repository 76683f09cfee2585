// Thread: immutable any
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/base/time.h"
#include "source/model/slot.h"
#include "source/observe/access_log.h"
#include "source/observe/schemas/filters.h"
#include "source/observe/stats.h"

namespace outrigger::filters {

// extensions.filters.network.tcp_proxy.v3.TcpProxy, compiled. Durations of zero: no such limit.
struct TcpProxyConfig {
  struct Target {
    std::string cluster;
    model::ClusterSlot slot;
    uint32_t weight = 1;
  };
  observe::StatsScope<observe::TcpProxyStats> stats;  // "tcp.PREFIX."
  std::vector<Target> targets;                        // one, or drawn by weight for each connection
  uint64_t total_weight = 1;
  Duration idle_timeout = hours(1);  // no byte either way on either side
  Duration downstream_idle_timeout{0}, upstream_idle_timeout{0};
  Duration max_connection_duration{0};
  uint32_t max_connect_attempts = 1;
  std::vector<std::shared_ptr<const observe::AccessLog>> access_logs;
  Duration access_log_flush_interval{0};
  bool log_on_connected = false;
};

}  // namespace outrigger::filters
