#include "source/control_plane/resources/snapshot.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::control_plane {

bool ResourceSet::Add(ResourcePtr resource) {
  std::string name = resource->name;
  return all_.emplace(std::move(name), std::move(resource)).second;
}

void ResourceSet::Replace(ResourcePtr resource) {
  std::string name = resource->name;
  all_[std::move(name)] = std::move(resource);
}

const Resource* ResourceSet::Find(absl::string_view name) const {
  const auto it = all_.find(name);
  return it == all_.end() ? nullptr : it->second.get();
}

ResourcePtr ResourceSet::Share(absl::string_view name) const {
  const auto it = all_.find(name);
  return it == all_.end() ? nullptr : it->second;
}

const ResourceSet& Snapshot::Of(absl::string_view type_url) const {
  static const ResourceSet& empty = *new ResourceSet;
  const auto it = types_.find(type_url);
  return it == types_.end() ? empty : it->second;
}

bool Snapshot::Add(ResourcePtr resource) {
  ResourceSet& set = types_[resource->type_url];
  return set.Add(std::move(resource));
}

void Snapshot::Replace(ResourcePtr resource) {
  ResourceSet& set = types_[resource->type_url];
  set.Replace(std::move(resource));
}

std::vector<Snapshot::Problem> Snapshot::Problems() const {
  std::vector<Problem> problems;
  for (const auto& [type, set] : types_) {
    for (const auto& [name, resource] : set.all()) {
      for (const Resource::Reference& reference : resource->references) {
        if (Of(reference.type_url).Find(reference.name) != nullptr) continue;
        problems.push_back(
            {reference.place, absl::StrCat(ShortType(type), " \"", name, "\": ", reference.path, " refers to ",
                                           ShortType(reference.type_url), " \"", reference.name, "\", which")});
      }
    }
  }
  return problems;
}

}  // namespace outrigger::control_plane
