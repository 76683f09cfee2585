// The delta form of a Subscription.
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/control_plane/xds_server/subscription.h"

namespace outrigger::control_plane {

void Subscription::AddName(const std::string& name, const ResourceSet& view) {
  const ResourcePtr resource = view.Resolve(name);
  // A client that comes back and has it needs to be told of changes only.
  const bool has_it = !started_ && known_.find(resource == nullptr ? name : resource->name) != known_.end();
  if (!has_it) {
    untold_.insert(name);
  } else if (resource != nullptr && resource->name != name) {
    led_to_[name] = resource->name;
  }
  if (!names_.insert(name).second) return;
  facts_.name_bytes += name.size();
}

void Subscription::DropName(const std::string& name) {
  if (name == "*") {
    wildcard_ = false;
    for (auto it = known_.begin(); it != known_.end();) it = Names(it->first) ? std::next(it) : known_.erase(it);
    return;
  }
  if (names_.erase(name) == 0) return;  // it never was subscribed to, or not any more
  facts_.name_bytes -= name.size();
  untold_.erase(name);
  led_to_.erase(name);
  refused_.erase(name);
  if (wildcard_) {
    untold_.insert(name);  // the client cannot know whether the wildcard covers it
  } else {
    known_.erase(name);
  }
}

// A request says what changes, so its names count whatever response it is about.
Subscription::Verdict Subscription::OnDeltaAsk(const DiscoveryAsk& ask, const ResourceSet& view, WallTime now) {
  const bool first = !started_;
  const bool answers = !first && !ask.nonce.empty() && awaiting_ && ask.nonce == sent_nonce_;
  const bool stale = !first && !ask.nonce.empty() && ask.nonce != sent_nonce_;
  if (answers) Answered(ask, now);
  if (first) {
    wildcard_ = ask.names.empty() && LegacyWildcard(type_url_);
    known_.insert(ask.initial_versions.begin(), ask.initial_versions.end());
    owed_ = true;
  }
  for (const std::string& name : ask.dropped_names) DropName(name);
  for (const std::string& name : ask.names) {
    if (name != "*") {
      AddName(name, view);
      continue;
    }
    wildcard_ = true;
    owed_ = true;
    if (first) continue;
    for (auto& [known, version] : known_) version.clear();  // whoever asks again gets it again
  }
  if (first && !wildcard_ && type_url_ != kVirtualHostType) {
    for (auto it = known_.begin(); it != known_.end();) it = Names(it->first) ? std::next(it) : known_.erase(it);
  }
  if (first) {
    in_flight_ = known_;
    NoteAccepted();
    in_flight_.clear();
  }
  started_ = true;
  facts_.wildcard = wildcard_;
  facts_.names = names_.size();
  facts_.resources = known_.size();
  if (first) return Verdict::kFirst;
  if (answers) return ask.refused ? Verdict::kNack : Verdict::kAck;
  if (!stale) return Verdict::kRenamed;
  ++facts_.stale;
  return Verdict::kStale;
}

// By which other names the client asked for a resource; `nowhere`: names that it is to be told do not exist.
Subscription::AskedAs Subscription::FindAskedAs(const ResourceSet& view, bool keep,
                                                std::vector<std::string>& nowhere) const {
  AskedAs asked_as;
  for (const std::string& name : names_) {
    const ResourcePtr resource = view.Resolve(name);
    if (resource != nullptr && resource->name != name) asked_as[resource->name].push_back(name);
    if (resource != nullptr) continue;
    const bool was_there = led_to_.find(name) != led_to_.end();
    if (untold_.find(name) != untold_.end() || (was_there && !keep)) nowhere.push_back(name);
  }
  return asked_as;
}

bool Subscription::MustTell(const Resource& resource, const std::vector<std::string>* asked_as) const {
  if (untold_.find(resource.name) != untold_.end()) return true;
  if (asked_as == nullptr) return false;
  for (const std::string& name : *asked_as) {
    const auto told = led_to_.find(name);
    if (told == led_to_.end() || told->second != resource.name || untold_.find(name) != untold_.end()) return true;
  }
  return false;
}

DiscoveryAnswer Subscription::NextDelta(const ResourceSet& view, Hold hold) {
  DiscoveryAnswer answer;
  const AskedAs asked_as = FindAskedAs(view, hold.removals || hold.changes, answer.removed);
  bool held_back = false;
  std::set<absl::string_view> selected;
  for (ResourcePtr& resource : Selected(view)) {
    selected.insert(resource->name);
    const auto names = asked_as.find(resource->name);
    const bool told = MustTell(*resource, names == asked_as.end() ? nullptr : &names->second);
    const auto known = known_.find(resource->name);
    const bool same = known != known_.end() && known->second == resource->version;
    if (!told) {
      if (same) continue;
      const auto refused = refused_.find(resource->name);
      if (refused != refused_.end() && refused->second == resource->version) continue;
    }
    // A new listener may lead to clusters that are not there yet.
    const bool changes = known != known_.end() ? !same : LegacyWildcard(type_url_) && !owed_ && !told;
    if (hold.changes && changes) {
      held_back = true;
      continue;
    }
    if (names != asked_as.end()) answer.asked_as.insert(*names);
    answer.resources.push_back(std::move(resource));
  }
  // What was dropped beside a wildcard that does not cover it.
  for (const std::string& name : untold_) {
    if (!Names(name) && view.Find(name) == nullptr) answer.removed.push_back(name);
  }
  const std::set<std::string> told(answer.removed.begin(), answer.removed.end());
  for (const auto& [name, version] : known_) {
    if (selected.find(name) != selected.end() || told.find(name) != told.end()) continue;
    const auto refused = refused_.find(name);
    if (refused != refused_.end() && refused->second.empty()) continue;
    if (hold.removals || hold.changes) {
      held_back = true;
    } else {
      answer.removed.push_back(name);
    }
  }
  if (answer.resources.empty() && answer.removed.empty() && !owed_) return {};
  answer.type_url = type_url_;
  answer.version = absl::StrCat(VersionOf(view), held_back ? "-part" : "");
  answer.nonce = absl::StrCat(++nonces_);
  return answer;
}

}  // namespace outrigger::control_plane
