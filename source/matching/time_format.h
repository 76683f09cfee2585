// Thread: any (immutable)
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/time.h"

namespace outrigger::matching {

// A strftime format, checked and cut up once, with %s (seconds since the epoch) and %f, %1f to %9f (digits of the
// fraction).
// "" is 2016-04-15T20:17:00.310Z, written without strftime.
class TimeFormat {
 public:
  static constexpr size_t kMaxFormat = 256;

  TimeFormat() = default;
  static absl::StatusOr<TimeFormat> Create(absl::string_view format, bool local);
  void Append(WallTime time, std::string* out) const;

 private:
  enum class Kind : uint8_t { kStrftime, kEpochSeconds, kFraction };
  struct Part {
    Kind kind;
    int digits = 9;
    std::string format;
  };
  std::vector<Part> parts_;  // empty: the default
  bool local_ = false;
};

}  // namespace outrigger::matching
