// Thread: its loop
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "source/base/time.h"

namespace outrigger::event {

class Dispatcher;

// Fires once after it was armed. Intrusive: arming never allocates; the destructor disarms. Owned by whoever waits.
class Timer {
 public:
  explicit Timer(absl::AnyInvocable<void()> fire) : fire_(std::move(fire)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();
  bool armed() const { return dispatcher_ != nullptr; }
  MonotonicTime when() const { return when_; }
  void Disarm();

 private:
  friend class Dispatcher;
  friend class TimerHeap;
  absl::AnyInvocable<void()> fire_;
  Dispatcher* dispatcher_ = nullptr;
  MonotonicTime when_;
  uint64_t sequence_ = 0;  // equal deadlines fire in the order they were armed
  uint32_t heap_index_ = 0;
};

// The armed timers of one loop: a heap with four children per node, keys beside the pointers, so that a sift touches
// few cache lines. Allocates only when more timers are armed than ever before.
class TimerHeap {
 public:
  TimerHeap() = default;
  TimerHeap(const TimerHeap&) = delete;
  TimerHeap& operator=(const TimerHeap&) = delete;

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  Timer& first() const { return *entries_[0].timer; }
  MonotonicTime first_when() const { return entries_[0].when; }
  uint64_t first_sequence() const { return entries_[0].sequence; }

  void Add(Timer& timer);     // its when_ and sequence_ are set, it is not in the heap
  void Update(Timer& timer);  // its when_ or sequence_ changed
  void Remove(Timer& timer);

 private:
  static constexpr size_t kChildren = 4;
  struct Entry {
    MonotonicTime when;
    uint64_t sequence;
    Timer* timer;
    bool Before(const Entry& other) const { return when != other.when ? when < other.when : sequence < other.sequence; }
  };
  void Place(size_t i, const Entry& entry);
  void SiftUp(size_t i, const Entry& entry);
  void SiftDown(size_t i, const Entry& entry);

  std::vector<Entry> entries_;
};

}  // namespace outrigger::event
