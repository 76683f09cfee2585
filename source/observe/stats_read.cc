#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "source/observe/scope_record.h"
#include "source/observe/stats.h"
#include "source/observe/stats_reader.h"

namespace outrigger::observe {
namespace {

HistogramTotals Difference(const HistogramTotals& now, const HistogramTotals& before) {
  HistogramTotals difference;
  size_t at = 0;
  for (const auto& [bin, count] : now.bins) {
    while (at < before.bins.size() && before.bins[at].first < bin) ++at;
    const uint64_t had = at < before.bins.size() && before.bins[at].first == bin ? before.bins[at].second : 0;
    if (count <= had) continue;
    difference.bins.emplace_back(bin, count - had);
    difference.count += count - had;
  }
  difference.sum = now.sum - std::min(now.sum, before.sum);
  return difference;
}

// Whether its names are there.
bool Shown(const ScopeRecord& record, size_t member) {
  if ((record.shown.load(std::memory_order_relaxed) >> member & 1) == 0) return false;
  return !record.group.members[member].schema->when_used || HasBlock(record, member);
}

// f(local name, counter's sum over workers), for every kind of counter. Codes and run-time names that were never
// counted do not exist.
template <class F>
void ForEachCounter(const ScopeRecord& record, F&& f) {
  ForEachField(record.group, [&](size_t member, const StatField& field) {
    if (!Shown(record, member)) return;
    const absl::string_view suffix = record.group.members[member].suffix;
    if (IsCounter(field)) f(absl::StrCat(suffix, field.name), SumCounter(record, member, field));
    if (field.kind != StatKind::kCodes) return;
    for (uint32_t hundreds = 1; hundreds <= CodeCounters::kClasses; ++hundreds) {
      uint64_t of_class = 0;
      for (uint32_t status = hundreds * 100; status < hundreds * 100 + 100; ++status) {
        const uint64_t of_code = SumCode(record, member, field, status);
        if (of_code != 0) f(absl::StrCat(suffix, field.name, "_", status), of_code);
        of_class += of_code;
      }
      if (of_class != 0) f(absl::StrCat(suffix, field.name, "_", hundreds, "xx"), of_class);
    }
  });
  for (const auto& [name, value] : SumDynamic(record)) f(name, value);
}

std::string NameOf(const ScopeRecord& record, size_t member, const StatField& field) {
  return absl::StrCat(record.prefix(), record.group.members[member].suffix, field.name);
}

void ReadGauge(const ScopeRecord& record, size_t member, const StatField& field, StatsSnapshot& out) {
  int64_t level = 0;
  bool used = false;
  record.ForEachThread([&](const ScopeRecord::PerWorker& cells) {
    const Gauge* const gauge = cells.At<Gauge>(member, field);
    if (gauge == nullptr) return;
    level += gauge->value();
    used = used || gauge->used();
  });
  out.numbers.push_back({NameOf(record, member, field), level, StatKind::kGauge, used});
}

void ReadHistogram(const ScopeRecord& record, size_t member, const StatField& field, StatsSnapshot& out) {
  StatsSnapshot::Distribution made{NameOf(record, member, field), field.unit, false, {}, {}};
  made.cumulative = SumHistogram(record, member, field);
  made.used = made.cumulative.count != 0;
  record.counts.AddTo(CellCounts::Of::kLast, member, field, made.interval);
  out.distributions.push_back(std::move(made));
}

void ReadText(const ScopeRecord& record, size_t member, const StatField& field, StatsSnapshot& out) {
  std::string text;
  const Text* const held = record.of_main.At<Text>(member, field);  // nobody else sets any
  if (held != nullptr) text = held->value();
  out.texts.push_back({NameOf(record, member, field), std::move(text)});
}

void ReadScope(const ScopeRecord& record, StatsSnapshot& out) {
  ForEachCounter(record, [&](absl::string_view name, uint64_t value) {
    uint64_t before = 0;
    if (record.named != nullptr) {
      auto at = record.named->reset.find(name);
      if (at != record.named->reset.end()) before = at->second;
    }
    out.numbers.push_back({absl::StrCat(record.prefix(), name), static_cast<int64_t>(value - before),
                           StatKind::kCounter, value != before});
  });
  ForEachField(record.group, [&](size_t member, const StatField& field) {
    if (!Shown(record, member)) return;
    if (field.kind == StatKind::kGauge) ReadGauge(record, member, field, out);
    if (IsDistribution(field)) ReadHistogram(record, member, field, out);
    if (field.kind == StatKind::kText) ReadText(record, member, field, out);
  });
}

// The values of distributions since the last time, and where they are now.
void EndIntervalOf(ScopeRecord& record) {
  using Of = CellCounts::Of;
  CellCounts::Draft next;
  bool any = !record.counts.empty();
  ForEachField(record.group, [&](size_t member, const StatField& field) {
    if (!IsDistribution(field)) return;
    const HistogramTotals now = SumHistogram(record, member, field);
    if (now.count == 0) return;
    HistogramTotals before;
    record.counts.AddTo(Of::kEnded, member, field, before);
    next.PutTotals(Of::kLast, member, field, Difference(now, before));
    next.PutTotals(Of::kEnded, member, field, now);
    any = true;
  });
  if (!any) return;
  next.Keep(Of::kFolded, record.counts);
  record.counts = next.Made();
}

}  // namespace

double HistogramTotals::Quantile(double quantile) const {
  if (count == 0) return std::numeric_limits<double>::quiet_NaN();
  const double wanted = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count);
  double below = 0;
  for (const auto& [bin, in_bin] : bins) {
    if (below + static_cast<double>(in_bin) >= wanted) {
      return Histogram::LowerEdge(bin) + Histogram::Width(bin) * (wanted - below) / static_cast<double>(in_bin);
    }
    below += static_cast<double>(in_bin);
  }
  return Histogram::LowerEdge(bins.back().first) + Histogram::Width(bins.back().first);
}

uint64_t HistogramTotals::CountUpTo(double edge) const {
  uint64_t up_to = 0;
  for (const auto& [bin, in_bin] : bins) {
    // The largest integer of the bin decides.
    const double largest = Histogram::LowerEdge(bin) + std::max(0.0, Histogram::Width(bin) - 1);
    if (largest > edge) break;
    up_to += in_bin;
  }
  return up_to;
}

StatsSnapshot StatsRegistry::Read() const {
  StatsSnapshot out;
  {
    MutexLock lock(mutex_);
    for (const auto& record : scopes_) {
      if (record->refs.load(std::memory_order_acquire) != 0) ReadScope(*record, out);
    }
  }
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::stable_sort(out.numbers.begin(), out.numbers.end(), by_name);
  std::stable_sort(out.distributions.begin(), out.distributions.end(), by_name);
  std::stable_sort(out.texts.begin(), out.texts.end(), by_name);
  return out;
}

void StatsRegistry::EndInterval() {
  MutexLock lock(mutex_);
  ForgetOldest();  // when much was removed, nothing may be registered for long
  for (const auto& record : scopes_) {
    if (record->refs.load(std::memory_order_acquire) != 0 && record->HasCells()) EndIntervalOf(*record);
  }
}

void StatsRegistry::ResetCounters() {
  MutexLock lock(mutex_);
  for (const auto& record : scopes_) {
    ForEachCounter(*record, [&](absl::string_view name, uint64_t value) {
      if (value == 0) return;
      if (record->named == nullptr) record->named = std::make_unique<ScopeRecord::Named>();
      record->named->reset[std::string(name)] = value;
    });
  }
}

}  // namespace outrigger::observe
