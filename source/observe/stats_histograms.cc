#include <cmath>

#include "absl/strings/str_cat.h"
#include "source/observe/stats_format.h"

namespace outrigger::observe {
namespace {

using Distribution = StatsSnapshot::Distribution;
using Form = StatsFormat::Histograms;

std::string JsonNumber(double value) { return std::isnan(value) ? "null" : PrintReal(value); }

// What a histogram's bucket holds, in the last interval and in all.
struct Bucket {
  double edge;
  uint64_t interval, cumulative;
};
std::vector<Bucket> BucketsIn(const Distribution& distribution, const StatsFormat& format) {
  std::vector<Bucket> buckets;
  uint64_t below_interval = 0, below_cumulative = 0;
  for (double edge : BucketsOf(distribution.name, format)) {
    const uint64_t interval = distribution.interval.CountUpTo(edge);
    const uint64_t cumulative = distribution.cumulative.CountUpTo(edge);
    buckets.push_back({edge, interval - below_interval, cumulative - below_cumulative});
    if (format.histograms == Form::kCumulative) continue;
    below_interval = interval;
    below_cumulative = cumulative;
  }
  return buckets;
}

std::string QuantilesText(const Distribution& distribution) {
  std::string out;
  for (double quantile : kQuantiles) {
    absl::StrAppend(&out, out.empty() ? "" : " ", "P", PrintReal(100 * quantile), "(",
                    PrintReal(distribution.interval.Quantile(quantile)), ",",
                    PrintReal(distribution.cumulative.Quantile(quantile)), ")");
  }
  return out;
}

std::string BinsText(const HistogramTotals& totals) {
  std::string out;
  for (const auto& [bin, count] : totals.bins) {
    absl::StrAppend(&out, out.empty() ? "" : ", ", PrintReal(Histogram::LowerEdge(bin)), ",",
                    PrintReal(Histogram::Width(bin)), ":", count);
  }
  return out;
}

std::string QuantilesJson(const Distribution& distribution) {
  std::string out;
  for (double quantile : kQuantiles) {
    absl::StrAppend(&out, out.empty() ? "[" : ",",
                    "{\"interval\":", JsonNumber(distribution.interval.Quantile(quantile)),
                    ",\"cumulative\":", JsonNumber(distribution.cumulative.Quantile(quantile)), "}");
  }
  return out + "]";
}

std::string BinsJson(const HistogramTotals& totals) {
  std::string out = "[";
  for (const auto& [bin, count] : totals.bins) {
    absl::StrAppend(&out, out.size() == 1 ? "" : ",", "{\"lower_bound\":", PrintReal(Histogram::LowerEdge(bin)),
                    ",\"width\":", PrintReal(Histogram::Width(bin)), ",\"count\":", count, "}");
  }
  return out + "]";
}

std::string OneJson(const Distribution& distribution, const StatsFormat& format) {
  std::string out = absl::StrCat("{\"name\":", JsonQuote(distribution.name));
  switch (format.histograms) {
    case Form::kQuantiles:
      absl::StrAppend(&out, ",\"values\":", QuantilesJson(distribution));
      break;
    case Form::kDetailed:
      absl::StrAppend(&out, ",\"percentiles\":", QuantilesJson(distribution),
                      ",\"totals\":", BinsJson(distribution.cumulative),
                      ",\"intervals\":", BinsJson(distribution.interval));
      break;
    case Form::kCumulative:
    case Form::kDisjoint: {
      absl::string_view comma = ",\"buckets\":[";
      for (const Bucket& bucket : BucketsIn(distribution, format)) {
        absl::StrAppend(&out, comma, "{\"upper_bound\":", PrintReal(bucket.edge), ",\"interval\":", bucket.interval,
                        ",\"cumulative\":", bucket.cumulative, "}");
        comma = ",";
      }
      out += "]";
      break;
    }
  }
  return out + "}";
}

}  // namespace

std::string HistogramText(const Distribution& distribution, const StatsFormat& format) {
  if (!distribution.used) return " No recorded values";
  if (format.histograms == Form::kQuantiles) return absl::StrCat(" ", QuantilesText(distribution));
  if (format.histograms == Form::kDetailed) {
    return absl::StrCat("\n  totals=", BinsText(distribution.cumulative),
                        "\n  intervals=", BinsText(distribution.interval), "\n  summary=", QuantilesText(distribution));
  }
  std::string out;
  for (const Bucket& bucket : BucketsIn(distribution, format)) {
    absl::StrAppend(&out, " B", PrintReal(bucket.edge), "(", bucket.interval, ",", bucket.cumulative, ")");
  }
  return out;
}

std::string HistogramsJson(const StatsSnapshot& snapshot, const StatsFormat& format) {
  std::string all;
  for (const Distribution& distribution : snapshot.distributions) {
    if (!distribution.used || !Wanted(format, distribution.name, true)) continue;
    absl::StrAppend(&all, all.empty() ? "" : ",", OneJson(distribution, format));
  }
  if (all.empty()) return "";
  if (format.histograms == Form::kCumulative || format.histograms == Form::kDisjoint) {
    return absl::StrCat("[", all, "]");
  }
  std::string quantiles;
  for (double quantile : kQuantiles)
    absl::StrAppend(&quantiles, quantiles.empty() ? "" : ",", PrintReal(100 * quantile));
  const bool detailed = format.histograms == Form::kDetailed;
  return absl::StrCat("{\"", detailed ? "supported_percentiles" : "supported_quantiles", "\":[", quantiles, "],\"",
                      detailed ? "details" : "computed_quantiles", "\":[", all, "]}");
}

}  // namespace outrigger::observe
