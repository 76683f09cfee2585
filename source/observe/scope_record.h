// Thread: blocks: one worker each; the rest under the registry's lock. For stats*.cc only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/observe/stats.h"
#include "source/observe/stats_reader.h"

namespace outrigger::observe {

// One worker's cells of one scope.
struct ScopeRecord::PerWorker {
  explicit PerWorker(const StatSchema& block_schema) : schema(block_schema), block(block_schema.construct()) {}
  ~PerWorker() { schema.destroy(block); }
  PerWorker(const PerWorker&) = delete;
  PerWorker& operator=(const PerWorker&) = delete;

  template <class Cell>
  const Cell& At(const StatField& field) const {
    return *reinterpret_cast<const Cell*>(static_cast<const char*>(block) + field.offset);
  }

  const StatSchema& schema;
  void* const block;
  using Dynamic = absl::flat_hash_map<std::string, std::unique_ptr<Counter>>;
  std::unique_ptr<Dynamic> dynamic;  // of most scopes none; inserted by the worker, under the lock
};

// Counts of the counters and distributions of a scope, zeros left out.
class CellCounts {
 public:
  void Put(const StatField& field, uint32_t detail, uint64_t count);
  void PutTotals(const StatField& field, const HistogramTotals& totals);
  uint64_t CounterOf(const StatField& field) const { return CodeOf(field, 0); }
  uint64_t CodeOf(const StatField& field, uint32_t status) const;
  void AddTo(const StatField& field, HistogramTotals& totals) const;
  bool empty() const { return cells_.empty(); }
  void Trim() { cells_.shrink_to_fit(); }

 private:
  struct Cell {
    uint16_t offset;                 // of the field: what it is known by
    uint16_t detail;                 // a bin, or a status, or kSum
    uint32_t count_high, count_low;  // 12 bytes in all
    uint64_t count() const { return uint64_t{count_high} << 32 | count_low; }
  };
  static constexpr uint16_t kSum = UINT16_MAX;
  std::vector<Cell> cells_;  // by field, then detail
};

// What readers add, subtract and compare with; made when first needed. Most names of a large mesh have one, for the
// time that one update took: it is to be small.
struct ScopeRecord::Baseline {
  // What counters and distributions added up to when cells were freed. Levels and texts are not kept: they are of
  // something that is there.
  CellCounts folded;
  using Names = std::map<std::string, uint64_t, std::less<>>;  // by local name
  std::unique_ptr<Names> folded_dynamic, reset;
  CellCounts ended_at;  // all values of distributions when the last interval ended
  CellCounts last;      // the values of that interval
};

// What the cells of `record` hold and what it had folded before, for a record that has no cells yet.
std::unique_ptr<ScopeRecord::Baseline> Fold(const ScopeRecord& record);

// Sums over all workers and what was folded.
uint64_t SumCounter(const ScopeRecord& record, const StatField& field);
uint64_t SumCode(const ScopeRecord& record, const StatField& field, uint32_t status);
HistogramTotals SumHistogram(const ScopeRecord& record, const StatField& field);
std::map<std::string, uint64_t> SumDynamic(const ScopeRecord& record);

}  // namespace outrigger::observe
