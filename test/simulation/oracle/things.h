// Thread: any
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/any.pb.h"
#include "source/base/time.h"

// What a simulated management server says, in the oracle's own words: small on purpose, so that what it means can be
// said in a few sentences (linear_model.h).
namespace outrigger::simulation::oracle {

// Hosts: virtual hosts of route configurations that fetch theirs, named "ROUTES/HOST".
enum class Kind : uint8_t { kCluster, kEndpoints, kListener, kRoutes, kExtension, kSecret, kRuntime, kHost };
constexpr size_t kKinds = 8;
constexpr std::array<Kind, kKinds> kAllKinds = {Kind::kCluster,   Kind::kEndpoints, Kind::kListener, Kind::kRoutes,
                                                Kind::kExtension, Kind::kSecret,    Kind::kRuntime,  Kind::kHost};
const char* WordOf(Kind kind);
const std::string& TypeUrlOf(Kind kind);
// Clusters and listeners: everything there is is wanted, and (in the state-of-the-world form) absence removes.
inline bool IsRoot(Kind kind) { return kind == Kind::kCluster || kind == Kind::kListener; }

enum class Fault : uint8_t {
  kNone,
  kRule,     // breaks a field's rule: the whole response is refused
  kMeaning,  // cannot be used: this resource is refused, the others are not
};

// Where a path goes: to a cluster, or (status != 0) an answer of the proxy's own.
struct Goal {
  std::string prefix, cluster;
  int status = 0;
  std::string runtime;  // not empty: only where the runtime does not say 0 of this
};
struct Host {
  std::string domain;
  std::vector<Goal> goals;
};

// One version of one resource. No two contents of one name have the same version, so name and version are the content.
struct Thing {
  Kind kind = Kind::kCluster;
  std::string name;
  int version = 0;
  Fault fault = Fault::kNone;
  Duration fetch{-1};        // initial_fetch_timeout of what it subscribes to; negative: not set, zero: for ever
  std::string service;       // clusters: the endpoints they subscribe to; empty: `servers` are in the cluster itself
  std::vector<int> servers;  // clusters and endpoints
  std::vector<Host> hosts;   // routes; of a host, itself
  bool fetches = false;      // routes: they fetch the hosts that they do not have
  int port = 0;              // listeners
  std::string routes;        // listeners: the route configuration they subscribe to
  int codec = 0;             // listeners: what was announced to connections, which do not outlive it
  // Listeners: the secrets that its certificate and whom it trusts come from; no certificate: plain, no trust: anybody.
  // Clusters: if there is a trust they speak TLS to `servers`, and may show a certificate.
  std::string certificate, trust;
  // Listeners: requests wait for a host that they miss; zero or more: and so long at most for a cluster.
  bool waits = false;
  Duration cluster_limit{-1};
  std::string filter;            // listeners: the extension that is its fault filter; empty: it has none
  int filter_status = 0;         // what stands for that while it has not come; 0: nothing does
  bool at_once = false;          // and does so from the beginning
  int status = 0;                // extensions: the answer to who asks for a fault
  int shows = -1;                // secrets: which certificate; -1: it is about trust
  std::vector<std::string> off;  // runtime: of these it says 0, of the others nothing
  std::vector<int> trusts;       // secrets: which clients
  std::string Describe() const;
};
using ThingPtr = std::shared_ptr<const Thing>;
using Things = std::map<std::string, ThingPtr>;  // of one kind, by name

// Keys and certificates as text, by number.
struct Papers {
  struct Pair {
    std::string certificate, key;
  };
  std::vector<Pair> servers;
  std::vector<std::string> client_names;  // URIs
  std::string authority;
  // Of clusters: what they may show, the names of the servers (URIs), and who vouches for these.
  std::vector<Pair> callers;
  std::vector<std::string> server_names;
  std::string server_authority;
};
// The route configuration that a host is of, and the domain that it has; such a name.
std::string RoutesOf(const std::string& host);
std::string DomainOf(const std::string& host);
std::string HostName(const std::string& routes, const std::string& domain);
// As it is sent.
google::protobuf::Any Wire(const Thing& thing, bool http2_servers, const Papers& papers);
constexpr char kRuntimeName[] = "rt0";
constexpr char kFaultHeader[] = "x-fault";  // who sends it asks for a fault
constexpr int kFirstServerPort = 8000, kFirstTlsServerPort = 9000;
// Secrets of clusters: what they show, whom they trust. The others are of listeners.
constexpr char kCallerSecrets = 'u', kServerSecrets = 'v';

}  // namespace outrigger::simulation::oracle
