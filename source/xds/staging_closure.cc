// What belongs together: subscriptions of resources, waiting until they are there, and taking the place of the version
// before.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/base/mutant.h"
#include "source/xds/staging_graph.h"

namespace outrigger::xds {
namespace {

bool Subscribes(const Staged* staged, const Needs::Subscription& wanted) {
  return staged != nullptr &&
         std::any_of(staged->needs.subscriptions.begin(), staged->needs.subscriptions.end(),
                     [&](const auto& s) { return s.type == wanted.type && s.name == wanted.name; });
}

bool Names(const Staged* staged, const std::string& cluster) {
  return staged != nullptr && std::find(staged->needs.clusters.begin(), staged->needs.clusters.end(), cluster) !=
                                  staged->needs.clusters.end();
}

Duration FetchTimeoutOf(const Needs::Subscription& wanted) {
  if (wanted.source == nullptr || !wanted.source->has_initial_fetch_timeout()) return StagingGraph::kFetchTimeout;
  return seconds(wanted.source->initial_fetch_timeout().seconds()) +
         nanoseconds(wanted.source->initial_fetch_timeout().nanos());
}

std::string StatsPrefixOf(const Needs::Subscription& wanted) {
  if (!wanted.stats_prefix.empty()) return wanted.stats_prefix;
  if (wanted.type == ResourceType::kSecret) return absl::StrCat("sds.", wanted.name.str(), ".");
  return absl::StrCat("http.rds.", wanted.name.str(), ".");
}

}  // namespace

absl::Status StagingGraph::Connect(const ResourceKey& owner, const Needs& needs) {
  std::vector<Source*> sources;
  for (const Needs::Subscription& wanted : needs.subscriptions) {
    absl::StatusOr<Source*> source =
        wanted.source == nullptr ? absl::StatusOr<Source*>(absl::InvalidArgumentError("no configuration source"))
                                 : sources_.SourceFor(wanted.type, *wanted.source);
    if (!source.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(WordOf(wanted.type), " \"", wanted.name.str(), "\": ", source.status().message()));
    }
    sources.push_back(*source);
  }
  for (size_t i = 0; i < sources.size(); ++i) Subscribe(owner, needs.subscriptions[i], sources[i]);
  return absl::OkStatus();
}

void StagingGraph::Subscribe(const ResourceKey& owner, const Needs::Subscription& wanted, Source* source) {
  if (wanted.type == ResourceType::kVirtualHost) return source->WantAll(wanted.type);  // what the server gives unasked
  ResourceNode& child = NodeOf({wanted.type, wanted.name});
  child.wanted_by.insert(owner);
  if (child.source == source) return;
  if (child.source != nullptr) child.source->Unwant(wanted.type, wanted.name);
  child.source = source;
  child.requested = Now();
  if (wanted.type == ResourceType::kEndpoints) {
    child.stats = SubscriptionCells::OfCluster(stats_, owner.name);
  } else {
    child.stats = wanted.type == ResourceType::kRoutes ? SubscriptionCells::OfRoutes(stats_, StatsPrefixOf(wanted))
                  : wanted.type == ResourceType::kExtension
                      ? SubscriptionCells::OfExtension(stats_, wanted.stats_prefix)
                      : SubscriptionCells::Of(stats_, StatsPrefixOf(wanted));
  }
  child.stats.Attempt();
  if (child.active == nullptr) ArmFetch(child, wanted);
  source->Want(wanted.type, wanted.name);
}

void StagingGraph::ArmFetch(ResourceNode& node, const Needs::Subscription& wanted) {
  const Duration timeout = FetchTimeoutOf(wanted);
  if (timeout <= Duration::zero()) return;
  std::unique_ptr<event::Timer>& fetch = node.MutablePending().fetch;
  if (fetch == nullptr) fetch = std::make_unique<event::Timer>([this, key = node.key] { OnFetchTimeout(key); });
  dispatcher_.Arm(*fetch, timeout);
}

void StagingGraph::OnFetchTimeout(const ResourceKey& asked) {
  const ResourceKey key = asked;
  ResourceNode* node = Find(key);
  if (node == nullptr || node->settled()) return;
  node->timed_out = true;
  node->stats.Timeout();
  ++counters_.fetch_timeouts;
  OUTRIGGER_LOG(kWarn, kConfigXds, WordOf(key.type), " \"", key.name.str(),
                "\" did not come in its initial fetch timeout; those that wait for it go on without");
  WakeDependants(key);
  Changed();
}

void StagingGraph::ReleaseNeeds(const ResourceKey& owner, const Needs& needs) {
  const ResourceNode* node = Find(owner);
  for (const Needs::Subscription& wanted : needs.subscriptions) {
    if (node != nullptr && (Subscribes(node->active.get(), wanted) || Subscribes(node->waiting.get(), wanted)))
      continue;
    if (wanted.type == ResourceType::kVirtualHost) {
      DropHosts(owner.name);
      continue;
    }
    ResourceNode* child = Find({wanted.type, wanted.name});
    if (child == nullptr) continue;
    child->wanted_by.erase(owner);
    if (!child->wanted_by.empty()) continue;
    orphans_.insert(child->key);
  }
  if (!updating_) LetOrphansGo();
}

// Not before an update is whole: what one resource of it lets go, another may want, and the server, which sees the same
// subscriptions as before, would not send it again. Nor between two that go live together: a cluster that the first
// does not need any more, the second may name.
// What goes lets others go and comes here again: the outermost call does all, so that many that go at once need no more
// stack than one.
void StagingGraph::LetOrphansGo() {
  if (waking_ > 0 || std::exchange(letting_go_, true)) return;
  do {
    while (!orphans_.empty()) {
      const ResourceKey key = *orphans_.begin();
      orphans_.erase(orphans_.begin());
      const ResourceNode* node = Find(key);
      if (node == nullptr || !node->wanted_by.empty()) continue;
      if (node->source != nullptr) node->source->Unwant(key.type, key.name);
      Drop(key);
    }
    const std::set<std::string> leaving = leaving_;
    for (const std::string& cluster : leaving) {
      TryLeave(cluster);
      const ResourceNode* node = Find({ResourceType::kCluster, cluster});
      if (node == nullptr || !node->leaving) leaving_.erase(cluster);
    }
  } while (!orphans_.empty());
  letting_go_ = false;
}

void StagingGraph::StartWaiting(ResourceNode& node, std::unique_ptr<Staged> staged) {
  const std::unique_ptr<Staged> before = node.waiting != nullptr ? StopWaiting(node) : nullptr;
  node.waiting = std::move(staged);
  waiting_[static_cast<size_t>(node.key.type)].insert(node.key.name);
  for (const std::string& cluster : node.waiting->needs.clusters) waiting_for_[cluster].insert(node.key);
  if (before != nullptr) ReleaseNeeds(node.key, before->needs);
  if (node.key.type != ResourceType::kCluster || node.active == nullptr) return;
  // Not armed again by further versions: a cluster that changes often must not wait for ever.
  std::unique_ptr<event::Timer>& kept = node.MutablePending().kept;
  if (kept != nullptr && kept->armed()) return;
  node.kept_over = false;
  if (kept == nullptr) kept = std::make_unique<event::Timer>([this, key = node.key] { OnKeptLongEnough(key); });
  dispatcher_.Arm(*kept, kFreshEndpoints);
}

void StagingGraph::OnKeptLongEnough(const ResourceKey& asked) {
  const ResourceKey key = asked;
  ResourceNode* node = Find(key);
  if (node == nullptr) return;
  node->kept_over = true;
  if (node->waiting == nullptr) return;
  ++counters_.kept_endpoints;
  for (const Needs::Subscription& wanted : node->waiting->needs.subscriptions) {
    ResourceNode* child = Find({wanted.type, wanted.name});
    if (child != nullptr && wanted.type == ResourceType::kEndpoints) child->stats.UsedKept();
  }
  const absl::Status ignored = TryActivate(key);  // shown with the resource
  (void)ignored;
}

std::unique_ptr<Staged> StagingGraph::StopWaiting(ResourceNode& node) {
  for (const std::string& cluster : node.waiting->needs.clusters) {
    auto at = waiting_for_.find(cluster);
    if (at == waiting_for_.end()) continue;
    at->second.erase(node.key);
    if (at->second.empty()) waiting_for_.erase(at);
  }
  waiting_[static_cast<size_t>(node.key.type)].erase(node.key.name);
  return std::move(node.waiting);
}

// Endpoints that came after the cluster changed, or as good: the cluster is new, or waited long enough.
bool StagingGraph::Fresh(const ResourceNode& owner, const ResourceNode& endpoints) const {
  return owner.active == nullptr || owner.kept_over || endpoints.active == nullptr ||
         endpoints.last_update > owner.waiting->since;
}

bool StagingGraph::IsReady(const ResourceNode& node, std::vector<Missing>* missing) const {
  if (IsMutant(node.active == nullptr ? Mutant::kSkipWarming : Mutant::kSwapEarly)) return true;
  for (const Needs::Subscription& wanted : node.waiting->needs.subscriptions) {
    const ResourceNode* child = Find({wanted.type, wanted.name});
    if (child == nullptr || !wanted.waits) continue;
    const bool there = child->settled() && (wanted.type != ResourceType::kEndpoints || Fresh(node, *child));
    if (there) continue;
    if (missing == nullptr) return false;
    const Staged* waits = child->waiting.get();
    const bool fresh = child->settled();
    const WallTime since = fresh ? node.waiting->received : waits != nullptr ? waits->received : child->requested;
    missing->push_back({wanted.type, wanted.name, since, fresh});
  }
  for (const std::string& name : node.waiting->needs.clusters) {
    const ResourceNode* cluster = Find({ResourceType::kCluster, name});
    if (cluster == nullptr || cluster->active != nullptr || cluster->waiting == nullptr) continue;
    if (missing == nullptr) return false;
    missing->push_back({ResourceType::kCluster, name, cluster->waiting->received, false});
  }
  return missing == nullptr || missing->empty();
}

absl::Status StagingGraph::TryActivate(const ResourceKey& key) {
  ResourceNode* node = Find(key);
  if (node == nullptr || node->waiting == nullptr || !IsReady(*node, nullptr)) return absl::OkStatus();
  return Activate(*node);
}

absl::Status StagingGraph::Activate(ResourceNode& node) {
  const ResourceKey key = node.key;
  std::unique_ptr<Staged> staged = StopWaiting(node);
  if (node.pending != nullptr && node.pending->kept != nullptr) node.pending->kept->Disarm();
  node.kept_over = false;
  if (absl::Status status = target_.Apply(key.type, staged->resource); !status.ok()) {
    ++counters_.late_refusals;
    OUTRIGGER_LOG(kWarn, kConfigXds, WordOf(key.type), " \"", key.name.str(), "\" refused: ", status.message());
    Refused(node, staged->resource.version, {key.name, std::string(status.message()), staged->resource.message.Get()});
    node.timed_out = node.active == nullptr;  // nobody waits for it any longer
    if (node.active == nullptr) Tell(key, false);
    ReleaseNeeds(key, staged->needs);
    WakeDependants(key);
    Changed();
    return status;
  }
  ++counters_.applied;
  node.stats.Reloaded(Now());
  NoteApplied(key, *staged);
  SetActive(node, std::move(staged));
  RequestPublish();
  WakeDependants(key);
  if (!updating_) LetOrphansGo();
  Changed();
  return absl::OkStatus();
}

void StagingGraph::SetActive(ResourceNode& node, std::unique_ptr<Staged> staged) {
  const ResourceKey key = node.key;
  const std::unique_ptr<Staged> before = std::exchange(node.active, std::move(staged));
  if (node.active != nullptr) {
    node.active->resource.message.Pack();
    for (const std::string& cluster : node.active->needs.clusters) named_by_[cluster].insert(key);
    TellHere(node);
  }
  if (before == nullptr) return;
  const Staged* now = node.active.get();
  for (const std::string& cluster : before->needs.clusters) {
    if (Names(now, cluster)) continue;
    auto at = named_by_.find(cluster);
    if (at == named_by_.end()) continue;
    at->second.erase(key);
    if (at->second.empty()) named_by_.erase(at);
  }
  ReleaseNeeds(key, before->needs);
}

void StagingGraph::WakeDependants(const ResourceKey& key) {
  Keys dependants;
  if (const ResourceNode* node = Find(key); node != nullptr) dependants = node->wanted_by.All();
  if (key.type == ResourceType::kCluster) {
    auto at = waiting_for_.find(key.name);
    if (at != waiting_for_.end()) dependants.insert(at->second.begin(), at->second.end());
  }
  ++waking_;
  for (const ResourceKey& dependant : dependants) {
    const absl::Status ignored = TryActivate(dependant);  // shown with the resource
    (void)ignored;
  }
  --waking_;
  if (!updating_) LetOrphansGo();
}

void StagingGraph::Drop(const ResourceKey& asked) {
  const ResourceKey key = asked;
  auto at = nodes_.find(key);
  if (at == nodes_.end()) return;
  ResourceNode& node = *at->second;
  node.leaving = false;  // it does
  std::vector<std::string> aliases;
  if (node.active != nullptr) {
    aliases = node.active->resource.aliases;
    target_.Remove(key.type, key.name);
    ++counters_.removed;
    RequestPublish();
  }
  const std::unique_ptr<Staged> waiting = node.waiting != nullptr ? StopWaiting(node) : nullptr;
  if (waiting != nullptr) target_.GiveUp(key.type, key.name);
  SetActive(node, nullptr);
  if (waiting != nullptr) ReleaseNeeds(key, waiting->needs);
  at = nodes_.find(key);
  if (at == nodes_.end()) return;
  dispatcher_.DestroyLater(std::move(at->second));
  nodes_.erase(at);
  Tell(key, false);
  for (const std::string& alias : aliases) Tell({key.type, alias}, false);
  if (key.type == ResourceType::kCluster) WakeDependants(key);
  Changed();
}

bool StagingGraph::AboutToMove(const ResourceKey& key) const {
  const ResourceNode* node = Find(key);
  if (node == nullptr) return false;
  if (node->waiting != nullptr) return true;
  const Keys owners = node->wanted_by.All();
  return std::any_of(owners.begin(), owners.end(), [&](const ResourceKey& owner) {
    const ResourceNode* root = Find(owner);
    return root != nullptr && root->waiting != nullptr;
  });
}

// Gone, while it is still subscribed to: those that use it have their default for it. It may come again.
void StagingGraph::Withdraw(ResourceNode& node) {
  const ResourceKey key = node.key;
  node.StopFetch();
  node.timed_out = true;  // nobody waits for it
  if (node.waiting != nullptr) {
    const std::unique_ptr<Staged> waiting = StopWaiting(node);
    target_.GiveUp(node.key.type, node.key.name);
    ReleaseNeeds(node.key, waiting->needs);
  }
  if (node.active != nullptr) {
    target_.Remove(node.key.type, node.key.name);
    ++counters_.removed;
    target_.RequestPublish();
    SetActive(node, nullptr);
  }
  WakeDependants(key);
  Changed();
}

void StagingGraph::TryLeave(const std::string& cluster) {
  const ResourceKey key{ResourceType::kCluster, cluster};
  const ResourceNode* node = Find(key);
  if (node == nullptr || !node->leaving) return;
  auto at = named_by_.find(cluster);
  const bool named = at != named_by_.end() || waiting_for_.count(cluster) != 0;
  const event::Timer* held = node->pending == nullptr ? nullptr : node->pending->held.get();
  if (named && held != nullptr && held->armed()) return;
  if (at != named_by_.end() &&
      std::any_of(at->second.begin(), at->second.end(), [&](const ResourceKey& who) { return AboutToMove(who); })) {
    return;
  }
  Drop(key);
}

void StagingGraph::HoldLeaving(ResourceNode& cluster) {
  std::unique_ptr<event::Timer>& held = cluster.MutablePending().held;
  if (held == nullptr) {
    held = std::make_unique<event::Timer>([this, name = cluster.key.name] {
      const std::string left = name;  // leaving frees the node
      TryLeave(left);
    });
  }
  dispatcher_.Arm(*held, kLeaving);
}

void StagingGraph::Changed() {
  if (!settle_.armed()) dispatcher_.Arm(settle_, Duration::zero());
}

}  // namespace outrigger::xds
