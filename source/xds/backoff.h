// Thread: main
#pragma once

#include <algorithm>
#include <cstdint>

#include "source/base/time.h"

namespace outrigger::xds {

// Waits between attempts: uniform in [0, window), the window doubling from `base` up to `most`.
class Backoff {
 public:
  Backoff(Duration base, Duration most) : base_(base), most_(most), window_(base) {}
  Duration Next(uint64_t random) {
    const Duration wait(static_cast<int64_t>(random % static_cast<uint64_t>(std::max<int64_t>(window_.count(), 1))));
    window_ = std::min(window_ * 2, most_);
    return wait;
  }
  void Reset() { window_ = base_; }

 private:
  const Duration base_, most_;
  Duration window_;
};

}  // namespace outrigger::xds
