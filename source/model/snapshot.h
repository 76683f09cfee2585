// Thread: Snapshot immutable any; PinnedSnapshot worker
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/strings/string_view.h"
#include "source/base/local_ref.h"
#include "source/model/cluster.h"
#include "source/model/listener.h"
#include "source/model/name_index.h"
#include "source/model/persistent_vector.h"
#include "source/model/route.h"

namespace outrigger::model {

// Everything that requests read, in one version. Published as a whole: workers swap one pointer between events.
// Changing one thing shares all the rest with the version before.
struct Snapshot {
  uint64_t generation = 0;
  PersistentVector<Cluster> clusters;
  PersistentVector<RouteTable> routes;
  PersistentVector<Listener> listeners;
  NameIndex cluster_names;  // for cluster_header and admin

  const Cluster* Find(ClusterSlot slot) const {
    const Cluster* cluster = clusters.Get(slot.index);
    return cluster != nullptr && cluster->slot == slot ? cluster : nullptr;
  }
  const Cluster* FindCluster(absl::string_view name) const {
    return cluster_names.Find(name, [this, name](uint32_t slot) {
      const Cluster* cluster = clusters.Get(slot);
      return cluster != nullptr && cluster->config->name == name ? cluster : nullptr;
    });
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
