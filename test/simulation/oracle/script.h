// Thread: the world's
#pragma once

#include <string>

#include "source/base/random.h"
#include "test/simulation/oracle/management_server.h"

namespace outrigger::simulation::oracle {

constexpr int kServers = 6;
constexpr int kListeners = 3;
constexpr int kCertificates = 4, kClients = 2, kCallers = 3;
constexpr int kFirstPort = 15000, kOtherPorts = 10;  // l1: 15001 or 15011
constexpr int kTlsPort = kFirstPort + kListeners - 1;

// What a mesh has besides what all have. Drawn apart, so that what a seed means without it stays.
struct Parts {
  bool hosts = false;     // routes that fetch hosts, listeners whose requests wait for them
  bool clusters = false;  // listeners whose requests wait for clusters
  bool secrets = false;   // clusters that speak TLS
  bool waiting() const { return hosts || clusters; }
};

// What a management server does, drawn from a seed: it changes its mind about everything, tells it in any order, in
// part, twice, wrongly or late, loses streams and its memory, and in the end says what it has.
class Script {
 public:
  // `tls`: the last listener speaks TLS.
  Script(ManagementServer& server, uint64_t seed, bool tls, const Parts& parts);
  void Begin();    // a small sound memory
  void Tick();     // one thing happens
  void TellAll();  // everything there is, the order that breaks nothing
  const std::string& history() const { return history_; }

 private:
  ThingPtr NewCluster(const std::string& name);
  ThingPtr NewEndpoints(const std::string& name);
  ThingPtr NewRoutes(const std::string& name);
  ThingPtr NewListener(const std::string& name);
  ThingPtr NewExtension(const std::string& name);
  ThingPtr NewSecret(const std::string& name);
  ThingPtr NewRuntime();
  ThingPtr NewHost(const std::string& name);
  std::string SomeHostName();
  void FetchHosts(Thing& routes);
  void ChangeWaiting(Thing& listener);
  void TickHosts();
  void SpeakTls(Thing& cluster);
  ThingPtr NewClusterSecret(const std::string& name);
  void TickSecrets();
  void ChangeFilter(Thing& listener);
  void ChangeSecrets(Thing& listener);
  ThingPtr New(Kind kind, const std::string& name);
  std::string SomeName(Kind kind);
  Kind SomeKind();
  Duration SomeFetch();
  void Change(bool tell);
  void Drop();
  void BadOne();
  void Move();
  void Crash();
  void Note(const std::string& what);

  ManagementServer& server_;
  Random dice_;
  Random more_;  // of the parts
  const bool tls_;
  const Parts parts_;
  int next_version_ = 0;
  std::array<Things, kKinds> dropped_;  // may return as they were
  std::array<Things, kKinds> remembered_;
  std::string history_;
};

}  // namespace outrigger::simulation::oracle
