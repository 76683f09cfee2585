// Thread: its loop; Post() and Stop() any
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "source/base/intrusive_list.h"
#include "source/base/time.h"
#include "source/event/engine.h"

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

// Something that has more to do than one turn's fair share: it runs once early in the next turn (after the ready
// descriptors), and the loop does not wait before it. A connection with unread bytes left, a listener with more to
// accept.
struct NextTurnTag;
class NextTurn : public ListHook<NextTurnTag> {
 public:
  virtual void OnNextTurn() = 0;

 protected:
  ~NextTurn() = default;
};

// One event loop: readiness, next-turn work, timers, posted tasks, end-of-turn work, deferred destruction, in this
// order each turn.
class Dispatcher final {
 public:
  explicit Dispatcher(std::unique_ptr<Engine> engine);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;

  void Run();   // until Stop()
  void Stop();  // any thread
  // One turn: waits at most `longest_wait` if nothing is due. Returns whether anything ran. Tests and the simulator
  // step this.
  bool RunOnce(Duration longest_wait);
  bool OnLoopThread() const;  // what entry points DCHECK; true on any thread until the loop first ran

  // Runs `task` on the loop, after the events of that turn. Tasks posted by one thread run in order. What is still
  // queued at destruction is destroyed without being run.
  void Post(absl::AnyInvocable<void() &&> task) ABSL_LOCKS_EXCLUDED(posted_mutex_);

  MonotonicTime now() const { return now_; }  // read once per turn
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

  // When the next timer is due, for the simulator's scheduler; MonotonicTime::max() if none is armed.
  MonotonicTime NextTimer() const;
  // Whether the next turn has work without waiting: posted tasks, or somebody asked for it.
  bool HasPosted() const ABSL_LOCKS_EXCLUDED(posted_mutex_);

 private:
  friend class Timer;
  void RefreshClock();
  size_t RunNextTurn();
  size_t RunTimers();
  size_t RunPosted() ABSL_LOCKS_EXCLUDED(posted_mutex_);
  void RunEndOfTurn();
  void FreeDeferred();

  std::unique_ptr<Engine> engine_;
  MonotonicTime now_;
  WallTime wall_now_;
  bool wall_fresh_ = false;
  std::unique_ptr<class TimerHeap> timers_;
  IntrusiveList<EndOfTurn, EndOfTurnTag> end_of_turn_;
  IntrusiveList<NextTurn, NextTurnTag> next_turn_;
  uint64_t last_id_ = 0;
  std::vector<std::unique_ptr<Deferred>> deferred_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> wake_pending_{false};
  std::thread::id thread_;
  mutable absl::Mutex posted_mutex_;  // the only lock of this room
  std::vector<absl::AnyInvocable<void() &&>> posted_ ABSL_GUARDED_BY(posted_mutex_);
};

}  // namespace outrigger::event
