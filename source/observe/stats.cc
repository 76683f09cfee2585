#include "source/observe/stats.h"

#include <algorithm>
#include <bit>
#include <new>

#include "absl/strings/str_replace.h"
#include "source/base/bug.h"
#include "source/observe/schemas/server.h"
#include "source/observe/scope_record.h"

namespace outrigger::observe {
namespace {

// What the published proxy does to names (':' ends up as '_'), and no character that could break a line of output.
std::string CleanPrefix(absl::string_view prefix) {
  std::string clean = absl::StrReplaceAll(prefix, {{"://", "_"}, {":/", "_"}, {":", "_"}});
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
  }
  return clean;
}

// New names between two looks at which have no reference any more: those keep their counts in some hundred bytes
// instead of a block per worker (about 4 KiB per cluster and worker).
constexpr uint64_t kFoldEvery = 64;
// And of many names: this share of them, so that a name costs the same however many there are.
constexpr uint64_t kFoldShare = 8;

}  // namespace

ScopeRecord::ScopeRecord(absl::string_view scope_prefix, const StatGroup& scope_group, uint32_t scope_slot,
                         uint32_t scope_generation)
    : group(scope_group),
      slot(scope_slot),
      generation(scope_generation),
      shown(scope_group.shown),
      prefix_size(static_cast<uint32_t>(scope_prefix.size())) {
  std::copy(scope_prefix.begin(), scope_prefix.end(), reinterpret_cast<char*>(this + 1));
}

std::unique_ptr<ScopeRecord> ScopeRecord::Make(absl::string_view prefix, const StatGroup& group, uint32_t slot,
                                               uint32_t generation) {
  void* const memory = ::operator new(sizeof(ScopeRecord) + prefix.size());
  return std::unique_ptr<ScopeRecord>(::new (memory) ScopeRecord(prefix, group, slot, generation));
}

ScopeRecord::~ScopeRecord() {
  of_main.Free(group);
  if (of_workers == nullptr) return;
  for (const auto& worker : *of_workers) {
    if (worker != nullptr) worker->Free(group);
  }
}

void ScopeRecord::PerWorker::Free(const StatGroup& group) {
  for (size_t i = 0; i < group.members.size(); ++i) {
    if (void* const made = block(i); made != nullptr) group.members[i].schema->destroy(made);
  }
  *this = PerWorker();
}

ScopeRecord::PerWorker& WorkerStats::OwnerOf(ScopeRecord& record) {
  if (index_ == 0) return record.of_main;
  if (record.slot < entries_.size() && entries_[record.slot].generation == record.generation)
    return *entries_[record.slot].owner;
  MutexLock lock(registry_.mutex_);
  if (record.of_workers == nullptr) record.of_workers = std::make_unique<ScopeRecord::Workers>();
  ScopeRecord::Workers& workers = *record.of_workers;
  if (workers.size() <= index_) workers.resize(index_ + 1);
  std::unique_ptr<ScopeRecord::PerWorker>& mine = workers[index_];
  if (mine == nullptr) mine = std::make_unique<ScopeRecord::PerWorker>();
  if (entries_.size() <= record.slot) entries_.resize(std::max<size_t>(record.slot + 1, entries_.size() * 2));
  entries_[record.slot] = Entry{record.generation, {mine->first[0], mine->first[1]}, mine->rest.get(), mine.get()};
  return *mine;
}

void* WorkerStats::Make(ScopeRecord& record, uint32_t member) {
  const StatSchema& schema = *record.group.members[member].schema;
  if ((record.shown.load(std::memory_order_relaxed) >> member & 1) == 0) return Nowhere(schema);
  ScopeRecord::PerWorker& mine = OwnerOf(record);
  if (void* const there = mine.block(member); there != nullptr) return there;
  void* const made = schema.construct();
  MutexLock lock(registry_.mutex_);
  if (member < kFirst) {
    mine.first[member] = made;
  } else {
    const size_t others = record.group.members.size() - kFirst;
    if (mine.rest == nullptr) mine.rest = std::make_unique<void*[]>(others);  // value-initialised
    mine.rest[member - kFirst] = made;
  }
  if (index_ == 0) return made;
  Entry& entry = entries_[record.slot];
  if (member < kFirst) entry.first[member] = made;
  entry.others = mine.rest.get();
  return made;
}

void* WorkerStats::Nowhere(const StatSchema& schema) {
  auto [at, added] = nowhere_.try_emplace(&schema, nullptr);
  if (added) at->second = schema.construct();
  return at->second;
}

WorkerStats::~WorkerStats() {
  for (auto& [schema, block] : nowhere_) schema->destroy(block);
}

Counter& WorkerStats::DynamicIn(ScopeRecord* record, absl::string_view local_name) {
  if (record == nullptr) return dropped_;
  ScopeRecord::PerWorker& mine = OwnerOf(*record);
  // Only this thread inserts, so it may look without the lock that readers and the insertion take.
  if (mine.dynamic != nullptr) {
    auto at = mine.dynamic->find(local_name);
    if (at != mine.dynamic->end()) return *at->second;
    if (mine.dynamic->size() >= kDynamicNames) {
      registry_.OverflowIn(*this).Inc();
      return dropped_;
    }
  }
  MutexLock lock(registry_.mutex_);
  if (mine.dynamic == nullptr) mine.dynamic = std::make_unique<ScopeRecord::PerWorker::Dynamic>();
  return *mine.dynamic->emplace(std::string(local_name), std::make_unique<Counter>()).first->second;
}

StatsRegistry::StatsRegistry() {
  main_ = &AddWorker("main_thread");
  own_ = Register<RegistryStats>("stats.");
}

StatsRegistry::~StatsRegistry() { own_ = StatsScope<RegistryStats>(); }

Counter& StatsRegistry::OverflowIn(WorkerStats& worker) { return worker.Get(own_).overflow; }

WorkerStats& StatsRegistry::AddWorker(absl::string_view name) {
  MutexLock lock(mutex_);
  const uint32_t index = static_cast<uint32_t>(workers_.size());
  workers_.push_back(std::unique_ptr<WorkerStats>(new WorkerStats(*this, std::string(name), index)));
  return *workers_.back();
}

ScopeRecord* StatsRegistry::Find(absl::string_view prefix, const StatGroup& group) {
  MutexLock lock(mutex_);
  std::string clean = CleanPrefix(prefix);
  auto at = scopes_.find(Key{clean, &group});
  if (at != scopes_.end()) {
    ScopeRecord& found = **at;
    found.retired_at = 0;
    if (found.refs.load(std::memory_order_acquire) == 0) {
      found.shown.store(group.shown, std::memory_order_relaxed);
      if (found.HasCells()) FreeCells(found);
    }
    return &found;
  }
  const uint64_t fold_every = std::max<uint64_t>(kFoldEvery, std::bit_floor(scopes_.size() / kFoldShare));
  if (++registered_ % fold_every == 0) ForgetOldest();
  uint32_t slot = static_cast<uint32_t>(generations_.size());
  if (!free_slots_.empty()) {
    slot = free_slots_.back();
    free_slots_.pop_back();
  } else {
    generations_.push_back(0);
  }
  auto made = ScopeRecord::Make(clean, group, slot, ++generations_[slot]);
  return scopes_.insert(std::move(made)).first->get();
}

// A scope without references cannot gain one but through Find(), which runs under the same lock; its last user let go
// with a release that the load here acquires. So what is removed here has no user left.
size_t StatsRegistry::ForgetOldest() {
  std::vector<ScopeRecord*> retired;
  for (const std::unique_ptr<ScopeRecord>& record : scopes_) {
    if (record->refs.load(std::memory_order_acquire) != 0) {
      record->retired_at = 0;
      continue;
    }
    if (record->retired_at == 0) record->retired_at = registered_;
    retired.push_back(record.get());
  }
  size_t forgotten = 0;
  if (retired.size() > kRetiredScopes) {
    std::stable_sort(retired.begin(), retired.end(),
                     [](const ScopeRecord* a, const ScopeRecord* b) { return a->retired_at < b->retired_at; });
    forgotten = retired.size() - kRetiredScopes;
    for (size_t i = 0; i < forgotten; ++i) {
      free_slots_.push_back(retired[i]->slot);
      scopes_.erase(scopes_.find(Key{retired[i]->prefix(), &retired[i]->group}));
    }
  }
  for (size_t i = forgotten; i < retired.size(); ++i) {
    if (retired[i]->HasCells()) FreeCells(*retired[i]);
  }
  return forgotten;
}

// Of a name that nobody refers to. Its counts stay.
void StatsRegistry::FreeCells(ScopeRecord& record) {
  // Workers remember cells by slot and generation: another generation, so that none finds what was freed.
  record.generation = ++generations_[record.slot];
  Fold(record);
}

size_t StatsRegistry::ForgetRetired() {
  MutexLock lock(mutex_);
  return ForgetOldest();
}

size_t StatsRegistry::scope_count() const {
  MutexLock lock(mutex_);
  return scopes_.size();
}

size_t StatsRegistry::retired_count() const {
  MutexLock lock(mutex_);
  return static_cast<size_t>(std::count_if(scopes_.begin(), scopes_.end(), [](const auto& record) {
    return record->refs.load(std::memory_order_acquire) == 0;
  }));
}

}  // namespace outrigger::observe
