#include "source/upstream/peer_idle_limit.h"

#include <algorithm>

namespace outrigger::upstream {
namespace {

// Our clock starts when the response arrived and our request needs time to get there: a tenth, but at least as much as
// a slow round trip, and never more than half.
constexpr Duration kLeastMargin = milliseconds(200);

Duration Before(Duration limit) {
  const Duration margin = std::min(std::max(limit / 10, kLeastMargin), limit / 2);
  // Few different lengths: each is a queue of the worker's timeouts. Five significant bits lose 3% at most.
  const auto millis = static_cast<uint64_t>(std::max<int64_t>(ToMillis(limit - margin), 1));
  const int low = std::max(0, 64 - __builtin_clzll(millis) - 5);
  return milliseconds(static_cast<int64_t>(millis >> low << low));
}

}  // namespace

void PeerIdleLimit::Ended(MonotonicTime since, MonotonicTime now) {
  const Duration idle = now - since;
  if (idle < kShortest || since < last_end_) return;  // overlapping ones may have one cause
  const Duration shorter = std::min(idle, last_), longer = std::max(idle, last_);
  if (last_ > Duration::zero() && longer - shorter <= longer / 3) {
    learnt_ = shorter;
    learnt_at_ = now;
  }
  last_ = idle;
  last_end_ = now;
}

Duration PeerIdleLimit::Known(MonotonicTime now) const {
  Duration limit = announced_;
  if (learnt_ > Duration::zero() && now - learnt_at_ < kBelieved) {
    limit = limit > Duration::zero() ? std::min(limit, learnt_) : learnt_;
  }
  return limit > Duration::zero() ? Before(limit) : limit;
}

}  // namespace outrigger::upstream
