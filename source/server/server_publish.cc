// From the builder to the workers: publications, generations, what listens.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/server/server_parts.h"

namespace outrigger::server {

void Server::Parts::OnEndOfTurn() {
  if (std::exchange(republish, false)) Publish();
}

bool Server::Parts::MayListen(const model::Listener& listener) const {
  return !stop_all && !(stop_inbound && listener.direction == model::TrafficDirection::kInbound);
}

std::shared_ptr<ListenerShare> Server::Parts::ShareOf(const model::Listener& listener) {
  auto& [slot, share] = shares[listener.slot.index];
  if (share == nullptr || !(slot == listener.slot)) {
    if (share != nullptr) draining_listeners.push_back(share);
    slot = listener.slot;
    share = std::make_shared<ListenerShare>(workers->size());
    share->Register(stats, listener.stats.prefix());
  }
  share->connections().SetLimit(listener.connection_limit);
  return share;
}

void Server::Parts::Publish() {
  const std::shared_ptr<const model::Snapshot> snapshot = builder->Build();
  const std::shared_ptr<const model::Snapshot> before = workers->current().snapshot;
  std::vector<ListenerSockets::Failure> failures;
  auto next = std::make_shared<Publication>();
  next->snapshot = snapshot;
  // Before the start nobody listens, and what is bound stays bound.
  if (state == State::kLive || state == State::kDraining)
    next->sockets = sockets->Assign(
        *snapshot, [this](const model::Listener& listener) { return MayListen(listener); }, &failures);
  std::erase_if(shares, [&](const auto& share) {
    if (snapshot->listeners.Get(share.first) != nullptr) return false;
    draining_listeners.push_back(share.second.second);
    return true;
  });
  for (uint32_t i = 0; i < snapshot->listeners.size(); ++i) {
    if (const model::Listener* listener = snapshot->listeners.Get(i)) next->shares.emplace(i, ShareOf(*listener));
  }
  std::map<std::string, std::string> errors;
  for (const auto& failure : failures) {
    auto known = bind_errors.find(failure.listener);
    if (known == bind_errors.end() || known->second != failure.error) OUTRIGGER_LOG(kError, kConfig, failure.error);
    errors[failure.listener] = failure.error;
  }
  CountListeners(*before, *snapshot, failures.size());
  bind_errors = std::move(errors);
  if (snapshot != before) {
    context->Publish(snapshot);
    dns->Follow(*snapshot);
    FollowFiles();
  }
  workers->Publish(std::move(next));
  OUTRIGGER_LOG(kDebug, kConfig, "generation ", snapshot->generation, " published");
  if (dynamic != nullptr) dynamic->OnPublished(snapshot->generation);
  OnInUse();
}

void Server::Parts::CountListeners(const model::Snapshot& before, const model::Snapshot& after, size_t failures) {
  observe::ListenerManagerStats& counts = stats.main().Get(listener_scope);
  observe::ClusterManagerStats& clusters = stats.main().Get(cluster_scope);
  int64_t active = 0;
  for (uint32_t i = 0; i < std::max(before.listeners.size(), after.listeners.size()); ++i) {
    const model::Listener* was = before.listeners.Get(i);
    const model::Listener* is = after.listeners.Get(i);
    const bool same_slot = was != nullptr && is != nullptr && was->slot == is->slot;
    if (is != nullptr) ++active;
    if (was == is) continue;
    if (was != nullptr && !same_slot) counts.listener_removed.Inc();
    if (is != nullptr && !same_slot) counts.listener_added.Inc();
    if (same_slot) counts.listener_modified.Inc(), counts.listener_in_place_updated.Inc();
    if (same_slot) NoteDrainingChains(*was, *is);
  }
  counts.listener_create_failure.Add(failures);
  counts.total_listeners_active.Set(active);
  int64_t live = 0;
  for (uint32_t i = 0; i < std::max(before.clusters.size(), after.clusters.size()); ++i) {
    const model::Cluster* was = before.clusters.Get(i);
    const model::Cluster* is = after.clusters.Get(i);
    const bool same_slot = was != nullptr && is != nullptr && was->slot == is->slot;
    if (is != nullptr) ++live;
    if (was == is) continue;
    if (was != nullptr && !same_slot) clusters.cluster_removed.Inc();
    if (is != nullptr && !same_slot) clusters.cluster_added.Inc();
    if (same_slot) (was->config == is->config ? clusters.cluster_updated : clusters.cluster_modified).Inc();
  }
  clusters.active_clusters.Set(live);
}

// Chains whose connections cannot follow to the listener's next version (law 9); they last as long as those do.
void Server::Parts::NoteDrainingChains(const model::Listener& before, const model::Listener& after) {
  const auto note = [&](const std::shared_ptr<const model::FilterChain>& chain) {
    const auto follows = [&chain](const std::shared_ptr<const model::FilterChain>& next) {
      return next != nullptr && next->slot_hash == chain->slot_hash && next->trust_hash == chain->trust_hash &&
             next->connection_hash == chain->connection_hash;
    };
    if (chain == nullptr || follows(after.default_chain)) return;
    if (std::any_of(after.chains.begin(), after.chains.end(), follows)) return;
    draining_chains.push_back(chain);
  };
  for (const auto& chain : before.chains) note(chain);
  note(before.default_chain);
}

void Server::Parts::FollowFiles() {
  std::set<std::string> paths;
  for (const auto kind :
       {config::ResourceKind::kListener, config::ResourceKind::kRoutes, config::ResourceKind::kCluster,
        config::ResourceKind::kEndpoints, config::ResourceKind::kSecret}) {
    builder->ForEach(kind, [&paths](const config::ResourceView& view) {
      if (view.dependencies != nullptr) paths.insert(view.dependencies->files.begin(), view.dependencies->files.end());
    });
  }
  files->Follow(std::move(paths));
}

void Server::Parts::OnInUse() {
  const uint64_t generation = workers->started() ? workers->in_use() : workers->current().snapshot->generation;
  if (dynamic != nullptr && workers->started()) dynamic->OnInUse(generation);
  while (!waiting_for_use.empty() && waiting_for_use.begin()->first <= generation) {
    // From the loop, not from inside whoever published.
    dispatcher->Post(std::move(waiting_for_use.begin()->second));
    waiting_for_use.erase(waiting_for_use.begin());
  }
}

void Server::RequestPublish() {
  parts_->republish = true;
  parts_->dispatcher->AtEndOfTurn(*parts_);
}

absl::Status Server::PrepareListener(const BindRequest& request, const std::vector<std::string>& leaving) {
  return parts_->sockets->Prepare(request, leaving);
}

std::weak_ptr<const void> Server::LifeOf(absl::string_view listener) const {
  const model::Snapshot& snapshot = *parts_->workers->current().snapshot;
  for (const auto& [index, share] : parts_->shares) {
    const model::Listener* published = snapshot.listeners.Get(index);
    if (published != nullptr && published->name == listener) return std::weak_ptr<const void>(share.second);
  }
  return {};
}

uint64_t Server::published_generation() const { return parts_->workers->current().snapshot->generation; }

uint64_t Server::in_use_generation() const {
  return parts_->workers->started() ? parts_->workers->in_use() : published_generation();
}

void Server::WhenInUse(uint64_t generation, std::function<void()> f) {
  parts_->waiting_for_use.emplace(generation, std::move(f));
  parts_->dispatcher->Post([self = parts_->self] {
    if (*self != nullptr) (*self)->OnInUse();
  });
}

std::shared_ptr<void> Server::HoldInit(std::string what) {
  ++parts_->init_holds[what];
  return std::shared_ptr<void>(nullptr, [self = parts_->self, what](void*) {
    Parts* parts = *self;
    if (parts == nullptr) return;
    auto at = parts->init_holds.find(what);
    if (at != parts->init_holds.end() && --at->second == 0) parts->init_holds.erase(at);
    if (!parts->init_holds.empty()) return;
    parts->dispatcher->Post([self] {
      if (*self != nullptr && (*self)->init_holds.empty()) (*self)->OnInitialized();
    });
  });
}

}  // namespace outrigger::server
