#include "source/event/timer_heap.h"

#include <algorithm>

#include "source/base/bug.h"

namespace outrigger::event {

void TimerHeap::Place(size_t i, const Entry& entry) {
  entries_[i] = entry;
  entry.timer->heap_index_ = static_cast<uint32_t>(i);
}

void TimerHeap::SiftUp(size_t i, const Entry& entry) {
  while (i > 0) {
    const size_t parent = (i - 1) / kChildren;
    if (!entry.Before(entries_[parent])) break;
    Place(i, entries_[parent]);
    i = parent;
  }
  Place(i, entry);
}

void TimerHeap::SiftDown(size_t i, const Entry& entry) {
  for (;;) {
    const size_t first = i * kChildren + 1;
    if (first >= entries_.size()) break;
    const size_t last = std::min(first + kChildren, entries_.size());
    size_t least = first;
    for (size_t child = first + 1; child < last; ++child) {
      if (entries_[child].Before(entries_[least])) least = child;
    }
    if (!entries_[least].Before(entry)) break;
    Place(i, entries_[least]);
    i = least;
  }
  Place(i, entry);
}

void TimerHeap::Add(Timer& timer) {
  entries_.push_back({});
  SiftUp(entries_.size() - 1, {timer.when_, timer.sequence_, &timer});
}

void TimerHeap::Update(Timer& timer) {
  const size_t i = timer.heap_index_;
  OUTRIGGER_DCHECK(entries_[i].timer == &timer);
  const Entry entry{timer.when_, timer.sequence_, &timer};
  if (i > 0 && entry.Before(entries_[(i - 1) / kChildren])) {
    SiftUp(i, entry);
  } else {
    SiftDown(i, entry);
  }
}

void TimerHeap::Remove(Timer& timer) {
  const size_t i = timer.heap_index_;
  OUTRIGGER_DCHECK(i < entries_.size() && entries_[i].timer == &timer);
  const Entry last = entries_.back();
  entries_.pop_back();
  if (i == entries_.size()) return;
  if (i > 0 && last.Before(entries_[(i - 1) / kChildren])) {
    SiftUp(i, last);
  } else {
    SiftDown(i, last);
  }
}

}  // namespace outrigger::event
