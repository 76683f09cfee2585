#include "source/event/dispatcher.h"

#include <algorithm>

#include "source/base/bug.h"

namespace outrigger::event {
namespace {

// An end-of-turn hook that puts itself back is run again in the same turn at most this often.
constexpr int kEndOfTurnPasses = 4;

// What next-turn work, and what timers, may take of a turn once somebody waits for the loop: then descriptors that
// became ready come first again. One of each runs whatever it takes. Simulated time stands still meanwhile: all of them
// run.
constexpr Duration kShareOfTurn = microseconds(30);

// Before work that can wait, the loop looks again whether somebody became ready while others were served: at most so
// often. What takes its share of a turn is not to stand between a request and an answer that comes at once.
constexpr int kLooksAgain = 2;

// Of what is to be destroyed at the end of the turn, the list keeps room for so many.
constexpr size_t kMostKept = 1024;

// Stands behind those who asked before this turn: who asks later means a turn after it.
class EndOfNextTurn final : public NextTurn {
 public:
  void OnNextTurn() override {}
};

thread_local const Dispatcher* t_running = nullptr;

class Running {
 public:
  explicit Running(const Dispatcher* dispatcher) : before_(t_running) { t_running = dispatcher; }
  ~Running() { t_running = before_; }

 private:
  const Dispatcher* before_;
};

}  // namespace

Timer::~Timer() { Disarm(); }

void Timer::Disarm() {
  if (dispatcher_ == nullptr) return;
  dispatcher_->timers_.Remove(*this);
  dispatcher_ = nullptr;
}

Dispatcher::Dispatcher(std::unique_ptr<Engine> engine) : engine_(std::move(engine)), now_(engine_->MonotonicNow()) {}

Dispatcher::~Dispatcher() {
  // What is destroyed here may post, defer and disarm once more.
  for (;;) {
    FreeDeferred();
    {
      MutexLock lock(posted_mutex_);
      running_.swap(posted_);
    }
    if (running_.empty() && deferred_.empty()) break;
    running_.clear();
  }
  while (!timers_.empty()) timers_.first().Disarm();
}

void Dispatcher::Run() {
  while (!stopping()) RunOnce(Duration::max());
  stop_.store(false, std::memory_order_release);
}

void Dispatcher::Stop() {
  stop_.store(true, std::memory_order_release);
  engine_->Wake();
}

bool Dispatcher::OnLoopThread() const {
  const std::thread::id thread = thread_.load(std::memory_order_relaxed);
  if (thread == std::thread::id()) return true;
  return thread == std::this_thread::get_id() && (t_running == nullptr || t_running == this);
}

bool Dispatcher::RunOnce(Duration longest_wait) {
  Running running(this);
  if (thread_.load(std::memory_order_relaxed) != std::this_thread::get_id()) {
    thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  engine_->Wait(WaitFor(longest_wait));
  RefreshClock();
  turn_began_.store(now_.time_since_epoch().count(), std::memory_order_relaxed);
  EndOfNextTurn end;
  if (!next_turn_.empty()) next_turn_.PushBack(end);  // who asks while events are delivered means the turn after this
  int delivered = engine_->Deliver();
  size_t ran = static_cast<size_t>(delivered);
  ran += RunTimers();
  ran += RunPosted();
  ran += RunEndOfTurn();
  if (end.linked()) {  // those above have been served, what they wrote is sent
    for (int look = 0; delivered > 0 && look < kLooksAgain; ++look) {
      engine_->Wait(Duration::zero());
      RefreshClock();
      delivered = engine_->Deliver();
      ran += RunEndOfTurn();
    }
    ran += RunNextTurn(end);
    ran += RunEndOfTurn();
  }
  FreeDeferred();
  turn_began_.store(0, std::memory_order_relaxed);
  return ran > 0;
}

// How long this turn may wait: not at all if something is left to do.
Duration Dispatcher::WaitFor(Duration longest) {
  if (longest <= Duration::zero() || stopping() || HasPosted()) return Duration::zero();
  if (timers_.empty()) return longest;
  const Duration until = timers_.first_when() - engine_->MonotonicNow();
  return std::clamp(until, Duration::zero(), longest);
}

void Dispatcher::RefreshClock() {
  now_ = std::max(now_, engine_->MonotonicNow());
  wall_fresh_ = false;
}

WallTime Dispatcher::wall_now() {
  if (!wall_fresh_) {
    wall_now_ = engine_->WallNow();
    wall_fresh_ = true;
  }
  return wall_now_;
}

void Dispatcher::Arm(Timer& timer, Duration delay) {
  OUTRIGGER_DCHECK(OnLoopThread());
  OUTRIGGER_DCHECK(timer.dispatcher_ == nullptr || timer.dispatcher_ == this);
  const Duration longest = MonotonicTime::max() - now_;
  timer.when_ = now_ + std::clamp(delay, Duration::zero(), longest);
  timer.sequence_ = ++timer_sequence_;
  if (timer.dispatcher_ == this) {
    timers_.Update(timer);
  } else {
    timer.dispatcher_ = this;
    timers_.Add(timer);
  }
}

MonotonicTime Dispatcher::NextTimer() const { return timers_.empty() ? MonotonicTime::max() : timers_.first_when(); }

// Timers that are armed while this runs wait for the next turn, even with no delay: a turn always ends.
size_t Dispatcher::RunTimers() {
  size_t fired = 0;
  const uint64_t armed_before = timer_sequence_;
  MonotonicTime until = MonotonicTime::max();
  while (!timers_.empty() && timers_.first_when() <= now_ && timers_.first_sequence() <= armed_before) {
    if (fired == 1) until = engine_->MonotonicNow() + kShareOfTurn;
    if (fired > 1 && engine_->MonotonicNow() >= until) break;
    Timer& timer = timers_.first();
    timer.Disarm();
    timer.fire_();
    ++fired;
  }
  return fired;
}

void Dispatcher::Post(absl::AnyInvocable<void() &&> task) {
  {
    MutexLock lock(posted_mutex_);
    posted_.push_back(std::move(task));
    has_posted_.store(true, std::memory_order_release);
  }
  // The loop looks at what was posted before it waits: it needs no wake from itself, and one per turn from others.
  if (t_running == this) return;
  if (!wake_pending_.exchange(true, std::memory_order_acq_rel)) engine_->Wake();
}

bool Dispatcher::HasPosted() const {
  return has_posted_.load(std::memory_order_acquire) || !next_turn_.empty() || !end_of_turn_.empty() ||
         !deferred_.empty();
}

// Who has to wait longer is the first next time, so that all take turns.
size_t Dispatcher::RunNextTurn(const NextTurn& end) {
  size_t ran = 0;
  for (const MonotonicTime until = engine_->MonotonicNow() + kShareOfTurn; &next_turn_.front() != &end;) {
    next_turn_.PopFront().OnNextTurn();
    ++ran;
    if (&next_turn_.front() != &end && engine_->MonotonicNow() >= until) break;
  }
  return ran;
}

size_t Dispatcher::RunPosted() {
  // Before looking: whoever posts after this wakes the next wait.
  if (wake_pending_.load(std::memory_order_relaxed)) wake_pending_.exchange(false, std::memory_order_acq_rel);
  if (!has_posted_.load(std::memory_order_acquire)) return 0;
  {
    MutexLock lock(posted_mutex_);
    running_.swap(posted_);
    has_posted_.store(false, std::memory_order_relaxed);
  }
  const size_t count = running_.size();
  for (auto& task : running_) {
    std::move(task)();
    task = nullptr;  // what it holds goes now, in order
  }
  running_.clear();
  return count;
}

size_t Dispatcher::RunEndOfTurn() {
  size_t ran = 0;
  for (int pass = 0; pass < kEndOfTurnPasses && !end_of_turn_.empty(); ++pass) {
    for (size_t left = end_of_turn_.CountSlow(); left > 0 && !end_of_turn_.empty(); --left, ++ran) {
      end_of_turn_.PopFront().OnEndOfTurn();
    }
  }
  return ran;
}

void Dispatcher::DestroyLater(std::unique_ptr<Deferred> object) {
  OUTRIGGER_DCHECK(OnLoopThread());
  deferred_.push_back(std::move(object));
}

void Dispatcher::FreeDeferred() {
  while (!deferred_.empty()) {
    freeing_.swap(deferred_);
    for (auto& object : freeing_) object.reset();
    freeing_.clear();
  }
  for (auto* list : {&freeing_, &deferred_}) {  // one that was large gives its memory back
    if (list->capacity() > kMostKept) std::vector<std::unique_ptr<Deferred>>().swap(*list);
  }
}

}  // namespace outrigger::event
