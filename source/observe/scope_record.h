// Thread: blocks: one worker each; the rest under the registry's lock. For stats*.cc only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/observe/stats.h"
#include "source/observe/stats_reader.h"

namespace outrigger::observe {

// Counts of the counters and distributions of a scope, zeros left out.
class CellCounts {
 public:
  void Put(size_t member, const StatField& field, uint32_t detail, uint64_t count);
  void PutTotals(size_t member, const StatField& field, const HistogramTotals& totals);
  uint64_t CounterOf(size_t member, const StatField& field) const { return CodeOf(member, field, 0); }
  uint64_t CodeOf(size_t member, const StatField& field, uint32_t status) const;
  void AddTo(size_t member, const StatField& field, HistogramTotals& totals) const;
  bool empty() const { return cells_.empty(); }
  void Trim() { cells_ = std::vector<Cell>(cells_); }  // shrink_to_fit does nothing without exceptions

 private:
  struct Cell {
    uint16_t field;                  // what it is known by: member and offset
    uint16_t detail;                 // a bin, or a status, or kSum
    uint32_t count_high, count_low;  // 12 bytes in all
    uint64_t count() const { return uint64_t{count_high} << 32 | count_low; }
  };
  static uint16_t FieldOf(size_t member, const StatField& field) {
    return static_cast<uint16_t>(member << 12 | field.offset / 8);
  }
  static constexpr uint16_t kSum = UINT16_MAX;
  std::vector<Cell> cells_;  // by field, then detail
};

// What readers add, subtract and compare with; made when first needed.
struct ScopeRecord::Baseline {
  // What counters and distributions added up to when cells were freed. Levels and texts are not kept: they are of
  // something that is there.
  CellCounts folded;
  using Names = std::map<std::string, uint64_t, std::less<>>;  // by local name
  std::unique_ptr<Names> folded_dynamic, reset;
  CellCounts ended_at;  // all values of distributions when the last interval ended
  CellCounts last;      // the values of that interval
};

inline bool IsDistribution(const StatField& field) {
  return field.kind == StatKind::kHistogram || field.kind == StatKind::kRareHistogram;
}

// f(member's index, field) for all fields of a record's group.
template <class F>
void ForEachField(const StatGroup& group, F&& f) {
  for (size_t member = 0; member < group.members.size(); ++member) {
    for (const StatField& field : group.members[member].schema->fields) f(member, field);
  }
}

// Frees all cells, and keeps what they counted.
void Fold(ScopeRecord& record);

// Sums over all workers and what was folded.
uint64_t SumCounter(const ScopeRecord& record, size_t member, const StatField& field);
uint64_t SumCode(const ScopeRecord& record, size_t member, const StatField& field, uint32_t status);
HistogramTotals SumHistogram(const ScopeRecord& record, size_t member, const StatField& field);
std::map<std::string, uint64_t> SumDynamic(const ScopeRecord& record);
bool HasBlock(const ScopeRecord& record, size_t member);  // of some worker

}  // namespace outrigger::observe
