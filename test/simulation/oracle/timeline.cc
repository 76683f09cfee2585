#include "test/simulation/oracle/timeline.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::simulation::oracle {

void Timeline::Add(const State& state, MonotonicTime possible, MonotonicTime about, std::string cause) {
  if (state.in_use == moments_.back().state.in_use) return;
  moments_.push_back({state, std::move(cause), possible, about, false, 0, MonotonicTime::max()});
}

void Timeline::Observe(MonotonicTime now, uint64_t published, uint64_t in_use) {
  for (size_t i = certain_ + 1; i < moments_.size(); ++i) {
    Moment& moment = moments_[i];
    if (now < moment.about) break;
    if (!std::exchange(moment.stamped, true)) moment.generation = published;
  }
  for (size_t i = certain_ + 1; i < moments_.size() && moments_[i].stamped; ++i) {
    if (in_use < moments_[i].generation) return;
    moments_[i].certain = now;
    certain_ = i;
  }
}

size_t Timeline::CertainAt(MonotonicTime at) const {
  size_t i = certain_;
  while (i > 0 && moments_[i].certain > at) --i;
  return i;
}

bool Timeline::Unseen(size_t i) const {
  if (i + 1 >= moments_.size() || !moments_[i].stamped || !moments_[i + 1].stamped) return false;
  // By a time that was over: nobody knows when, perhaps with the next one.
  return moments_[i].generation == moments_[i + 1].generation || moments_[i + 1].possible < moments_[i].about;
}

std::string Answer::Describe() const {
  return absl::StrCat(status, server < 0 ? " by the proxy" : absl::StrCat(" by server ", server),
                      listener.empty() ? "" : absl::StrCat(", listener ", listener),
                      routes.empty() ? "" : absl::StrCat(", routes ", routes),
                      host.empty() ? "" : absl::StrCat(", host ", host),
                      body.empty() ? "" : absl::StrCat(", \"", body, "\""));
}

const Thing* Law::ListenerAt(int port, size_t moment) const {
  for (const auto& [name, thing] : timeline_.state(moment).in_use[static_cast<size_t>(Kind::kListener)]) {
    if (thing->port == port) return thing.get();
  }
  return nullptr;
}

bool Law::MayRefuse(int port, size_t from, size_t to) const {
  for (size_t i = from; i <= to; ++i) {
    if (ListenerAt(port, i) == nullptr) return true;
  }
  return false;
}

Law::Begin Law::BeginAt(int port, size_t moment) const {
  const Thing* listener = ListenerAt(port, moment);
  if (listener == nullptr) return {};
  return {listener, GuardOf(*listener, moment)};
}

std::string Law::GuardOf(const Thing& listener, size_t moment) const {
  if (listener.certificate.empty()) return "plain";
  const State& state = timeline_.state(moment);
  if (state.Find(Kind::kSecret, listener.certificate) == nullptr) return "missing";
  if (listener.trust.empty()) return "anybody";
  const Thing* trust = state.Find(Kind::kSecret, listener.trust);
  return trust == nullptr ? "missing" : absl::StrJoin(trust->trusts, " ");
}

bool Law::GuardChanged(const Begin& begin, size_t moment) const {
  const Thing* now = timeline_.state(moment).Find(Kind::kListener, begin.listener->name);
  return now != nullptr && GuardOf(*now, moment) != begin.guard;
}

// Its address may change: who is connected stays.
bool Law::Follows(int port, size_t moment, size_t later) const {
  const Begin begin = BeginAt(port, moment);
  for (size_t i = moment; i <= later; ++i) {
    if (Breaks(begin, i)) return false;
  }
  return true;
}

bool Law::Breaks(const Begin& begin, size_t moment) const {
  const Thing* now = timeline_.state(moment).Find(Kind::kListener, begin.listener->name);
  return now == nullptr || now->codec != begin.listener->codec || GuardOf(*now, moment) != begin.guard;
}

namespace {

bool Admits(const std::string& guard, int peer) {
  return guard == "plain" || guard == "anybody" || absl::StrContains(guard, absl::StrCat(peer));
}

}  // namespace

bool Law::MayEnd(const Followed& connection, size_t to) const {
  for (size_t i = connection.opened; i <= std::min(connection.accepted, to); ++i) {
    if (ListenerAt(connection.port, i) != nullptr && !Follows(connection.port, i, to)) return true;
  }
  return MayLose(connection, to);
}

bool Law::MayLose(const Followed& connection, size_t to) const {
  for (size_t i = connection.opened; i <= std::min(connection.accepted, to); ++i) {
    const Begin begin = BeginAt(connection.port, i);
    if (begin.listener == nullptr || begin.guard == "plain") continue;
    if (!Admits(begin.guard, connection.peer)) return true;
    for (size_t k = i; k <= to; ++k) {
      if (GuardChanged(begin, k)) return true;
    }
  }
  return false;
}

bool Law::MayShow(const Followed& connection, int certificate) const {
  for (size_t i = connection.opened; i <= std::min(connection.accepted, timeline_.possible()); ++i) {
    const Thing* listener = ListenerAt(connection.port, i);
    if (listener == nullptr) continue;
    const Thing* secret = timeline_.state(i).Find(Kind::kSecret, listener->certificate);
    if (secret != nullptr && secret->shows == certificate) return true;
  }
  return false;
}

MonotonicTime Law::MustEnd(const Followed& connection) const {
  MonotonicTime since = MonotonicTime::min();
  for (size_t i = connection.opened; i <= std::min(connection.accepted, timeline_.possible()); ++i) {
    const Begin begin = BeginAt(connection.port, i);
    if (begin.listener == nullptr || !Admits(begin.guard, connection.peer)) continue;
    // The connections of a listener that goes are asked to end one after the other, in its time of draining.
    for (size_t k = i; k <= timeline_.certain(); ++k) {
      if (timeline_.state(k).Find(Kind::kListener, begin.listener->name) == nullptr) return MonotonicTime::max();
    }
    // A moment may be over before a worker sees it: what breaks a connection lasts until now.
    size_t first = timeline_.certain() + 1;
    while (first > i && Breaks(begin, first - 1)) --first;
    if (first > timeline_.certain()) return MonotonicTime::max();
    since = std::max(since, timeline_.moment(first).certain);
  }
  return since == MonotonicTime::min() ? MonotonicTime::max() : since;
}

std::vector<size_t> Law::Deciding(const Followed& connection, size_t from, size_t to) const {
  std::set<size_t> moments;
  for (size_t accepted = connection.opened; accepted <= std::min(connection.accepted, to); ++accepted) {
    const Begin begin = BeginAt(connection.port, accepted);
    if (begin.listener == nullptr || !Admits(begin.guard, connection.peer)) continue;
    // It drains, but what was settled may hold again by now.
    bool trusted = false;
    for (size_t i = std::max(from, accepted); i <= to; ++i) {
      if (!Breaks(begin, i)) moments.insert(i);
      trusted = trusted || !GuardChanged(begin, i);
    }
    // No request begins when who may connect changed.
    if (!trusted) continue;
    // What it followed last decides: before the first break, and before the last one. If no worker saw that, what was
    // before it.
    const auto decides = [&](size_t last) {
      moments.insert(last);
      while (last > accepted && timeline_.Unseen(last)) moments.insert(--last);
    };
    size_t last = accepted;
    while (last < from && !Breaks(begin, last + 1)) ++last;
    if (last < from) decides(last);
    for (last = from; last > accepted && Breaks(begin, last);) --last;
    decides(last);
  }
  return {moments.begin(), moments.end()};
}

namespace {

const Goal* GoalIn(const Host& host, const Thing* runtime, const std::string& path) {
  for (const Goal& goal : host.goals) {
    const bool off = runtime != nullptr && std::count(runtime->off.begin(), runtime->off.end(), goal.runtime) > 0;
    if (absl::StartsWith(path, goal.prefix) && !off) return &goal;
  }
  return nullptr;
}

const Host* OwnHost(const Thing& routes, const std::string& domain) {
  const auto at =
      std::find_if(routes.hosts.begin(), routes.hosts.end(), [&](const Host& host) { return host.domain == domain; });
  return at == routes.hosts.end() ? nullptr : &*at;
}

// Where routes lead a request: what they have themselves comes first, then what they fetched, then what is for all.
struct Found {
  const Host* host = nullptr;
  const Thing* fetched = nullptr;  // the host is this
  const Goal* goal = nullptr;
};

Found FindGoal(const State& state, const Thing& routes, const Question& question) {
  Found found;
  found.host = OwnHost(routes, question.host);
  if (found.host == nullptr && routes.fetches) {
    found.fetched = state.Find(Kind::kHost, HostName(routes.name, question.host));
    if (found.fetched != nullptr) found.host = &found.fetched->hosts.front();
  }
  if (found.host == nullptr) found.host = OwnHost(routes, "*");
  if (found.host != nullptr) {
    found.goal = GoalIn(*found.host, state.Find(Kind::kRuntime, kRuntimeName), question.path);
  }
  return found;
}

constexpr char kServerUri[] = "spiffe://mesh/server/";

// What a cluster does with a request; servers: any of these.
struct Outcome {
  std::set<int> servers;
  std::string body;          // of the 503 if there are none
  bool unknown = false;      // there is no such cluster
  std::set<int> distrusted;  // of its servers, which it may try
};

Outcome OutcomeOf(const State& state, const std::string& name) {
  const Thing* cluster = state.Find(Kind::kCluster, name);
  if (cluster == nullptr) return {{}, "", true};
  const Thing* endpoints = cluster->service.empty() ? cluster : state.Find(Kind::kEndpoints, cluster->service);
  Outcome outcome{{}, "no healthy upstream"};
  if (endpoints == nullptr) return outcome;
  outcome.servers.insert(endpoints->servers.begin(), endpoints->servers.end());
  if (cluster->trust.empty()) return outcome;
  // Without its secrets it has no servers.
  const Thing* trust = state.Find(Kind::kSecret, cluster->trust);
  const bool complete =
      trust != nullptr && (cluster->certificate.empty() || state.Find(Kind::kSecret, cluster->certificate) != nullptr);
  if (!complete) outcome.servers.clear();
  for (const int server : outcome.servers) {
    if (std::count(trust->trusts.begin(), trust->trusts.end(), server) == 0) outcome.distrusted.insert(server);
  }
  for (const int server : outcome.distrusted) outcome.servers.erase(server);
  return outcome;
}

bool Fits(const Outcome& outcome, const Answer& answer) {
  const bool failed = answer.status == 503 && answer.server < 0;
  for (const int server : outcome.distrusted) {
    if (failed && absl::StrContains(answer.body, absl::StrCat("certificate has URI ", kServerUri, server, ";"))) {
      return true;
    }
  }
  if (outcome.servers.empty() && !outcome.distrusted.empty()) return false;
  if (outcome.servers.empty()) return answer.status == 503 && answer.server < 0 && answer.body == outcome.body;
  return answer.status == 200 && outcome.servers.count(answer.server) != 0;
}

std::string Say(const Outcome& outcome) {
  if (!outcome.distrusted.empty()) {
    return absl::StrCat("200 by any of {", absl::StrJoin(outcome.servers, " "), "}, or 503 for one of {",
                        absl::StrJoin(outcome.distrusted, " "), "}, which it does not trust");
  }
  if (outcome.servers.empty()) return absl::StrCat("503 \"", outcome.body, "\"");
  return absl::StrCat("200 by any of {", absl::StrJoin(outcome.servers, " "), "}");
}

}  // namespace

bool Law::Filters(const Thing& listener, const Question& question, size_t decided, const Answer& answer, bool* fits,
                  std::string* allowed) const {
  if (listener.filter.empty()) return false;
  const Thing* filter = timeline_.state(decided).Find(Kind::kExtension, listener.filter);
  const int status = filter != nullptr ? filter->status : listener.filter_status;
  if (status != 0 && !question.wants_fault) return false;
  const int expected = status == 0 ? 500 : status;
  const std::string version = absl::StrCat(listener.name, ".", listener.version);
  *fits = answer.status == expected && answer.server < 0 && answer.listener == version;
  absl::StrAppend(allowed, "  moment ", decided, " (", timeline_.moment(decided).cause, "): listener ", version, ": ",
                  expected, " by its filter\n");
  return true;
}

bool Law::Decides(const Thing& listener, const Thing* routes, const Question& question, size_t routed, size_t to,
                  const Answer& answer, std::string* allowed) const {
  const std::string version = absl::StrCat(listener.name, ".", listener.version);
  const std::string by = absl::StrCat("listener ", version, ", ", routes == nullptr ? "no routes" : routes->Describe());
  const auto allow = [&](size_t moment, const std::string& what) {
    absl::StrAppend(allowed, "  moment ", moment, " (", timeline_.moment(moment).cause, "): ", by, what, "\n");
  };
  const bool same = answer.listener == version;
  const Found found = routes == nullptr ? Found() : FindGoal(timeline_.state(routed), *routes, question);
  if (found.goal == nullptr) {
    const bool misses = found.host == nullptr && !MayMissHost(listener, routes, question, to);
    allow(routed, misses ? ": waits for its host" : ": 404");
    return same && answer.status == 404 && answer.server < 0 && !misses;
  }
  const Goal& goal = *found.goal;
  const std::string host =
      found.fetched == nullptr ? "" : absl::StrCat(found.fetched->name, ".", found.fetched->version);
  const bool told = same && answer.routes == absl::StrCat(routes->name, ".", routes->version) && answer.host == host;
  const std::string of_host = host.empty() ? "" : absl::StrCat(", host ", host);
  if (goal.status != 0) {
    allow(routed, absl::StrCat(of_host, ": ", goal.status));
    return told && answer.status == goal.status && answer.server < 0;
  }
  for (size_t picked = routed; picked <= to; ++picked) {
    const Outcome outcome = OutcomeOf(timeline_.state(picked), goal.cluster);
    const bool misses = outcome.unknown && !MayMissCluster(listener, goal.cluster, question);
    if (told && Fits(outcome, answer) && !misses) return true;
    allow(picked, absl::StrCat(of_host, ", ", goal.cluster, ": ", misses ? "waits for it" : Say(outcome)));
  }
  return false;
}

bool Law::MayMissHost(const Thing& listener, const Thing* routes, const Question& question, size_t to) const {
  if (!listener.waits || routes == nullptr || !routes->fetches) return true;
  // There was nobody to ask: what was found out then is remembered.
  const MonotonicTime since = question.begun - Wishes::kRemembered - Wishes::kSlack;
  for (size_t i = timeline_.CertainAt(since); i <= to; ++i) {
    const Thing* then = timeline_.state(i).Find(Kind::kRoutes, listener.routes);
    if (then == nullptr || !then->fetches) return true;
  }
  return wishes_.MayMiss({Kind::kHost, HostName(routes->name, question.host)}, question.begun, question.over,
                         Wishes::kHostLimit);
}

bool Law::MayMissCluster(const Thing& listener, const std::string& cluster, const Question& question) const {
  if (!listener.waits || listener.cluster_limit < Duration::zero()) return true;
  return wishes_.MayMiss({Kind::kCluster, cluster}, question.begun, question.over, listener.cluster_limit);
}

std::string Law::Judge(const Followed& connection, const Question& question, size_t from, size_t to,
                       const Answer& answer) const {
  std::string allowed;
  for (const size_t decided : Deciding(connection, from, to)) {
    const Thing* listener = ListenerAt(connection.port, decided);
    // It may have another address by now, and is known by those that it had.
    for (size_t i = connection.opened; listener == nullptr && i <= decided; ++i) {
      const Thing* then = ListenerAt(connection.port, i);
      if (then != nullptr) listener = timeline_.state(decided).Find(Kind::kListener, then->name);
    }
    if (listener == nullptr) continue;
    bool fits = false;
    if (Filters(*listener, question, decided, answer, &fits, &allowed)) {
      if (fits) return "";
      continue;
    }
    // Its routes are the newest when its headers are there; if there are none any more, those of its begin.
    const Thing* before = nullptr;
    const Thing* before_runtime = nullptr;
    const Thing* before_host = nullptr;
    for (size_t routed = decided; routed <= to; ++routed) {
      const Thing* routes = timeline_.state(routed).Find(Kind::kRoutes, listener->routes);
      const Thing* runtime = timeline_.state(routed).Find(Kind::kRuntime, kRuntimeName);
      const Thing* host = routes == nullptr
                              ? nullptr
                              : timeline_.state(routed).Find(Kind::kHost, HostName(listener->routes, question.host));
      const bool same = routes == before && runtime == before_runtime && host == before_host;
      if (routed != decided && (routes == nullptr || same)) continue;
      before = routes;
      before_host = host;
      before_runtime = runtime;
      if (Decides(*listener, routes, question, routed, to, answer, &allowed)) return "";
    }
  }
  return allowed.empty() ? "  nothing at all\n" : allowed;
}

}  // namespace outrigger::simulation::oracle
