// Thread: StatsRegistry main (Read: any); WorkerStats its worker; StatsScope any
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "source/base/mutex.h"
#include "source/observe/scope.h"
#include "source/observe/stats_block.h"

namespace outrigger::observe {

class StatsRegistry;
class WorkerStats;
struct StatsSnapshot;

// A counted reference to a name. Counts and blocks live at least as long as some reference does; without one the name
// is no longer shown, but its counts come back if it is registered again (see kRetiredScopes); levels and texts do not:
// they were of something that is gone. Copying and dropping is an atomic operation on a shared line: hold it where the
// configuration is held (a compiled cluster, a pool), do not copy it per request. `Owner` is a block or a group of
// them.
template <class Owner>
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
  absl::string_view prefix() const { return record_ == nullptr ? absl::string_view() : record_->prefix(); }
  // What main counts of it; null: nothing yet. Main.
  template <class Block>
  Block* OfMain(MemberOf<Block> member) const {
    return record_ == nullptr ? nullptr : static_cast<Block*>(record_->of_main.block(member.index));
  }
  // From now on the names of this member are there. What is counted of one that is not goes nowhere. Main.
  template <class Block>
  void Show(MemberOf<Block> member) const {
    if (record_ != nullptr) record_->shown.fetch_or(1u << member.index, std::memory_order_relaxed);
  }

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
  template <class Owner>
  auto& Get(const StatsScope<Owner>& scope) {
    return Get(scope, Owner::Main());
  }
  template <class Owner, class Block>
  Block& Get(const StatsScope<Owner>& scope, MemberOf<Block> member) {
    const ScopeRecord* record = scope.record_;
    void* const block = record == nullptr ? nullptr
                        : index_ == 0     ? record->of_main.block(member.index)
                                          : BlockOf(*record, member.index);
    if (block != nullptr) [[likely]]
      return *static_cast<Block*>(block);
    return *static_cast<Block*>(record == nullptr ? Nowhere(Block::Schema()) : Make(*scope.record_, member.index));
  }

  // Null: nobody has asked for that block yet. Main only.
  template <class Owner, class Block>
  Block* IfMade(const StatsScope<Owner>& scope, MemberOf<Block> member) const {
    const bool here = scope.record_ != nullptr && index_ == 0;
    return here ? static_cast<Block*>(scope.record_->of_main.block(member.index)) : nullptr;
  }

  // A counter whose local name is known only at run time ("ssl.ciphers.X"). Finding it costs a hash lookup; the first
  // use of a name takes the registry's lock. At most kDynamicNames names per scope and worker: further ones share one
  // uncounted cell and `stats.overflow` goes up. Keep the reference where the name repeats.
  template <class Owner>
  Counter& Dynamic(const StatsScope<Owner>& scope, absl::string_view local_name) {
    return DynamicIn(scope.record_, local_name);
  }
  static constexpr size_t kDynamicNames = 512;

  absl::string_view name() const { return name_; }  // "main_thread" or "worker_0"
  uint32_t index() const { return index_; }         // 0 is main

 private:
  friend class StatsRegistry;
  friend struct std::default_delete<WorkerStats>;
  static constexpr uint32_t kFirst = ScopeRecord::PerWorker::kFirst;
  // What a worker remembers of a scope, so that it needs no lock. Main has its cells in the scope.
  struct Entry {
    uint32_t generation = 0;   // generations of scopes start at 1
    void* first[kFirst] = {};  // by member
    void** others = nullptr;   // from kFirst on
    ScopeRecord::PerWorker* owner = nullptr;
  };
  void* BlockOf(const ScopeRecord& record, uint32_t member) const {
    if (record.slot >= entries_.size() || entries_[record.slot].generation != record.generation) return nullptr;
    const Entry& entry = entries_[record.slot];
    return member < kFirst ? entry.first[member] : entry.others == nullptr ? nullptr : entry.others[member - kFirst];
  }
  WorkerStats(StatsRegistry& registry, std::string name, uint32_t index)
      : registry_(registry), name_(std::move(name)), index_(index) {}
  ~WorkerStats();
  ScopeRecord::PerWorker& OwnerOf(ScopeRecord& record);
  void* Make(ScopeRecord& record, uint32_t member);
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
  // soon comes back (some hundred bytes each); memory is to be flat however often configuration changes.
  static constexpr size_t kRetiredScopes = 128;

  StatsRegistry();
  ~StatsRegistry();
  StatsRegistry(const StatsRegistry&) = delete;
  StatsRegistry& operator=(const StatsRegistry&) = delete;

  // Registers `prefix` (with its final dot: "cluster.foo.") or finds it again. Characters that would break the output
  // formats (':', control characters) become '_', as published: "listener.[::1]:80." → "listener.[__1]_80.".
  // Main thread.
  template <class Owner>
  StatsScope<Owner> Register(absl::string_view prefix) {
    return StatsScope<Owner>(Find(prefix, Owner::Group()));
  }

  WorkerStats& main() { return *main_; }
  WorkerStats& AddWorker(absl::string_view name);  // before the worker's thread starts

  // Frees what names hold that nobody refers to, but for kRetiredScopes of them. Registering does it too, now and then;
  // this is for when much was removed and nothing comes. The number of names that were forgotten. Main.
  size_t ForgetRetired();
  // Ends an interval: histograms show the values since the last call next to all values. Main, each
  // stats_flush_interval.
  void EndInterval();
  void ResetCounters();  // POST /reset_counters
  // Everything that has a reference, sorted by name. Any thread; takes the lock against registration, not against
  // writers. See stats_reader.h.
  StatsSnapshot Read() const;
  size_t scope_count() const;
  size_t retired_count() const;  // names that nobody refers to

 private:
  friend class WorkerStats;
  ScopeRecord* Find(absl::string_view prefix, const StatGroup& group);
  void FreeCells(ScopeRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t ForgetOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Counter& OverflowIn(WorkerStats& worker);

  struct Key {
    absl::string_view prefix;
    const StatGroup* group;
  };
  struct ByName {
    using is_transparent = void;
    static Key KeyOf(const std::unique_ptr<ScopeRecord>& record) { return {record->prefix(), &record->group}; }
    static const Key& KeyOf(const Key& key) { return key; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      const Key x = KeyOf(a), y = KeyOf(b);
      return x.prefix != y.prefix ? x.prefix < y.prefix : std::less<>()(x.group, y.group);
    }
  };
  using Scopes = absl::btree_set<std::unique_ptr<ScopeRecord>, ByName>;
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
