#include <map>

#include "absl/strings/str_cat.h"
#include "source/observe/stats_format.h"

namespace outrigger::observe {
namespace {

// Milliseconds, as published.
constexpr double kDefaultBuckets[] = {0.5,  1,    5,     10,    25,    50,     100,    250,     500,    1000,
                                      2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

// Names may have letters, digits, '_' (not first a digit: ours start with "envoy_").
std::string Sanitized(absl::string_view name) {
  std::string clean(name);
  for (char& c : clean) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!good) c = '_';
  }
  return clean;
}

std::string EscapedLabel(absl::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

struct Series {
  std::string name;
  std::string labels;  // without braces
};

Series SeriesOf(absl::string_view full_name, const TagRules* rules) {
  TaggedName tagged;
  if (rules != nullptr) {
    tagged = rules->Extract(full_name);
  } else {
    tagged.name = std::string(full_name);
  }
  Series series{absl::StrCat("envoy_", Sanitized(tagged.name)), ""};
  for (const auto& [tag, value] : tagged.tags) {
    absl::StrAppend(&series.labels, series.labels.empty() ? "" : ",", Sanitized(tag), "=\"", EscapedLabel(value), "\"");
  }
  return series;
}

std::string HistogramSamples(const Series& series, const HistogramTotals& totals, absl::Span<const double> buckets) {
  std::string out;
  const absl::string_view comma = series.labels.empty() ? "" : ",";
  for (double edge : buckets) {
    absl::StrAppend(&out, series.name, "_bucket{", series.labels, comma, "le=\"", PrintReal(edge), "\"} ",
                    totals.CountUpTo(edge), "\n");
  }
  absl::StrAppend(&out, series.name, "_bucket{", series.labels, comma, "le=\"+Inf\"} ", totals.count, "\n");
  absl::StrAppend(&out, series.name, "_sum{", series.labels, "} ", totals.sum, "\n");
  absl::StrAppend(&out, series.name, "_count{", series.labels, "} ", totals.count, "\n");
  return out;
}

// All samples of a name must stand together under one TYPE line.
using Families = std::map<std::string, std::string>;

void Print(const Families& families, absl::string_view type, std::string& out) {
  for (const auto& [name, samples] : families) absl::StrAppend(&out, "# TYPE ", name, " ", type, "\n", samples, "\n");
}

}  // namespace

absl::Span<const double> DefaultBuckets() { return kDefaultBuckets; }

absl::Span<const double> BucketsOf(absl::string_view name, const StatsFormat& format) {
  for (const BucketSetting& setting : format.buckets) {
    if (setting.match && setting.match(name)) return setting.buckets;
  }
  return kDefaultBuckets;
}

std::string FormatPrometheus(const StatsSnapshot& snapshot, const StatsFormat& format) {
  Families counters, gauges, histograms, texts;
  for (const auto& number : snapshot.numbers) {
    if (!Wanted(format, number.name, number.used)) continue;
    const Series series = SeriesOf(number.name, format.tags);
    std::string& samples = (number.kind == StatKind::kCounter ? counters : gauges)[series.name];
    absl::StrAppend(&samples, series.name, "{", series.labels, "} ", PrintNumber(number), "\n");
  }
  for (const auto& distribution : snapshot.distributions) {
    if (!Wanted(format, distribution.name, distribution.used)) continue;
    const Series series = SeriesOf(distribution.name, format.tags);
    histograms[series.name] += HistogramSamples(series, distribution.cumulative, BucketsOf(distribution.name, format));
  }
  for (const auto& text : snapshot.texts) {
    if (!format.text_readouts || !Wanted(format, text.name, !text.value.empty())) continue;
    const Series series = SeriesOf(text.name, format.tags);
    absl::StrAppend(&texts[series.name], series.name, "{", series.labels, series.labels.empty() ? "" : ",",
                    "text_value=\"", EscapedLabel(text.value), "\"} 0\n");
  }
  std::string out;
  Print(counters, "counter", out);
  Print(gauges, "gauge", out);
  Print(texts, "gauge", out);
  Print(histograms, "histogram", out);
  return out;
}

}  // namespace outrigger::observe
