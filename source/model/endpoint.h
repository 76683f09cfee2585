// Thread: immutable any; what makes a version on main
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "source/base/value.h"
#include "source/model/endpoint_list.h"
#include "source/model/endpoint_record.h"

namespace outrigger::model {

struct Locality {
  std::string region, zone, sub_zone;
  friend bool operator==(const Locality& a, const Locality& b) {
    return a.region == b.region && a.zone == b.zone && a.sub_zone == b.sub_zone;
  }
};

struct LocalityEndpoints {
  std::shared_ptr<const Locality> locality;  // shared by all clusters; null: the one without names
  uint32_t weight = 0;                       // 0: no weight given
  std::shared_ptr<const Metadata> metadata;
  EndpointList endpoints;
};

struct PrioritySet {
  std::vector<LocalityEndpoints> localities;
  size_t size() const;
  bool empty() const { return size() == 0; }
  EndpointSum sum() const;
  // Locality by locality; index < size().
  const Endpoint& At(size_t index) const;
  void ForEach(absl::FunctionRef<void(const LocalityEndpoints&, const Endpoint&)> f) const;
  void Add(Endpoint endpoint, uint32_t locality = 0);  // for whoever makes it
};

// All endpoints of a cluster in one version; immutable, and shares with the version before what did not change.
struct EndpointSet {
  uint64_t version = 0;  // unique per set: workers compare it
  std::vector<PrioritySet> priorities;
  uint32_t overprovisioning_factor = 140;  // percent
  bool weighted_priority_health = false;
  bool plain = false;  // each locality was said once, each endpoint too: a change of some can be put into it
  // Counts changes of members' flags that came without a new set (main adds one after writing flags); shared by all
  // versions of the cluster's set. Workers compare it at each pick. May be null: the flags never change.
  std::shared_ptr<const std::atomic<uint64_t>> health_epoch;
  uint64_t sums_epoch = 0;  // of health_epoch: as long as it is that, the lists' sums tell who is available

  bool SumsHold() const {
    return health_epoch == nullptr || health_epoch->load(std::memory_order_acquire) == sums_epoch;
  }
};

// Calls f with what differs, place by place; whoever moved, left one and came to another. Sees what they do not share.
void ForEachChange(const EndpointSet& before, const EndpointSet& after,
                   absl::FunctionRef<void(const Endpoint* was, const Endpoint* is)> f);

}  // namespace outrigger::model
