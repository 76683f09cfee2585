// Thread: any
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "source/base/mutex.h"
#include "source/base/shared_limit.h"
#include "source/observe/schemas/listener.h"
#include "source/observe/stats.h"

namespace outrigger::server {

// What the workers share of one listener for as long as it keeps its slot: how many connections it may have, and how
// many each worker has, so that whoever accepts one can give it to the least loaded. Made on main.
class ListenerShare final {
 public:
  explicit ListenerShare(size_t workers) : loads_(workers) {}
  // "listener.ADDRESS." of the statistics: a block for each worker. Main, before it is shared.
  void Register(observe::StatsRegistry& registry, absl::string_view prefix);

  SharedLimit& connections() const { return connections_; }  // main sets it from the configuration
  size_t workers() const { return loads_.size(); }
  const observe::StatsScope<observe::ListenerWorkerStats>* stats(size_t worker) const {
    return worker < stats_.size() ? &stats_[worker] : nullptr;
  }

  // Whether `worker` may keep one more connection that it accepted without asking: it has few, or not many more than
  // the mean. So the busiest stays within kMostAboveMean of it, and most connections stay where the kernel put them.
  bool MayKeep(size_t worker) const;
  static constexpr uint64_t kFew = 4;
  static constexpr uint64_t kMostAboveMean = 20;  // percent

  // The worker that should have the connection which `accepted_by` accepted: the one with the fewest; among equals
  // `accepted_by` itself, else the first. It counts as being on its way there until Arrived(). Takes the lock.
  size_t Choose(size_t accepted_by) ABSL_LOCKS_EXCLUDED(mutex_);
  // On the worker: what was on its way is there (and in its load, or refused).
  void Arrived(size_t worker) { loads_[worker].coming.fetch_sub(1, std::memory_order_relaxed); }
  // On the worker: how many it has.
  void SetLoad(size_t worker, uint64_t connections) {
    loads_[worker].there.store(connections, std::memory_order_relaxed);
  }

 private:
  struct alignas(64) Load {
    std::atomic<uint64_t> there{0}, coming{0};
    uint64_t sum() const { return there.load(std::memory_order_relaxed) + coming.load(std::memory_order_relaxed); }
  };
  mutable SharedLimit connections_{UINT64_MAX};
  Mutex mutex_;  // two that choose at once see each other's choice
  std::vector<Load> loads_;
  std::vector<observe::StatsScope<observe::ListenerWorkerStats>> stats_;
};

}  // namespace outrigger::server
