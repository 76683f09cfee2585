// What a scope adds up to: the cells of all workers, and what was folded when nobody referred to the name.
#include <algorithm>

#include "source/observe/scope_record.h"

namespace outrigger::observe {

namespace {

// f(cell) for that cell of each worker that has it.
template <class Cell, class F>
void ForEachCell(const ScopeRecord& record, size_t member, const StatField& field, F&& f) {
  record.ForEachThread([&](const ScopeRecord::PerWorker& cells) {
    const Cell* const cell = cells.At<Cell>(member, field);
    if (cell != nullptr) f(*cell);
  });
}

void AddHistograms(const ScopeRecord& record, size_t member, const StatField& field, HistogramTotals& totals) {
  for (int decade = 0; decade < Histogram::kDecades; ++decade) {
    const int first = decade == 0 ? 0 : Histogram::kFirstBins + (decade - 1) * Histogram::kBins;
    const int last = first + (decade == 0 ? Histogram::kFirstBins : Histogram::kBins);
    std::vector<const Histogram*> present;
    ForEachCell<Histogram>(record, member, field, [&](const Histogram& histogram) {
      if (histogram.HasDecade(decade)) present.push_back(&histogram);
    });
    for (int bin = first; !present.empty() && bin < last; ++bin) {
      uint64_t count = 0;
      for (const Histogram* histogram : present) count += histogram->CountAt(bin);
      if (count == 0) continue;
      totals.bins.emplace_back(bin, count);
      totals.count += count;
    }
  }
  ForEachCell<Histogram>(record, member, field, [&](const Histogram& histogram) { totals.sum += histogram.sum(); });
}

void AddToBin(HistogramTotals& totals, int bin, uint64_t count) {
  auto at = std::lower_bound(totals.bins.begin(), totals.bins.end(), std::pair<int, uint64_t>(bin, 0));
  if (at != totals.bins.end() && at->first == bin) {
    at->second += count;
  } else {
    totals.bins.insert(at, {bin, count});
  }
  totals.count += count;
}

}  // namespace

uint64_t SumCounter(const ScopeRecord& record, size_t member, const StatField& field) {
  uint64_t sum = record.baseline == nullptr ? 0 : record.baseline->folded.CounterOf(member, field);
  ForEachCell<Counter>(record, member, field, [&](const Counter& counter) { sum += counter.value(); });
  return sum;
}

uint64_t SumCode(const ScopeRecord& record, size_t member, const StatField& field, uint32_t status) {
  uint64_t sum = record.baseline == nullptr ? 0 : record.baseline->folded.CodeOf(member, field, status);
  ForEachCell<CodeCounters>(record, member, field, [&](const CodeCounters& codes) { sum += codes.OfCode(status); });
  return sum;
}

std::map<std::string, uint64_t> SumDynamic(const ScopeRecord& record) {
  std::map<std::string, uint64_t> sums;
  if (record.baseline != nullptr && record.baseline->folded_dynamic != nullptr) {
    for (const auto& [name, count] : *record.baseline->folded_dynamic) sums[name] = count;
  }
  record.ForEachThread([&](const ScopeRecord::PerWorker& cells) {
    if (cells.dynamic == nullptr) return;
    for (const auto& [name, counter] : *cells.dynamic) sums[name] += counter->value();
  });
  return sums;
}

HistogramTotals SumHistogram(const ScopeRecord& record, size_t member, const StatField& field) {
  HistogramTotals totals;
  if (field.kind == StatKind::kHistogram) {
    AddHistograms(record, member, field, totals);
  } else {
    ForEachCell<RareHistogram>(record, member, field, [&](const RareHistogram& histogram) {
      histogram.ForEachBin([&](int bin, uint64_t count) { AddToBin(totals, bin, count); });
      totals.sum += histogram.sum();
    });
  }
  if (record.baseline != nullptr) record.baseline->folded.AddTo(member, field, totals);
  return totals;
}

bool HasBlock(const ScopeRecord& record, size_t member) {
  bool has = false;
  record.ForEachThread([&](const ScopeRecord::PerWorker& cells) { has = has || cells.block(member) != nullptr; });
  return has;
}

// --- what is kept apart from cells ---

void CellCounts::Put(size_t member, const StatField& field, uint32_t detail, uint64_t count) {
  if (count == 0) return;
  cells_.push_back({FieldOf(member, field), static_cast<uint16_t>(detail), static_cast<uint32_t>(count >> 32),
                    static_cast<uint32_t>(count)});
}

void CellCounts::PutTotals(size_t member, const StatField& field, const HistogramTotals& totals) {
  for (const auto& [bin, count] : totals.bins) Put(member, field, static_cast<uint32_t>(bin), count);
  Put(member, field, kSum, totals.sum);
}

uint64_t CellCounts::CodeOf(size_t member, const StatField& field, uint32_t status) const {
  const uint16_t wanted = FieldOf(member, field);
  for (const Cell& cell : cells_) {
    if (cell.field == wanted && cell.detail == status) return cell.count();
  }
  return 0;
}

void CellCounts::AddTo(size_t member, const StatField& field, HistogramTotals& totals) const {
  const uint16_t wanted = FieldOf(member, field);
  for (const Cell& cell : cells_) {
    if (cell.field != wanted) continue;
    if (cell.detail == kSum) {
      totals.sum += cell.count();
    } else {
      AddToBin(totals, cell.detail, cell.count());
    }
  }
}

void Fold(ScopeRecord& record) {
  auto next = std::make_unique<ScopeRecord::Baseline>();
  ForEachField(record.group, [&](size_t member, const StatField& field) {
    if (field.kind == StatKind::kCounter) next->folded.Put(member, field, 0, SumCounter(record, member, field));
    if (field.kind == StatKind::kCodes) {
      for (uint32_t status = 100; status < 600; ++status) {
        next->folded.Put(member, field, status, SumCode(record, member, field, status));
      }
    }
    if (!IsDistribution(field)) return;
    const HistogramTotals totals = SumHistogram(record, member, field);
    next->folded.PutTotals(member, field, totals);
    next->ended_at.PutTotals(member, field, totals);  // what is folded belongs to no interval to come
  });
  next->folded.Trim();
  next->ended_at.Trim();
  if (const auto dynamic = SumDynamic(record); !dynamic.empty()) {
    next->folded_dynamic = std::make_unique<ScopeRecord::Baseline::Names>(dynamic.begin(), dynamic.end());
  }
  if (record.baseline != nullptr) next->reset = std::move(record.baseline->reset);
  record.baseline = std::move(next);
  record.of_main.Free(record.group);
  for (const auto& worker : record.of_workers) {
    if (worker != nullptr) worker->Free(record.group);
  }
  decltype(record.of_workers)().swap(record.of_workers);
}

}  // namespace outrigger::observe
