// Thread: StatsRegistry main (Read: any); WorkerStats its worker; StatsScope any
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "source/base/mutex.h"
#include "source/observe/stats_block.h"

namespace outrigger::observe {

class StatsRegistry;
class WorkerStats;
struct StatsSnapshot;

// What the registry keeps for one (prefix, schema): private to stats.cc but for the two numbers the hot path needs.
struct ScopeRecord {
  ScopeRecord(std::string scope_prefix, const StatSchema& scope_schema, uint32_t scope_slot, uint32_t scope_generation);
  ~ScopeRecord();
  const std::string prefix;
  const StatSchema& schema;
  const uint32_t slot;
  const uint32_t generation;
  std::atomic<uint32_t> refs{0};
  uint64_t retired_at = 0;  // by the registry's count of registrations; 0: in use when last looked at
  struct PerWorker;
  std::vector<std::unique_ptr<PerWorker>> blocks;  // by worker index; under the registry's mutex
  struct Baseline;
  std::unique_ptr<Baseline> baseline;  // what a reset subtracts and where the last interval ended
};

// A counted reference to a name. Counts and blocks live at least as long as some reference does; without one the name
// is no longer shown, but its counts come back if it is registered again (see kRetiredScopes). Copying and dropping is
// an atomic operation on a shared line: hold it where the configuration is held (a compiled cluster, a pool), do not
// copy it per request.
template <class Block>
class StatsScope {
 public:
  StatsScope() = default;
  explicit StatsScope(ScopeRecord* record) : record_(record) { Ref(); }
  StatsScope(const StatsScope& other) : record_(other.record_) { Ref(); }
  StatsScope(StatsScope&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
  StatsScope& operator=(StatsScope other) noexcept {
    std::swap(record_, other.record_);
    return *this;
  }
  ~StatsScope() {
    if (record_ != nullptr) record_->refs.fetch_sub(1, std::memory_order_acq_rel);
  }
  explicit operator bool() const { return record_ != nullptr; }
  absl::string_view prefix() const { return record_ == nullptr ? absl::string_view() : record_->prefix; }

 private:
  friend class WorkerStats;
  void Ref() {
    if (record_ != nullptr) record_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  ScopeRecord* record_ = nullptr;
};

// The blocks of one worker (or of main), found by scope slot. Owned by the registry; used by one thread at a time.
class WorkerStats final {
 public:
  // The block of `scope`, made at the first call (takes the registry's lock once per scope and worker). Valid while
  // some StatsScope of that name lives. An empty scope gives a block that nobody reads.
  template <class Block>
  Block& Get(const StatsScope<Block>& scope) {
    const ScopeRecord* record = scope.record_;
    if (record != nullptr && record->slot < entries_.size() && entries_[record->slot].generation == record->generation)
        [[likely]] {
      return *static_cast<Block*>(entries_[record->slot].block);
    }
    return *static_cast<Block*>(record == nullptr ? Nowhere(Block::Schema()) : Make(*scope.record_));
  }

  // A counter whose local name is known only at run time ("ssl.ciphers.X"). Finding it costs a hash lookup; the first
  // use of a name takes the registry's lock. At most kDynamicNames names per scope and worker: further ones share one
  // uncounted cell and `stats.overflow` goes up. Keep the reference where the name repeats.
  template <class Block>
  Counter& Dynamic(const StatsScope<Block>& scope, absl::string_view local_name) {
    return DynamicIn(scope.record_, local_name);
  }
  static constexpr size_t kDynamicNames = 512;

  absl::string_view name() const { return name_; }  // "main_thread" or "worker_0"
  uint32_t index() const { return index_; }         // 0 is main

 private:
  friend class StatsRegistry;
  friend struct std::default_delete<WorkerStats>;
  struct Entry {
    uint32_t generation = 0;  // generations of scopes start at 1
    void* block = nullptr;
    ScopeRecord::PerWorker* owner = nullptr;
  };
  WorkerStats(StatsRegistry& registry, std::string name, uint32_t index)
      : registry_(registry), name_(std::move(name)), index_(index) {}
  ~WorkerStats();
  void* Make(ScopeRecord& record);
  void* Nowhere(const StatSchema& schema);
  Counter& DynamicIn(ScopeRecord* record, absl::string_view local_name);

  std::vector<Entry> entries_;
  StatsRegistry& registry_;
  const std::string name_;
  const uint32_t index_;
  absl::flat_hash_map<const StatSchema*, void*> nowhere_;
  Counter dropped_;
};

// All statistics of the process. One instance, made by the server before any worker, destroyed after them.
class StatsRegistry final {
 public:
  // Names without a reference that keep their counts; of more, the longest without one is forgotten. For what goes and
  // soon comes back (a cluster has about ten such names, each of some hundred bytes); memory is to be flat however
  // often configuration changes.
  static constexpr size_t kRetiredScopes = 256;

  StatsRegistry();
  ~StatsRegistry();
  StatsRegistry(const StatsRegistry&) = delete;
  StatsRegistry& operator=(const StatsRegistry&) = delete;

  // Registers `prefix` (with its final dot: "cluster.foo.") or finds it again. Characters that would break the output
  // formats (':', control characters) become '_', as published: "listener.[::1]:80." → "listener.[__1]_80.".
  // Main thread.
  template <class Block>
  StatsScope<Block> Register(absl::string_view prefix) {
    return StatsScope<Block>(Find(prefix, Block::Schema()));
  }

  WorkerStats& main() { return *main_; }
  WorkerStats& AddWorker(absl::string_view name);  // before the worker's thread starts

  // Ends an interval: histograms show the values since the last call next to all values. Main, each
  // stats_flush_interval.
  void EndInterval();
  void ResetCounters();  // POST /reset_counters
  // Everything that has a reference, sorted by name. Any thread; takes the lock against registration, not against
  // writers. See stats_reader.h.
  StatsSnapshot Read() const;
  size_t scope_count() const;

 private:
  friend class WorkerStats;
  ScopeRecord* Find(absl::string_view prefix, const StatSchema& schema);
  void ForgetOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Counter& OverflowIn(WorkerStats& worker);

  static constexpr uint64_t kSweepEvery = 256;  // registrations between two looks for what to forget
  using Key = std::pair<std::string, const StatSchema*>;
  using Scopes = std::map<Key, std::unique_ptr<ScopeRecord>>;
  mutable Mutex mutex_;
  Scopes scopes_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> free_slots_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> generations_ ABSL_GUARDED_BY(mutex_);  // by slot
  std::vector<std::unique_ptr<WorkerStats>> workers_ ABSL_GUARDED_BY(mutex_);
  uint64_t registered_ ABSL_GUARDED_BY(mutex_) = 0;
  WorkerStats* main_ = nullptr;
  StatsScope<struct RegistryStats> own_;
};

}  // namespace outrigger::observe
