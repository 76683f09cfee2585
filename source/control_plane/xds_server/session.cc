#include "source/control_plane/xds_server/session.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace outrigger::control_plane {
namespace {

constexpr absl::string_view kOwnUserAgent = "outrigger";  // of our proxy, unless its bootstrap says otherwise

// What sends requests to clusters.
constexpr absl::string_view kLeading[] = {kExtensionType, kListenerType, kRouteType, kVirtualHostType};

bool LeadsTraffic(absl::string_view type) {
  return std::find(std::begin(kLeading), std::end(kLeading), type) != std::end(kLeading);
}

}  // namespace

Session::Session(event::Dispatcher& dispatcher, AnswerSink& sink, PeerFacts peer, Options options,
                 SnapshotOf snapshot_of, Events& events)
    : dispatcher_(dispatcher),
      sink_(sink),
      peer_(std::move(peer)),
      options_(std::move(options)),
      snapshot_of_(std::move(snapshot_of)),
      events_(events),
      opened_(dispatcher.wall_now()),
      silence_timer_([this] {
        ++events_.silent;
        End(false, "no request came");
      }),
      warming_timer_([this] { OnWarmedTooLong(); }),
      removal_timer_([this] { RemoveLeftovers(); }),
      heartbeat_timer_([this] { OnHeartbeat(); }) {
  dispatcher_.Arm(silence_timer_, options_.limits.longest_silence);
}

Subscription* Session::Find(absl::string_view type) {
  const auto it = subscriptions_.find(type);
  return it == subscriptions_.end() ? nullptr : &it->second;
}

void Session::End(bool denied, const std::string& reason) {
  if (std::exchange(ended_, true)) return;
  sink_.End(denied, reason);
}

// The first request says who asks; later ones may repeat it, but not become somebody else.
bool Session::Identify(const DiscoveryAsk& ask) {
  if (snapshot_ != nullptr) {
    if (!ask.has_node || ask.node.id == node_.id) return true;
    ++events_.denied_nodes;
    End(true, absl::StrCat("this stream is of node \"", node_.id, "\""));
    return false;
  }
  node_ = ask.node;
  user_agent_ = ask.user_agent;
  admission_ = Admit(options_.policy, peer_, node_);
  if (admission_.kind == Admission::Kind::kRefused) {
    ++events_.denied_nodes;
    if (MayLog()) {
      OUTRIGGER_LOG(kWarn, kControlPlane, "refused node \"", node_.id, "\" from ", peer_.address, ": ",
                    admission_.reason);
    }
    End(true, admission_.reason);
    return false;
  }
  silence_timer_.Disarm();
  if (options_.resource_ttl > Duration(0)) dispatcher_.Arm(heartbeat_timer_, options_.resource_ttl / 3);
  tells_use_ = user_agent_ == kOwnUserAgent;
  Served served = snapshot_of_(node_);
  snapshot_ = std::move(served.snapshot);
  sequence_ = served.sequence;
  RebuildViews();
  return true;
}

bool Session::CheckLimits(const DiscoveryAsk& ask) {
  if (ask.type_url.empty()) {
    ++events_.malformed;
    End(false, "the request has no type");
    return false;
  }
  const StreamLimits& limits = options_.limits;
  const bool delta = options_.form == WireForm::kDelta;
  const Subscription* same = Find(ask.type_url);
  size_t names = 0, bytes = 0, longest = ask.type_url.size();
  const auto count = [&](const std::string& name) {
    longest = std::max(longest, name.size());
    if (delta && same != nullptr && same->Names(name)) return;  // counted with its subscription
    ++names;
    bytes += name.size();
  };
  for (const std::string& name : ask.names) count(name);
  for (const auto& [name, version] : ask.initial_versions) {
    count(name);
    longest = std::max(longest, version.size());
  }
  longest = std::max({longest, ask.node.id.size(), ask.node.cluster.size(), ask.in_use.size()});
  for (const auto& [type, subscription] : subscriptions_) {
    if (type == ask.type_url && !delta) continue;
    names += subscription.facts().names;
    bytes += subscription.facts().name_bytes;
  }
  const bool one_more = same == nullptr;
  const char* what = ask.bytes > limits.most_request_bytes                          ? "a larger request"
                     : longest > limits.most_name_bytes                             ? "a longer name, type or node id"
                     : names > limits.most_names || bytes > limits.most_names_bytes ? "more names"
                     : one_more && subscriptions_.size() >= limits.most_types       ? "more types"
                                                                                    : nullptr;
  if (what == nullptr) return true;
  ++events_.limits_exceeded;
  if (MayLog()) {
    OUTRIGGER_LOG(kWarn, kControlPlane, "ended a stream of ", peer_.address, ": ", what, " than the server takes");
  }
  End(false, absl::StrCat(what, " than the server takes"));
  return false;
}

// It changes nothing of what the client wants or has accepted.
void Session::OnInUse(const DiscoveryAsk& ask) {
  Subscription* subscription = Find(ask.type_url);
  if (subscription != nullptr && subscription->deliveries().InUse(ask.in_use, dispatcher_.wall_now())) {
    ++events_.in_use;
    tells_use_ = true;
  } else {
    ++events_.in_use_unknown;
  }
}

void Session::OnAsk(const DiscoveryAsk& ask) {
  if (ended_ || !CheckLimits(ask)) return;
  if (!ask.in_use.empty() && snapshot_ != nullptr && (ask.node.id.empty() || ask.node.id == node_.id)) {
    return OnInUse(ask);
  }
  if (!Identify(ask)) return;
  if (!options_.only_type.empty() && ask.type_url != options_.only_type) {
    ++events_.malformed;
    return End(false, absl::StrCat("this service has no resources of type ", ask.type_url));
  }
  if (ask.type_url == kSecretType && !admission_.secrets) {
    ++events_.denied_secrets;
    if (MayLog()) {
      OUTRIGGER_LOG(kWarn, kControlPlane, "no secrets for node \"", node_.id, "\" at ", peer_.address, ": ",
                    admission_.reason);
    }
    // Other types of the same stream go on; a client that waits for a secret times out with its own reason.
    if (!options_.only_type.empty()) End(true, admission_.reason);
    return;
  }
  Subscription& subscription = subscriptions_.try_emplace(ask.type_url, ask.type_url, options_.form).first->second;
  subscription.SetTtl(options_.resource_ttl);
  const auto verdict = subscription.OnAsk(ask, View(ask.type_url), dispatcher_.wall_now());
  if (verdict == Subscription::Verdict::kStale) {
    ++events_.stale;
    if (options_.form == WireForm::kWorld) return;
  }
  if (verdict == Subscription::Verdict::kAck) ++events_.acks;
  if (verdict == Subscription::Verdict::kNack) {
    ++events_.nacks;
    if (MayLog()) {
      OUTRIGGER_LOG(kWarn, kControlPlane, "node \"", node_.id, "\" refused ", ShortType(ask.type_url), " version ",
                    subscription.facts().refused_version, ": ", ask.refusal);
    }
  }
  Advance();
}

const ResourceSet& Session::View(absl::string_view type) const {
  if (type == kClusterType) return clusters_;
  if (type == kEndpointType && !leftover_endpoints_.all().empty()) return endpoints_;
  return snapshot_->Of(type);
}

void Session::RebuildViews() {
  clusters_ = snapshot_->Of(kClusterType);
  for (const auto& [name, resource] : leftover_.all()) clusters_.Add(resource);
  endpoints_ = {};
  if (leftover_endpoints_.all().empty()) return;
  endpoints_ = snapshot_->Of(kEndpointType);
  for (const auto& [name, resource] : leftover_endpoints_.all()) endpoints_.Add(resource);
}

// Of what the client is shown now, the endpoints of these clusters.
ResourceSet Session::LeftoverEndpoints(const ResourceSet& leftover) const {
  ResourceSet endpoints;
  for (const auto& [name, cluster] : leftover.all()) {
    for (const Resource::Reference& reference : cluster->references) {
      if (reference.type_url != kEndpointType) continue;
      if (ResourcePtr found = View(kEndpointType).Share(reference.name)) endpoints.Add(std::move(found));
    }
  }
  return endpoints;
}

void Session::OnSnapshot(Served served) {
  if (ended_ || snapshot_ == nullptr) return;
  const ResourceSet& fresh = served.snapshot->Of(kClusterType);
  ResourceSet leftover;
  const bool ordered = options_.only_type.empty() && options_.ordering.make_before_break;
  const Subscription* clusters = Find(kClusterType);
  if (ordered && clusters != nullptr) {
    for (const auto& [name, resource] : clusters_.all()) {
      if (fresh.Find(name) == nullptr && clusters->Knows(name)) leftover.Add(resource);
    }
  }
  leftover_endpoints_ = LeftoverEndpoints(leftover);
  snapshot_ = std::move(served.snapshot);
  sequence_ = served.sequence;
  leftover_ = std::move(leftover);
  for (auto it = removals_.begin(); it != removals_.end();) {
    it = leftover_.Find(it->first) == nullptr ? removals_.erase(it) : std::next(it);  // it came back
  }
  RebuildViews();
  phase_ = ordered ? Phase::kMake : Phase::kSteady;
  warmed_too_long_ = false;
  if (ordered) dispatcher_.Arm(warming_timer_, options_.ordering.longest_warming);
  Advance();
}

void Session::SendType(Subscription& subscription, const std::string& type, bool routes_too) {
  Subscription::Hold hold;
  hold.changes = LeadsTraffic(type) && !routes_too;
  hold.removals = phase_ != Phase::kSteady && type != kClusterType && type != kEndpointType && type != kListenerType;
  const DiscoveryAnswer answer = subscription.Next(View(type), hold);
  if (answer.type_url.empty()) return;
  if (type == kClusterType) {
    // A client may treat a changed cluster as a new one, which wants its endpoints even if they did not change.
    Subscription* endpoints = Find(kEndpointType);
    for (const ResourcePtr& cluster : answer.resources) {
      const auto known = subscription.known().find(cluster->name);
      if (known == subscription.known().end() || known->second == cluster->version || endpoints == nullptr) continue;
      for (const Resource::Reference& reference : cluster->references) {
        if (reference.type_url == kEndpointType) endpoints->Forget(reference.name);
      }
    }
  }
  subscription.Sent(answer, dispatcher_.wall_now());
  ++(answer.heartbeats.empty() ? events_.sent : events_.heartbeats);
  sink_.Send(answer);
}

void Session::SendAll(bool routes_too) {
  // Clusters before endpoints before listeners before routes; then whatever else was asked for.
  for (const absl::string_view type : {kRuntimeType, kSecretType, kClusterType, kEndpointType, kExtensionType,
                                       kListenerType, kRouteType, kVirtualHostType}) {
    Subscription* subscription = Find(type);
    if (subscription != nullptr) SendType(*subscription, std::string(type), routes_too);
  }
  for (auto& [type, subscription] : subscriptions_) SendType(subscription, type, routes_too);
}

// Whether the client has the new clusters, and the endpoints of those that it asked for.
bool Session::ClustersReady() {
  if (warmed_too_long_) return true;
  const Subscription* clusters = Find(kClusterType);
  if (clusters == nullptr) return true;
  if (!clusters->Settled(clusters_)) return false;
  if (clusters->facts().refusing) return true;  // it will not ask for the endpoints of what it refused
  const Subscription* endpoints = Find(kEndpointType);
  if (endpoints != nullptr && !endpoints->Settled(snapshot_->Of(kEndpointType))) return false;
  for (const auto& [name, cluster] : clusters_.all()) {
    if (!clusters->Wants(name) || leftover_.Find(name) != nullptr) continue;
    for (const Resource::Reference& reference : cluster->references) {
      if (reference.type_url != kEndpointType) continue;
      if (snapshot_->Of(kEndpointType).Find(reference.name) == nullptr) continue;
      if (endpoints == nullptr || !endpoints->Wants(reference.name)) return false;
    }
  }
  return true;
}

bool Session::RoutesReady() {
  for (const absl::string_view type : kLeading) {
    const Subscription* subscription = Find(type);
    if (subscription == nullptr) continue;
    if (!subscription->Settled(snapshot_->Of(type)) || subscription->facts().refusing) return false;
  }
  return true;
}

void Session::Advance() {
  AdvancePhases();
  for (auto& [type, subscription] : subscriptions_) {
    Deliveries& deliveries = subscription.deliveries();
    if (!deliveries.complete(sequence_) && !subscription.Lacks(snapshot_->Of(type))) deliveries.Complete(sequence_);
  }
}

void Session::AdvancePhases() {
  SendAll(phase_ != Phase::kMake);
  if (phase_ == Phase::kMake && ClustersReady()) {
    phase_ = Phase::kSwitch;
    warming_timer_.Disarm();
    SendAll(true);
  }
  if (phase_ == Phase::kSwitch && RoutesReady()) {
    phase_ = leftover_.all().empty() ? Phase::kSteady : Phase::kBreak;
    ScheduleRemovals();
    if (phase_ == Phase::kSteady) SendAll(true);
  }
}

void Session::OnHeartbeat() {
  if (ended_) return;
  dispatcher_.Arm(heartbeat_timer_, options_.resource_ttl / 3);
  for (auto& [type, subscription] : subscriptions_) subscription.MakeHeartbeat();
  Advance();
}

void Session::OnWarmedTooLong() {
  if (ended_ || phase_ != Phase::kMake) return;
  OUTRIGGER_LOG(kWarn, kControlPlane, "node \"", node_.id, "\" did not take its new clusters and endpoints in time; ",
                "listeners and routes follow anyway");
  warmed_too_long_ = true;
  Advance();
}

// Routes that lead to none of the leftovers were accepted just now.
void Session::ScheduleRemovals() {
  const MonotonicTime when = dispatcher_.now() + options_.ordering.removal_delay;
  for (const auto& [name, cluster] : leftover_.all()) removals_.emplace(name, when);
  if (!removals_.empty() && !removal_timer_.armed()) dispatcher_.Arm(removal_timer_, options_.ordering.removal_delay);
}

void Session::RemoveLeftovers() {
  if (ended_) return;
  const MonotonicTime now = dispatcher_.now();
  ResourceSet staying;
  MonotonicTime next = MonotonicTime::max();
  for (const auto& [name, cluster] : leftover_.all()) {
    const auto due = removals_.find(name);
    if (due != removals_.end() && due->second <= now) {
      removals_.erase(due);
      continue;
    }
    if (due != removals_.end()) next = std::min(next, due->second);
    staying.Add(cluster);
  }
  leftover_endpoints_ = LeftoverEndpoints(staying);
  leftover_ = std::move(staying);
  RebuildViews();
  if (next != MonotonicTime::max()) dispatcher_.Arm(removal_timer_, next - now);
  if (phase_ == Phase::kBreak && leftover_.all().empty()) phase_ = Phase::kSteady;
  Advance();
}

}  // namespace outrigger::control_plane
