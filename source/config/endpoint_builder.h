// Thread: main
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "source/config/resource.h"
#include "source/model/cluster.h"

namespace outrigger::config {

// Endpoints by identity: (cluster, address, hostname) is one record as long as anybody holds it, whatever else changes.
class EndpointRecords {
 public:
  std::shared_ptr<model::EndpointRecord> Get(absl::string_view cluster, const net::Address& address,
                                             absl::string_view hostname);
  uint64_t NextVersion() { return ++versions_; }

 private:
  std::map<std::tuple<std::string, net::Address, std::string>, std::weak_ptr<model::EndpointRecord>> records_;
  uint64_t ids_ = 0;
  uint64_t versions_ = 0;
  uint64_t made_since_sweep_ = 0;
};

// What endpoints of one cluster are compiled from.
struct EndpointInput {
  const model::ClusterConfig* cluster = nullptr;
  std::vector<bool> missing_transports;  // by index of ClusterConfig::transports: their endpoints are left out
  const envoy::config::endpoint::v3::ClusterLoadAssignment* assignment = nullptr;
  const std::vector<std::vector<net::Address>>* resolved = nullptr;  // by DnsTarget; DNS clusters only
  bool single_endpoint = false;  // LOGICAL_DNS, or all_addresses_in_single_endpoint
};
struct BuiltEndpoints {
  std::shared_ptr<const model::EndpointSet> set;
  // What the set says of health: to be written into the records when it comes into use.
  std::vector<std::pair<std::shared_ptr<model::EndpointRecord>, uint32_t>> flags;
};

absl::StatusOr<BuiltEndpoints> BuildEndpoints(const EndpointInput& input, EndpointRecords& records);
// The names in a DNS cluster's assignment, in order (one for each endpoint, IP addresses too).
absl::StatusOr<std::vector<DnsTarget>> DnsTargetsOf(const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment);
// Health, address and weights alone, without a cluster: what an EDS resource can be checked for.
absl::Status CheckEndpoints(const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment);

}  // namespace outrigger::config
