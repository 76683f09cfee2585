#include "source/config/snapshot_state.h"
#include "source/observe/schemas/xds.h"

namespace outrigger::config {

template <class P>
void SnapshotBuilder::State::Tell(const P& part) {
  if (!environment.warn || recompiling) return;
  if (part.found->warnings.empty()) return;
  const std::optional<schema::Origin> origin = origins.Find(part.origin);
  for (const std::string& warning : part.found->warnings) {
    environment.warn(absl::StrCat(origin.has_value() ? origin->ToString() : "", ": ", warning));
  }
}

namespace {

ResourceKind KindOf(const ClusterPart&) { return ResourceKind::kCluster; }
ResourceKind KindOf(const ListenerPart&) { return ResourceKind::kListener; }
ResourceKind KindOf(const RoutesPart&) { return ResourceKind::kRoutes; }
ResourceKind KindOf(const EndpointsPart&) { return ResourceKind::kEndpoints; }
ResourceKind KindOf(const SecretPart&) { return ResourceKind::kSecret; }
ResourceKind KindOf(const ExtensionPart&) { return ResourceKind::kExtension; }

}  // namespace

void SnapshotBuilder::State::Link(Subscribers::Who who, const Found& found) {
  for (const Subscription& one : found.dependencies.subscriptions) subscribers[one.kind].Add(one.name, who);
  for (const std::string& file : found.dependencies.files) {
    if (!readers.Has(file)) ++files_version;
    readers.Add(file, who);
  }
}

void SnapshotBuilder::State::Unlink(Subscribers::Who who, const Found& found) {
  for (const Subscription& one : found.dependencies.subscriptions) {
    if (subscribers[one.kind].Remove(one.name, who)) leaving.emplace(one.kind, one.name);
  }
  for (const std::string& file : found.dependencies.files) {
    if (readers.Remove(file, who)) ++files_version;
  }
}

// Puts `part` where its name is; what was there is given back, so that its references end after the new ones began.
template <class P>
P SnapshotBuilder::State::Exchange(PartMap<P>& parts, const std::string& name, P part) {
  const auto [at, fresh] = parts.try_emplace(name);
  P before = std::exchange(at->second, std::move(part));
  Link({KindOf(before), &at->first.str()}, *at->second.found);
  if (!fresh) Unlink({KindOf(before), &at->first.str()}, *before.found);
  origins.Retire(before.origin);
  return before;
}

void SnapshotBuilder::State::Count(const ClusterPart& part, const model::Membership& members) {
  observe::ClusterUpdateStats& stats =
      environment.stats.main().Get(part.built.config->stats, observe::ClusterScope::kUpdates);
  const auto set = [](observe::Gauge& gauge, uint64_t n) { gauge.Set(static_cast<int64_t>(n)); };
  stats.membership_change.Inc();
  set(stats.membership_total, members.total);
  set(stats.membership_healthy, members.healthy);
  set(stats.membership_degraded, members.degraded);
  set(stats.membership_excluded, members.excluded);
  set(stats.max_host_weight, members.max_weight);
}

void SnapshotBuilder::State::PutEndpoints(ClusterPart& part, std::shared_ptr<const model::EndpointSet> set) {
  part.endpoints = std::move(set);
  Count(part, model::CountMembers(*part.endpoints));
  auto cluster = std::make_shared<model::Cluster>();
  cluster->slot = part.name->slot;
  cluster->config = part.built.config;
  cluster->endpoints = part.endpoints;
  next.clusters.Set(part.name->slot.index, std::move(cluster));
  changed = true;
}

void SnapshotBuilder::State::Commit(ClusterPart part) {
  Tell(part);
  for (const BuiltCluster::Limits& limits : part.built.limits) {
    part.built.config->circuit_breakers->SetLimits(limits.priority, limits.settings);
  }
  part.built.limits = {};
  const std::string name = part.proto->name();
  part.Pack();
  if (clusters.find(name) == clusters.end()) next.cluster_names.Add(name, part.name->slot.index);
  const ClusterPart before = Exchange(clusters, name, std::move(part));
  ClusterPart& now = clusters[name];
  if (now.endpoints == nullptr) {
    PutEndpoints(now, *std::exchange(now.endpoints_spec, nullptr));
    return;
  }
  auto cluster = std::make_shared<model::Cluster>();
  cluster->slot = now.name->slot;
  cluster->config = now.built.config;
  cluster->endpoints = now.endpoints;
  next.clusters.Set(now.name->slot.index, std::move(cluster));
  changed = true;
}

void SnapshotBuilder::State::Commit(ListenerPart part) {
  Tell(part);
  if (part.found->extensions != nullptr) {
    for (const std::string& prefix : part.found->extensions->conflicts) {
      const auto scope = environment.stats.Register<observe::ExtensionConfigStats>(prefix);
      environment.stats.main().Get(scope).config_conflict.Inc();
    }
  }
  if (!recompiling) checked_listeners.erase(part.proto->name());
  next.listeners.Set(part.name->slot.index, part.listener);
  const std::string name = part.proto->name();
  const ListenerPart before = Exchange(listeners, name, std::move(part));
  changed = true;
}

void SnapshotBuilder::State::Commit(RoutesPart part) {
  Tell(part);
  next.routes.Set(part.name->slot.index, part.table);
  const std::string name = part.proto->name();
  const RoutesPart before = Exchange(routes, name, std::move(part));
  RenewHosts(name);
  changed = true;
}

void SnapshotBuilder::State::Commit(EndpointsPart part) {
  Tell(part);
  const auto compiled = std::exchange(part.compiled, nullptr);
  const std::string name = part.proto->cluster_name();
  if (part.wire == nullptr) {
    part.wire = std::make_shared<const schema::WireAssignment>(
        schema::WireAssignment{part.proto->SerializeAsString(), part.content_hash, false});
  }
  part.proto = nullptr;
  origins.Retire(std::exchange(part.origin, 0));  // nothing in a set of endpoints points to where it came from
  Exchange(endpoints, name, std::move(part));
  if (compiled == nullptr) return;
  for (const auto& [cluster, spec] : *compiled) PutEndpoints(*cluster, spec);
}

void SnapshotBuilder::State::Commit(SecretPart part) {
  ++inputs;
  Tell(part);
  const std::string name = part.proto->name();
  Exchange(secrets, name, std::move(part));
}

void SnapshotBuilder::State::Commit(ExtensionPart part) {
  ++inputs;
  Tell(part);
  const std::string name = part.proto->name();
  Exchange(extensions, name, std::move(part));
}

void SnapshotBuilder::State::Commit(Recompiled recompiled) {
  recompiling = true;  // warned about when they came
  for (ClusterPart& part : recompiled.clusters) Commit(std::move(part));
  for (ListenerPart& part : recompiled.listeners) Commit(std::move(part));
  for (RoutesPart& part : recompiled.routes) Commit(std::move(part));
  for (const ListenerPart& part : recompiled.checked) origins.Retire(part.origin);
  recompiling = false;
}

void SnapshotBuilder::State::Discard(const Recompiled& recompiled) {
  const auto retire = [this](const auto& parts) {
    for (const auto& part : parts) origins.Retire(part.origin);
  };
  retire(recompiled.clusters);
  retire(recompiled.listeners);
  retire(recompiled.routes);
  retire(recompiled.checked);
}

void SnapshotBuilder::State::Erase(PartMap<ClusterPart>::iterator at) {
  next.clusters.Set(at->second.name->slot.index, nullptr);
  next.cluster_names.Remove(at->first, at->second.name->slot.index);
  endpoint_registry.Forget(at->first);
  Count(at->second, {});
  Unlink({ResourceKind::kCluster, &at->first.str()}, *at->second.found);
  origins.Retire(at->second.origin);
  clusters.erase(at);
  changed = true;
}

void SnapshotBuilder::State::Erase(PartMap<ListenerPart>::iterator at) {
  next.listeners.Set(at->second.name->slot.index, nullptr);
  Unlink({ResourceKind::kListener, &at->first.str()}, *at->second.found);
  origins.Retire(at->second.origin);
  checked_listeners.erase(at->first);
  listeners.erase(at);
  changed = true;
}

void SnapshotBuilder::State::Erase(PartMap<RoutesPart>::iterator at) {
  next.routes.Set(at->second.name->slot.index, nullptr);
  Unlink({ResourceKind::kRoutes, &at->first.str()}, *at->second.found);
  origins.Retire(at->second.origin);
  routes.erase(at);
  changed = true;
}

template <class P>
void SnapshotBuilder::State::EraseLeaf(PartMap<P>& parts, const std::string& name) {
  const auto at = parts.find(name);
  if (at == parts.end() || !at->second.removed) return;
  ++inputs;
  Unlink({KindOf(at->second), &at->first.str()}, *at->second.found);
  origins.Retire(at->second.origin);
  parts.erase(at);
}

bool SnapshotBuilder::State::IsSubscribed(ResourceKind kind, absl::string_view name) const {
  const auto at = subscribers.find(kind);
  return at != subscribers.end() && at->second.Has(name);
}

void SnapshotBuilder::State::SweepRemoved() {
  while (!leaving.empty()) {  // a resource that goes may be the last that needed another
    const auto one = leaving.extract(leaving.begin());
    const auto& [kind, name] = one.value();
    if (IsSubscribed(kind, name)) continue;
    if (kind == ResourceKind::kRoutes) {
      if (const auto at = routes.find(name); at != routes.end() && at->second.removed) Erase(at);
    } else if (kind == ResourceKind::kEndpoints) {
      EraseLeaf(endpoints, name);
    } else if (kind == ResourceKind::kSecret) {
      EraseLeaf(secrets, name);
    }
  }
}

}  // namespace outrigger::config
