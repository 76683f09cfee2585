#include "source/matching/time_format.h"

#include <ctime>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace outrigger::matching {
namespace {

constexpr int64_t kNanosPerSecond = 1000000000;

void Split(WallTime time, int64_t* seconds, int64_t* nanos) {
  const int64_t count = time.time_since_epoch().count();
  *seconds = count / kNanosPerSecond;
  *nanos = count % kNanosPerSecond;
  if (*nanos < 0) {
    *nanos += kNanosPerSecond;
    --*seconds;
  }
}

void AppendDigits(int64_t value, int digits, std::string* out) {
  char text[20];
  for (int i = digits - 1; i >= 0; --i) {
    text[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out->append(text, static_cast<size_t>(digits));
}

// Gregorian date of a day number, by the usual shift of the year's start to March.
void AppendDefault(int64_t seconds, int64_t nanos, std::string* out) {
  int64_t days = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
  const int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  AppendDigits(year, 4, out);
  out->push_back('-');
  AppendDigits(month, 2, out);
  out->push_back('-');
  AppendDigits(day, 2, out);
  out->push_back('T');
  AppendDigits(rest / 3600, 2, out);
  out->push_back(':');
  AppendDigits(rest / 60 % 60, 2, out);
  out->push_back(':');
  AppendDigits(rest % 60, 2, out);
  out->push_back('.');
  AppendDigits(nanos / 1000000, 3, out);
  out->push_back('Z');
}

}  // namespace

absl::StatusOr<TimeFormat> TimeFormat::Create(absl::string_view format, bool local) {
  constexpr absl::string_view kDefault = "%Y-%m-%dT%H:%M:%S.%3f";
  constexpr absl::string_view kKnown = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYzZ%";
  TimeFormat out;
  out.local_ = local;
  if (format.empty()) {
    if (!local) return out;
    format = kDefault;
  }
  if (format.size() > kMaxFormat)
    return absl::InvalidArgumentError(absl::StrCat("time format is longer than ", kMaxFormat));
  std::string run;
  const auto flush = [&] {
    if (!run.empty()) out.parts_.push_back({Kind::kStrftime, 0, std::move(run)});
    run.clear();
  };
  for (size_t i = 0; i < format.size(); ++i) {
    const char c = format[i];
    if (c == '\n' || c == '\0' || c == '\r') return absl::InvalidArgumentError("time format has a control character");
    if (c != '%') {
      run.push_back(c);
      continue;
    }
    const char next = i + 1 < format.size() ? format[i + 1] : '\0';
    if (next == 's') {
      flush();
      out.parts_.push_back({Kind::kEpochSeconds, 0, {}});
      i += 1;
    } else if (next == 'f') {
      flush();
      out.parts_.push_back({Kind::kFraction, 9, {}});
      i += 1;
    } else if (next >= '1' && next <= '9' && i + 2 < format.size() && format[i + 2] == 'f') {
      flush();
      out.parts_.push_back({Kind::kFraction, next - '0', {}});
      i += 2;
    } else if (next != '\0' && kKnown.find(next) != absl::string_view::npos) {
      run.push_back('%');
      run.push_back(next);
      i += 1;
    } else {
      return absl::InvalidArgumentError(absl::StrCat("time format \"", format, "\" has an unknown specifier at ", i));
    }
  }
  flush();
  return out;
}

void TimeFormat::Append(WallTime time, std::string* out) const {
  int64_t seconds = 0, nanos = 0;
  Split(time, &seconds, &nanos);
  if (parts_.empty()) {
    AppendDefault(seconds, nanos, out);
    return;
  }
  const time_t whole = static_cast<time_t>(seconds);
  struct tm broken {};
  if ((local_ ? localtime_r(&whole, &broken) : gmtime_r(&whole, &broken)) == nullptr) return;
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Kind::kEpochSeconds:
        absl::StrAppend(out, seconds);
        break;
      case Kind::kFraction: {
        int64_t value = nanos;
        for (int i = part.digits; i < 9; ++i) value /= 10;
        AppendDigits(value, part.digits, out);
        break;
      }
      case Kind::kStrftime: {
        char text[16 * kMaxFormat];
        out->append(text, strftime(text, sizeof(text), part.format.c_str(), &broken));
        break;
      }
    }
  }
}

}  // namespace outrigger::matching
