// What requests ask for: single clusters, and the virtual hosts of route configurations that fetch theirs.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/xds/staging_graph.h"

namespace outrigger::xds {
namespace {

// A host has no slash, the name of a route configuration may: "a/b/host" is of "a/b".
std::string RoutesOf(const std::string& host) {
  const size_t slash = host.rfind('/');
  return slash == std::string::npos ? std::string() : host.substr(0, slash);
}

const Needs::Subscription* FetchesHosts(const Staged* routes) {
  if (routes == nullptr) return nullptr;
  for (const Needs::Subscription& wanted : routes->needs.subscriptions) {
    if (wanted.type == ResourceType::kVirtualHost) return &wanted;
  }
  return nullptr;
}

}  // namespace

Source* StagingGraph::HostsSourceOf(const std::string& host) {
  const ResourceNode* routes = Find({ResourceType::kRoutes, RoutesOf(host)});
  const Needs::Subscription* wanted = routes == nullptr ? nullptr : FetchesHosts(routes->active.get());
  if (wanted == nullptr || wanted->source == nullptr) return nullptr;
  const absl::StatusOr<Source*> source = sources_.SourceFor(ResourceType::kVirtualHost, *wanted->source);
  return source.ok() ? *source : nullptr;
}

absl::Status StagingGraph::Demand(const ResourceKey& key, const envoy::config::core::v3::ConfigSource* source) {
  if (demands_.count(key) != 0) return absl::OkStatus();
  Source* from = nullptr;
  if (key.type == ResourceType::kVirtualHost) {
    from = HostsSourceOf(key.name);
  } else if (source != nullptr) {
    const absl::StatusOr<Source*> found = sources_.SourceFor(key.type, *source);
    if (!found.ok()) return found.status();
    from = *found;
  }
  if (from == nullptr) return absl::NotFoundError("there is nobody to ask");
  demands_.emplace(key, from);
  from->Want(key.type, key.name);
  return absl::OkStatus();
}

void StagingGraph::EndDemand(const ResourceKey& key) {
  auto at = demands_.find(key);
  if (at == demands_.end()) return;
  at->second->Unwant(key.type, key.name);
  demands_.erase(at);
}

bool StagingGraph::IsDemanded(ResourceType type, const Resource& resource) const {
  if (demands_.empty()) return false;
  return demands_.count({type, resource.name}) != 0 ||
         std::any_of(resource.aliases.begin(), resource.aliases.end(), [&](const std::string& alias) {
           return demands_.count({type, alias}) != 0;
         });
}

bool StagingGraph::Comes(const ResourceKey& key) const {
  const ResourceNode* node = Find(key);
  return node != nullptr && node->waiting != nullptr;
}

void StagingGraph::Tell(const ResourceKey& key, bool there) {
  if (on_demanded_ && demands_.count(key) != 0) on_demanded_(key, there);
}

void StagingGraph::TellHere(const ResourceNode& node) {
  if (demands_.empty() || node.active == nullptr) return;
  Tell(node.key, true);
  for (const std::string& alias : node.active->resource.aliases) Tell({node.key.type, alias}, true);
}

// The node of a virtual host that came; null: no route configuration wants it.
ResourceNode* StagingGraph::HostNode(const std::string& name) {
  const ResourceKey owner{ResourceType::kRoutes, RoutesOf(name)};
  const ResourceNode* routes = Find(owner);
  if (routes == nullptr) return nullptr;
  if (FetchesHosts(routes->active.get()) == nullptr && FetchesHosts(routes->waiting.get()) == nullptr) return nullptr;
  ResourceNode& host = NodeOf({ResourceType::kVirtualHost, name});
  if (host.wanted_by.insert(owner)) {
    host.source = HostsSourceOf(name);
    host.stats = SubscriptionCells();
  }
  return &host;
}

void StagingGraph::TakeRefusedAgain(const Update& update, std::vector<Refusal>* refused) {
  for (bool progress = true; progress;) {
    progress = false;
    for (auto at = refused->begin(); at != refused->end();) {
      const auto resource = std::find_if(update.updated.begin(), update.updated.end(),
                                         [&](const Resource& one) { return one.name == at->name; });
      Keys to_try;
      if (resource == update.updated.end() || !Take(update.type, *resource, &to_try).ok()) {
        ++at;
        continue;
      }
      at = refused->erase(at);
      progress = true;
      for (const ResourceKey& key : to_try) {
        const absl::Status ignored = TryActivate(key);  // shown with the resource
        (void)ignored;
      }
    }
  }
}

void StagingGraph::DropHosts(const std::string& routes) {
  const std::string prefix = absl::StrCat(routes, "/");
  std::vector<ResourceKey> gone;
  for (auto at = nodes_.lower_bound({ResourceType::kVirtualHost, prefix});
       at != nodes_.end() && at->first.type == ResourceType::kVirtualHost && at->first.name.str().rfind(prefix, 0) == 0;
       ++at) {
    if (RoutesOf(at->first.name) == routes) gone.push_back(at->first);
  }
  for (const ResourceKey& key : gone) Drop(key);
  std::vector<ResourceKey> asked;
  for (auto at = demands_.lower_bound({ResourceType::kVirtualHost, prefix});
       at != demands_.end() && at->first.type == ResourceType::kVirtualHost &&
       at->first.name.str().rfind(prefix, 0) == 0;
       ++at) {
    if (RoutesOf(at->first.name) == routes) asked.push_back(at->first);
  }
  for (const ResourceKey& key : asked) Tell(key, false);
}

}  // namespace outrigger::xds
