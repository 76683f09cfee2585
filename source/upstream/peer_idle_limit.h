// Thread: worker
#pragma once

#include "source/base/time.h"

namespace outrigger::upstream {

// How long one upstream host keeps an idle HTTP/1 connection, as far as we know: what it says ("Keep-Alive: timeout"),
// and what it does. Connections that we close a little earlier cannot be closed by it under a request that is on its
// way.
//
// A host that restarts closes idle connections, too, so one end says nothing: two that did not overlap have to agree.
// What was learnt so is believed for kBelieved, then watched again: a host may have changed its mind, and nobody would
// see it.
class PeerIdleLimit {
 public:
  static constexpr Duration kBelieved = minutes(10);
  static constexpr Duration kShortest = milliseconds(100);  // below it nothing is learnt: such a host wants no reuse

  void Announced(Duration timeout) { announced_ = timeout; }
  // The host ended a connection that was idle since `since`.
  void Ended(MonotonicTime since, MonotonicTime now);
  // How long a connection of ours may wait for its next request; zero: nothing is known.
  Duration Ours(MonotonicTime now) const {
    return announced_ == Duration::zero() && learnt_ == Duration::zero() ? Duration::zero() : Known(now);
  }

 private:
  Duration Known(MonotonicTime now) const;

  Duration announced_{0};
  Duration learnt_{0};
  Duration last_{0};          // the length of the idle time that ended last
  MonotonicTime last_end_{};  // and when it ended
  MonotonicTime learnt_at_{};
};

}  // namespace outrigger::upstream
