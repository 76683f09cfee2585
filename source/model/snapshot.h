// Thread: Snapshot immutable any; PinnedSnapshot worker
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "source/base/local_ref.h"
#include "source/model/cluster.h"
#include "source/model/listener.h"
#include "source/model/persistent_vector.h"
#include "source/model/route.h"

namespace outrigger::model {

using NameIndex = absl::flat_hash_map<std::string, uint32_t>;

// Everything that requests read, in one version. Published as a whole: workers swap one pointer between events.
// Changing one thing shares all the rest with the version before.
struct Snapshot {
  uint64_t generation = 0;
  PersistentVector<Cluster> clusters;
  PersistentVector<RouteTable> routes;
  PersistentVector<Listener> listeners;
  std::shared_ptr<const NameIndex> cluster_names;  // for cluster_header and admin; shared until a name comes or goes

  const Cluster* Find(ClusterSlot slot) const {
    const Cluster* cluster = clusters.Get(slot.index);
    return cluster != nullptr && cluster->slot == slot ? cluster : nullptr;
  }
  const Cluster* FindCluster(absl::string_view name) const {
    if (cluster_names == nullptr) return nullptr;
    auto at = cluster_names->find(name);
    return at == cluster_names->end() ? nullptr : clusters.Get(at->second);
  }
  const RouteTable* Find(RouteTableSlot slot) const { return routes.Get(slot.index); }
};

// A worker's hold on one Snapshot, counted by a plain counter: streams and connections pin it with
// LocalRef<PinnedSnapshot>. The last one hands the shared_ptr to `release` (which posts it to main), so that no worker
// stalls freeing a large tree.
class PinnedSnapshot final : public LocallyCounted {
 public:
  PinnedSnapshot(std::shared_ptr<const Snapshot> snapshot, std::function<void(std::shared_ptr<const Snapshot>)> release)
      : snapshot_(std::move(snapshot)), release_(std::move(release)) {}
  const Snapshot& operator*() const { return *snapshot_; }
  const Snapshot& get() const { return *snapshot_; }

 private:
  void OnUnpinned() override {
    release_(std::move(snapshot_));
    delete this;
  }
  std::shared_ptr<const Snapshot> snapshot_;
  std::function<void(std::shared_ptr<const Snapshot>)> release_;
};
using SnapshotPin = LocalRef<PinnedSnapshot>;

}  // namespace outrigger::model
