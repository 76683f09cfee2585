// Thread: main makes, publishes, stops; everything else its own
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/base/shared_limit.h"
#include "source/model/snapshot.h"
#include "source/observe/schemas/overload.h"
#include "source/server/worker_listener.h"
#include "source/upstream/worker_context.h"

namespace outrigger::server {

// What workers have of listeners beside their configuration, by slot index: bound sockets, and what they share of each.
struct Listening {
  absl::flat_hash_map<uint32_t, ListenSockets> sockets;
  absl::flat_hash_map<uint32_t, std::shared_ptr<ListenerShare>> shares;
};

// One publication. Shared by all workers. `listening` is the same object as in the publication before if no listener
// changed: then there is nothing to do about listeners.
struct Publication {
  std::shared_ptr<const model::Snapshot> snapshot;
  std::shared_ptr<const Listening> listening = std::make_shared<const Listening>();
};

// A socket that one worker accepted and another is to have, and where the first knew its listener.
struct HandedOver {
  std::shared_ptr<const Publication> known;
  model::ListenerSlot slot;
  net::AcceptedSocket socket;
};

// A thread with its event loop, its listeners and its upstream state. In the simulator there is no thread: the loop is
// stepped.
class Worker final {
 public:
  struct Options {
    int index = 0;
    event::Dispatcher* main = nullptr;  // where reports and last references are posted
    observe::WorkerStats* stats = nullptr;
    const upstream::ProcessFacts* facts = nullptr;
    // On main: after each swap, and when what streams hold of older generations has changed (looked at every second).
    std::function<void(int worker, uint64_t generation, std::vector<upstream::WorkerContext::OlderPin> older)> in_use;
    DrainPlan drain;                     // for listeners that configuration removes
    SharedLimit* connections = nullptr;  // downstream ones of the process; null: no limit
    WorkerPeers* peers = nullptr;        // null: this worker is alone
  };
  Worker(Options options, std::unique_ptr<event::Engine> engine, std::shared_ptr<const Publication> first);
  ~Worker();

  void StartThread();
  void Publish(std::shared_ptr<const Publication> next);
  void TakeOver(HandedOver socket);                                                       // any thread
  const std::shared_ptr<const Publication>& publication() const { return publication_; }  // on the worker
  // Each runs on the worker. (To stop accepting, publish without the sockets.) CloseAll ends what is left.
  void Drain(std::function<bool(const model::Listener&)> which,
             DrainPlan plan);  // also of connections that come while it lasts
  void EndDrain();             // those not yet told go on; not of removed listeners
  void CloseAll();
  // Overload.
  void SetAcceptingPaused(bool paused);
  void LimitsScaled();
  // Streams that hold at least so much memory, the heaviest first, at most kMostResets at once.
  void ResetHeavyStreams(uint64_t least, const observe::StatsScope<observe::ResetStreamsStats>& count);
  static constexpr size_t kMostResets = 50;
  void TrimMemory();
  void StopThread();  // joins; connections still open are closed
  // Without a thread, where somebody steps dispatcher() (the simulator). After StopStepped: until
  // dispatcher().stopping().
  void StartStepped();
  void StopStepped();

  event::Dispatcher& dispatcher() { return *dispatcher_; }
  upstream::WorkerContext& context() { return *context_; }
  int index() const { return options_.index; }
  // Main may read: written by the worker with relaxed stores at the end of what changes it.
  uint64_t connections() const { return connections_.load(std::memory_order_relaxed); }
  uint64_t out_of_descriptors() const { return out_of_descriptors_.load(std::memory_order_relaxed); }
  WorkerListener* FindListener(uint32_t slot_index);
  // On the worker.
  void Dump(DumpWriter& out) const;

 private:
  void Apply(std::shared_ptr<const Publication> next);
  void ApplyListeners(const std::shared_ptr<const model::Snapshot>& before);  // the Snapshot used until now
  void AdoptEarly();
  void AdoptHandedOver(HandedOver handed);
  WorkerListener* FindListener(model::ListenerSlot slot);
  void Reap();
  void OnReapTimer();
  void ReportUse();

  Options options_;
  std::unique_ptr<event::Dispatcher> dispatcher_;
  std::unique_ptr<upstream::WorkerContext> context_;
  std::optional<SharedLimit::Lease> connections_lease_;
  std::shared_ptr<const Publication> publication_;
  std::map<uint32_t, std::unique_ptr<WorkerListener>>
      listeners_;                                         // by slot index, in an order that is the same everywhere
  std::vector<std::unique_ptr<WorkerListener>> leaving_;  // removed or replaced, with connections left
  std::vector<HandedOver> early_;                         // by a worker that is a generation ahead
  event::Timer reap_timer_;
  std::vector<upstream::WorkerContext::OlderPin> reported_;
  bool draining_ = false;
  bool accepting_paused_ = false;
  std::thread thread_;
  std::atomic<uint64_t> connections_{0};
  std::atomic<uint64_t> out_of_descriptors_{0};  // accepts that failed for want of one
};

}  // namespace outrigger::server
