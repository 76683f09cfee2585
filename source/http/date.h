// Thread: worker
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/base/time.h"

namespace outrigger::http {

// The text of the Date field (RFC 9110 5.6.7, IMF-fixdate), made once a second. One per worker.
class DateCache {
 public:
  static constexpr size_t kLength = 29;
  // Valid until the next call.
  absl::string_view Text(WallTime now) {
    const int64_t second = std::chrono::floor<seconds>(now.time_since_epoch()).count();
    if (second != second_) Format(second);
    return {text_, kLength};
  }

 private:
  void Format(int64_t second);
  int64_t second_ = INT64_MIN;
  char text_[kLength + 3];
};

}  // namespace outrigger::http
