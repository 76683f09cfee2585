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

enum class Kind : uint8_t { kCluster, kEndpoints, kListener, kRoutes, kSecret };
constexpr size_t kKinds = 5;
constexpr std::array<Kind, kKinds> kAllKinds = {Kind::kCluster, Kind::kEndpoints, Kind::kListener, Kind::kRoutes,
                                                Kind::kSecret};
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
  std::vector<Host> hosts;   // routes
  int port = 0;              // listeners
  std::string routes;        // listeners: the route configuration they subscribe to
  int codec = 0;             // listeners: what was announced to connections, which do not outlive it
  std::string Describe() const;
};
using ThingPtr = std::shared_ptr<const Thing>;
using Things = std::map<std::string, ThingPtr>;  // of one kind, by name

// As it is sent.
google::protobuf::Any Wire(const Thing& thing, bool http2_servers);
constexpr int kFirstServerPort = 8000;

}  // namespace outrigger::simulation::oracle
