// Thread: one
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace outrigger::upstream {

// Weighted round robin, spread evenly: earliest deadline first, an item of weight w becomes due every 1/w. A heap; a
// pick costs O(log n) and allocates nothing. Virtual time wraps around: only differences are compared.
class SmoothSchedule {
 public:
  static constexpr uint64_t kOne = uint64_t{1} << 40;  // virtual time between two turns of weight 1

  void Clear() { heap_.clear(); }
  void Reserve(size_t n) { heap_.reserve(n); }
  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  // weight > 0; may be fractional (effective locality weights).
  void Add(uint32_t item, double weight) {
    heap_.push_back({Step(weight), order_++, item});
    Up(heap_.size() - 1);
  }
  uint32_t Next() const { return heap_.front().item; }
  // The next one, which is put back as due 1/weight later.
  uint32_t Take(double weight) {
    Entry& first = heap_.front();
    const uint32_t item = first.item;
    first.due += Step(weight);
    first.order = order_++;
    Down(0);
    return item;
  }

 private:
  struct Entry {
    uint64_t due;
    uint64_t order;  // equal deadlines: who waited longer
    uint32_t item;
    bool Before(const Entry& other) const {
      const int64_t difference = static_cast<int64_t>(due - other.due);
      return difference != 0 ? difference < 0 : order < other.order;
    }
  };
  static uint64_t Step(double weight) {
    const double step = static_cast<double>(kOne) / weight;
    return step < 1.0 ? 1 : step > 1e17 ? static_cast<uint64_t>(1e17) : static_cast<uint64_t>(step);
  }
  void Up(size_t i) {
    while (i > 0 && heap_[i].Before(heap_[(i - 1) / 2])) {
      std::swap(heap_[i], heap_[(i - 1) / 2]);
      i = (i - 1) / 2;
    }
  }
  void Down(size_t i) {
    for (;;) {
      size_t least = i;
      for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < heap_.size(); ++child) {
        if (heap_[child].Before(heap_[least])) least = child;
      }
      if (least == i) return;
      std::swap(heap_[i], heap_[least]);
      i = least;
    }
  }
  std::vector<Entry> heap_;
  uint64_t order_ = 0;
};

}  // namespace outrigger::upstream
