#include "source/control_plane/xds_server/subscription.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/hash.h"

namespace outrigger::control_plane {

Subscription::Subscription(std::string type_url, WireForm form)
    : type_url_(std::move(type_url)), form_(form), whole_(form == WireForm::kWorld && LegacyWildcard(type_url_)) {}

std::vector<ResourcePtr> Subscription::Selected(const ResourceSet& view) const {
  std::vector<ResourcePtr> selected;
  if (wildcard_) {
    for (const auto& [name, resource] : view.all()) selected.push_back(resource);
    return selected;
  }
  std::set<const Resource*> seen;  // virtual hosts: several names may lead to one
  for (const std::string& name : names_) {
    ResourcePtr resource = view.Resolve(name);
    if (resource != nullptr && seen.insert(resource.get()).second) selected.push_back(std::move(resource));
  }
  return selected;
}

std::string Subscription::VersionOf(const ResourceSet& view) const {
  uint64_t hash = StableHash(type_url_);
  for (const ResourcePtr& resource : Selected(view)) {
    hash = StableHashMix(hash, StableHash(resource->name));
    hash = StableHashMix(hash, StableHash(resource->version));
  }
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

// Whether names were added.
bool Subscription::SetNames(const std::vector<std::string>& names) {
  std::set<std::string, std::less<>> fresh(names.begin(), names.end());
  // An ask without names means everything, but only if none was ever named (state of the world, listeners and
  // clusters).
  const bool wildcard = fresh.erase("*") != 0 || (whole_ && fresh.empty() && (!started_ || wildcard_));
  bool added = wildcard && !wildcard_;
  for (const std::string& name : fresh) added = added || names_.find(name) == names_.end();
  if (!wildcard) {
    for (auto it = known_.begin(); it != known_.end();) {
      it = fresh.find(it->first) == fresh.end() ? known_.erase(it) : std::next(it);
    }
  }
  wildcard_ = wildcard;
  names_ = std::move(fresh);
  facts_.wildcard = wildcard_;
  facts_.names = names_.size();
  facts_.name_bytes = 0;
  for (const std::string& name : names_) facts_.name_bytes += name.size();
  return added;
}

// What was sent last.
void Subscription::NoteAccepted() {
  if (ttl_ == Duration(0) || type_url_ == kVirtualHostType) return;
  if (whole_) accepted_.clear();
  for (const auto& [name, version] : in_flight_) {
    if (version.empty()) {
      accepted_.erase(name);
    } else {
      accepted_[name] = version;
    }
  }
}

// An answer to it says nothing of what was sent before. (One without content for a virtual host means there is none.)
bool Subscription::Beat(const ResourceSet& view, DiscoveryAnswer& answer) {
  if (!std::exchange(heartbeat_due_, false) || ttl_ == Duration(0) || facts_.acked_version.empty()) return false;
  for (auto it = accepted_.begin(); it != accepted_.end();) {
    it = Wants(it->first) && view.Find(it->first) != nullptr ? std::next(it) : accepted_.erase(it);
  }
  if (accepted_.empty()) return false;
  answer = {};
  answer.type_url = type_url_;
  answer.version = facts_.acked_version;
  answer.nonce = absl::StrCat(++nonces_);
  answer.heartbeats = accepted_;
  return true;
}

void Subscription::Answered(const DiscoveryAsk& ask, WallTime now) {
  awaiting_ = false;
  if (std::exchange(beating_, false)) {
    ++(ask.refused ? facts_.nacks : facts_.acks);
    return;
  }
  if (!ask.refused) NoteAccepted();
  if (!ask.refused) {
    for (auto& [name, version] : in_flight_) {
      if (form_ == WireForm::kDelta) {
        refused_.erase(name);
        continue;
      }
      if (!Wants(name)) continue;
      known_[name] = version;
      refused_.erase(name);
    }
    deliveries_.Acked();
    facts_.acked_version = sent_version_;
    facts_.acked_at = now;
    ++facts_.acks;
    facts_.refusing = false;
  } else {
    for (auto& [name, version] : in_flight_) {
      const auto it = known_.find(name);
      if (form_ == WireForm::kDelta) {
        // It may have been applied or not; if the client lost interest meanwhile, neither matters.
        if (it == known_.end() && !version.empty()) continue;
        known_[name] = "";
        refused_[name] = version;
        continue;
      }
      // Of a whole set we cannot tell which ones were applied; they are part of the next set anyway.
      if (it != known_.end() && it->second == version && !whole_) known_.erase(it);
      refused_[name] = version;
    }
    facts_.refused_version = sent_version_;
    facts_.refused_at = now;
    facts_.refusal = ask.refusal;
    ++facts_.nacks;
    facts_.refusing = true;
  }
  in_flight_.clear();
}

Subscription::Verdict Subscription::OnAsk(const DiscoveryAsk& ask, const ResourceSet& view, WallTime now) {
  if (form_ == WireForm::kDelta) return OnDeltaAsk(ask, view, now);
  if (!ask.nonce.empty() && started_ && ask.nonce != sent_nonce_) {
    ++facts_.stale;
    return Verdict::kStale;
  }
  const bool first = !started_;
  const bool answers = !ask.nonce.empty() && awaiting_ && ask.nonce == sent_nonce_;
  const bool added = SetNames(ask.names);
  if (answers) Answered(ask, now);
  started_ = true;
  if (added || first) owed_ = true;
  if (first && !ask.version.empty() && ask.version == VersionOf(view)) {
    // A client that comes back and has all of it: silence.
    owed_ = false;
    for (const ResourcePtr& resource : Selected(view)) known_[resource->name] = resource->version;
    sent_version_ = facts_.sent_version = facts_.acked_version = ask.version;
    facts_.acked_at = now;
    facts_.resources = known_.size();
    deliveries_.Sent(ask.version);
    deliveries_.Acked();
    in_flight_ = known_;
    NoteAccepted();
    in_flight_.clear();
  }
  if (first) return Verdict::kFirst;
  if (answers) return ask.refused ? Verdict::kNack : Verdict::kAck;
  return Verdict::kRenamed;
}

DiscoveryAnswer Subscription::Next(const ResourceSet& view, Hold hold) {
  if (!started_ || awaiting_) return {};
  DiscoveryAnswer answer = form_ == WireForm::kDelta ? NextDelta(view, hold) : NextWorld(view, hold);
  if (answer.type_url.empty() && !Beat(view, answer)) return {};
  if (type_url_ != kVirtualHostType) answer.ttl = ttl_;
  return answer;
}

DiscoveryAnswer Subscription::NextWorld(const ResourceSet& view, Hold hold) {
  DiscoveryAnswer answer;
  std::string version = VersionOf(view);
  std::vector<ResourcePtr> selected = Selected(view);
  if (whole_) {
    const bool due = owed_ || (version != sent_version_ && !hold.changes);
    if (!due || (!wildcard_ && names_.empty())) return answer;
    answer.resources = std::move(selected);
  } else {
    bool held_back = false;
    for (ResourcePtr& resource : selected) {
      const auto known = known_.find(resource->name);
      if (known != known_.end() && known->second == resource->version) continue;
      if (known != known_.end() && hold.changes) {
        held_back = true;
        continue;
      }
      const auto refused = refused_.find(resource->name);
      if (refused != refused_.end() && refused->second == resource->version) continue;
      answer.resources.push_back(std::move(resource));
    }
    // A type that nobody knows is answered once, with nothing: the client need not wait for a timeout.
    if (answer.resources.empty() && !(owed_ && facts_.sent == 0 && !KnownType(type_url_))) return answer;
    // A client that comes back with this version does not have everything.
    if (held_back) version += "-part";
  }
  answer.type_url = type_url_;
  answer.version = std::move(version);
  answer.nonce = absl::StrCat(++nonces_);
  return answer;
}

void Subscription::Sent(const DiscoveryAnswer& answer, WallTime now) {
  awaiting_ = true;
  sent_nonce_ = answer.nonce;
  facts_.sent_at = now;
  ++facts_.sent;
  beating_ = !answer.heartbeats.empty();
  if (beating_) return;
  owed_ = false;
  sent_version_ = answer.version;
  in_flight_.clear();
  if (whole_) known_.clear();
  for (const std::string& name : answer.removed) {
    untold_.erase(name);
    led_to_.erase(name);
    known_.erase(name);
    in_flight_[name] = "";
  }
  for (const auto& [name, names] : answer.asked_as) {
    for (const std::string& asked : names) {
      untold_.erase(asked);
      led_to_[asked] = name;
    }
  }
  for (const ResourcePtr& resource : answer.resources) {
    known_[resource->name] = resource->version;
    in_flight_[resource->name] = resource->version;
    untold_.erase(resource->name);
  }
  facts_.resources = known_.size();
  facts_.sent_version = answer.version;
  deliveries_.Sent(answer.version);
}

std::map<std::string, Subscription::State> Subscription::States(const ResourceSet& view) const {
  using Kind = State::Kind;
  std::map<std::string, State> states;
  for (const std::string& name : names_) {
    if (view.Resolve(name) == nullptr) states[name];
  }
  for (const auto& [name, version] : known_) states[name];
  for (ResourcePtr& resource : Selected(view)) states[resource->name].resource = std::move(resource);
  for (auto& [name, state] : states) {
    const auto known = known_.find(name);
    const auto refused = refused_.find(name);
    const std::string now = state.resource == nullptr ? "" : state.resource->version;
    if (refused != refused_.end() && refused->second == now && facts_.refusing) {
      state.kind = Kind::kRefused;
    } else if (known == known_.end() || known->second != now) {
      state.kind = state.resource == nullptr && known == known_.end() ? Kind::kNone : Kind::kNotSent;
    } else {
      state.kind = in_flight_.find(name) != in_flight_.end() ? Kind::kSent : Kind::kAccepted;
    }
    if (known != known_.end()) state.version = form_ == WireForm::kDelta ? known->second : sent_version_;
  }
  return states;
}

bool Subscription::Lacks(const ResourceSet& view) const {
  if (!started_) return false;
  if ((owed_ && (whole_ || form_ == WireForm::kDelta)) || !untold_.empty()) return true;
  if (whole_) return VersionOf(view) != sent_version_;
  size_t found = 0;
  for (const ResourcePtr& resource : Selected(view)) {
    const auto known = known_.find(resource->name);
    if (known == known_.end() || known->second != resource->version) return true;
    ++found;
  }
  return form_ == WireForm::kDelta && found != known_.size();  // something is gone that it has still
}

bool Subscription::Settled(const ResourceSet& view) const {
  if (!started_) return true;
  if (form_ == WireForm::kDelta && (owed_ || !untold_.empty())) return false;
  if (awaiting_ || owed_) return whole_ ? false : !awaiting_;
  if (whole_) return VersionOf(view) == sent_version_;
  for (const ResourcePtr& resource : Selected(view)) {
    const auto known = known_.find(resource->name);
    if (known != known_.end() && known->second == resource->version) continue;
    const auto refused = refused_.find(resource->name);
    if (refused == refused_.end() || refused->second != resource->version) return false;
  }
  return true;
}

}  // namespace outrigger::control_plane
