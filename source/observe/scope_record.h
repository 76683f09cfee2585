// Thread: blocks: one worker each; the rest under the registry's lock. For stats*.cc only.
#pragma once

#include <map>
#include <memory>
#include <string>

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

// What readers subtract and compare with, by local name; made when first needed.
struct ScopeRecord::Baseline {
  struct Interval {
    HistogramTotals ended_at;  // all values when the last interval ended
    HistogramTotals last;      // the values of that interval
  };
  std::map<std::string, uint64_t, std::less<>> reset;
  std::map<std::string, Interval, std::less<>> intervals;
};

}  // namespace outrigger::observe
