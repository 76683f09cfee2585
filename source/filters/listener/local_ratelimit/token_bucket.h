// Thread: any
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "source/base/time.h"

namespace outrigger::filters {

// Tokens for all workers: `per_fill` more in each `interval`, at most `most`; full at first. Taking one is an atomic
// operation on memory that workers share, which a connection may cost (a request may not: law 1).
class TokenBucket {
 public:
  struct Settings {
    uint32_t most = 1;
    uint32_t per_fill = 1;
    Duration interval = seconds(1);
  };
  explicit TokenBucket(const Settings& settings) : settings_(settings), state_(settings.most) {}

  // By the caller's clock. Those of workers differ by as much as their turns last: an earlier time fills nothing.
  bool Take(MonotonicTime now) {
    uint64_t state = state_.load(std::memory_order_relaxed);
    while (true) {
      const uint32_t fill = static_cast<uint32_t>(now.time_since_epoch() / settings_.interval + 1);
      uint64_t tokens = state & UINT32_MAX;
      uint32_t last = static_cast<uint32_t>(state >> 32);
      if (last == 0) last = fill;  // nobody took one before
      const int32_t passed = static_cast<int32_t>(fill - last);
      if (passed > 0) {
        tokens = std::min<uint64_t>(settings_.most, tokens + static_cast<uint64_t>(passed) * settings_.per_fill);
        last = fill;
      }
      if (tokens == 0) return false;
      if (state_.compare_exchange_weak(state, uint64_t{last} << 32 | (tokens - 1), std::memory_order_relaxed))
        return true;
    }
  }

 private:
  const Settings settings_;
  std::atomic<uint64_t> state_;  // the number of the last fill (0: none yet), and the tokens that were left
};

}  // namespace outrigger::filters
