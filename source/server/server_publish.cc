// From the builder to the workers: publications, generations, what listens.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/config/bootstrap.h"
#include "source/config/runtime_layers.h"
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

// Nothing that decides who listens where has changed since the last publication, and all that should could.
bool Server::Parts::ListensAsBefore(const model::Snapshot& before, const model::Snapshot& after) {
  const auto now = std::make_tuple(state, stop_all, stop_inbound);
  return std::exchange(listened_as, now) == now && after.listeners.Is(before.listeners) && bind_errors.empty() &&
         sockets->assigned();
}

std::shared_ptr<const Listening> Server::Parts::Listen(const model::Snapshot& snapshot, size_t* failed) {
  std::vector<ListenerSockets::Failure> failures;
  auto next = std::make_shared<Listening>();
  // Before the start nobody listens, and what is bound stays bound.
  if (state == State::kLive || state == State::kDraining)
    next->sockets = sockets->Assign(
        snapshot, [this](const model::Listener& listener) { return MayListen(listener); }, &failures);
  std::erase_if(shares, [&](const auto& share) {
    if (snapshot.listeners.Get(share.first) != nullptr) return false;
    draining_listeners.push_back(share.second.second);
    return true;
  });
  for (uint32_t i = 0; i < snapshot.listeners.size(); ++i) {
    if (const model::Listener* listener = snapshot.listeners.Get(i)) next->shares.emplace(i, ShareOf(*listener));
  }
  std::map<std::string, std::string> errors;
  for (const auto& failure : failures) {
    auto known = bind_errors.find(failure.listener);
    if (known == bind_errors.end() || known->second != failure.error) OUTRIGGER_LOG(kError, kConfig, failure.error);
    errors[failure.listener] = failure.error;
  }
  bind_errors = std::move(errors);
  *failed = failures.size();
  return next;
}

void Server::Parts::Publish() {
  if (const absl::Status status = FollowRuntime(); !status.ok()) OUTRIGGER_LOG(kWarn, kConfig, status.message());
  const std::shared_ptr<const model::Snapshot> snapshot = builder->Build();
  const std::shared_ptr<const model::Snapshot> before = workers->current().snapshot;
  auto next = std::make_shared<Publication>();
  next->snapshot = snapshot;
  size_t failed = 0;
  next->listening = ListensAsBefore(*before, *snapshot) ? workers->current().listening : Listen(*snapshot, &failed);
  CountChanges(*before, *snapshot, failed);
  if (snapshot != before) {
    context->Publish(snapshot);
    dns->Follow(*before, *snapshot);
    FollowFiles();
  }
  workers->Publish(std::move(next));
  OUTRIGGER_LOG(kDebug, kConfig, "generation ", snapshot->generation, " published");
  if (dynamic != nullptr) dynamic->OnPublished(snapshot->generation);
  OnInUse();
}

void Server::Parts::CountChanges(const model::Snapshot& before, const model::Snapshot& after, size_t failures) {
  observe::ListenerManagerStats& counts = stats.main().Get(listener_scope);
  observe::ClusterManagerStats& clusters = stats.main().Get(cluster_scope);
  const auto listener = [&](uint32_t, const model::Listener* was, const model::Listener* is) {
    const bool same_slot = was != nullptr && is != nullptr && was->slot == is->slot;
    active_listeners += (is != nullptr ? 1 : 0) - (was != nullptr ? 1 : 0);
    if (was != nullptr && !same_slot) counts.listener_removed.Inc();
    if (is != nullptr && !same_slot) counts.listener_added.Inc();
    if (same_slot) counts.listener_modified.Inc(), counts.listener_in_place_updated.Inc();
    if (same_slot) NoteDrainingChains(*was, *is);
  };
  model::PersistentVector<model::Listener>::ForEachChange(before.listeners, after.listeners, listener);
  counts.listener_create_failure.Add(failures);
  counts.total_listeners_active.Set(active_listeners);
  const auto cluster = [&](uint32_t, const model::Cluster* was, const model::Cluster* is) {
    const bool same_slot = was != nullptr && is != nullptr && was->slot == is->slot;
    active_clusters += (is != nullptr ? 1 : 0) - (was != nullptr ? 1 : 0);
    if (was != nullptr && !same_slot) clusters.cluster_removed.Inc();
    if (is != nullptr && !same_slot) clusters.cluster_added.Inc();
    if (same_slot) (was->config == is->config ? clusters.cluster_updated : clusters.cluster_modified).Inc();
  };
  model::PersistentVector<model::Cluster>::ForEachChange(before.clusters, after.clusters, cluster);
  clusters.active_clusters.Set(active_clusters);
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

// What the process itself takes from the runtime values.
absl::Status Server::Parts::FollowRuntime() {
  const config::RuntimeLayers& runtime = builder->runtime();
  if (std::exchange(runtime_followed, runtime.version()) == runtime.version()) return absl::OkStatus();
  const Value::Struct values = runtime.Merged();
  observe::RuntimeStats& counts = stats.main().Get(runtime_scope);
  counts.load_success.Inc();
  counts.num_keys.Set(static_cast<int64_t>(values.size()));
  counts.num_layers.Set(static_cast<int64_t>(runtime.layers().size()));
  counts.admin_overrides_active.Set(runtime.overridden() ? 1 : 0);
  const auto limit = config::ConnectionLimitOf(*loaded->bootstrap, values);
  if (!limit.ok()) return limit.status();
  connections.SetLimit(limit->value_or(UINT64_MAX));
  return absl::OkStatus();
}

void Server::Parts::FollowFiles() {
  if (std::exchange(files_followed, builder->files_version()) == builder->files_version()) return;
  const std::vector<std::string> paths = builder->Files();
  files->Follow({paths.begin(), paths.end()});
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
