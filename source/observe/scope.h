// Thread: blocks: one worker each; the rest under the registry's lock
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "source/observe/cell_counts.h"
#include "source/observe/stats_block.h"

namespace outrigger::observe {

// What the registry keeps for one (prefix, group): private to stats.cc but for the two numbers the hot path needs.
// There may be very many: one allocation, with the prefix behind the record.
struct ScopeRecord {
  static std::unique_ptr<ScopeRecord> Make(absl::string_view prefix, const StatGroup& group, uint32_t slot,
                                           uint32_t generation);
  ~ScopeRecord();
  static void operator delete(void* memory) { ::operator delete(memory); }  // of more than sizeof
  absl::string_view prefix() const { return {reinterpret_cast<const char*>(this + 1), prefix_size}; }
  const StatGroup& group;
  const uint32_t slot;
  uint32_t generation;  // another one when its blocks were freed; only while nobody refers to it
  std::atomic<uint32_t> refs{0};
  std::atomic<uint32_t> shown;  // a bit for each member that is there
  uint64_t retired_at = 0;      // by the registry's count of registrations; 0: in use when last looked at
  // One thread's cells of it.
  struct PerWorker {
    void* block(size_t member) const {
      return member < kFirst ? first[member] : rest == nullptr ? nullptr : rest[member - kFirst];
    }
    // Null: that member has no block.
    template <class Cell>
    const Cell* At(size_t member, const StatField& field) const {
      const char* const in = static_cast<const char*>(block(member));
      return in == nullptr ? nullptr : reinterpret_cast<const Cell*>(in + field.offset);
    }
    void Free(const StatGroup& group);
    bool empty() const { return first[0] == nullptr && first[1] == nullptr && rest == nullptr && dynamic == nullptr; }

    static constexpr size_t kFirst = 2;  // of most groups there are no others
    void* first[kFirst] = {};
    std::unique_ptr<void*[]> rest;
    using Dynamic = absl::flat_hash_map<std::string, std::unique_ptr<Counter>>;
    std::unique_ptr<Dynamic> dynamic;  // inserted by that thread, under the lock
  };
  // Written under the registry's mutex, by the thread whose they are. Main counts of every name, a worker of few.
  PerWorker of_main;
  using Workers = std::vector<std::unique_ptr<PerWorker>>;  // by worker index
  std::unique_ptr<Workers> of_workers;                      // null: no worker has any
  template <class F>
  void ForEachThread(F&& f) const {
    f(of_main);
    if (of_workers == nullptr) return;
    for (const auto& worker : *of_workers) {
      if (worker != nullptr) f(*worker);
    }
  }
  bool HasCells() const { return !of_main.empty() || of_workers != nullptr; }
  // What was folded, and where the last interval ended. Few names have other names in it, or were reset.
  CellCounts counts;
  using Names = std::map<std::string, uint64_t, std::less<>>;  // by local name
  struct Named {
    Names folded;  // dynamic ones
    Names reset;   // what a reset subtracts
  };
  std::unique_ptr<Named> named;  // null: none
  const uint32_t prefix_size;

 private:
  ScopeRecord(absl::string_view scope_prefix, const StatGroup& scope_group, uint32_t scope_slot,
              uint32_t scope_generation);
};

}  // namespace outrigger::observe
