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
  uint64_t sum = record.counts.CounterOf(CellCounts::Of::kFolded, member, field);
  const auto add = [&](const auto& counter) { sum += counter.value(); };
  if (field.kind == StatKind::kSmallCounter) {
    ForEachCell<SmallCounter>(record, member, field, add);
  } else {
    ForEachCell<Counter>(record, member, field, add);
  }
  return sum;
}

uint64_t SumCode(const ScopeRecord& record, size_t member, const StatField& field, uint32_t status) {
  uint64_t sum = record.counts.CodeOf(CellCounts::Of::kFolded, member, field, status);
  ForEachCell<CodeCounters>(record, member, field, [&](const CodeCounters& codes) { sum += codes.OfCode(status); });
  return sum;
}

std::map<std::string, uint64_t> SumDynamic(const ScopeRecord& record) {
  std::map<std::string, uint64_t> sums;
  if (record.named != nullptr) sums.insert(record.named->folded.begin(), record.named->folded.end());
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
  record.counts.AddTo(CellCounts::Of::kFolded, member, field, totals);
  return totals;
}

bool HasBlock(const ScopeRecord& record, size_t member) {
  bool has = false;
  record.ForEachThread([&](const ScopeRecord::PerWorker& cells) { has = has || cells.block(member) != nullptr; });
  return has;
}

// --- what is kept apart from cells ---

uint64_t CellCounts::CodeOf(Of of, size_t member, const StatField& field, uint32_t status) const {
  const uint16_t wanted = FieldOf(member, field), detail = DetailOf(of, status);
  uint64_t count = 0;
  ForEach([&](const Cell& cell) {
    if (cell.field == wanted && cell.detail == detail) count = cell.count();
  });
  return count;
}

void CellCounts::AddTo(Of of, size_t member, const StatField& field, HistogramTotals& totals) const {
  const uint16_t wanted = FieldOf(member, field);
  ForEach([&](const Cell& cell) {
    if (cell.field != wanted || cell.of() != of) return;
    if (const uint16_t detail = cell.detail & kSum; detail == kSum) {
      totals.sum += cell.count();
    } else {
      AddToBin(totals, detail, cell.count());
    }
  });
}

void CellCounts::Draft::Put(Of of, size_t member, const StatField& field, uint32_t detail, uint64_t count) {
  if (count == 0) return;
  cells_.push_back(
      {FieldOf(member, field), DetailOf(of, detail), static_cast<uint32_t>(count >> 32), static_cast<uint32_t>(count)});
}

void CellCounts::Draft::PutTotals(Of of, size_t member, const StatField& field, const HistogramTotals& totals) {
  for (const auto& [bin, count] : totals.bins) Put(of, member, field, static_cast<uint32_t>(bin), count);
  Put(of, member, field, kSum, totals.sum);
}

void CellCounts::Draft::Keep(Of of, const CellCounts& counts) {
  counts.ForEach([&](const Cell& cell) {
    if (cell.of() == of) cells_.push_back(cell);
  });
}

CellCounts CellCounts::Draft::Made() const {
  CellCounts made;
  if (cells_.empty()) return made;
  made.cells_ = std::make_unique<Cell[]>(cells_.size());
  made.size_ = static_cast<uint32_t>(cells_.size());
  std::copy(cells_.begin(), cells_.end(), made.cells_.get());
  return made;
}

void Fold(ScopeRecord& record) {
  CellCounts::Draft next;
  ForEachField(record.group, [&](size_t member, const StatField& field) {
    using Of = CellCounts::Of;
    if (IsCounter(field)) next.Put(Of::kFolded, member, field, 0, SumCounter(record, member, field));
    if (field.kind == StatKind::kCodes) {
      for (uint32_t status = 100; status < 600; ++status) {
        next.Put(Of::kFolded, member, field, status, SumCode(record, member, field, status));
      }
    }
    if (!IsDistribution(field)) return;
    const HistogramTotals totals = SumHistogram(record, member, field);
    next.PutTotals(Of::kFolded, member, field, totals);
    next.PutTotals(Of::kEnded, member, field, totals);  // what is folded belongs to no interval to come
  });
  if (auto dynamic = SumDynamic(record); !dynamic.empty()) {
    if (record.named == nullptr) record.named = std::make_unique<ScopeRecord::Named>();
    record.named->folded = ScopeRecord::Names(dynamic.begin(), dynamic.end());
  }
  record.counts = next.Made();
  record.of_main.Free(record.group);
  if (record.of_workers == nullptr) return;
  for (const auto& worker : *record.of_workers) {
    if (worker != nullptr) worker->Free(record.group);
  }
  record.of_workers = nullptr;
}

}  // namespace outrigger::observe
