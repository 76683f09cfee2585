// Thread: main
#pragma once

#include <map>
#include <string>
#include <vector>

#include "source/base/time.h"
#include "source/control_plane/resources/catalog.h"
#include "source/control_plane/resources/resource.h"

// The discovery protocol without its wire: what an adaptor makes of a DiscoveryRequest or DeltaDiscoveryRequest and
// turns into a response.
namespace outrigger::control_plane {

enum class WireForm : uint8_t {
  kWorld,  // state of the world: each request lists all names, a response of listeners or clusters is all there is
  kDelta,  // requests add and take away names, responses too
};

struct DiscoveryAsk {
  std::string type_url;
  std::vector<std::string> names;                       // world: all that are wanted; delta: those added
  std::vector<std::string> dropped_names;               // delta
  std::map<std::string, std::string> initial_versions;  // delta, first of its type: what the client has, by name
  std::string version;                                  // world: the last one the client accepted
  std::string nonce;  // of the response that this answers; empty: the first of its type on this stream
  bool refused = false;
  std::string refusal;  // why
  bool has_node = false;
  NodeName node;
  std::string user_agent;
  size_t bytes = 0;  // of the request on the wire
  // The client says that it uses all of this version of the type, and nothing else: neither names nor nonce count. In
  // the node's metadata, "outrigger.in_use": {"version": ...}.
  std::string in_use;
};

struct DiscoveryAnswer {
  std::string type_url;
  std::string version;
  std::string nonce;
  std::vector<ResourcePtr> resources;
  Duration ttl{0};                                // of each; 0: without end
  std::map<std::string, std::string> heartbeats;  // name → version: nothing new, but their time begins again
  // Delta only.
  std::vector<std::string> removed;
  std::map<std::string, std::vector<std::string>> asked_as;  // resource name → other names the client asked for it by
};

}  // namespace outrigger::control_plane
