#include "source/config/parts.h"

namespace outrigger::config {

model::OriginId Origins::Add(schema::Origin origin) {
  const model::OriginId id = ++last_;
  origins_.emplace(id, std::move(origin));
  return id;
}

void Origins::Retire(model::OriginId id) {
  if (id == 0) return;
  if (retired_.size() < kMostRetired) {
    retired_.push_back(id);
    return;
  }
  origins_.erase(retired_[oldest_]);
  retired_[oldest_] = id;
  oldest_ = (oldest_ + 1) % kMostRetired;
}

const schema::Origin* Origins::Find(model::OriginId id) const {
  const auto at = origins_.find(id);
  return at == origins_.end() ? nullptr : &at->second;
}

}  // namespace outrigger::config
