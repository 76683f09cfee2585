#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "re2/re2.h"
#include "source/observe/stats_format.h"
#include "source/observe/stats_reader.h"

namespace outrigger::observe {

namespace {
constexpr size_t kLongestPattern = 4096;     // characters of ?filter=
constexpr int64_t kPatternMemory = 1 << 20;  // bytes
}  // namespace

absl::StatusOr<std::function<bool(absl::string_view)>> NameFilter(absl::string_view pattern) {
  if (pattern.size() > kLongestPattern) return absl::InvalidArgumentError("filter: the pattern is too long");
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemory);
  auto regex = std::make_shared<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!regex->ok()) return absl::InvalidArgumentError(absl::StrCat("filter: ", regex->error()));
  return std::function<bool(absl::string_view)>([regex = std::move(regex)](absl::string_view name) {
    return RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *regex);
  });
}

bool Wanted(const StatsFormat& format, absl::string_view name, bool used) {
  if (format.used_only && !used) return false;
  if (format.keep && !format.keep(name)) return false;
  return !format.filter || format.filter(name);
}

std::string PrintNumber(const StatsSnapshot::Number& number) {
  return number.kind == StatKind::kCounter ? absl::StrCat(static_cast<uint64_t>(number.value))
                                           : absl::StrCat(number.value);
}

std::string PrintReal(double value) { return std::isnan(value) ? "nan" : absl::StrFormat("%.14g", value); }

std::string FormatText(const StatsSnapshot& snapshot, const StatsFormat& format) {
  std::string out;
  for (const auto& text : snapshot.texts) {
    if (Wanted(format, text.name, !text.value.empty())) {
      absl::StrAppend(&out, text.name, ": ", JsonQuote(text.value), "\n");
    }
  }
  for (const auto& number : snapshot.numbers) {
    if (Wanted(format, number.name, number.used)) absl::StrAppend(&out, number.name, ": ", PrintNumber(number), "\n");
  }
  for (const auto& distribution : snapshot.distributions) {
    if (!Wanted(format, distribution.name, distribution.used)) continue;
    absl::StrAppend(&out, distribution.name, ":", HistogramText(distribution, format), "\n");
  }
  return out;
}

}  // namespace outrigger::observe
