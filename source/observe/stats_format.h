// Thread: any. Shared by the output formats; not for other rooms.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "source/observe/stats_reader.h"

namespace outrigger::observe {

bool Wanted(const StatsFormat& format, absl::string_view name, bool used);
std::string PrintNumber(const StatsSnapshot::Number& number);
// Without an exponent for all values that occur; NaN is "nan".
std::string PrintReal(double value);
// `text` as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD.
std::string JsonQuote(absl::string_view text);

}  // namespace outrigger::observe
