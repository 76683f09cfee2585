#include "source/event/timeout_queue.h"

#include "source/base/bug.h"

namespace outrigger::event {

TimeoutQueues::Queue& TimeoutQueues::QueueOf(Duration length) {
  if (last_ != nullptr && last_->length == length) return *last_;
  if (queues_.size() >= kMostLengths) length = std::chrono::ceil<seconds>(length);
  for (const auto& queue : queues_) {
    if (queue->length == length) return *(last_ = queue.get());
  }
  queues_.push_back(std::make_unique<Queue>(*this, length));
  return *(last_ = queues_.back().get());
}

void TimeoutQueues::Add(Timeout& timeout, Duration length) {
  OUTRIGGER_DCHECK(length > Duration::zero());
  Queue& queue = QueueOf(length);
  timeout.deadline_ = dispatcher_.now() + queue.length;
  queue.waiting.PushBack(timeout);
  // A timer left over from requests that ended fires early, finds the front not due, and moves: one firing per length, not per request.
  if (!queue.timer.armed()) dispatcher_.Arm(queue.timer, queue.length);
}

void TimeoutQueues::Fire(Queue& queue) {
  const MonotonicTime now = dispatcher_.now();
  while (!queue.waiting.empty() && queue.waiting.front().deadline() <= now) queue.waiting.PopFront().OnTimeout();
  if (!queue.waiting.empty()) dispatcher_.Arm(queue.timer, queue.waiting.front().deadline() - now);
}

}  // namespace outrigger::event
