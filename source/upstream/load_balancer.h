// Thread: worker
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "source/model/cluster.h"
#include "source/upstream/endpoint_schedule.h"
#include "source/upstream/priority_load.h"

namespace outrigger::upstream {

// What an endpoint's flags mean for load balancing.
enum class Availability : uint8_t { kHealthy, kDegraded, kUnhealthy };
Availability AvailabilityOf(uint32_t flags);

// Chooses endpoints of one EndpointSet: priority, then panic or locality, then the policy's order. Pure: no clock, no
// sockets; the caller gives random bits. Rebuilt when the set or the flags of its endpoints change. A pick allocates
// nothing.
class LoadBalancer {
 public:
  struct Choice {
    uint32_t priority;
    uint32_t index;      // into PrioritySet::endpoints
    bool panic = false;  // chosen among all endpoints, healthy or not
  };

  // Reads every endpoint's flags once. `active[p][i]` points to the number of requests under way at endpoint i of
  // priority p on this worker. `set` and `active` stay valid until the next Build.
  void Build(const model::LbConfig& config, const model::EndpointSet& set,
             const std::vector<std::vector<const uint32_t*>>& active, uint64_t seed);
  // `avoid`: EndpointRecord::id values that are passed over as long as `attempts` further draws last.
  std::optional<Choice> Pick(uint64_t random, const uint64_t* avoid = nullptr, size_t avoid_count = 0,
                             uint32_t attempts = 0);

  const PriorityLoad& load() const { return load_; }
  bool any_healthy() const { return any_healthy_; }
  // Why nothing was picked may be that panic carries no traffic (fail_traffic_on_panic).
  bool InPanicWithoutTraffic() const;

 private:
  // Those of one availability: one order over all, or one per locality and an order over localities.
  struct Group {
    EndpointSchedule all;
    SmoothSchedule localities;
    std::vector<double> locality_weights;
    std::vector<EndpointSchedule> by_locality;
  };
  struct Priority {
    Group healthy, degraded;
    EndpointSchedule everyone;  // for panic
  };
  void BuildPriority(uint32_t priority, const std::vector<Availability>& is, PickRandom& random);
  void BuildLocalities(const model::PrioritySet& set, const std::vector<bool>& available, Group& group,
                       const uint32_t* const* active, PickRandom& random);
  std::optional<Choice> PickOnce(PickRandom& random);

  model::LbConfig config_;
  const model::EndpointSet* set_ = nullptr;
  const std::vector<std::vector<const uint32_t*>>* active_ = nullptr;
  std::vector<Priority> priorities_;
  PriorityLoad load_;
  bool any_healthy_ = false;
};

}  // namespace outrigger::upstream
