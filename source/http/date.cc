#include "source/http/date.h"

#include <cstdio>
#include <cstring>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace outrigger::http {

void DateCache::Format(int64_t second) {
  static constexpr const char* kDays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  second_ = second;
  const absl::CivilSecond civil = absl::ToCivilSecond(absl::FromUnixSeconds(second), absl::UTCTimeZone());
  char out[64];
  snprintf(out, sizeof(out), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[static_cast<int>(absl::GetWeekday(civil))], civil.day(),
           kMonths[civil.month() - 1], static_cast<int>(civil.year() % 10000), civil.hour(), civil.minute(), civil.second());
  memcpy(text_, out, kLength);
}

}  // namespace outrigger::http
