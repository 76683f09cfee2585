// Thread: any (works on a StatsSnapshot, a copy)
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "source/observe/stats_block.h"
#include "source/observe/tags.h"

namespace outrigger::observe {

// Bins (Histogram::BinOf) with their counts, ascending; made by summing workers.
struct HistogramTotals {
  std::vector<std::pair<int, uint64_t>> bins;
  uint64_t count = 0;
  uint64_t sum = 0;
  // The value below which `quantile` (0..1) of the values lie, interpolated inside a bin; NaN without values.
  double Quantile(double quantile) const;
  // How many values are at most `edge`.
  uint64_t CountUpTo(double edge) const;
};

// All statistics at one moment, each vector sorted by name.
struct StatsSnapshot {
  struct Number {
    std::string name;
    int64_t value;  // counters are printed as unsigned
    StatKind kind;  // kCounter or kGauge
    bool used;
  };
  struct Distribution {
    std::string name;
    Unit unit;
    bool used;
    HistogramTotals interval;
    HistogramTotals cumulative;
  };
  struct Line {
    std::string name;
    std::string value;
  };
  std::vector<Number> numbers;
  std::vector<Distribution> distributions;
  std::vector<Line> texts;
};

// The published quantiles: 0, .25, .5, .75, .9, .95, .99, .995, .999, 1.
inline constexpr std::array<double, 10> kQuantiles = {0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1};

// Upper edges of exposed histogram buckets (stats_config.histogram_bucket_settings): the first setting whose predicate
// accepts the name, else the published defaults.
struct BucketSetting {
  std::function<bool(absl::string_view name)> match;
  std::vector<double> buckets;  // ascending, above 0
};
absl::Span<const double> DefaultBuckets();

// How to print. `keep` is stats_matcher (empty: all): what it refuses is absent from every output. `filter`,
// `used_only` are the request's query parameters.
struct StatsFormat {
  // How text and JSON show histograms: quantiles; counts up to each bucket's edge, or of each bucket alone; every bin.
  enum class Histograms : uint8_t { kQuantiles, kCumulative, kDisjoint, kDetailed } histograms = Histograms::kQuantiles;
  bool used_only = false;
  std::function<bool(absl::string_view name)> filter;
  std::function<bool(absl::string_view name)> keep;
  const TagRules* tags = nullptr;  // null: no labels
  absl::Span<const BucketSetting> buckets;
  bool text_readouts = false;  // Prometheus only: texts as gauges with the label text_value
};

// A predicate for ?filter=: RE2, partial match, memory bounded. An error names what is wrong with the pattern.
absl::StatusOr<std::function<bool(absl::string_view)>> NameFilter(absl::string_view pattern);

// "name: value" lines; histograms as "name: P0(interval,cumulative) P25(...) ..." or "name: No recorded values".
std::string FormatText(const StatsSnapshot& snapshot, const StatsFormat& format);
// {"stats":[{"name":..,"value":..},...,{"histograms":{...}}]}
std::string FormatJson(const StatsSnapshot& snapshot, const StatsFormat& format);
// Prometheus text exposition 0.0.4: "# TYPE" lines, names envoy_..., labels by TagRules.
std::string FormatPrometheus(const StatsSnapshot& snapshot, const StatsFormat& format);

}  // namespace outrigger::observe
