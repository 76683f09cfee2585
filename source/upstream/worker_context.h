// Thread: worker
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/event/timeout_queue.h"
#include "source/http/date.h"
#include "source/model/snapshot.h"
#include "source/observe/stats.h"
#include "source/overload/state.h"
#include "source/tls/session_cache.h"
#include "source/upstream/worker_cluster.h"

namespace outrigger::upstream {

class OnDemand;

// Facts of the process that requests may read; fixed after start except the flags, which main writes.
struct ProcessFacts {
  std::string node_id, node_cluster, zone, region, sub_zone;
  std::string local_address;  // of the host, as --local-address-ip-version says: an IP address without port
  std::vector<std::string> environment_names;
  std::atomic<bool> draining{false};             // graceful shutdown or /drain_listeners?graceful
  std::atomic<bool> health_check_failed{false};  // /healthcheck/fail
  overload::State overload;                      // main writes
};

// Something that outlives the request that began it (a mirrored request). Its worker owns it until it calls Done().
class Background : public event::Deferred, public ListHook<Background> {};

// Everything of one worker that a request may touch: its loop, its statistics, its current Snapshot, its cluster state.
// One per worker (and one for main, which makes upstream requests too: xDS). Outlives every stream and connection of
// the worker.
class WorkerContext {
 public:
  WorkerContext(int index, event::Dispatcher& dispatcher, observe::WorkerStats& stats, const ProcessFacts& facts,
                std::shared_ptr<const model::Snapshot> first,
                std::function<void(std::shared_ptr<const model::Snapshot>)> release);
  ~WorkerContext();

  int index() const { return index_; }
  event::Dispatcher& dispatcher() { return dispatcher_; }
  observe::WorkerStats& stats() { return stats_; }
  const ProcessFacts& facts() const { return facts_; }

  // The newest published configuration; swapped between events only, so it does not change during a callback.
  const model::Snapshot& snapshot() const { return snapshot_->get(); }
  const model::SnapshotPin& Pin() const { return snapshot_; }
  // The same for what a stream picked in the newest one. Apart, so that OlderPins() counts a stream once.
  const model::SnapshotPin& PickPin() const { return picks_; }
  // Called on the worker, between events. Cluster states learn of their new versions lazily, except that removed
  // clusters and changed connection settings drain their pools now.
  void Publish(std::shared_ptr<const model::Snapshot> next);
  uint64_t generation() const { return snapshot_->get().generation; }
  // Generations before this one that streams still use, oldest first.
  struct OlderPin {
    uint64_t generation = 0;
    uint32_t streams = 0;  // that began with it, or that picked an endpoint of it: whichever are more
    friend bool operator==(const OlderPin& a, const OlderPin& b) {
      return a.generation == b.generation && a.streams == b.streams;
    }
  };
  std::vector<OlderPin> OlderPins() const;

  // The worker's live state of a cluster, made on first use; null if the slot is not live (NC).
  WorkerCluster* Cluster(model::ClusterSlot slot);
  WorkerCluster* ClusterByName(absl::string_view name);
  void ForEachCluster(const std::function<void(WorkerCluster&)>& f);
  event::TimeoutQueues& timeouts() { return timeouts_; }
  http::DateCache& date() { return date_; }
  tls::SessionCache& tls_sessions() { return tls_sessions_; }
  // Fetches what requests find missing; null: nobody does (there is no dynamic configuration). Set before the loop
  // runs.
  OnDemand* on_demand() { return on_demand_.get(); }
  void SetOnDemand(std::unique_ptr<OnDemand> on_demand);
  // Takes ownership; ended by Finish(), and at the latest when the worker ends.
  void Start(std::unique_ptr<Background> task);
  void Finish(Background& task);  // destroyed at the end of the turn
  // Closes idle upstream connections and drains the others (shutdown).
  void DrainUpstream();
  void Dump(DumpWriter& out) const;

 private:
  friend class WorkerCluster;
  // A removed cluster is kept while it has connections, and while a Snapshot in which it was live is pinned: streams
  // that looked it up pin one.
  struct Removed {
    std::unique_ptr<WorkerCluster> cluster;
    uint64_t last_generation;
  };
  model::SnapshotPin MakePin(std::shared_ptr<const model::Snapshot> snapshot);
  void OnSnapshotReleased(uint64_t pin, std::shared_ptr<const model::Snapshot> snapshot);
  void FreeRemoved();

  int index_;
  event::Dispatcher& dispatcher_;
  observe::WorkerStats& stats_;
  const ProcessFacts& facts_;
  std::function<void(std::shared_ptr<const model::Snapshot>)> release_;
  event::TimeoutQueues timeouts_;
  http::DateCache date_;
  tls::SessionCache tls_sessions_;
  std::unique_ptr<OnDemand> on_demand_;
  std::vector<std::unique_ptr<WorkerCluster>> clusters_;  // by slot index
  std::vector<Removed> removed_;
  struct Pinned {
    uint64_t id;
    uint64_t generation;
    const model::PinnedSnapshot* snapshot;
  };
  std::vector<Pinned> pinned_;  // the Snapshots that somebody holds, oldest first
  uint64_t pins_made_ = 0;
  IntrusiveList<Background, Background> background_;
  model::SnapshotPin snapshot_, picks_;
};

}  // namespace outrigger::upstream
