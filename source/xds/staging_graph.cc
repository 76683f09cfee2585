#include "source/xds/staging_graph.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "source/base/log.h"
#include "source/base/mutant.h"
#include "source/schema/origin.h"

namespace outrigger::xds {
namespace {

bool Same(const Resource& a, const Resource& b) {
  if (a.hash != b.hash) return false;
  return a.wire == nullptr || b.wire == nullptr || a.wire->Is(*b.wire);
}

// Only where a test breaks this on purpose.
bool IsStale(ResourceType type) {
  return (type == ResourceType::kSecret && IsMutant(Mutant::kStaleSecret)) ||
         (type == ResourceType::kExtension && IsMutant(Mutant::kStaleExtension));
}

std::string OneLine(absl::string_view errors) {
  return absl::StrJoin(absl::StrSplit(errors, '\n', absl::SkipEmpty()), "; ");
}

}  // namespace

StagingGraph::StagingGraph(event::Dispatcher& dispatcher, observe::StatsRegistry& stats, Target& target,
                           SourceDirectory& sources)
    : dispatcher_(dispatcher), stats_(stats), target_(target), sources_(sources), settle_([this] {
        SettleUses();
        if (on_settled_) on_settled_();
      }) {}

StagingGraph::~StagingGraph() = default;

ResourceNode* StagingGraph::Find(const ResourceKey& key) const {
  auto at = nodes_.find(key);
  return at == nodes_.end() ? nullptr : at->second.get();
}

ResourceNode& StagingGraph::NodeOf(const ResourceKey& key) {
  std::unique_ptr<ResourceNode>& node = nodes_[key];
  if (node == nullptr) {
    node = std::make_unique<ResourceNode>(key);
    node->requested = Now();
  }
  return *node;
}

void StagingGraph::WatchAll(ResourceType type, Source& source, Duration fetch_timeout) {
  Whole& whole = WholeOf(type);
  whole.source = &source;
  whole.stats =
      SubscriptionCells::Of(stats_, type == ResourceType::kCluster ? "cluster_manager.cds." : "listener_manager.lds.");
  whole.stats.Attempt();
  if (fetch_timeout > Duration::zero()) {
    whole.fetch = std::make_unique<event::Timer>([this, type] {
      Whole& late = WholeOf(type);
      if (late.answered) return;
      late.answered = true;
      late.stats.Timeout();
      ++counters_.fetch_timeouts;
      OUTRIGGER_LOG(kWarn, kConfigXds, ShortNameOf(type),
                    ": nothing came in the initial fetch timeout; going on without");
      Changed();
    });
    dispatcher_.Arm(*whole.fetch, fetch_timeout);
  }
  source.WantAll(type);
}

void StagingGraph::AdoptStatic(ResourceType type, const std::string& name, const Needs& needs) {
  ResourceNode& node = NodeOf({type, name});
  node.is_static = true;
  auto staged = std::make_unique<Staged>();
  staged->resource.name = name;
  staged->needs = needs;
  staged->received = staged->applied = Now();
  if (const absl::Status status = Connect(node.key, needs); !status.ok())
    Refused(node, "", {name, std::string(status.message()), nullptr});
  staged->generation = published_;
  in_flight_[published_].push_back(node.key);
  SetActive(node, std::move(staged));
  Changed();
}

std::vector<Refusal> StagingGraph::OnUpdate(const Update& update) {
  ++updates_;
  const MonotonicTime begin = dispatcher_.engine().MonotonicNow();
  std::vector<Refusal> refused;
  Keys to_try, ours;
  updating_ = true;
  // One that comes may take over what one that goes had: an address, a domain.
  const bool takes_over = update.type == ResourceType::kListener || update.type == ResourceType::kVirtualHost;
  if (takes_over) Removed(update);
  for (const Resource& resource : update.updated) {
    const absl::Status status = Take(update.type, resource, &to_try);
    if (status.ok()) {
      ours.insert({update.type, resource.name});
    } else {
      refused.push_back({resource.name, OneLine(status.message()), nullptr});
    }
  }
  for (const ResourceKey& key : to_try) {
    const absl::Status status = TryActivate(key);
    if (!status.ok() && ours.count(key) != 0) refused.push_back({key.name, OneLine(status.message()), nullptr});
  }
  if (update.type == ResourceType::kVirtualHost) TakeRefusedAgain(update, &refused);
  if (!takes_over) Removed(update);
  updating_ = false;
  LetOrphansGo();
  CountUpdate(update, refused.empty(), begin);
  if (refused.empty()) NoteAccepted(update);
  Changed();
  return refused;
}

void StagingGraph::CountUpdate(const Update& update, bool accepted, MonotonicTime begin) {
  const Duration took = dispatcher_.engine().MonotonicNow() - begin;
  Whole& whole = WholeOf(update.type);
  if (seeding_) {
    whole.answered = true;
    return;
  }
  whole.heard = true;
  if (!IsFullState(update.type)) {
    for (const Resource& resource : update.updated) {
      ResourceNode* node = Find({update.type, resource.name});
      if (node != nullptr && !node->refused()) node->stats.Took(took);
    }
  }
  if (whole.source == nullptr) return;
  whole.answered = true;
  if (whole.fetch != nullptr) whole.fetch->Disarm();
  whole.stats.Attempt();
  if (!accepted) return whole.stats.Rejected();
  whole.version = update.version;
  whole.stats.Success(update.version, Now());
  whole.stats.Took(took);
}

absl::Status StagingGraph::Take(ResourceType type, const Resource& resource, Keys* to_try) {
  const bool root = IsFullState(type);
  ResourceNode* node = type == ResourceType::kVirtualHost ? HostNode(resource.name) : Find({type, resource.name});
  if (node == nullptr || (!root && node->wanted_by.empty())) {
    if (!root) {
      ++counters_.unwanted;
      return absl::OkStatus();
    }
    node = &NodeOf({type, resource.name});
  }
  if (node->is_static) {
    ++counters_.static_names;
    OUTRIGGER_LOG(kWarn, kConfigXds, WordOf(type), " \"", resource.name.str(),
                  "\" is static: what the control plane says of it is ignored");
    return absl::OkStatus();
  }
  if (root && node->source == nullptr) {
    const auto demand = demands_.find(node->key);
    node->source = demand != demands_.end() ? demand->second : WholeOf(type).source;
  }
  node->stats.Attempt();
  if (node->active != nullptr && IsStale(type)) return absl::OkStatus();
  const Staged* newest = node->waiting != nullptr ? node->waiting.get() : node->active.get();
  if (newest != nullptr && Same(newest->resource, resource)) {
    TakeAgain(*node, resource, to_try);
    return absl::OkStatus();
  }
  const bool leaf = type == ResourceType::kEndpoints || type == ResourceType::kSecret || type == ResourceType::kRuntime;
  const absl::Status status = leaf ? ApplyLeaf(*node, resource) : Stage(*node, resource);
  if (!status.ok()) {
    Refused(*node, resource.version, {resource.name, std::string(status.message()), resource.message.Get()});
    if (node->active == nullptr) {
      Tell(node->key, false);
      for (const std::string& alias : resource.aliases) Tell({type, alias}, false);
    }
    return status;
  }
  node->NoteAccepted();
  node->last_update = updates_;
  node->leaving = false;
  node->timed_out = false;
  node->stats.Success(resource.version, Now());
  if (leaf) {
    node->wanted_by.ForEach([&](const ResourceKey& owner) {
      if (waiting(owner.type) > 0) to_try->insert(owner);  // nearly always nobody waits: it is not looked at
    });
  } else {
    to_try->insert(node->key);
  }
  return absl::OkStatus();
}

// The newest version came once more: nothing to do, but those that wait for a sign of life have it.
void StagingGraph::TakeAgain(ResourceNode& node, const Resource& resource, Keys* to_try) {
  ++counters_.unchanged;
  (node.waiting != nullptr ? node.waiting : node.active)->resource.version = resource.version;
  node.last_update = updates_;
  node.leaving = false;
  node.NoteAccepted();
  node.stats.Success(resource.version, Now());
  if (node.active != nullptr && node.active->resource.aliases != resource.aliases)
    node.active->resource.aliases = resource.aliases;
  TellHere(node);
  node.wanted_by.ForEach([&](const ResourceKey& owner) { to_try->insert(owner); });
}

absl::Status StagingGraph::ApplyLeaf(ResourceNode& node, const Resource& resource) {
  if (absl::Status status = target_.Apply(node.key.type, resource); !status.ok()) return status;
  auto staged = std::make_unique<Staged>();
  staged->resource = resource;
  staged->resource.message.Pack();
  staged->resource.difference = nullptr;
  staged->received = Now();
  node.active = std::move(staged);
  ++counters_.applied;
  NoteApplied(node.key, *node.active);
  RequestPublish();
  return absl::OkStatus();
}

absl::Status StagingGraph::Stage(ResourceNode& node, const Resource& resource) {
  if (node.waiting != nullptr && node.active != nullptr && node.active->resource.hash == resource.hash) {
    // Back to what is in use: the version that waits is not wanted any more.
    const std::unique_ptr<Staged> dropped = StopWaiting(node);
    node.active->resource.version = resource.version;
    ReleaseNeeds(node.key, dropped->needs);
    target_.GiveUp(node.key.type, node.key.name);
    return absl::OkStatus();
  }
  absl::StatusOr<Needs> needs = target_.Check(node.key.type, resource);
  if (!needs.ok()) return needs.status();
  if (absl::Status status = Connect(node.key, *needs); !status.ok()) {
    if (node.waiting == nullptr) target_.GiveUp(node.key.type, node.key.name);
    const schema::Origin origin{std::string(WordOf(node.key.type)), resource.name, resource.version, ""};
    return absl::InvalidArgumentError(schema::NackDetail(origin, status.message()));
  }
  auto staged = std::make_unique<Staged>();
  staged->resource = resource;
  staged->needs = *std::move(needs);
  staged->received = Now();
  staged->since = updates_;
  StartWaiting(node, std::move(staged));
  return absl::OkStatus();
}

void StagingGraph::Removed(const Update& update) {
  for (const std::string& name : update.removed) {
    ResourceNode* node = Find({update.type, name});
    if (node == nullptr) Tell({update.type, name}, false);
    if (node == nullptr || node->is_static) continue;
    node->absent = true;
    const bool nothing = node->active == nullptr && node->waiting == nullptr;  // all of it was refused
    if (update.type == ResourceType::kCluster && !nothing) {
      node->leaving = true;
      leaving_.insert(name);
      HoldLeaving(*node);
      TryLeave(name);
    } else if (update.type == ResourceType::kVirtualHost && IsMutant(Mutant::kKeepGoneHost)) {
      continue;
    } else if (IsFullState(update.type) || update.type == ResourceType::kVirtualHost) {
      Drop(node->key);
    } else if (update.type == ResourceType::kExtension || update.type == ResourceType::kRuntime) {
      Withdraw(*node);
    } else {
      EndWait(*node);
    }
  }
}

// What is in use stays, as it does in state of the world; who waits goes on without.
void StagingGraph::EndWait(ResourceNode& node) {
  if (node.settled()) return;
  node.StopFetch();
  node.timed_out = true;
  WakeDependants(ResourceKey(node.key));
}

void StagingGraph::Refused(ResourceNode& node, const std::string& version, const Refusal& refusal) {
  ResourceNode::Failure& failure = node.MutableFailure();
  failure.error = refusal.detail;
  failure.failed = refusal.message;
  failure.error_version = version;
  failure.error_time = Now();
  node.stats.Rejected();
}

void StagingGraph::OnRefused(ResourceType type, const std::string& version, const std::vector<Refusal>& refused) {
  for (const Refusal& refusal : refused) {
    if (refusal.name.empty()) {
      Whole& whole = WholeOf(type);
      if (whole.source == nullptr) continue;
      whole.stats.Attempt();
      whole.stats.Rejected();
      continue;
    }
    ResourceNode* node = IsFullState(type) ? &NodeOf({type, refusal.name}) : Find({type, refusal.name});
    if (node != nullptr && !node->is_static) Refused(*node, version, refusal);
    if (node == nullptr || node->active == nullptr) Tell({type, refusal.name}, false);
  }
  // Once for a response in which single resources were refused, whatever its others do.
  const bool single = std::any_of(refused.begin(), refused.end(), [](const Refusal& one) { return !one.name.empty(); });
  if (single && IsFullState(type) && WholeOf(type).source != nullptr) WholeOf(type).stats.Rejected();
}

void StagingGraph::OnSourceErrors(ResourceType type, const std::vector<SourceError>& errors) {
  constexpr uint32_t kNotFound = 5;  // google.rpc.Code
  for (const SourceError& error : errors) {
    ResourceNode* node = Find({type, error.name});
    if (node == nullptr || node->active == nullptr) Tell({type, error.name}, false);
    if (node == nullptr || node->is_static) continue;
    if (error.code == kNotFound) {
      node->absent = true;
    } else {
      node->MutableFailure().source_error = error.message.empty() ? absl::StrCat("error ", error.code) : error.message;
    }
    if (!IsFullState(type)) EndWait(*node);
  }
}

void StagingGraph::OnSourceFailed(const Source& source) {
  if (IsMutant(Mutant::kDropOnDisconnect)) {
    Keys all;
    for (const auto& [key, node] : nodes_) {
      if (IsFullState(key.type) && !node->is_static) all.insert(key);
    }
    for (const ResourceKey& key : all) Drop(key);
  }
  for (Whole& whole : all_) {
    if (whole.source == &source) whole.stats.Failure();
  }
  for (auto& [key, node] : nodes_) {
    if (node->source == &source) node->stats.Failure();
  }
}

std::shared_ptr<const schema::WireAssignment> StagingGraph::KnownEndpoints(const std::string& name) const {
  const ResourceNode* node = Find({ResourceType::kEndpoints, name});
  return node == nullptr || node->active == nullptr ? nullptr : node->active->resource.wire;
}

bool StagingGraph::Settled(ResourceType type) const {
  const Whole& whole = WholeOf(type);
  return (whole.source == nullptr || whole.answered) && waiting_[static_cast<size_t>(type)].empty();
}

bool StagingGraph::StaticSettled(ResourceType type) const {
  for (auto at = nodes_.lower_bound({type, ""}); at != nodes_.end() && at->first.type == type; ++at) {
    if (!at->second->is_static) continue;
    for (const Needs::Subscription& wanted : at->second->active->needs.subscriptions) {
      const ResourceNode* child = Find({wanted.type, wanted.name});
      if (child != nullptr && wanted.waits && !child->settled()) return false;
    }
  }
  return true;
}

ResourceRow StagingGraph::RowOf(const ResourceKey& key, const ResourceNode& node) {
  ClientStatus status = ClientStatus::kRequested;
  static const ResourceNode::Failure& none = *new ResourceNode::Failure;
  const ResourceNode::Failure& failure = node.failure == nullptr ? none : *node.failure;
  if (!failure.error.empty()) {
    status = ClientStatus::kNacked;
  } else if (!failure.source_error.empty()) {
    status = ClientStatus::kReceivedError;
  } else if (node.active != nullptr || node.waiting != nullptr) {
    status = ClientStatus::kAcked;
  } else if (node.absent) {
    status = ClientStatus::kDoesNotExist;
  } else if (node.timed_out) {
    status = ClientStatus::kTimeout;
  }
  ResourceRow row{};
  row.type = key.type;
  row.name = key.name;
  row.is_static = node.is_static;
  row.active = node.active.get();
  row.waiting = node.waiting.get();
  row.status = status;
  row.error = failure.error;
  row.error_version = failure.error_version;
  row.failed = failure.failed.get();
  row.error_time = failure.error_time;
  row.source = node.source;
  row.requested = node.requested;
  row.source_error = failure.source_error;
  row.leaving = node.leaving;
  return row;
}

void StagingGraph::ForEach(const std::function<void(const ResourceRow&)>& f) const {
  for (const auto& [key, node] : nodes_) f(RowOf(key, *node));
}

void StagingGraph::ForEachOf(ResourceType type, const std::string& from,
                             const std::function<bool(const ResourceRow&)>& f) const {
  for (auto at = nodes_.lower_bound({type, from}); at != nodes_.end() && at->first.type == type; ++at) {
    if (!f(RowOf(at->first, *at->second))) return;
  }
}

const Staged* StagingGraph::ActiveOf(ResourceType type, const std::string& name) const {
  const ResourceNode* node = Find({type, name});
  return node == nullptr ? nullptr : node->active.get();
}

std::vector<Missing> StagingGraph::MissingOf(ResourceType type, const std::string& name) const {
  std::vector<Missing> missing;
  const ResourceNode* node = Find({type, name});
  if (node != nullptr && node->waiting != nullptr) IsReady(*node, &missing);
  return missing;
}

std::string StagingGraph::WaitsFor(ResourceType type, const std::string& name) const {
  return absl::StrJoin(MissingOf(type, name), ", ", [](std::string* out, const Missing& one) {
    absl::StrAppend(out, WordOf(one.type), " \"", one.name, "\"");
  });
}

}  // namespace outrigger::xds
