// Thread: worker
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/model/cluster.h"
#include "source/upstream/endpoint_schedule.h"
#include "source/upstream/priority_load.h"

namespace outrigger::upstream {

using model::Availability;
using model::AvailabilityOf;

// Chooses endpoints of one EndpointSet: priority, then panic or locality, then the policy's order. Pure: no clock, no
// sockets; the caller gives random bits. Rebuilt when the set or the flags of its endpoints change: from the sums that
// the set keeps, or, after flags have changed without a new set, from the flags of every endpoint. A pick allocates
// nothing but, once, the heap of a weighted policy.
class LoadBalancer {
 public:
  struct Choice {
    const model::Endpoint* endpoint;  // of the set
    bool panic = false;               // chosen among all endpoints, healthy or not
  };

  // `set` and `active` stay valid until the next Build.
  void Build(const model::LbConfig& config, const model::EndpointSet& set, const ActiveRequests& active, uint64_t seed);
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
  void ReadFlags();
  model::EndpointSum SumOf(const model::LocalityEndpoints& locality) const;
  void View(const model::LocalityEndpoints& locality, model::Among among, MemberView& into) const;
  void BuildPriority(uint32_t priority, PickRandom& random);
  void BuildGroup(const model::PrioritySet& set, model::Among among, Group& group, PickRandom& random);
  std::optional<Choice> PickOnce(PickRandom& random);

  model::LbConfig config_;
  const model::EndpointSet* set_ = nullptr;
  const ActiveRequests* active_ = nullptr;
  bool sums_hold_ = true;
  // While it is built, if the sums do not hold: what each member's flags said.
  absl::flat_hash_map<const model::LocalityEndpoints*, std::vector<Availability>> now_;
  std::vector<Priority> priorities_;
  PriorityLoad load_;
  bool any_healthy_ = false;
};

}  // namespace outrigger::upstream
