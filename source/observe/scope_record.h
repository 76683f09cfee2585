// Thread: blocks: one worker each; the rest under the registry's lock. For stats*.cc only.
#pragma once

#include <map>
#include <string>

#include "source/observe/stats.h"
#include "source/observe/stats_reader.h"

namespace outrigger::observe {

inline bool IsCounter(const StatField& field) {
  return field.kind == StatKind::kCounter || field.kind == StatKind::kSmallCounter;
}
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
