#include "test/simulation/oracle/linear_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace outrigger::simulation::oracle {
namespace {

constexpr Duration kUsualFetch = seconds(15);
constexpr Duration kFreshEndpoints = seconds(1);
constexpr Duration kLeaving = seconds(5);

struct Needed {
  Kind kind;
  std::string name;
  Duration fetch;
  bool waits = true;
};

constexpr std::array kLeaves = {Kind::kEndpoints, Kind::kSecret, Kind::kRuntime};  // they need nothing
constexpr std::array kSubscribed = {Kind::kEndpoints, Kind::kRoutes, Kind::kExtension, Kind::kSecret, Kind::kRuntime};

std::vector<Needed> NeedsOf(const Thing& thing) {
  std::vector<Needed> needs;
  const Duration fetch = thing.fetch < Duration::zero() ? kUsualFetch : thing.fetch;
  if (thing.kind == Kind::kCluster && !thing.service.empty()) needs.push_back({Kind::kEndpoints, thing.service, fetch});
  if (thing.kind == Kind::kListener) needs.push_back({Kind::kRoutes, thing.routes, fetch});
  if (!thing.filter.empty()) needs.push_back({Kind::kExtension, thing.filter, fetch, !thing.at_once});
  for (const std::string& secret : {thing.certificate, thing.trust}) {
    if (!secret.empty()) needs.push_back({Kind::kSecret, secret, fetch});
  }
  return needs;
}

bool Names(const Thing& thing, const std::string& cluster) {
  for (const Host& host : thing.hosts) {
    for (const Goal& goal : host.goals) {
      if (goal.status == 0 && goal.cluster == cluster) return true;
    }
  }
  return false;
}

// What comes unasked is heard too.
bool ComesAll(Kind kind) { return IsRoot(kind) || kind == Kind::kHost; }

bool Same(const ThingPtr& a, const ThingPtr& b) { return a != nullptr && b != nullptr && a->version == b->version; }

}  // namespace

ThingPtr LinearModel::InUse(Kind kind, const std::string& name) const {
  const Things& all = state_.in_use[static_cast<size_t>(kind)];
  auto at = all.find(name);
  return at == all.end() ? nullptr : at->second;
}

const LinearModel::Node* LinearModel::Find(Kind kind, const std::string& name) const {
  auto at = nodes(kind).find(name);
  return at == nodes(kind).end() ? nullptr : &at->second;
}

LinearModel::Verdict LinearModel::OnResponse(MonotonicTime now, const Said& said, bool asked) {
  if (!asked && (ComesAll(said.kind) ? !wants_all(said.kind) : nodes(said.kind).empty())) return Verdict::kIgnored;
  refused_.clear();
  for (const ThingPtr& thing : said.things) {
    if (thing->fault == Fault::kRule) return Verdict::kRefused;
  }
  ++responses_;
  Said heard = said;
  if (IsRoot(said.kind) && said.whole) {
    std::set<std::string> present;
    for (const ThingPtr& thing : said.things) present.insert(thing->name);
    std::set<std::string>& before = complete_[static_cast<size_t>(said.kind)];
    for (const std::string& name : before) {
      if (present.count(name) == 0) heard.removed.push_back(name);
    }
    before = present;
  }
  const bool takes_over = said.kind == Kind::kListener || said.kind == Kind::kHost;
  if (takes_over) Remove(heard, now);
  for (const ThingPtr& thing : said.things) {
    if (Take(thing, now)) continue;
    refused_.insert(thing->name);
    NoteMissing(thing->kind, thing->name);
  }
  Settle(now);
  if (!takes_over) {
    Remove(heard, now);
    Settle(now);
  }
  NoteEnds(heard, now);
  return refused_.empty() ? Verdict::kAccepted : Verdict::kRefused;
}

// When all is settled: what nobody wants any more is not held.
void LinearModel::NoteEnds(const Said& said, MonotonicTime now) {
  for (const ThingPtr& thing : said.things) {
    // A host that nobody fetches is held unseen, whatever it is: until its time is over.
    if ((thing->fault != Fault::kNone && thing->kind != Kind::kHost) || refused_.count(thing->name) != 0) continue;
    if (thing->kind != Kind::kHost && nodes(thing->kind).count(thing->name) == 0) continue;
    const std::pair<Kind, std::string> key{thing->kind, thing->name};
    ends_.erase(key);
    if (said.ttl > Duration::zero()) ends_[key] = now + said.ttl;
  }
  for (const auto& [name, version] : said.beats) {
    const std::pair<Kind, std::string> key{said.kind, name};
    ends_.erase(key);
    if (said.ttl > Duration::zero()) ends_[key] = now + said.ttl;
  }
  for (const std::string& name : said.removed) ends_.erase({said.kind, name});
}

void LinearModel::WantAlways(Kind kind, const std::string& name, MonotonicTime now) {
  Node& node = nodes(kind)[name];
  node.always = true;
  node.fetch = now + kUsualFetch;
}

bool LinearModel::Take(const ThingPtr& thing, MonotonicTime now) {
  auto at = nodes(thing->kind).find(thing->name);
  if (at == nodes(thing->kind).end()) {
    // Nobody wants it. What is in an extension must be of a known type nevertheless.
    const bool wanted = IsRoot(thing->kind) || (thing->kind == Kind::kHost && FetchesHosts(RoutesOf(thing->name)));
    if (!wanted) return thing->kind != Kind::kExtension || thing->fault == Fault::kNone;
    at = nodes(thing->kind).try_emplace(thing->name).first;
  }
  Node& node = at->second;
  const ThingPtr newest = node.waiting != nullptr ? node.waiting : InUse(thing->kind, thing->name);
  if (!Same(newest, thing)) {
    if (thing->fault == Fault::kMeaning || (thing->kind == Kind::kHost && HasOwn(thing->name))) {
      if (newest == nullptr && ComesAll(thing->kind)) nodes(thing->kind).erase(at);
      return false;
    }
    Stage(node, thing, now);
    node.late = false;
    node.fetch = kNever;
  }
  node.heard = responses_;
  node.leaving = false;
  return true;
}

void LinearModel::Stage(Node& node, const ThingPtr& thing, MonotonicTime now) {
  const ThingPtr in_use = InUse(thing->kind, thing->name);
  if (std::find(kLeaves.begin(), kLeaves.end(), thing->kind) != kLeaves.end()) return Use(thing);
  if (Same(in_use, thing)) {
    node.waiting = nullptr;  // back to what is in use
    return;
  }
  node.waiting = thing;
  node.staged = responses_;
  if (thing->fetches) WantAll(Kind::kHost);
  if (thing->kind != Kind::kCluster || in_use == nullptr || node.kept != kNever) return;
  node.kept = now + kFreshEndpoints;
  node.kept_over = false;
}

void LinearModel::Use(const ThingPtr& thing) { state_.in_use[static_cast<size_t>(thing->kind)][thing->name] = thing; }

void LinearModel::Remove(const Said& said, MonotonicTime now) {
  for (const std::string& name : said.removed) {
    auto at = nodes(said.kind).find(name);
    if (at == nodes(said.kind).end()) {
      NoteMissing(said.kind, name);
      continue;
    }
    if (said.kind == Kind::kCluster) {
      at->second.leaving = true;
      at->second.held = now + kLeaving;
    } else if (said.kind == Kind::kExtension || said.kind == Kind::kRuntime) {  // the default stands for it again
      state_.in_use[static_cast<size_t>(said.kind)].erase(name);
      at->second.late = true;
      at->second.fetch = kNever;
    } else if (!ComesAll(said.kind)) {  // there is none: what is in use stays, nobody waits for it
      at->second.late = InUse(said.kind, name) == nullptr;
      if (at->second.late) at->second.fetch = kNever;
    } else {
      nodes(said.kind).erase(at);
      state_.in_use[static_cast<size_t>(said.kind)].erase(name);
      NoteMissing(said.kind, name);
    }
  }
}

std::set<std::string> LinearModel::Wanted(Kind kind) const {
  std::set<std::string> names;
  for (const auto& [name, node] : nodes(kind)) names.insert(name);
  return names;
}

// What is subscribed to has a node; what nobody subscribes to any more is forgotten.
void LinearModel::FollowWants(MonotonicTime now) {
  std::array<std::map<std::string, Duration>, kKinds> wanted;
  for (const Kind root : {Kind::kCluster, Kind::kListener}) {
    for (const auto& [name, node] : nodes(root)) {
      for (const ThingPtr& version : {InUse(root, name), node.waiting}) {
        if (version == nullptr) continue;
        for (const Needed& need : NeedsOf(*version))
          wanted[static_cast<size_t>(need.kind)].emplace(need.name, need.fetch);
      }
    }
  }
  for (const Kind kind : kSubscribed) {
    const auto& names = wanted[static_cast<size_t>(kind)];
    for (auto at = nodes(kind).begin(); at != nodes(kind).end();) {
      if (names.count(at->first) != 0 || at->second.always) {
        ++at;
        continue;
      }
      state_.in_use[static_cast<size_t>(kind)].erase(at->first);
      ends_.erase({kind, at->first});
      at = nodes(kind).erase(at);
    }
    for (const auto& [name, fetch] : names) {
      auto [at, fresh] = nodes(kind).try_emplace(name);
      if (fresh && fetch > Duration::zero()) at->second.fetch = now + fetch;
    }
  }
  std::erase_if(nodes(Kind::kHost), [this](const auto& entry) {
    if (FetchesHosts(RoutesOf(entry.first))) return false;
    state_.in_use[static_cast<size_t>(Kind::kHost)].erase(entry.first);
    NoteMissing(Kind::kHost, entry.first);
    return true;
  });
  std::set<std::string> fetching;
  for (const auto& [name, node] : nodes(Kind::kRoutes)) {
    if (FetchesHosts(name)) fetching.insert(name);
  }
  for (const std::string& routes : fetching_) {
    if (fetching.count(routes) == 0) missing_.emplace_back(Kind::kRoutes, routes);
  }
  fetching_ = fetching;
}

bool LinearModel::FetchesHosts(const std::string& routes) const {
  const Node* node = Find(Kind::kRoutes, routes);
  if (node == nullptr) return false;
  const ThingPtr in_use = InUse(Kind::kRoutes, routes);
  return (in_use != nullptr && in_use->fetches) || (node->waiting != nullptr && node->waiting->fetches);
}

bool LinearModel::HasOwn(const std::string& host) const {
  const ThingPtr routes = InUse(Kind::kRoutes, RoutesOf(host));
  return routes != nullptr && std::any_of(routes->hosts.begin(), routes->hosts.end(),
                                          [&](const Host& own) { return own.domain == DomainOf(host); });
}

void LinearModel::NoteMissing(Kind kind, const std::string& name) {
  if ((kind == Kind::kHost || kind == Kind::kCluster) && InUse(kind, name) == nullptr)
    missing_.emplace_back(kind, name);
}

bool LinearModel::Ready(const Thing& thing, const Node& node) const {
  const bool changed = InUse(thing.kind, thing.name) != nullptr;
  for (const Needed& need : NeedsOf(thing)) {
    const Node* child = Find(need.kind, need.name);
    if (child == nullptr || !need.waits) continue;
    const bool there = InUse(need.kind, need.name) != nullptr;
    if (!there && !child->late) return false;
    if (need.kind == Kind::kEndpoints && there && changed && !node.kept_over && child->heard <= node.staged)
      return false;
  }
  for (const auto& [name, cluster] : nodes(Kind::kCluster)) {
    if (Names(thing, name) && cluster.waiting != nullptr && InUse(Kind::kCluster, name) == nullptr) return false;
  }
  return true;
}

bool LinearModel::ActivateOne() {
  for (const Kind kind : kAllKinds) {
    for (auto& [name, node] : nodes(kind)) {
      if (node.waiting == nullptr || !Ready(*node.waiting, node)) continue;
      if (kind == Kind::kHost && HasOwn(name)) {  // since it came
        NoteMissing(kind, name);
      } else {
        Use(node.waiting);
      }
      node.waiting = nullptr;
      node.kept = kNever;
      node.kept_over = false;
      return true;
    }
  }
  return false;
}

std::vector<ThingPtr> LinearModel::VersionsNaming(const std::string& cluster, bool in_use) const {
  std::vector<ThingPtr> found;
  for (const Kind kind : {Kind::kRoutes, Kind::kHost}) {
    for (const auto& [name, node] : nodes(kind)) {
      const ThingPtr version = in_use ? InUse(kind, name) : node.waiting;
      if (version != nullptr && Names(*version, cluster)) found.push_back(version);
    }
  }
  return found;
}

// Its next version waits, or that of a listener (of a host: of the routes) that subscribes to it.
bool LinearModel::AboutToChange(const Thing& routes) const {
  const Node* node = Find(routes.kind, routes.name);
  if (node != nullptr && node->waiting != nullptr) return true;
  if (routes.kind == Kind::kHost) {
    const Node* owner = Find(Kind::kRoutes, RoutesOf(routes.name));
    return owner != nullptr && owner->waiting != nullptr;
  }
  for (const auto& [name, listener] : nodes(Kind::kListener)) {
    if (listener.waiting == nullptr) continue;
    const ThingPtr in_use = InUse(Kind::kListener, name);
    if (listener.waiting->routes == routes.name || (in_use != nullptr && in_use->routes == routes.name)) return true;
  }
  return false;
}

bool LinearModel::LetOneLeave() {
  for (auto& [name, node] : nodes(Kind::kCluster)) {
    if (!node.leaving) continue;
    const std::vector<ThingPtr> naming = VersionsNaming(name, true);
    const bool named = !naming.empty() || !VersionsNaming(name, false).empty();
    if (named && node.held != kNever) continue;
    if (std::any_of(naming.begin(), naming.end(), [this](const ThingPtr& who) { return AboutToChange(*who); }))
      continue;
    const std::string left = name;
    state_.in_use[static_cast<size_t>(Kind::kCluster)].erase(left);
    nodes(Kind::kCluster).erase(left);
    NoteMissing(Kind::kCluster, left);
    return true;
  }
  return false;
}

void LinearModel::Settle(MonotonicTime now) {
  do {
    FollowWants(now);
  } while (ActivateOne() || LetOneLeave());
}

MonotonicTime LinearModel::next_time() const {
  MonotonicTime next = kNever;
  for (const Kind kind : kAllKinds) {
    for (const auto& [name, node] : nodes(kind)) next = std::min({next, node.fetch, node.kept, node.held});
  }
  for (const auto& [key, end] : ends_) next = std::min(next, end);
  return next;
}

std::vector<std::pair<Kind, std::string>> LinearModel::OnTime(MonotonicTime at) {
  for (const Kind kind : kAllKinds) {
    for (auto& [name, node] : nodes(kind)) {
      if (node.fetch <= at) {
        node.fetch = kNever;
        node.late = InUse(kind, name) == nullptr;
      }
      if (node.kept <= at) {
        node.kept = kNever;
        node.kept_over = true;
      }
      if (node.held <= at) node.held = kNever;
    }
  }
  Settle(at);
  std::vector<std::pair<Kind, std::string>> gone;
  for (const auto& [key, end] : ends_) {
    if (end <= at) gone.push_back(key);
  }
  for (const auto& key : gone) {
    ends_.erase(key);
    complete_[static_cast<size_t>(key.first)].erase(key.second);
    Said said;
    said.kind = key.first;
    said.removed.push_back(key.second);
    Remove(said, at);
    Settle(at);
  }
  return gone;
}

bool LinearModel::settled() const {
  for (const Kind kind : kAllKinds) {
    for (const auto& [name, node] : nodes(kind)) {
      if (node.waiting != nullptr || node.leaving) return false;
    }
  }
  return true;
}

std::string LinearModel::Describe() const {
  std::string out;
  for (const Kind kind : kAllKinds) {
    for (const auto& [name, node] : nodes(kind)) {
      const ThingPtr in_use = InUse(kind, name);
      absl::StrAppend(&out, "  ", WordOf(kind), " ",
                      in_use == nullptr ? absl::StrCat(name, ": nothing") : in_use->Describe());
      if (node.waiting != nullptr) absl::StrAppend(&out, "; waits: ", node.waiting->Describe());
      if (node.leaving) absl::StrAppend(&out, "; leaves");
      if (node.late) absl::StrAppend(&out, "; late");
      absl::StrAppend(&out, "\n");
    }
  }
  return out;
}

}  // namespace outrigger::simulation::oracle
