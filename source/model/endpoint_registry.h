// Thread: main
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "source/base/shared_text.h"
#include "source/model/endpoint.h"

namespace outrigger::model {

// A cluster's endpoints as its configuration (static, EDS or DNS) says them.
struct EndpointSpec {
  net::Address address;
  std::vector<net::Address> additional_addresses;
  std::string hostname;
  uint32_t weight = 1;
  uint32_t health = 0;  // EndpointFlag bits of the Eds kind
  std::shared_ptr<const Metadata> metadata;
  int32_t transport_socket_match = -1;
};
struct LocalitySpec {
  Locality locality;
  uint32_t priority = 0;
  uint32_t weight = 0;  // 0: none given
  std::shared_ptr<const Metadata> metadata;
  std::vector<EndpointSpec> endpoints;
};
struct EndpointSetSpec {
  std::vector<LocalitySpec> localities;  // one locality may come in several parts
  uint32_t overprovisioning_factor = 140;
  bool weighted_priority_health = false;
  uint32_t per_host_max_connections = 0;  // 0: none
  bool left_out = false;                  // some that the configuration names are not here, or stand for several
};

// What changed since the version before, where all the rest stayed: for each locality those that left and those that
// came. One that is in both has changed.
struct EndpointPatch {
  struct Part {
    Locality locality;
    uint32_t priority = 0;
    std::vector<EndpointSpec> left;  // address and hostname count
    std::vector<EndpointSpec> came;
  };
  std::vector<Part> parts;  // each locality of a priority once
  uint32_t per_host_max_connections = 0;
};

// What membership_* gauges say.
struct Membership {
  uint64_t total = 0, healthy = 0, degraded = 0, excluded = 0;
  uint64_t max_weight = 0;  // of any endpoint
};
Membership CountMembers(const EndpointSet& set);

// Knows the endpoints of all clusters by identity, (cluster, address, hostname): the same endpoint keeps its record,
// and with it its pools and health, through all versions. Also one that left and came back while connections still held
// its record.
class EndpointRegistry {
 public:
  // More priorities than these are cut off (the caller refuses them before).
  static constexpr uint32_t kMostPriorities = 128;

  // A new version of the cluster's set. An endpoint named twice counts once: the first. Writes the Eds flags of the
  // records; workers see them with the set.
  std::shared_ptr<const EndpointSet> Build(absl::string_view cluster, const EndpointSetSpec& spec);
  // A new version that shares with the newest all that the patch does not touch: those that came take the places of
  // those that left, or the end of their locality. Null, and nothing is changed: the patch does not fit (of the wrong
  // version, or something in it or in the set needs all to be looked at), and the caller builds all.
  std::shared_ptr<const EndpointSet> Patch(absl::string_view cluster, const EndpointPatch& patch);
  // Sets and clears flags of one endpoint (health checks, outlier detection) and tells the workers.
  void SetFlags(absl::string_view cluster, EndpointRecord& record, uint32_t set, uint32_t clear);
  void Forget(absl::string_view cluster);  // the cluster is gone
  size_t cluster_count() const { return clusters_.size(); }

 private:
  struct Identity {
    const net::Address& address;
    absl::string_view hostname;
  };
  struct IdentityHash {
    using is_transparent = void;
    size_t operator()(const Identity& one) const;
    size_t operator()(const EndpointRecord* one) const;
    size_t operator()(const EndpointRef& one) const { return (*this)(one.get()); }
  };
  struct SameIdentity {
    using is_transparent = void;
    bool operator()(const EndpointRecord* record, const Identity& is) const {
      return record->Is(is.address, is.hostname);
    }
    bool operator()(const EndpointRef& record, const Identity& is) const { return (*this)(record.get(), is); }
    bool operator()(const EndpointRecord* a, const EndpointRecord* b) const { return a == b; }
    bool operator()(const EndpointRef& a, const EndpointRef& b) const { return a == b; }
  };
  // Where a member of the newest set is.
  struct Place {
    uint32_t priority = 0, locality = 0, index = 0;
  };
  struct Member {
    EndpointRecord* record = nullptr;  // null: there is none
    Place place;
  };
  using Index = absl::flat_hash_map<const EndpointRecord*, Place, IdentityHash, SameIdentity>;
  using Departed = absl::flat_hash_set<EndpointRef, IdentityHash, SameIdentity>;
  struct Known {
    std::shared_ptr<const EndpointSet> newest;
    std::shared_ptr<std::atomic<uint64_t>> health_epoch = std::make_shared<std::atomic<uint64_t>>(0);
    std::unique_ptr<Index> index;        // of a large set; a small one is searched
    std::unique_ptr<Departed> departed;  // left, but connections may hold them still
    uint64_t sweep_at = 0;               // when `last_version_` is that
  };
  struct Making;        // a set that is put together
  struct PatchedLists;  // where a patch goes

  Known& KnownOf(absl::string_view cluster);
  static Member Find(const Known& known, const Identity& identity);
  static EndpointRef TakeDeparted(Known& known, const Identity& identity);
  void NoteDeparted(absl::string_view cluster, Known& known, EndpointRef record);
  void SweepDeparted();
  static void BuildIndex(Known& known);
  EndpointRef Renew(EndpointRef record, const EndpointSpec& spec, uint32_t most_connections);
  void Add(Known& known, const LocalitySpec& spec, uint32_t most_connections, Making& making);
  static bool Locate(const Known& known, const EndpointPatch& patch, std::vector<PatchedLists>* lists);
  void Apply(Known& known, const EndpointPatch& patch, const EndpointPatch::Part& part, PatchedLists& lists,
             EndpointSet& made, std::vector<EndpointRef>* left);
  std::shared_ptr<const Locality> Share(const Locality& locality);

  absl::flat_hash_map<SharedText, std::unique_ptr<Known>> clusters_;
  struct LocalityLess {
    bool operator()(const Locality& a, const Locality& b) const;
  };
  std::map<Locality, std::weak_ptr<const Locality>, LocalityLess> localities_;
  size_t sweep_localities_at_ = 64;
  std::deque<std::string> with_departed_;
  uint64_t last_id_ = 0;
  uint64_t last_version_ = 0;
};

}  // namespace outrigger::model
