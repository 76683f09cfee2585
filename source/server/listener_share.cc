#include "source/server/listener_share.h"

#include "absl/strings/str_cat.h"

namespace outrigger::server {

void ListenerShare::Register(observe::StatsRegistry& registry, absl::string_view prefix) {
  for (size_t i = 0; i < loads_.size(); ++i) {
    stats_.push_back(registry.Register<observe::ListenerWorkerStats>(absl::StrCat(prefix, "worker_", i, ".")));
  }
}

bool ListenerShare::MayKeep(size_t worker) const {
  const uint64_t own = loads_[worker].sum() + 1;
  if (own <= kFew) return true;
  uint64_t all = 1;
  for (const Load& load : loads_) all += load.sum();
  return own * loads_.size() * 100 <= all * (100 + kMostAboveMean);
}

size_t ListenerShare::Choose(size_t accepted_by) {
  MutexLock lock(mutex_);
  size_t best = accepted_by;
  for (size_t i = 0; i < loads_.size(); ++i) {
    if (loads_[i].sum() < loads_[best].sum()) best = i;
  }
  loads_[best].coming.fetch_add(1, std::memory_order_relaxed);
  return best;
}

}  // namespace outrigger::server
