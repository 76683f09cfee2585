// Thread: main
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "source/config/build_context.h"
#include "source/model/cluster.h"

namespace outrigger::config {

// A cluster, compiled, but for its endpoints.
struct BuiltCluster {
  std::shared_ptr<const model::ClusterConfig> config;
  std::vector<uint32_t> missing_transports;  // places in ClusterConfig::transports, rising
  bool single_endpoint = false;
  bool dns = false;
  // New numbers for circuit breakers that are taken over from the version before: to be set when this one comes into
  // use.
  struct Limits {
    size_t priority;
    model::BreakerSettings settings;
  };
  std::vector<Limits> limits;
};

// `before`: the version in use, whose circuit breakers are kept, or null.
absl::StatusOr<BuiltCluster> BuildCluster(const envoy::config::cluster::v3::Cluster& proto,
                                          const model::ClusterConfig* before, BuildContext& context);

// A DNS resolver's configuration: the process has one resolver, so anything beyond its type is refused.
absl::Status CheckResolver(const envoy::config::core::v3::TypedExtensionConfig& resolver);

// EDS names endpoints by service_name, else by the cluster's own.
const std::string& EdsNameOf(const envoy::config::cluster::v3::Cluster& proto);

// The parts, by file: load balancing, circuit breakers, protocols, DNS.
absl::Status SetLoadBalancing(const envoy::config::cluster::v3::Cluster& proto, const BuildContext& context,
                              model::ClusterSettings* out);
absl::Status SetProtocols(const envoy::config::cluster::v3::Cluster& proto, BuildContext& context,
                          model::ClusterSettings* out);
void SetCircuitBreakers(const envoy::config::cluster::v3::Cluster& proto, const model::ClusterConfig* before,
                        BuildContext& context, model::ClusterConfig* out, BuiltCluster* built);

}  // namespace outrigger::config
