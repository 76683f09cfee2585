#include "source/config/origins.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"

namespace outrigger::config {

model::OriginId Origins::Add(schema::Origin resource) {
  const model::OriginId id = ++last_;
  resource.path.clear();
  // As it prints itself: word "NAME" (version VERSION).
  const auto name_at = static_cast<uint32_t>(schema::ResourceWord(resource.type).size() + 2);
  const auto name_size = static_cast<uint32_t>(resource.name.size());
  const std::string text = resource.ToString();  // a copy takes what it needs: there may be very many
  auto texts = std::make_shared<ResourceOrigin>(id, text);
  resources_.emplace(id, Resource{&*types_.insert(resource.type).first, name_at, name_size, std::move(texts), {}});
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
  const Resource& found = at->second;
  const std::shared_ptr<const ResourceOrigin> texts = found.Texts();
  const absl::string_view text = texts->resource();
  schema::Origin origin{*found.type, "", "", ""};
  if (found.name_at > text.size()) return origin;
  origin.name = std::string(text.substr(found.name_at, found.name_size));  // name_at <= size
  constexpr absl::string_view kBeforeVersion = "\" (version ";
  const size_t end = found.name_at + origin.name.size();
  if (end < text.size() && absl::StartsWith(text.substr(end), kBeforeVersion)) {
    const size_t begin = end + kBeforeVersion.size();  // <= size
    origin.version = std::string(text.substr(begin, text.size() - begin - 1));
  }
  return origin;
}

std::optional<schema::Origin> Origins::Explain(model::OriginId id) const {
  std::optional<schema::Origin> origin = Find(id);
  if (origin.has_value()) origin->path = std::string(ResourceOf(id)->second.Texts()->PathOf(id));
  return origin;
}

}  // namespace outrigger::config
