// Thread: any
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "test/simulation/oracle/things.h"

namespace outrigger::simulation::oracle {

// What is in use: of each kind, by name.
struct State {
  std::array<Things, kKinds> in_use;
  const Thing* Find(Kind kind, const std::string& name) const {
    const Things& all = in_use[static_cast<size_t>(kind)];
    auto at = all.find(name);
    return at == all.end() ? nullptr : at->second.get();
  }
};

// One response, whatever the wire form was.
struct Said {
  Kind kind = Kind::kCluster;
  std::vector<ThingPtr> things;
  std::vector<std::string> removed;          // delta: by name; of other than root kinds: they do not exist
  bool whole = false;                        // state of the world: of a root kind, what is not there is gone
  Duration ttl{0};                           // of all that it says; zero: for ever
  std::map<std::string, std::string> beats;  // what lives on for as long, if this version is held
};

// What a proxy must have in use after it heard a sequence of responses at certain times: the rules of warming as
// sentences about everything at once. Shares no code with the proxy and knows no order but that of what happened.
//
//  1. A response with a broken field rule changes nothing. A thing that cannot be used keeps its version before; the
//  others
//     of the response hold.
//  2. What is wanted: all clusters, all listeners, and what a version of one of those subscribes to, in use or waiting.
//  All
//     else that is said is not heard.
//  3. Endpoints and secrets are in use when they come. The others wait until all they subscribe to is in use, or its
//  time (`fetch`, 15 s
//     unless said otherwise) is over; a version that names clusters also for those that wait for their first time.
//     What a listener has a default for from the beginning, it does not wait for. An extension that is said to be gone
//     is: the default stands for it again. Of the other things that are subscribed to, what is in use stays.
//  4. A changed cluster waits, up to a second, for its endpoints to be said again.
//  5. A dropped listener goes at once, what nobody subscribes to any more with it. A dropped cluster goes when nobody
//  names
//     it any more; after five seconds also while it is named, unless who names it is about to be replaced.
//  6. What was said with a time to live is gone when that is over, as if it were said to be, unless it was said again
//  or
//     a heartbeat came.
//  7. The beginning and the end of a stream change nothing.
//  8. Hosts are heard while a version of their routes, in use or waiting, fetches hosts, and go with the last such one.
//  They wait as
//     routes do for clusters. What is said to be gone goes at once. One whose domain the routes in use have themselves
//     is refused; if they take it later, the host stays, but theirs comes first.
class LinearModel {
 public:
  // It asks for all of a root kind from now on.
  void WantAll(Kind kind) { wants_all_.insert(kind); }
  // It wants this one, whatever else it has.
  void WantAlways(Kind kind, const std::string& name, MonotonicTime now);
  // What the response has become of: ignored (and never answered), accepted, refused.
  enum class Verdict : uint8_t { kIgnored, kAccepted, kRefused };
  // `asked`: for this kind, on this stream.
  Verdict OnResponse(MonotonicTime now, const Said& said, bool asked);
  // The earliest time that is not over and matters; max: none. OnTime(at) lets it pass.
  MonotonicTime next_time() const;
  // Returns what is gone because its time to live is over.
  std::vector<std::pair<Kind, std::string>> OnTime(MonotonicTime at);

  // Hosts and clusters of which is known since the last call that they are not there: gone, refused, not existing. Of
  // routes: all hosts that they had fetched, which they do no more.
  std::vector<std::pair<Kind, std::string>> TakeMissing() { return std::exchange(missing_, {}); }
  // Of the last response: by what it says or by what is in use.
  const std::set<std::string>& refused() const { return refused_; }

  bool HasOwn(const std::string& host) const;  // the routes in use have its domain themselves
  bool wants_all(Kind kind) const { return wants_all_.count(kind) != 0; }
  std::set<std::string> Wanted(Kind kind) const;  // by name; not of root kinds
  const State& state() const { return state_; }
  // Nothing waits and nothing leaves.
  bool settled() const;
  std::string Describe() const;

 private:
  static constexpr MonotonicTime kNever = MonotonicTime::max();
  // Of one name: what waits, and the times that run.
  struct Node {
    ThingPtr waiting;
    uint64_t heard = 0;    // the number of the response that said it last
    uint64_t staged = 0;   // that in which `waiting` came
    bool late = false;     // its time is over
    bool leaving = false;  // dropped, but still there
    bool kept_over = false;
    bool always = false;
    MonotonicTime fetch = kNever, kept = kNever, held = kNever;
  };
  using Nodes = std::map<std::string, Node>;
  Nodes& nodes(Kind kind) { return nodes_[static_cast<size_t>(kind)]; }
  const Nodes& nodes(Kind kind) const { return nodes_[static_cast<size_t>(kind)]; }
  ThingPtr InUse(Kind kind, const std::string& name) const;
  const Node* Find(Kind kind, const std::string& name) const;
  bool Take(const ThingPtr& thing, MonotonicTime now);
  void Stage(Node& node, const ThingPtr& thing, MonotonicTime now);
  void Remove(const Said& said, MonotonicTime now);
  void NoteEnds(const Said& said, MonotonicTime now);
  void Settle(MonotonicTime now);  // until nothing more follows
  void Use(const ThingPtr& thing);
  bool Ready(const Thing& thing, const Node& node) const;
  bool ActivateOne();
  bool LetOneLeave();
  void FollowWants(MonotonicTime now);
  std::vector<ThingPtr> VersionsNaming(const std::string& cluster, bool in_use) const;
  bool AboutToChange(const Thing& thing) const;
  bool FetchesHosts(const std::string& routes) const;
  void NoteMissing(Kind kind, const std::string& name);

  std::set<Kind> wants_all_;
  std::array<std::set<std::string>, kKinds> complete_;
  std::array<Nodes, kKinds> nodes_;
  State state_;
  std::map<std::pair<Kind, std::string>, MonotonicTime> ends_;  // times to live
  uint64_t responses_ = 0;
  std::vector<std::pair<Kind, std::string>> missing_;
  std::set<std::string> refused_;
  std::set<std::string> fetching_;  // routes
};

}  // namespace outrigger::simulation::oracle
