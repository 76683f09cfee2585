// Thread: main
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/xds/resource_type.h"

namespace outrigger::bench {

// Makes the resources of a mesh as a control plane would send them: serialised DiscoveryResponses. Everything follows
// from the numbers.
struct MeshShape {
  uint32_t clusters = 100;
  uint32_t endpoints_each = 10;
  uint32_t routes = 100;  // in one route configuration, over many virtual hosts; spread over the clusters
};

std::string ClusterName(uint32_t index);
// A response with those resources; `version` 0 is the first.
std::string AllClusters(const MeshShape& shape);
std::string OneCluster(uint32_t index, uint32_t version);
std::string NoEndpoints(const MeshShape& shape);  // an empty assignment for each cluster: warm, without endpoints
std::string AllEndpoints(const MeshShape& shape);
// One cluster's assignment, in which version `version` has one endpoint with another address than the version before
// (the others stay).
std::string EndpointsOf(uint32_t cluster, uint32_t count, uint32_t version);
std::string DeltaEndpointsOf(uint32_t cluster, uint32_t count, uint32_t version);  // a DeltaDiscoveryResponse
std::string TheListener();
std::string TheRoutes(const MeshShape& shape, uint32_t version);

}  // namespace outrigger::bench
