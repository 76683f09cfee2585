#include "source/upstream/worker_context.h"

#include <algorithm>
#include <utility>

#include "source/base/bug.h"
#include "source/upstream/on_demand.h"

namespace outrigger::upstream {

WorkerContext::WorkerContext(int index, event::Dispatcher& dispatcher, observe::WorkerStats& stats,
                             const ProcessFacts& facts, std::shared_ptr<const model::Snapshot> first,
                             std::function<void(std::shared_ptr<const model::Snapshot>)> release)
    : index_(index),
      dispatcher_(dispatcher),
      stats_(stats),
      facts_(facts),
      release_(std::move(release)),
      timeouts_(dispatcher),
      snapshot_(MakePin(first)),
      picks_(MakePin(std::move(first))) {}

WorkerContext::~WorkerContext() {
  while (!background_.empty()) delete &background_.PopFront();
  clusters_.clear();
  removed_.clear();
  picks_ = model::SnapshotPin();
  snapshot_ = model::SnapshotPin();
}

model::SnapshotPin WorkerContext::MakePin(std::shared_ptr<const model::Snapshot> snapshot) {
  const uint64_t generation = snapshot->generation, id = ++pins_made_;
  auto* pinned = new model::PinnedSnapshot(
      std::move(snapshot),
      [this, id](std::shared_ptr<const model::Snapshot> last) { OnSnapshotReleased(id, std::move(last)); });
  pinned_.push_back({id, generation, pinned});
  return model::SnapshotPin(pinned);
}

void WorkerContext::OnSnapshotReleased(uint64_t pin, std::shared_ptr<const model::Snapshot> snapshot) {
  std::erase_if(pinned_, [&](const Pinned& one) { return one.id == pin; });
  // The last hold of a generation, of streams or of what they picked, lets go of it.
  const bool held = std::any_of(pinned_.begin(), pinned_.end(),
                                [&](const Pinned& one) { return one.generation == snapshot->generation; });
  if (!held && release_ != nullptr) release_(std::move(snapshot));
  FreeRemoved();
}

std::vector<WorkerContext::OlderPin> WorkerContext::OlderPins() const {
  std::vector<OlderPin> older;
  for (const Pinned& one : pinned_) {
    if (one.generation >= generation()) continue;
    const uint32_t streams = one.snapshot->local_refs();
    if (older.empty() || older.back().generation != one.generation) older.push_back({one.generation, 0});
    older.back().streams = std::max(older.back().streams, streams);
  }
  return older;
}

void WorkerContext::Publish(std::shared_ptr<const model::Snapshot> next) {
  OUTRIGGER_DCHECK(dispatcher_.OnLoopThread());
  const model::SnapshotPin before =
      std::move(snapshot_);  // keeps what the clusters give up until they have given it up
  snapshot_ = MakePin(next);
  picks_ = MakePin(std::move(next));
  const auto follow = [&](uint32_t slot, const model::Cluster*, const model::Cluster* now) {
    if (slot >= clusters_.size() || clusters_[slot] == nullptr) return;
    std::unique_ptr<WorkerCluster>& live = clusters_[slot];
    if (now != nullptr && now->slot == live->slot()) {
      live->Update(*now);
    } else {
      live->Drain();
      removed_.push_back({std::move(live), before->get().generation});
    }
  };
  model::PersistentVector<model::Cluster>::ForEachChange(before->get().clusters, snapshot().clusters, follow);
}

void WorkerContext::FreeRemoved() {
  for (size_t i = 0; i < removed_.size();) {
    const bool seen = std::any_of(pinned_.begin(), pinned_.end(),
                                  [&](const Pinned& one) { return one.generation <= removed_[i].last_generation; });
    if (seen || !removed_[i].cluster->idle()) {
      ++i;
      continue;
    }
    // Somebody further up may be inside it.
    struct Grave final : event::Deferred {
      explicit Grave(std::unique_ptr<WorkerCluster> dead) : cluster(std::move(dead)) {}
      std::unique_ptr<WorkerCluster> cluster;
    };
    dispatcher_.DestroyLater(std::make_unique<Grave>(std::move(removed_[i].cluster)));
    removed_.erase(removed_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

WorkerCluster* WorkerContext::Cluster(model::ClusterSlot slot) {
  if (slot.index < clusters_.size()) {
    WorkerCluster* live = clusters_[slot.index].get();
    if (live != nullptr && live->slot() == slot) return live;
  }
  const model::Cluster* cluster = snapshot().Find(slot);
  if (cluster == nullptr) return nullptr;
  if (slot.index >= clusters_.size()) clusters_.resize(slot.index + 1);
  clusters_[slot.index] = std::make_unique<WorkerCluster>(*this, *cluster);
  return clusters_[slot.index].get();
}

WorkerCluster* WorkerContext::ClusterByName(absl::string_view name) {
  const model::Cluster* cluster = snapshot().FindCluster(name);
  return cluster == nullptr ? nullptr : Cluster(cluster->slot);
}

void WorkerContext::ForEachCluster(const std::function<void(WorkerCluster&)>& f) {
  for (const std::unique_ptr<WorkerCluster>& cluster : clusters_) {
    if (cluster != nullptr) f(*cluster);
  }
  for (const Removed& removed : removed_) f(*removed.cluster);
}

void WorkerContext::SetOnDemand(std::unique_ptr<OnDemand> on_demand) { on_demand_ = std::move(on_demand); }

void WorkerContext::Start(std::unique_ptr<Background> task) { background_.PushBack(*task.release()); }

void WorkerContext::Finish(Background& task) {
  static_cast<ListHook<Background>&>(task).Unlink();
  dispatcher_.DestroyLater(std::unique_ptr<event::Deferred>(&task));
}

void WorkerContext::DrainUpstream() {
  ForEachCluster([](WorkerCluster& cluster) { cluster.DrainConnections(); });
}

void WorkerContext::Dump(DumpWriter& out) const {
  out.Open("upstream");
  out.Field("generation", generation());
  for (const std::unique_ptr<WorkerCluster>& cluster : clusters_) {
    if (cluster != nullptr) cluster->Dump(out);
  }
  out.Open("removed");
  for (const Removed& removed : removed_) removed.cluster->Dump(out);
  out.Close();
  out.Close();
}

}  // namespace outrigger::upstream
