// Thread: under the registry's lock
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "source/observe/stats_block.h"

namespace outrigger::observe {

struct HistogramTotals;

// What is kept of a scope's cells apart from them, zeros left out: by whoever has it, in one array as long as it need
// be. Put together in a Draft.
class CellCounts {
 public:
  enum class Of : uint8_t {
    // What counters and distributions added up to when cells were freed. Levels and texts are not kept: they are of
    // something that is there.
    kFolded,
    kEnded,  // all values of distributions when the last interval ended
    kLast    // the values of that interval
  };
  class Draft;
  uint64_t CounterOf(Of of, size_t member, const StatField& field) const { return CodeOf(of, member, field, 0); }
  uint64_t CodeOf(Of of, size_t member, const StatField& field, uint32_t status) const;
  void AddTo(Of of, size_t member, const StatField& field, HistogramTotals& totals) const;
  bool empty() const { return size_ == 0; }

 private:
  struct Cell {
    uint16_t field;                  // what it is known by: member and offset
    uint16_t detail;                 // what it is of, above a bin, or a status, or kSum
    uint32_t count_high, count_low;  // 12 bytes in all
    uint64_t count() const { return uint64_t{count_high} << 32 | count_low; }
    Of of() const { return static_cast<Of>(detail >> kDetailBits); }
  };
  static uint16_t FieldOf(size_t member, const StatField& field) {
    return static_cast<uint16_t>(member << 12 | field.offset / 4);
  }
  static constexpr int kDetailBits = 14;
  static constexpr uint16_t kSum = (1 << kDetailBits) - 1;
  static uint16_t DetailOf(Of of, uint32_t detail) {
    return static_cast<uint16_t>(static_cast<uint32_t>(of) << kDetailBits | detail);
  }
  template <class F>
  void ForEach(F&& f) const {
    for (uint32_t i = 0; i < size_; ++i) f(cells_[i]);
  }
  std::unique_ptr<Cell[]> cells_;  // by field, then detail
  uint32_t size_ = 0;
};

class CellCounts::Draft {
 public:
  void Put(Of of, size_t member, const StatField& field, uint32_t detail, uint64_t count);
  void PutTotals(Of of, size_t member, const StatField& field, const HistogramTotals& totals);
  void Keep(Of of, const CellCounts& counts);  // what those have of that kind
  CellCounts Made() const;

 private:
  std::vector<Cell> cells_;
};

}  // namespace outrigger::observe
