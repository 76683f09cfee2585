// Thread: worker
#pragma once

#include <cstdint>

#include "source/base/time.h"
#include "source/event/dispatcher.h"
#include "source/http/h2/framer.h"

namespace outrigger::http::h2 {

// How much of what a peer sent is read in one turn of the loop: others have their turn before the rest. Bounded by
// count, roughly in the order of what the frames cost, and by the clock, which alone sees what their requests cost.
// Small input is always read: whoever sends a request now and then does not wait behind those who send without end.
class TurnShare {
 public:
  static constexpr size_t kSmall = 1024;       // bytes
  static constexpr size_t kMuch = 16 * 1024;   // bytes
  static constexpr uint32_t kMostWork = 4096;  // see Charge()
  static constexpr uint32_t kWorkPerLook = 64;
  static constexpr Duration kMostTime = microseconds(50);
  static constexpr Duration kMostTimeOfMuch = microseconds(30);
  static constexpr Duration kMostTimeAlone = microseconds(200);  // nobody else has asked for more
  static constexpr Duration kOldTurn = microseconds(100);

  explicit TurnShare(event::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

  // `bytes` are to be read. False: others had much of this turn already; it is the next one's. Never twice in a row.
  bool Begin(size_t bytes) {
    const bool waited = owed_;
    owed_ = false;
    work_ = 0;
    next_look_ = UINT32_MAX;
    if (bytes <= kSmall) return true;
    next_look_ = kWorkPerLook;
    begun_ = dispatcher_.engine().MonotonicNow();
    const Duration age = begun_ - dispatcher_.now();
    const bool alone = age < kMostTime && !dispatcher_.HasPosted();
    most_time_ = bytes > kMuch ? kMostTimeOfMuch : alone ? kMostTimeAlone : kMostTime;
    owed_ = !waited && age > kOldTurn;
    return !owed_;
  }
  void Charge(const FrameHead& head) {
    switch (head.type) {
      case FrameType::kData:
        work_ += 1 + head.length / 1024;
        break;
      case FrameType::kHeaders:
        work_ += 64 + head.length / 16;
        break;
      case FrameType::kContinuation:
      case FrameType::kSettings:
      case FrameType::kRstStream:
        work_ += 16 + head.length / 16;
        break;
      default:
        work_ += 2 + head.length / 256;
    }
  }
  bool over() {
    if (work_ < next_look_) [[likely]]
      return false;
    next_look_ = work_ + kWorkPerLook;
    return work_ >= kMostWork || dispatcher_.engine().MonotonicNow() - begun_ >= most_time_;
  }
  void Stop() {  // the rest is for later, whatever it is
    work_ = kMostWork;
    next_look_ = 0;
  }
  void Owe() { owed_ = true; }  // something was left

 private:
  event::Dispatcher& dispatcher_;
  MonotonicTime begun_;
  Duration most_time_{0};
  uint32_t work_ = 0;
  uint32_t next_look_ = UINT32_MAX;
  bool owed_ = false;
};

}  // namespace outrigger::http::h2
