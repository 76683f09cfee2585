// Thread: its loop
#pragma once

#include <memory>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/time.h"
#include "source/event/dispatcher.h"

namespace outrigger::event {

// Something that should hear of a timeout unless it ends before: a request waiting for its response. Hearing it once
// leaves the queue; the destructor leaves it too.
class Timeout : public ListHook<Timeout> {
 public:
  virtual void OnTimeout() = 0;
  MonotonicTime deadline() const { return deadline_; }

 protected:
  ~Timeout() = default;

 private:
  friend class TimeoutQueues;
  MonotonicTime deadline_;
};

// Timeouts that usually do not happen, at the price of two pointers: all waits of one length form a queue that is
// ordered by itself, and only its front needs a timer, which is moved when it fires and not before. Adding and leaving
// cost no timer operation. One per worker. Lengths come from configuration, so there are few; but also from clients
// (grpc-timeout). Beyond kMostLengths a queue in which nobody waits takes the new length; if somebody waits in all of
// them, a length is rounded up to three significant bits of seconds.
class TimeoutQueues {
 public:
  static constexpr size_t kMostLengths = 256;
  explicit TimeoutQueues(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  // `length` > 0, counted from dispatcher.now(). Re-adding moves it.
  void Add(Timeout& timeout, Duration length);
  size_t length_count() const { return queues_.size(); }  // at most kMostLengths + kMostRounded
  static constexpr size_t kMostRounded = 256;             // four lengths per power of two

 private:
  struct Queue {
    Queue(TimeoutQueues& owner, Duration l) : length(l), timer([this, &owner] { owner.Fire(*this); }) {}
    Duration length;
    IntrusiveList<Timeout, Timeout> waiting;
    Timer timer;
  };
  Queue& QueueOf(Duration length);
  Queue* Reuse(Duration length);
  void Fire(Queue& queue);

  Dispatcher& dispatcher_;
  std::vector<std::unique_ptr<Queue>> queues_;
  size_t next_reused_ = 0;
  Queue* last_ = nullptr;  // the one used before: mostly the right one
};

}  // namespace outrigger::event
