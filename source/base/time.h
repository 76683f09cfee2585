// Thread: any
#pragma once

#include <chrono>
#include <cstdint>

namespace outrigger {

// Durations and times are plain 64-bit nanosecond counts: they add and compare in one instruction and are never
// infinite. Nothing but an event::Engine reads a clock; everybody else asks its Dispatcher for now().
using Duration = std::chrono::nanoseconds;

struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, Duration>;
  static constexpr bool is_steady = true;
};
using MonotonicTime = MonotonicClock::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

inline int64_t ToMillis(Duration d) { return std::chrono::duration_cast<milliseconds>(d).count(); }
inline int64_t ToMicros(Duration d) { return std::chrono::duration_cast<microseconds>(d).count(); }

}  // namespace outrigger
