// What a scope adds up to: the cells of all workers, and what was folded when nobody referred to the name.
#include <algorithm>

#include "source/observe/scope_record.h"

namespace outrigger::observe {

uint64_t SumCounter(const ScopeRecord& record, const StatField& field) {
  uint64_t sum = record.baseline == nullptr ? 0 : record.baseline->folded.CounterOf(field);
  for (const auto& worker : record.blocks) {
    if (worker != nullptr) sum += worker->At<Counter>(field).value();
  }
  return sum;
}

uint64_t SumCode(const ScopeRecord& record, const StatField& field, uint32_t status) {
  uint64_t sum = record.baseline == nullptr ? 0 : record.baseline->folded.CodeOf(field, status);
  for (const auto& worker : record.blocks) {
    if (worker != nullptr) sum += worker->At<CodeCounters>(field).OfCode(status);
  }
  return sum;
}

std::map<std::string, uint64_t> SumDynamic(const ScopeRecord& record) {
  std::map<std::string, uint64_t> sums;
  if (record.baseline != nullptr && record.baseline->folded_dynamic != nullptr) {
    for (const auto& [name, count] : *record.baseline->folded_dynamic) sums[name] = count;
  }
  for (const auto& worker : record.blocks) {
    if (worker == nullptr || worker->dynamic == nullptr) continue;
    for (const auto& [name, counter] : *worker->dynamic) sums[name] += counter->value();
  }
  return sums;
}

HistogramTotals SumHistogram(const ScopeRecord& record, const StatField& field) {
  HistogramTotals totals;
  for (int decade = 0; decade < Histogram::kDecades; ++decade) {
    const int first = decade == 0 ? 0 : Histogram::kFirstBins + (decade - 1) * Histogram::kBins;
    const int last = first + (decade == 0 ? Histogram::kFirstBins : Histogram::kBins);
    std::vector<const Histogram*> present;
    for (const auto& worker : record.blocks) {
      if (worker != nullptr && worker->At<Histogram>(field).HasDecade(decade)) {
        present.push_back(&worker->At<Histogram>(field));
      }
    }
    for (int bin = first; !present.empty() && bin < last; ++bin) {
      uint64_t count = 0;
      for (const Histogram* histogram : present) count += histogram->CountAt(bin);
      if (count == 0) continue;
      totals.bins.emplace_back(bin, count);
      totals.count += count;
    }
  }
  for (const auto& worker : record.blocks) {
    if (worker != nullptr) totals.sum += worker->At<Histogram>(field).sum();
  }
  if (record.baseline != nullptr) record.baseline->folded.AddTo(field, totals);
  return totals;
}

// --- what is kept apart from cells ---

void CellCounts::Put(const StatField& field, uint32_t detail, uint64_t count) {
  if (count == 0) return;
  cells_.push_back({static_cast<uint16_t>(field.offset), static_cast<uint16_t>(detail),
                    static_cast<uint32_t>(count >> 32), static_cast<uint32_t>(count)});
}

void CellCounts::PutTotals(const StatField& field, const HistogramTotals& totals) {
  for (const auto& [bin, count] : totals.bins) Put(field, static_cast<uint32_t>(bin), count);
  Put(field, kSum, totals.sum);
}

std::unique_ptr<ScopeRecord::Baseline> Fold(const ScopeRecord& record) {
  auto next = std::make_unique<ScopeRecord::Baseline>();
  for (const StatField& field : record.schema.fields) {
    if (field.kind == StatKind::kCounter) next->folded.Put(field, 0, SumCounter(record, field));
    if (field.kind == StatKind::kCodes) {
      for (uint32_t status = 100; status < 600; ++status)
        next->folded.Put(field, status, SumCode(record, field, status));
    }
    if (field.kind != StatKind::kHistogram) continue;
    const HistogramTotals totals = SumHistogram(record, field);
    next->folded.PutTotals(field, totals);
    next->ended_at.PutTotals(field, totals);  // what is folded belongs to no interval to come
  }
  next->folded.Trim();
  next->ended_at.Trim();
  if (const auto dynamic = SumDynamic(record); !dynamic.empty()) {
    next->folded_dynamic = std::make_unique<ScopeRecord::Baseline::Names>(dynamic.begin(), dynamic.end());
  }
  if (record.baseline != nullptr && record.baseline->reset != nullptr) {
    next->reset = std::make_unique<ScopeRecord::Baseline::Names>(*record.baseline->reset);
  }
  return next;
}

uint64_t CellCounts::CodeOf(const StatField& field, uint32_t status) const {
  for (const Cell& cell : cells_) {
    if (cell.offset == field.offset && cell.detail == status) return cell.count();
  }
  return 0;
}

void CellCounts::AddTo(const StatField& field, HistogramTotals& totals) const {
  for (const Cell& cell : cells_) {
    if (cell.offset != field.offset) continue;
    if (cell.detail == kSum) {
      totals.sum += cell.count();
      continue;
    }
    auto at = std::lower_bound(totals.bins.begin(), totals.bins.end(), std::pair<int, uint64_t>(cell.detail, 0));
    if (at != totals.bins.end() && at->first == cell.detail) {
      at->second += cell.count();
    } else {
      totals.bins.insert(at, {cell.detail, cell.count()});
    }
    totals.count += cell.count();
  }
}

}  // namespace outrigger::observe
