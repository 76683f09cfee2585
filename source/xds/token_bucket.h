// Thread: main
#pragma once

#include <algorithm>

#include "source/base/time.h"

namespace outrigger::xds {

// How many requests a control plane is sent in a time (config.core.v3.RateLimitSettings): so many at once, and so many
// a second in the long run.
class TokenBucket {
 public:
  struct Settings {
    double most = 100;       // max_tokens; at least 1
    double per_second = 10;  // fill_rate
  };
  TokenBucket(const Settings& settings, MonotonicTime now)
      : settings_{std::max(settings.most, 1.0), settings.per_second > kLeastRate ? settings.per_second : kLeastRate},
        tokens_(settings_.most),
        filled_(now) {}

  bool Take(MonotonicTime now) {
    const double passed = std::chrono::duration<double>(now - filled_).count();
    filled_ = now;
    tokens_ = std::min(settings_.most, tokens_ + passed * settings_.per_second);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  // After a Take that gave none: how long until one can.
  Duration UntilNext() const {
    const double millis = (1 - tokens_) / settings_.per_second * 1000;
    return milliseconds(static_cast<int64_t>(millis) + 1);
  }

 private:
  static constexpr double kLeastRate = 1.0 / (365.0 * 24 * 3600);  // a token a year, the published least
  const Settings settings_;
  double tokens_;
  MonotonicTime filled_;
};

}  // namespace outrigger::xds
