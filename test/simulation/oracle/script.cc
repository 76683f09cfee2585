#include "test/simulation/oracle/script.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::simulation::oracle {
namespace {

// How many names of each kind there are; endpoints e0... are those of c0..., usually. Of those that every mesh has.
constexpr size_t kUsualKinds = 7;
constexpr size_t kNames[kUsualKinds] = {5, 6, kListeners, 3, 2, 4, 1};
constexpr char kLetters[kUsualKinds] = {'c', 'e', 'l', 'r', 'x', 's', 'r'};
constexpr const char* kRuntimeKeys[] = {"k0", "k1"};
constexpr const char* kDomains[] = {"a.test", "b.test", "c.test"};
constexpr const char* kClusterSecrets[] = {"u0", "u1", "v0", "v1"};
constexpr const char* kSecrets[] = {"s0", "s1", "t0", "t1"};
constexpr int kFirstFault = 420, kDefaultFault = 410;

}  // namespace

Script::Script(ManagementServer& server, uint64_t seed, bool tls, const Parts& parts)
    : server_(server), dice_(seed), more_(seed * 5 + 1), tls_(tls), parts_(parts) {}

std::string Script::SomeName(Kind kind) {
  if (kind == Kind::kSecret) return kSecrets[dice_.Below(4)];
  if (kind == Kind::kRuntime) return kRuntimeName;
  return absl::StrCat(std::string(1, kLetters[static_cast<size_t>(kind)]),
                      dice_.Below(kNames[static_cast<size_t>(kind)]));
}

Kind Script::SomeKind() {
  const Kind kind = static_cast<Kind>(dice_.Below(kUsualKinds));
  return kind == Kind::kSecret && !tls_ ? Kind::kListener : kind;
}

Duration Script::SomeFetch() {
  switch (dice_.Below(6)) {
    case 0:
      return milliseconds(300);
    case 1:
      return seconds(2);
    case 2:
      return Duration::zero();
    default:
      return Duration(-1);
  }
}

ThingPtr Script::NewCluster(const std::string& name) {
  auto made = std::make_shared<Thing>();
  made->kind = Kind::kCluster;
  made->name = name;
  made->version = ++next_version_;
  if (dice_.OneIn(6)) {
    made->servers = {static_cast<int>(dice_.Below(kServers))};
    if (parts_.secrets && !more_.OneIn(3)) SpeakTls(*made);
    return made;
  }
  made->service = dice_.OneIn(6) ? SomeName(Kind::kEndpoints) : absl::StrCat("e", name.substr(1));
  made->fetch = SomeFetch();
  if (parts_.secrets && more_.OneIn(3)) SpeakTls(*made);
  return made;
}

void Script::SpeakTls(Thing& cluster) {
  cluster.service.clear();
  cluster.servers.clear();
  for (int i = 0; i < kServers; ++i) {
    if (more_.OneIn(2)) cluster.servers.push_back(i);
  }
  if (cluster.servers.empty()) cluster.servers.push_back(0);
  if (more_.OneIn(2)) cluster.certificate = kClusterSecrets[more_.Below(2)];
  cluster.trust = kClusterSecrets[2 + more_.Below(2)];
}

ThingPtr Script::NewClusterSecret(const std::string& name) {
  auto made = std::make_shared<Thing>();
  made->kind = Kind::kSecret;
  made->name = name;
  made->version = ++next_version_;
  if (name[0] == kCallerSecrets) {
    made->shows = static_cast<int>(more_.Below(kCallers));
    return made;
  }
  for (int i = 0; i < kServers; ++i) {
    if (!more_.OneIn(3)) made->trusts.push_back(i);
  }
  if (made->trusts.empty()) made->trusts.push_back(0);
  return made;
}

// A secret of clusters is renewed, says something else, goes or is wrong.
void Script::TickSecrets() {
  const std::string name = kClusterSecrets[more_.Below(4)];
  Things& all = server_.memory(Kind::kSecret);
  switch (more_.Below(6)) {
    case 0:
      all.erase(name);
      return server_.Push(Kind::kSecret);
    case 1: {
      auto bad = std::make_shared<Thing>(*NewClusterSecret(name));
      bad->fault = more_.OneIn(2) ? Fault::kRule : Fault::kMeaning;
      return server_.Push(Kind::kSecret, false, {bad});
    }
    case 2:
      return server_.Push(Kind::kSecret);
    default:
      all[name] = NewClusterSecret(name);
  }
  if (more_.OneIn(4)) return;
  if (more_.OneIn(2)) return server_.PushOne(all[name]);
  server_.Push(Kind::kSecret);
}

ThingPtr Script::NewEndpoints(const std::string& name) {
  auto made = std::make_shared<Thing>();
  made->kind = Kind::kEndpoints;
  made->name = name;
  made->version = ++next_version_;
  if (dice_.OneIn(10)) return made;  // none
  for (int i = 0; i < kServers; ++i) {
    if (dice_.OneIn(3)) made->servers.push_back(i);
  }
  if (made->servers.empty()) made->servers.push_back(static_cast<int>(dice_.Below(kServers)));
  return made;
}

ThingPtr Script::NewRoutes(const std::string& name) {
  auto made = std::make_shared<Thing>();
  made->kind = Kind::kRoutes;
  made->name = name;
  made->version = ++next_version_;
  for (const char* domain : {"*", "a.test", "b.test"}) {
    if (dice_.OneIn(3)) continue;
    Host host{domain, {}};
    for (const char* prefix : {"/a", "/b", "/"}) {
      if (dice_.OneIn(3)) continue;
      Goal goal{prefix, "", 0};
      if (dice_.OneIn(8)) {
        goal.status = 418;
      } else {
        goal.cluster = SomeName(Kind::kCluster);
      }
      if (dice_.OneIn(6)) goal.runtime = kRuntimeKeys[dice_.Below(2)];
      host.goals.push_back(goal);
    }
    made->hosts.push_back(host);
  }
  if (parts_.hosts) FetchHosts(*made);
  return made;
}

// Those that fetch have less themselves, mostly nothing for all hosts.
void Script::FetchHosts(Thing& routes) {
  routes.fetches = !more_.OneIn(4);
  if (!routes.fetches) return;
  std::erase_if(routes.hosts, [this](const Host& host) { return !more_.OneIn(host.domain == "*" ? 6 : 3); });
}

ThingPtr Script::NewHost(const std::string& name) {
  auto made = std::make_shared<Thing>();
  made->kind = Kind::kHost;
  made->name = name;
  made->version = ++next_version_;
  Host host{DomainOf(name), {}};
  for (const char* prefix : {"/a", "/"}) {
    if (more_.OneIn(4)) continue;
    Goal goal{prefix, absl::StrCat("c", more_.Below(kNames[0])), 0};
    if (more_.OneIn(4)) goal.status = 417;
    if (more_.OneIn(6)) goal.runtime = kRuntimeKeys[more_.Below(2)];
    host.goals.push_back(goal);
  }
  made->hosts.push_back(host);
  return made;
}

std::string Script::SomeHostName() { return HostName(absl::StrCat("r", more_.Below(3)), kDomains[more_.Below(3)]); }

ThingPtr Script::NewListener(const std::string& name) {
  auto made = std::make_shared<Thing>();
  const Things& known = server_.memory(Kind::kListener);
  const auto at = known.find(name);
  if (at != known.end()) *made = *at->second;
  made->kind = Kind::kListener;
  made->name = name;
  made->version = ++next_version_;
  const int usual = kFirstPort + (name.back() - '0');
  if (made->port == 0 || dice_.OneIn(8)) made->port = usual + (dice_.OneIn(4) ? kOtherPorts : 0);
  if (made->routes.empty() || dice_.OneIn(4)) made->routes = SomeName(Kind::kRoutes);
  if (dice_.OneIn(4)) made->codec = 1 - made->codec;
  if (dice_.OneIn(3)) ChangeFilter(*made);
  if (tls_ && usual == kTlsPort) ChangeSecrets(*made);
  made->fetch = SomeFetch();
  if (parts_.waiting() && (at == known.end() || more_.OneIn(3))) ChangeWaiting(*made);
  return made;
}

void Script::ChangeWaiting(Thing& listener) {
  constexpr int kLimits[] = {100, 300, 1000, 3000, 5000};  // ms
  listener.waits = !more_.OneIn(5);
  listener.cluster_limit =
      parts_.clusters && !more_.OneIn(4) ? Duration(milliseconds(kLimits[more_.Below(5)])) : Duration(-1);
}

void Script::ChangeFilter(Thing& listener) {
  listener.filter = dice_.OneIn(4) ? "" : SomeName(Kind::kExtension);
  listener.filter_status =
      listener.filter.empty() || dice_.OneIn(4) ? 0 : kDefaultFault + static_cast<int>(dice_.Below(3));
  listener.at_once = listener.filter_status != 0 && dice_.OneIn(2);
}

void Script::ChangeSecrets(Thing& listener) {
  if (listener.certificate.empty() || dice_.OneIn(4)) listener.certificate = kSecrets[dice_.Below(2)];
  if (dice_.OneIn(4)) listener.trust = dice_.OneIn(4) ? "" : kSecrets[2 + dice_.Below(2)];
}

ThingPtr Script::NewExtension(const std::string& name) {
  auto made = std::make_shared<Thing>();
  made->kind = Kind::kExtension;
  made->name = name;
  made->version = ++next_version_;
  made->status = kFirstFault + made->version % 60;
  return made;
}

ThingPtr Script::NewRuntime() {
  auto made = std::make_shared<Thing>();
  made->kind = Kind::kRuntime;
  made->name = kRuntimeName;
  made->version = ++next_version_;
  for (const char* key : kRuntimeKeys) {
    if (dice_.OneIn(2)) made->off.push_back(key);
  }
  return made;
}

ThingPtr Script::NewSecret(const std::string& name) {
  auto made = std::make_shared<Thing>();
  made->kind = Kind::kSecret;
  made->name = name;
  made->version = ++next_version_;
  if (name[0] == 's') {
    made->shows = static_cast<int>(dice_.Below(kCertificates));
    return made;
  }
  for (int client = 0; client < kClients; ++client) {
    if (!dice_.OneIn(3)) made->trusts.push_back(client);
  }
  if (made->trusts.empty()) made->trusts.push_back(static_cast<int>(dice_.Below(kClients)));
  return made;
}

ThingPtr Script::New(Kind kind, const std::string& name) {
  switch (kind) {
    case Kind::kCluster:
      return NewCluster(name);
    case Kind::kEndpoints:
      return NewEndpoints(name);
    case Kind::kRoutes:
      return NewRoutes(name);
    case Kind::kExtension:
      return NewExtension(name);
    case Kind::kSecret:
      return NewSecret(name);
    case Kind::kRuntime:
      return NewRuntime();
    case Kind::kHost:
      return NewHost(name);
    default:
      return NewListener(name);
  }
}

void Script::Begin() {
  for (const char* name : {"e0", "e1"}) server_.memory(Kind::kEndpoints)[name] = NewEndpoints(name);
  for (const char* name : {"c0", "c1"}) {
    auto cluster = std::make_shared<Thing>(*NewCluster(name));
    cluster->fetch = Duration(-1);
    server_.memory(Kind::kCluster)[name] = cluster;
  }
  for (const char* name : {"r0", "r1"}) server_.memory(Kind::kRoutes)[name] = NewRoutes(name);
  auto listener = std::make_shared<Thing>(*NewListener("l0"));
  listener->routes = "r0";
  listener->fetch = Duration(-1);
  server_.memory(Kind::kListener)["l0"] = listener;
  server_.memory(Kind::kExtension)["x0"] = NewExtension("x0");
  server_.memory(Kind::kRuntime)[kRuntimeName] = NewRuntime();
  if (tls_) server_.memory(Kind::kSecret)["s0"] = NewSecret("s0");
  if (tls_) server_.memory(Kind::kSecret)["t0"] = NewSecret("t0");
  if (parts_.hosts) {
    for (int i = 0; i < 3; ++i) {
      const std::string name = SomeHostName();
      server_.memory(Kind::kHost)[name] = NewHost(name);
    }
  }
  if (parts_.secrets) {
    for (const char* name : {"u0", "v0"}) server_.memory(Kind::kSecret)[name] = NewClusterSecret(name);
  }
  remembered_ = server_.memory();
}

void Script::Note(const std::string& what) { absl::StrAppend(&history_, what, "\n"); }

void Script::Change(bool tell) {
  const Kind kind = SomeKind();
  const std::string name = SomeName(kind);
  Things& dropped = dropped_[static_cast<size_t>(kind)];
  const auto before = dropped.find(name);
  ThingPtr made = before != dropped.end() && dice_.OneIn(2) ? before->second : New(kind, name);
  dropped.erase(name);
  server_.memory(kind)[name] = made;
  if (!tell) return;
  if (!IsRoot(kind) && dice_.OneIn(2)) return server_.PushOne(made);
  server_.Push(kind);
}

void Script::Drop() {
  const Kind kind = SomeKind();
  Things& all = server_.memory(kind);
  const auto at = all.find(SomeName(kind));
  if (at == all.end()) return;
  dropped_[static_cast<size_t>(kind)][at->first] = at->second;
  all.erase(at);
  if (!dice_.OneIn(3)) server_.Push(kind);
}

// A thing that cannot be used: in the place of a good one, or besides. Then perhaps soon the good ones again.
void Script::BadOne() {
  const Kind kind = SomeKind();
  if (kind == Kind::kRuntime) return;  // nothing is wrong for it
  auto bad = std::make_shared<Thing>(*New(kind, SomeName(kind)));
  if (kind == Kind::kRoutes && bad->hosts.empty()) bad->hosts.push_back({"*", {}});
  if (kind == Kind::kEndpoints && bad->servers.empty()) bad->servers.push_back(0);
  bad->fault = dice_.OneIn(2) ? Fault::kRule : Fault::kMeaning;
  server_.Push(kind, false, {bad});
  if (dice_.OneIn(2)) server_.Push(kind);
}

// A route configuration goes elsewhere, as a careful server does it, or in any other order.
void Script::Move() {
  const std::string cluster = SomeName(Kind::kCluster), endpoints = absl::StrCat("e", cluster.substr(1));
  const std::string routes = SomeName(Kind::kRoutes);
  server_.memory(Kind::kCluster)[cluster] = NewCluster(cluster);
  server_.memory(Kind::kEndpoints)[endpoints] = NewEndpoints(endpoints);
  server_.memory(Kind::kRoutes)[routes] = NewRoutes(routes);
  Kind order[] = {Kind::kCluster, Kind::kEndpoints, Kind::kRoutes};
  if (dice_.OneIn(2)) std::swap(order[dice_.Below(3)], order[dice_.Below(3)]);
  for (const Kind kind : order) server_.Push(kind);
}

void Script::Crash() {
  const bool other = dice_.OneIn(2);
  auto memory = other ? remembered_ : server_.memory();
  remembered_ = server_.memory();
  server_.Crash(std::move(memory));
}

// A host comes, changes, goes, is wrong, or all are told; said or not.
void Script::TickHosts() {
  const std::string name = SomeHostName();
  Things& all = server_.memory(Kind::kHost);
  switch (more_.Below(8)) {
    case 0:
      all.erase(name);
      break;
    case 1:
      all.erase(name);
      return;
    case 2: {
      auto bad = std::make_shared<Thing>(*NewHost(name));
      bad->fault = more_.OneIn(2) ? Fault::kRule : Fault::kMeaning;
      return server_.Push(Kind::kHost, false, {bad});
    }
    case 3:
      return server_.Push(Kind::kHost);
    case 4:
    case 5:
      all[name] = NewHost(name);
      return;
    default:
      all[name] = NewHost(name);
  }
  if (all.count(name) != 0 && more_.OneIn(2)) return server_.PushOne(all[name]);
  server_.Push(Kind::kHost);
}

void Script::Tick() {
  if (parts_.hosts && more_.OneIn(3)) TickHosts();
  if (parts_.secrets && more_.OneIn(3)) TickSecrets();
  const auto act = dice_.Below(26);
  Note(absl::StrCat("act ", act));
  switch (act) {
    case 0:
      return server_.EndStream();
    case 1:
      return Crash();
    case 2:
      return server_.Repeat();
    case 3:
      return server_.SayNonsense();
    case 4:
      return server_.Push(SomeKind(), true);  // asked for or not
    case 5:
    case 6:
      return BadOne();
    case 7:
    case 8:
      return Drop();
    case 9:
    case 10:
      return Move();
    case 11:
    case 12:
    case 13:
      return server_.Push(SomeKind());
    case 14:
    case 15:
    case 16:
      return Change(false);
    case 17:
    case 18:
      return server_.Beat(SomeKind());
    default:
      return Change(true);
  }
}

void Script::TellAll() {
  server_.manners() = {milliseconds(5), 0, 0, 0, 0, 1};
  for (const Kind kind : kAllKinds) server_.Push(kind);
}

}  // namespace outrigger::simulation::oracle
