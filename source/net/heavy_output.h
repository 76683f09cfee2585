// Thread: worker
#pragma once

#include <cstddef>

#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"

namespace outrigger::net {

// From here on the output of a connection is sent as soon as the event that brought it was handled, not at the end of
// the turn. The blocks it lies in are then used again for what is read next: many large bodies of one turn go through
// the same memory, in the processor's cache, instead of through a block each. What is smaller waits for more, so that
// it is still one write per turn.
inline constexpr size_t kHeavyOutput = 16 * 1024;

// While one of these lives, a readiness event of a connection is handled. At the end of the outermost one this thread's
// connections with heavy output get their end of turn.
class HeavyOutputAfter {
 public:
  HeavyOutputAfter() { ++t_depth; }
  ~HeavyOutputAfter() {
    if (--t_depth == 0 && t_waiting) SendAll();
  }
  HeavyOutputAfter(const HeavyOutputAfter&) = delete;
  HeavyOutputAfter& operator=(const HeavyOutputAfter&) = delete;

  // Takes `hook` out of the end of its turn; false, and nothing happens, if no event is being handled.
  static bool Add(event::EndOfTurn& hook);

 private:
  static void SendAll();
  static inline thread_local int t_depth = 0;
  static inline thread_local bool t_waiting = false;
};

}  // namespace outrigger::net
