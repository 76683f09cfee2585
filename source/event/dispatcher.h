// Thread: its loop; Post() and Stop() any
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "source/base/intrusive_list.h"
#include "source/base/mutex.h"
#include "source/base/time.h"
#include "source/event/engine.h"
#include "source/event/timer_heap.h"

namespace outrigger::event {

// Something whose memory must outlive the events of the current turn.
class Deferred {
 public:
  virtual ~Deferred() = default;
};

// Something that wants to run once at the end of this turn, before the next wait: connections flush their output here.
struct EndOfTurnTag;
class EndOfTurn : public ListHook<EndOfTurnTag> {
 public:
  virtual void OnEndOfTurn() = 0;

 protected:
  ~EndOfTurn() = default;
};

// Something that has more to do than one turn's fair share, or can wait for others: it runs once in the next turn,
// after the ready descriptors were served and what they wrote was sent, or in a later one if those before it take long;
// they run in the order in which they asked. The loop does not wait before it. A connection with unread bytes left, a
// handshake, a listener with more to accept.
struct NextTurnTag;
class NextTurn : public ListHook<NextTurnTag> {
 public:
  virtual void OnNextTurn() = 0;

 protected:
  ~NextTurn() = default;
};

// One event loop: readiness, timers, posted tasks, end-of-turn work, next-turn work and its end-of-turn work, deferred
// destruction, in this order each turn.
class Dispatcher final {
 public:
  explicit Dispatcher(std::unique_ptr<Engine> engine);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;

  void Run();   // until Stop(); can be run again
  void Stop();  // any thread; also before Run(), which then returns at once
  bool stopping() const { return stop_.load(std::memory_order_acquire); }
  // One turn: waits at most `longest_wait` if nothing is due. Returns whether anything ran. Tests and the simulator
  // step this.
  bool RunOnce(Duration longest_wait);
  // What entry points DCHECK: true until the loop first ran, afterwards only on the thread that runs it. If several
  // dispatchers share a thread (tests, the simulator): only while this one runs, or none.
  bool OnLoopThread() const;

  // Runs `task` on the loop, after the events of that turn. Tasks posted by one thread run in order. What is still
  // queued at destruction is destroyed without being run.
  void Post(absl::AnyInvocable<void() &&> task) ABSL_LOCKS_EXCLUDED(posted_mutex_);

  MonotonicTime now() const { return now_; }  // read once per turn, after the wait
  WallTime wall_now();                        // read at most once per turn, when first asked
  Engine& engine() { return *engine_; }

  void Arm(Timer& timer, Duration delay);  // re-arms if armed
  void AtEndOfTurn(EndOfTurn& hook) {
    if (!hook.linked()) end_of_turn_.PushBack(hook);
  }
  // Asking during OnNextTurn means the turn after that, so nobody can hold the loop.
  void AtNextTurn(NextTurn& hook) {
    if (!hook.linked()) next_turn_.PushBack(hook);
  }
  void DestroyLater(
      std::unique_ptr<Deferred> object);  // freed at the end of the turn; callable from any callback of this loop

  // Numbers that are unique in the process as long as each loop has its own space (a worker's index): connection ids.
  void SetIdSpace(uint16_t space) { last_id_ = static_cast<uint64_t>(space) << 48; }
  uint64_t NextId() { return ++last_id_; }

  // Any thread: when the turn that runs now began (by this loop's clock); zero while the loop waits or has not run. A
  // loop whose turn lasts is stuck.
  MonotonicTime turn_began() const { return MonotonicTime(Duration(turn_began_.load(std::memory_order_relaxed))); }

  // When the next timer is due, for the simulator's scheduler; MonotonicTime::max() if none is armed.
  MonotonicTime NextTimer() const;
  // Whether the next turn has work without waiting: posted tasks, or somebody asked for it. On the loop.
  bool HasPosted() const;

 private:
  friend class Timer;
  Duration WaitFor(Duration longest);
  void RefreshClock();
  size_t RunNextTurn(const NextTurn& end);
  size_t RunTimers();
  size_t RunPosted() ABSL_LOCKS_EXCLUDED(posted_mutex_);
  size_t RunEndOfTurn();
  void FreeDeferred();

  std::unique_ptr<Engine> engine_;
  MonotonicTime now_;
  WallTime wall_now_;
  bool wall_fresh_ = false;
  TimerHeap timers_;
  uint64_t timer_sequence_ = 0;
  IntrusiveList<EndOfTurn, EndOfTurnTag> end_of_turn_;
  IntrusiveList<NextTurn, NextTurnTag> next_turn_;
  uint64_t last_id_ = 0;
  std::vector<std::unique_ptr<Deferred>> deferred_;
  std::vector<std::unique_ptr<Deferred>> freeing_;  // keeps its capacity from turn to turn, as `running_`
  std::vector<absl::AnyInvocable<void() &&>> running_;
  std::atomic<int64_t> turn_began_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> wake_pending_{false};
  std::atomic<bool> has_posted_{false};  // posted_ is not empty; read without the lock
  std::atomic<std::thread::id> thread_{};
  Mutex posted_mutex_;  // the only lock of this room
  std::vector<absl::AnyInvocable<void() &&>> posted_ ABSL_GUARDED_BY(posted_mutex_);
};

}  // namespace outrigger::event
