#include "source/config/snapshot_state.h"

namespace outrigger::config {

template <class P>
void SnapshotBuilder::State::Tell(const P& part) {
  if (!environment.warn || recompiling) return;
  const schema::Origin* origin = origins.Find(part.origin);
  for (const std::string& warning : part.found.warnings) {
    environment.warn(absl::StrCat(origin == nullptr ? "" : origin->ToString(), ": ", warning));
  }
}

namespace {

// Puts `part` where its name is; what was there is given back, so that its references end after the new ones began.
template <class P>
P Exchange(PartMap<P>& parts, const std::string& name, P part, Origins& origins) {
  P& slot = parts[name];
  P before = std::exchange(slot, std::move(part));
  origins.Retire(before.origin);
  return before;
}

}  // namespace

void SnapshotBuilder::State::Count(const ClusterPart& part, const model::Membership& members) {
  observe::ClusterStats& stats = environment.stats.main().Get(part.built.config->stats);
  const auto set = [](observe::Gauge& gauge, uint64_t n) { gauge.Set(static_cast<int64_t>(n)); };
  stats.membership_change.Inc();
  set(stats.membership_total, members.total);
  set(stats.membership_healthy, members.healthy);
  set(stats.membership_degraded, members.degraded);
  set(stats.membership_excluded, members.excluded);
  set(stats.max_host_weight, members.max_weight);
}

void SnapshotBuilder::State::PutEndpoints(ClusterPart& part) {
  part.endpoints = endpoint_registry.Build(part.built.config->name, part.endpoints_spec);
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
  for (const BuiltCluster::Limit& limit : part.built.limits) {
    limit.breaker->max_connections.SetLimit(limit.connections);
    limit.breaker->max_pending.SetLimit(limit.pending);
    limit.breaker->max_requests.SetLimit(limit.requests);
    if (!limit.breaker->retry_budget_percent.has_value()) limit.breaker->max_retries.SetLimit(limit.retries);
  }
  const std::string name = part.proto->name();
  if (clusters.find(name) == clusters.end()) names_changed = true;
  const ClusterPart before = Exchange(clusters, name, std::move(part), origins);
  ClusterPart& now = clusters[name];
  if (now.endpoints == nullptr) {
    PutEndpoints(now);
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
  next.listeners.Set(part.name->slot.index, part.listener);
  const std::string name = part.proto->name();
  const ListenerPart before = Exchange(listeners, name, std::move(part), origins);
  changed = true;
}

void SnapshotBuilder::State::Commit(RoutesPart part) {
  Tell(part);
  next.routes.Set(part.name->slot.index, part.table);
  const std::string name = part.proto->name();
  const RoutesPart before = Exchange(routes, name, std::move(part), origins);
  changed = true;
}

void SnapshotBuilder::State::Commit(EndpointsPart part) {
  Tell(part);
  const std::string name = part.proto->cluster_name();
  Exchange(endpoints, name, std::move(part), origins);
  for (auto& [unused, cluster] : clusters) {
    if (cluster.built.config->type != model::ClusterType::kEds || cluster.built.config->eds_service_name != name)
      continue;
    auto spec = EndpointsOf(cluster, endpoints[name].proto.get());
    if (!spec.ok()) continue;  // was compiled before
    cluster.endpoints_spec = *std::move(spec);
    PutEndpoints(cluster);
  }
}

void SnapshotBuilder::State::Commit(SecretPart part) {
  Tell(part);
  const std::string name = part.proto->name();
  Exchange(secrets, name, std::move(part), origins);
}

void SnapshotBuilder::State::Commit(Recompiled recompiled) {
  recompiling = true;  // warned about when they came
  for (ClusterPart& part : recompiled.clusters) Commit(std::move(part));
  for (ListenerPart& part : recompiled.listeners) Commit(std::move(part));
  for (RoutesPart& part : recompiled.routes) Commit(std::move(part));
  recompiling = false;
}

void SnapshotBuilder::State::Discard(const Recompiled& recompiled) {
  const auto retire = [this](const auto& parts) {
    for (const auto& part : parts) origins.Retire(part.origin);
  };
  retire(recompiled.clusters);
  retire(recompiled.listeners);
  retire(recompiled.routes);
}

void SnapshotBuilder::State::Erase(PartMap<ClusterPart>::iterator at) {
  next.clusters.Set(at->second.name->slot.index, nullptr);
  endpoint_registry.Forget(at->first);
  Count(at->second, {});
  origins.Retire(at->second.origin);
  clusters.erase(at);
  changed = names_changed = any_removed = true;
}

void SnapshotBuilder::State::Erase(PartMap<ListenerPart>::iterator at) {
  next.listeners.Set(at->second.name->slot.index, nullptr);
  origins.Retire(at->second.origin);
  listeners.erase(at);
  changed = any_removed = true;
}

void SnapshotBuilder::State::Erase(PartMap<RoutesPart>::iterator at) {
  next.routes.Set(at->second.name->slot.index, nullptr);
  origins.Retire(at->second.origin);
  routes.erase(at);
  changed = true;
}

bool SnapshotBuilder::State::IsSubscribed(ResourceKind kind, absl::string_view name) const {
  const auto wanted = [kind, name](const auto& parts) {
    for (const auto& [unused, part] : parts) {
      for (const Subscription& one : part.found.dependencies.subscriptions) {
        if (one.kind == kind && one.name == name) return true;
      }
    }
    return false;
  };
  return wanted(clusters) || wanted(listeners);
}

void SnapshotBuilder::State::SweepRemoved() {
  if (!any_removed) return;
  any_removed = false;
  for (auto at = routes.begin(); at != routes.end();) {
    auto here = at++;
    if (here->second.removed && !IsSubscribed(ResourceKind::kRoutes, here->first)) Erase(here);
  }
  const auto sweep = [this](auto& parts, ResourceKind kind) {
    for (auto at = parts.begin(); at != parts.end();) {
      const bool gone = at->second.removed && !IsSubscribed(kind, at->first);
      if (gone) origins.Retire(at->second.origin);
      at = gone ? parts.erase(at) : std::next(at);
    }
  };
  sweep(endpoints, ResourceKind::kEndpoints);
  sweep(secrets, ResourceKind::kSecret);
}

}  // namespace outrigger::config
