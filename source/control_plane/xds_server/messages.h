// Thread: main
#pragma once

#include <string>
#include <vector>

#include "source/control_plane/resources/catalog.h"
#include "source/control_plane/resources/resource.h"

// The discovery protocol without its wire form: what an adaptor makes of a DiscoveryRequest and turns into a
// DiscoveryResponse.
namespace outrigger::control_plane {

struct DiscoveryAsk {
  std::string type_url;
  std::vector<std::string> names;
  std::string version;  // the last one the client accepted
  std::string nonce;    // of the response that this answers; empty: the first of its type on this stream
  bool refused = false;
  std::string refusal;  // why
  bool has_node = false;
  NodeName node;
  std::string user_agent;
  size_t bytes = 0;  // of the request on the wire
};

struct DiscoveryAnswer {
  std::string type_url;
  std::string version;
  std::string nonce;
  std::vector<ResourcePtr> resources;
};

}  // namespace outrigger::control_plane
