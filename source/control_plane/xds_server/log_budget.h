// Thread: main
#pragma once

#include <cstdint>

#include "source/base/time.h"

namespace outrigger::control_plane {

// How many log lines peers may cause: whoever connects and is refused a thousand times a second shall not fill the
// disk. What is left out is counted; the status page has the newest reasons anyway.
class LogBudget {
 public:
  static constexpr uint32_t kMostLines = 100;
  static constexpr Duration kPeriod = seconds(10);

  bool Take(MonotonicTime now) {
    if (now >= next_period_) {
      next_period_ = now + kPeriod;
      taken_ = 0;
    }
    if (taken_ < kMostLines) {
      ++taken_;
      return true;
    }
    ++suppressed_;
    return false;
  }
  uint64_t suppressed() const { return suppressed_; }

 private:
  MonotonicTime next_period_{};
  uint32_t taken_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace outrigger::control_plane
