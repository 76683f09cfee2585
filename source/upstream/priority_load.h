// Thread: any (pure functions)
#pragma once

#include <cstdint>
#include <vector>

namespace outrigger::upstream {

// How many endpoints of one priority there are. With weighted_priority_health the numbers are sums of weights.
struct PriorityHealth {
  uint64_t total = 0;
  uint64_t healthy = 0;
  uint64_t degraded = 0;
};

// How traffic spreads over priorities: percent per priority, healthy and degraded endpoints apart; the sum of all is
// 100. The arithmetic, its rounding included, is Envoy's ("Priority levels", "Degraded endpoints", "Panic threshold").
struct PriorityLoad {
  std::vector<uint32_t> healthy;
  std::vector<uint32_t> degraded;
  std::vector<bool> panic;  // too few endpoints are available: all of the priority are used

  struct Choice {
    uint32_t priority = 0;
    bool degraded = false;
  };
  Choice Choose(uint64_t random) const;  // by random % 100
};

// `overprovisioning` in percent (140), `panic_threshold` in percent (0: no panic).
PriorityLoad ComputePriorityLoad(const std::vector<PriorityHealth>& priorities, uint32_t overprovisioning,
                                 double panic_threshold);

}  // namespace outrigger::upstream
