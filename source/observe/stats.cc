#include "source/observe/stats.h"

#include <algorithm>
#include <bit>

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

// The same name without cells.
std::unique_ptr<ScopeRecord> Folded(const ScopeRecord& record, uint32_t generation) {
  auto made = std::make_unique<ScopeRecord>(record.prefix, record.schema, record.slot, generation);
  made->retired_at = record.retired_at;
  made->baseline = Fold(record);
  return made;
}

}  // namespace

ScopeRecord::ScopeRecord(std::string scope_prefix, const StatSchema& scope_schema, uint32_t scope_slot,
                         uint32_t scope_generation)
    : prefix(std::move(scope_prefix)), schema(scope_schema), slot(scope_slot), generation(scope_generation) {}

ScopeRecord::~ScopeRecord() = default;

void* WorkerStats::Make(ScopeRecord& record) {
  MutexLock lock(registry_.mutex_);
  if (record.blocks.size() <= index_) record.blocks.resize(index_ + 1);
  std::unique_ptr<ScopeRecord::PerWorker>& mine = record.blocks[index_];
  if (mine == nullptr) mine = std::make_unique<ScopeRecord::PerWorker>(record.schema);
  if (entries_.size() <= record.slot) entries_.resize(std::max<size_t>(record.slot + 1, entries_.size() * 2));
  entries_[record.slot] = Entry{record.generation, mine->block, mine.get()};
  return mine->block;
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
  if (record->slot >= entries_.size() || entries_[record->slot].generation != record->generation) Make(*record);
  ScopeRecord::PerWorker& mine = *entries_[record->slot].owner;
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

ScopeRecord* StatsRegistry::Find(absl::string_view prefix, const StatSchema& schema) {
  MutexLock lock(mutex_);
  Key key{CleanPrefix(prefix), &schema};
  auto at = scopes_.find(key);
  if (at != scopes_.end()) {
    at->second->retired_at = 0;
    return at->second.get();
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
  auto made = std::make_unique<ScopeRecord>(key.first, schema, slot, ++generations_[slot]);
  return scopes_.emplace(std::move(key), std::move(made)).first->second.get();
}

// A scope without references cannot gain one but through Find(), which runs under the same lock; its last user let go
// with a release that the load here acquires. So what is removed here has no user left.
void StatsRegistry::ForgetOldest() {
  std::vector<std::pair<uint64_t, Scopes::iterator>> retired;
  for (auto at = scopes_.begin(); at != scopes_.end(); ++at) {
    std::unique_ptr<ScopeRecord>& record = at->second;
    if (record->refs.load(std::memory_order_acquire) != 0) {
      record->retired_at = 0;
      continue;
    }
    if (record->retired_at == 0) record->retired_at = registered_;
    // Workers remember cells by slot and generation: another generation, so that none finds what was freed.
    if (!record->blocks.empty()) record = Folded(*record, ++generations_[record->slot]);
    retired.emplace_back(record->retired_at, at);
  }
  if (retired.size() <= kRetiredScopes) return;
  std::stable_sort(retired.begin(), retired.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  retired.resize(retired.size() - kRetiredScopes);
  for (auto& [age, at] : retired) {
    free_slots_.push_back(at->second->slot);
    scopes_.erase(at);
  }
}

size_t StatsRegistry::scope_count() const {
  MutexLock lock(mutex_);
  return scopes_.size();
}

}  // namespace outrigger::observe
