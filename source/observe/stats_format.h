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
absl::Span<const double> BucketsOf(absl::string_view name, const StatsFormat& format);
// How text and JSON show histograms (StatsFormat::histograms): what follows "name:" in a line, and the members of the
// "histograms" element ("": no histogram has values).
std::string HistogramText(const StatsSnapshot::Distribution& distribution, const StatsFormat& format);
std::string HistogramsJson(const StatsSnapshot& snapshot, const StatsFormat& format);
// `text` as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD.
std::string JsonQuote(absl::string_view text);

}  // namespace outrigger::observe
