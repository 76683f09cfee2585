// Thread: main
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "source/config/resource.h"
#include "source/model/cluster.h"
#include "source/model/endpoint_registry.h"

namespace outrigger::config {

// What endpoints of one cluster are compiled from.
struct EndpointInput {
  const model::ClusterConfig* cluster = nullptr;  // null: only to check the resource
  std::vector<uint32_t> missing_transports;       // places in ClusterConfig::transports: their endpoints are left out
  const envoy::config::endpoint::v3::ClusterLoadAssignment* assignment = nullptr;  // null: no endpoints (yet)
  const std::vector<std::vector<net::Address>>* resolved = nullptr;                // by DnsTarget; DNS clusters only
  bool single_endpoint = false;  // LOGICAL_DNS, or all_addresses_in_single_endpoint
};

absl::StatusOr<model::EndpointSetSpec> BuildEndpoints(const EndpointInput& input);
// What the difference means for that cluster's set. None: all must be built (which finds any error, too).
absl::optional<model::EndpointPatch> BuildPatch(const EndpointInput& input,
                                                const schema::AssignmentDifference& difference);
// The names in a DNS cluster's assignment, in order (one for each endpoint, IP addresses too).
absl::StatusOr<std::vector<DnsTarget>> DnsTargetsOf(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment);

}  // namespace outrigger::config
