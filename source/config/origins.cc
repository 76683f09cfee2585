#include "source/config/origins.h"

#include <utility>

namespace outrigger::config {

model::OriginId Origins::Add(schema::Origin resource) {
  const model::OriginId id = ++last_;
  resources_.emplace(id, Resource{std::move(resource), {}});
  return id;
}

model::OriginId Origins::AddField(model::OriginId resource, std::string path) {
  const auto at = resources_.find(resource);
  if (at == resources_.end() || resource + at->second.paths.size() != last_) return resource;
  at->second.paths.push_back(std::move(path));
  return ++last_;
}

Origins::Resources::const_iterator Origins::ResourceOf(model::OriginId id) const {
  auto at = resources_.upper_bound(id);
  if (at == resources_.begin()) return resources_.end();
  --at;
  return id - at->first <= at->second.paths.size() ? at : resources_.end();
}

void Origins::Retire(model::OriginId resource) {
  const auto at = resources_.find(resource);
  if (at == resources_.end()) return;
  retired_.push_back(resource);
  retired_nodes_ += 1 + at->second.paths.size();
  while (retired_nodes_ > kMostRetired && retired_.size() > 1) {
    const auto oldest = resources_.find(retired_.front());
    retired_.pop_front();
    retired_nodes_ -= 1 + oldest->second.paths.size();
    resources_.erase(oldest);
  }
}

const schema::Origin* Origins::Find(model::OriginId id) const {
  const auto at = ResourceOf(id);
  return at == resources_.end() ? nullptr : &at->second.origin;
}

std::optional<schema::Origin> Origins::Explain(model::OriginId id) const {
  const auto at = ResourceOf(id);
  if (at == resources_.end()) return std::nullopt;
  schema::Origin origin = at->second.origin;
  if (id != at->first) origin.path = at->second.paths[id - at->first - 1];
  return origin;
}

}  // namespace outrigger::config
