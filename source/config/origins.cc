#include "source/config/origins.h"

#include <algorithm>
#include <utility>

namespace outrigger::config {

model::OriginId Origins::Add(schema::Origin resource) {
  const model::OriginId id = ++last_;
  auto texts =
      std::make_shared<ResourceOrigin>(id, schema::ResourceWord(resource.type), resource.name, resource.version);
  resources_.emplace(id, Resource{&*types_.insert(resource.type).first, std::move(texts), {}});
  return id;
}

model::OriginId Origins::AddField(model::OriginId resource, std::string path) {
  const auto at = resources_.find(resource);
  if (at == resources_.end() || at->second.texts == nullptr || resource + at->second.texts->fields() != last_)
    return resource;
  return last_ = at->second.texts->AddField(std::move(path));
}

std::shared_ptr<const ResourceOrigin> Origins::TextsOf(model::OriginId resource) const {
  const auto at = resources_.find(resource);
  return at == resources_.end() ? nullptr : at->second.Texts();
}

Origins::Resources::const_iterator Origins::ResourceOf(model::OriginId id) const {
  auto at = resources_.upper_bound(id);
  if (at == resources_.begin()) return resources_.end();
  --at;
  const std::shared_ptr<const ResourceOrigin> texts = at->second.Texts();
  return texts != nullptr && texts->Has(id) ? at : resources_.end();
}

void Origins::Retire(model::OriginId resource) {
  if (resource == 0) return;  // nobody's
  const auto at = resources_.find(resource);
  if (at == resources_.end() || at->second.texts == nullptr) return;
  at->second.held = std::exchange(at->second.texts, nullptr);
  retired_.push_back(resource);
  for (size_t i = std::min(kLooks, retired_.size()); i > 0; --i) {
    const auto one = resources_.find(retired_.front());
    retired_.pop_front();
    if (!one->second.held.expired()) {
      retired_.push_back(one->first);
    } else {
      resources_.erase(one);
    }
  }
}

void Origins::Sweep() {
  std::deque<model::OriginId> held;
  for (const model::OriginId resource : retired_) {
    const auto one = resources_.find(resource);
    if (one->second.held.expired()) {
      resources_.erase(one);
    } else {
      held.push_back(resource);
    }
  }
  retired_ = std::move(held);
}

std::optional<schema::Origin> Origins::Find(model::OriginId id) const {
  const auto at = ResourceOf(id);
  if (at == resources_.end()) return std::nullopt;
  const std::shared_ptr<const ResourceOrigin> texts = at->second.Texts();
  schema::Origin origin{*at->second.type, texts->name(), texts->version(), ""};
  return origin;
}

std::optional<schema::Origin> Origins::Explain(model::OriginId id) const {
  std::optional<schema::Origin> origin = Find(id);
  if (origin.has_value()) origin->path = std::string(ResourceOf(id)->second.Texts()->PathOf(id));
  return origin;
}

}  // namespace outrigger::config
