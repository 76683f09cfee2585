#include "source/event/timeout_queue.h"

#include <algorithm>

#include "source/base/bug.h"

namespace outrigger::event {
namespace {

constexpr Duration kLongest = hours(24 * 365 * 100);  // later than any clock of ours will say

// Up to the next number of seconds that has no more than three significant bits.
Duration RoundUp(Duration length) {
  const auto whole = static_cast<uint64_t>(std::chrono::ceil<seconds>(length).count());
  const int low = std::max(0, 64 - __builtin_clzll(whole) - 3);
  const uint64_t unit = uint64_t{1} << low;
  return seconds(static_cast<int64_t>((whole + unit - 1) & ~(unit - 1)));
}

}  // namespace

TimeoutQueues::Queue& TimeoutQueues::QueueOf(Duration length) {
  if (last_ != nullptr && last_->length == length) return *last_;
  const auto find = [this](Duration wanted) -> Queue* {
    for (const auto& queue : queues_) {
      if (queue->length == wanted) return last_ = queue.get();
    }
    return nullptr;
  };
  if (Queue* known = find(length); known != nullptr) return *known;
  if (queues_.size() >= kMostLengths) {
    if (Queue* idle = Reuse(length); idle != nullptr) return *(last_ = idle);
    length = RoundUp(length);
    if (Queue* known = find(length); known != nullptr) return *known;
  }
  queues_.push_back(std::make_unique<Queue>(*this, length));
  return *(last_ = queues_.back().get());
}

TimeoutQueues::Queue* TimeoutQueues::Reuse(Duration length) {
  for (size_t tried = 0; tried < queues_.size(); ++tried) {
    Queue& queue = *queues_[next_reused_++ % queues_.size()];
    if (!queue.waiting.empty()) continue;
    queue.timer.Disarm();
    queue.length = length;
    return &queue;
  }
  return nullptr;
}

void TimeoutQueues::Add(Timeout& timeout, Duration length) {
  OUTRIGGER_DCHECK(length > Duration::zero());
  timeout.Unlink();  // it may be the only one of its queue
  Queue& queue = QueueOf(std::min(length, kLongest));
  timeout.deadline_ = dispatcher_.now() + queue.length;
  queue.waiting.PushBack(timeout);
  // A timer left over from requests that ended fires early, finds the front not due, and moves: one firing per length,
  // not per request.
  if (!queue.timer.armed()) dispatcher_.Arm(queue.timer, queue.length);
}

void TimeoutQueues::Fire(Queue& queue) {
  const MonotonicTime now = dispatcher_.now();
  while (!queue.waiting.empty() && queue.waiting.front().deadline() <= now) queue.waiting.PopFront().OnTimeout();
  if (!queue.waiting.empty()) dispatcher_.Arm(queue.timer, queue.waiting.front().deadline() - now);
}

}  // namespace outrigger::event
