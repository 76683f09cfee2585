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
  absl::flat_hash_map<std::string, std::unique_ptr<Counter>> dynamic;  // inserted by the worker, under the lock
};

// What counters and distributions of a scope added up to when its cells were freed, zeros left out. Levels and texts
// are not kept: they are of something that is there.
class FoldedCounts {
 public:
  // Takes in what the cells of `record` hold, and what it had folded before.
  void Add(const ScopeRecord& record);
  uint64_t CounterOf(const StatField& field) const;
  uint64_t CodeOf(const StatField& field, uint32_t status) const;
  void AddTo(const StatField& field, HistogramTotals& totals) const;
  const std::map<std::string, uint64_t>& dynamic() const { return dynamic_; }

 private:
  struct Cell {
    uint16_t offset;                 // of the field: what it is known by
    uint16_t detail;                 // a bin, or a status, or kSum
    uint32_t count_high, count_low;  // 12 bytes in all
    uint64_t count() const { return uint64_t{count_high} << 32 | count_low; }
  };
  static constexpr uint16_t kSum = UINT16_MAX;
  void Put(const StatField& field, uint32_t detail, uint64_t count);
  std::vector<Cell> cells_;  // by field, then detail
  std::map<std::string, uint64_t> dynamic_;
};

// What readers add, subtract and compare with, by local name; made when first needed.
struct ScopeRecord::Baseline {
  struct Interval {
    HistogramTotals ended_at;  // all values when the last interval ended
    HistogramTotals last;      // the values of that interval
  };
  FoldedCounts folded;
  std::map<std::string, uint64_t, std::less<>> reset;
  std::map<std::string, Interval, std::less<>> intervals;
};

// Sums over all workers and what was folded.
uint64_t SumCounter(const ScopeRecord& record, const StatField& field);
uint64_t SumCode(const ScopeRecord& record, const StatField& field, uint32_t status);
HistogramTotals SumHistogram(const ScopeRecord& record, const StatField& field);
std::map<std::string, uint64_t> SumDynamic(const ScopeRecord& record);

}  // namespace outrigger::observe
