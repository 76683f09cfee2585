// Thread: written by one thread (the worker whose block holds the cell), read by any
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace outrigger::observe {

// The cells of a stats block. Each has exactly one writer, so a write is a relaxed load and a relaxed store: no locked
// instruction, no shared cache line. A reader sums the cells of one name over all workers.

// Counts events; never goes down (a reset is arithmetic on the reader's side).
class Counter {
 public:
  void Inc() { Add(1); }
  void Add(uint64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// The same in half the room, for what is counted rarely (changes of configuration). It stays at its largest value.
class SmallCounter {
 public:
  void Inc() { Add(1); }
  void Add(uint32_t n) {
    const uint32_t before = value_.load(std::memory_order_relaxed);
    value_.store(n > UINT32_MAX - before ? UINT32_MAX : before + n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> value_{0};
};

// A level. Workers write deltas (Inc, Dec, Add, Sub): one worker's cell may be negative, the sum is the level. Set() is
// for levels that only main knows. The lowest bit says that the gauge was ever written ("used").
class Gauge {
 public:
  void Inc() { Store(value() + 1); }
  void Dec() { Store(value() - 1); }
  void Add(int64_t n) { Store(value() + n); }
  void Sub(int64_t n) { Store(value() - n); }
  void Set(int64_t n) { Store(n); }
  int64_t value() const { return raw_.load(std::memory_order_relaxed) >> 1; }
  bool used() const { return (raw_.load(std::memory_order_relaxed) & 1) != 0; }

 private:
  void Store(int64_t n) {
    raw_.store(static_cast<int64_t>(static_cast<uint64_t>(n) << 1 | 1), std::memory_order_relaxed);
  }
  std::atomic<int64_t> raw_{0};
};

// A text that main sets (a version, a server's name). Equal ones take memory once. Writes and
// reads take one process-wide lock: never on a request.
class Text {
 public:
  Text() = default;
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  ~Text();
  void Set(absl::string_view text);
  std::string value() const;

 private:
  struct Held;
  struct Kept;
  std::atomic<Held*> text_{nullptr};
};

// A distribution of non-negative integers in log-linear bins with two significant digits: 0..99 exactly, then 90 bins
// per power of ten, up to kLargest (what is larger counts as kLargest). Memory comes with the first value of each
// decade (about 800 bytes).
class Histogram {
 public:
  static constexpr int kDecades = 12;
  static constexpr int kFirstBins = 100;  // values 0..99
  static constexpr int kBins = 90;        // per further decade
  static constexpr uint64_t kLargest = 9'999'999'999'999;

  Histogram() = default;
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;
  ~Histogram();

  void Record(uint64_t value);

  // Reading, any thread. A bin holds the values in [LowerEdge, LowerEdge + Width), as real numbers: integers below ten
  // have bins of a tenth, as two significant digits mean.
  bool used() const;
  uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  uint64_t CountAt(int bin) const;
  bool HasDecade(int decade) const;  // false: all its bins are 0
  static constexpr int kBinCount = kFirstBins + (kDecades - 1) * kBins;
  static int BinOf(uint64_t value);
  static double LowerEdge(int bin);
  static double Width(int bin);

 private:
  struct Chunk {
    std::array<std::atomic<uint64_t>, kFirstBins> counts{};
  };
  Chunk* Make(int decade);
  std::array<std::atomic<Chunk*>, kDecades> chunks_{};
  std::atomic<uint64_t> sum_{0};
};

// As a Histogram, for what is counted rarely (an update of configuration): memory comes with each few bins that are in
// use, and finding one of them takes a walk.
class RareHistogram {
 public:
  RareHistogram() = default;
  RareHistogram(const RareHistogram&) = delete;
  RareHistogram& operator=(const RareHistogram&) = delete;
  ~RareHistogram();

  void Record(uint64_t value);

  // Reading, any thread: each bin once, in no order.
  bool used() const { return first_.load(std::memory_order_acquire) != nullptr; }
  uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  template <class F>
  void ForEachBin(F&& f) const {
    for (const Few* few = first_.load(std::memory_order_acquire); few != nullptr;
         few = few->next.load(std::memory_order_acquire)) {
      for (const auto& cell : few->cells) {
        const uint64_t held = cell.load(std::memory_order_relaxed);
        if (held != 0) f(static_cast<int>(held >> kCountBits), held & kCountMask);
      }
    }
  }

 private:
  static constexpr int kCountBits = 48;
  static constexpr uint64_t kCountMask = (uint64_t{1} << kCountBits) - 1;
  struct Few {
    std::array<std::atomic<uint64_t>, 2> cells{};  // the bin above, its count below; 0: free
    std::atomic<Few*> next{nullptr};
  };
  std::atomic<Few*> first_{nullptr};
  std::atomic<uint64_t> sum_{0};
};

// Counters by HTTP status: member `upstream_rq` yields upstream_rq_200 ... and upstream_rq_2xx ... in the output. A
// code outside 100..599 is not counted by code. Memory for a class's hundred codes comes with the class's first.
class CodeCounters {
 public:
  CodeCounters() = default;
  CodeCounters(const CodeCounters&) = delete;
  CodeCounters& operator=(const CodeCounters&) = delete;
  ~CodeCounters();

  void Inc(uint32_t status) {
    uint32_t index = status / 100 - 1;
    if (index >= kClasses) return;
    classes_[index].Inc();
    Codes* codes = codes_[index].load(std::memory_order_relaxed);
    if (codes == nullptr) codes = Make(index);
    (*codes)[status % 100].Inc();
  }
  uint64_t OfClass(uint32_t hundreds) const { return hundreds - 1 < kClasses ? classes_[hundreds - 1].value() : 0; }
  uint64_t OfCode(uint32_t status) const;

  static constexpr uint32_t kClasses = 5;

 private:
  using Codes = std::array<Counter, 100>;
  Codes* Make(uint32_t index);
  std::array<Counter, kClasses> classes_;
  std::array<std::atomic<Codes*>, kClasses> codes_{};
};

}  // namespace outrigger::observe
