#include "source/control_plane/resources/snapshot.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace outrigger::control_plane {
namespace {

constexpr size_t kLongestHost = 512;  // with its port; beyond, a name leads nowhere

}  // namespace

bool ResourceSet::Add(ResourcePtr resource) {
  const auto [it, added] = all_.emplace(resource->name, resource);
  if (added) Index(resource);
  return added;
}

void ResourceSet::Replace(ResourcePtr resource) {
  ResourcePtr& place = all_[resource->name];
  if (place != nullptr) Unindex(*place);
  place = std::move(resource);
  Index(place);
}

void ResourceSet::Index(const ResourcePtr& resource) {
  for (const std::string& alias : resource->aliases) aliases_.emplace(alias, resource);
}

void ResourceSet::Unindex(const Resource& resource) {
  for (const std::string& alias : resource.aliases) {
    const auto it = aliases_.find(alias);
    if (it != aliases_.end() && it->second.get() == &resource) aliases_.erase(it);
  }
}

const Resource* ResourceSet::Find(absl::string_view name) const {
  const auto it = all_.find(name);
  return it == all_.end() ? nullptr : it->second.get();
}

ResourcePtr ResourceSet::Share(absl::string_view name) const {
  const auto it = all_.find(name);
  return it == all_.end() ? nullptr : it->second;
}

ResourcePtr ResourceSet::ByAlias(const std::string& alias) const {
  const auto it = aliases_.find(alias);
  return it == aliases_.end() ? nullptr : it->second;
}

ResourcePtr ResourceSet::Resolve(absl::string_view name) const {
  ResourcePtr exact = Share(name);
  const size_t slash = name.rfind('/');
  if (exact != nullptr || aliases_.empty() || slash == absl::string_view::npos) return exact;
  const std::string routes(name.data(), slash + 1);
  const std::string authority =
      absl::AsciiStrToLower(absl::string_view(name.data() + slash + 1, name.size() - slash - 1));
  if (authority.size() > kLongestHost) return nullptr;
  std::vector<std::string> forms = {authority};
  const size_t colon = authority.rfind(':');
  if (colon != std::string::npos && authority.find(']', colon) == std::string::npos) {
    forms.emplace_back(authority, 0, colon);
  }
  for (const std::string& host : forms) {
    if (ResourcePtr found = ByAlias(absl::StrCat(routes, host))) return found;
    for (size_t i = 1; i < host.size(); ++i) {
      const absl::string_view suffix(host.data() + i, host.size() - i);
      if (ResourcePtr found = ByAlias(absl::StrCat(routes, "*", suffix))) return found;
    }
    for (size_t n = host.size() - 1; n >= 1 && n < host.size(); --n) {
      const absl::string_view prefix(host.data(), n);
      if (ResourcePtr found = ByAlias(absl::StrCat(routes, prefix, "*"))) return found;
    }
  }
  return ByAlias(absl::StrCat(routes, "*"));
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
  // Virtual hosts of routes that are somebody else's are not our affair.
  for (const auto& [name, host] : Of(kVirtualHostType).all()) {
    const size_t slash = name.rfind('/');
    const absl::string_view owner(name.data(), slash == std::string::npos ? 0 : slash);
    const Resource* routes = Of(kRouteType).Find(owner);
    if (routes == nullptr || routes->takes_hosts) continue;
    problems.push_back({host->place, absl::StrCat("VirtualHost \"", name, "\": name refers to the vhds of ",
                                                  "RouteConfiguration \"", owner, "\", which")});
  }
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
