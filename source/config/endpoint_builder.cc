#include "source/config/endpoint_builder.h"

#include <limits>
#include <memory>
#include <utility>

#include "source/extension/fault.h"
#include "source/extension/values.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace endpoint_v3 = envoy::config::endpoint::v3;
namespace core = envoy::config::core::v3;
using extension::Fault;
using extension::Item;

namespace {

uint32_t FlagsOf(core::HealthStatus status) {
  switch (status) {
    case core::UNHEALTHY:
    case core::TIMEOUT:
      return model::kEdsUnhealthy;
    case core::DEGRADED:
      return model::kEdsDegraded;
    case core::DRAINING:
      return model::kEdsDraining;
    default:
      return 0;
  }
}

// Whether every field of `match` is in the endpoint's (or its locality's) envoy.transport_socket_match metadata.
bool Matches(const Value::Struct& match, const Metadata& metadata) {
  if (match.empty()) return true;
  const auto at = metadata.find("envoy.transport_socket_match");
  if (at == metadata.end()) return false;
  for (const auto& [key, value] : match) {
    const Value* found = at->second.Find(key);
    if (found == nullptr || !(*found == value)) return false;
  }
  return true;
}

int32_t TransportFor(const model::ClusterConfig& cluster, const Metadata& endpoint, const Metadata& locality) {
  const Metadata& metadata = endpoint.count("envoy.transport_socket_match") > 0 ? endpoint : locality;
  for (size_t i = 1; i < cluster.transports->size(); ++i) {
    if (Matches((*cluster.transports)[i].match, metadata)) return static_cast<int32_t>(i);
  }
  return -1;
}

std::shared_ptr<const Metadata> Shared(Metadata metadata) {
  return metadata.empty() ? nullptr : std::make_shared<const Metadata>(std::move(metadata));
}

class EndpointSpecs {
 public:
  explicit EndpointSpecs(const EndpointInput& input) : input_(input) {}

  bool left_out() const { return left_out_; }

  absl::StatusOr<model::LocalitySpec> LocalityOf(const endpoint_v3::LocalityLbEndpoints& proto) {
    if (proto.priority() >= model::EndpointRegistry::kMostPriorities) {
      return Fault("priority", absl::StrCat("must be less than ", model::EndpointRegistry::kMostPriorities));
    }
    model::LocalitySpec out;
    out.locality = {proto.locality().region(), proto.locality().zone(), proto.locality().sub_zone()};
    out.priority = proto.priority();
    out.weight = proto.load_balancing_weight().value();
    const Metadata metadata = extension::MetadataOf(proto.metadata());
    out.metadata = Shared(metadata);
    uint64_t weight = 0;
    out.endpoints.reserve(static_cast<size_t>(proto.lb_endpoints_size()));
    for (int i = 0; i < proto.lb_endpoints_size(); ++i) {
      const auto& endpoint = proto.lb_endpoints(i);
      weight += endpoint.has_load_balancing_weight() ? endpoint.load_balancing_weight().value() : 1;
      OUTRIGGER_TRY(Item("lb_endpoints", i), AddEndpoint(endpoint, metadata, out.endpoints));
    }
    if (weight > std::numeric_limits<uint32_t>::max()) {
      return Fault("lb_endpoints", "the weights sum up to over 2^32-1");
    }
    return out;
  }

  absl::Status AddEndpoint(const endpoint_v3::LbEndpoint& proto, const Metadata& locality,
                           std::vector<model::EndpointSpec>& into) {
    model::EndpointSpec spec;
    spec.weight = proto.has_load_balancing_weight() ? proto.load_balancing_weight().value() : 1;
    spec.health = FlagsOf(proto.health_status());
    spec.hostname = proto.endpoint().hostname();
    OUTRIGGER_ASSIGN(spec.additional_addresses, "endpoint",
                     extension::ListOf<net::Address>("additional_addresses", proto.endpoint().additional_addresses(),
                                                     [](const endpoint_v3::Endpoint::AdditionalAddress& one) {
                                                       return extension::AddressOf(one.address());
                                                     }));
    std::vector<net::Address> addresses;
    if (input_.resolved != nullptr) {
      const size_t target = target_++;
      if (target < input_.resolved->size()) addresses = (*input_.resolved)[target];
      if (spec.hostname.empty()) spec.hostname = proto.endpoint().address().socket_address().address();
    } else {
      if (!proto.endpoint().has_address()) return Fault("endpoint.address", "is not set");
      OUTRIGGER_ASSIGN(addresses.emplace_back(), "endpoint.address", extension::AddressOf(proto.endpoint().address()));
    }
    Metadata metadata = extension::MetadataOf(proto.metadata());
    if (input_.cluster != nullptr) spec.transport_socket_match = TransportFor(*input_.cluster, metadata, locality);
    spec.metadata = Shared(std::move(metadata));
    const auto transport = static_cast<uint32_t>(std::max(spec.transport_socket_match, 0));
    const std::vector<uint32_t>& missing = input_.missing_transports;
    const bool unusable = std::binary_search(missing.begin(), missing.end(), transport);
    if (unusable || addresses.empty() || addresses.size() > 1) left_out_ = true;
    if (unusable || addresses.empty()) return absl::OkStatus();
    if (input_.single_endpoint) addresses.resize(1);
    for (const net::Address& address : addresses) {
      spec.address = address;
      into.push_back(spec);
    }
    return absl::OkStatus();
  }

 private:
  const EndpointInput& input_;
  size_t target_ = 0;      // the next DNS target
  bool left_out_ = false;  // or stands for several
};

}  // namespace

absl::StatusOr<model::EndpointSetSpec> BuildEndpoints(const EndpointInput& input) {
  model::EndpointSetSpec out;
  if (input.cluster != nullptr) out.per_host_max_connections = input.cluster->settings->per_host_max_connections;
  if (input.assignment == nullptr) return out;
  if (input.assignment->policy().has_overprovisioning_factor()) {
    out.overprovisioning_factor = input.assignment->policy().overprovisioning_factor().value();
  }
  out.weighted_priority_health = input.assignment->policy().weighted_priority_health();
  EndpointSpecs specs(input);
  for (int i = 0; i < input.assignment->endpoints_size(); ++i) {
    OUTRIGGER_ASSIGN(out.localities.emplace_back(), Item("endpoints", i),
                     specs.LocalityOf(input.assignment->endpoints(i)));
  }
  out.left_out = specs.left_out();
  return out;
}

absl::optional<model::EndpointPatch> BuildPatch(const EndpointInput& input,
                                                const schema::AssignmentDifference& difference) {
  model::EndpointPatch patch;
  patch.per_host_max_connections = input.cluster->settings->per_host_max_connections;
  EndpointSpecs specs(input);
  for (const schema::AssignmentDifference::Part& part : difference.parts) {
    endpoint_v3::LocalityLbEndpoints head;
    if (!head.ParseFromString(part.head) || !schema::ExpandTypedStructs(head).ok()) return absl::nullopt;
    model::EndpointPatch::Part& to = patch.parts.emplace_back();
    to.locality = {head.locality().region(), head.locality().zone(), head.locality().sub_zone()};
    to.priority = head.priority();
    const Metadata metadata = extension::MetadataOf(head.metadata());
    const auto add = [&](const std::vector<std::string>& from, std::vector<model::EndpointSpec>& into) {
      for (const std::string& bytes : from) {
        endpoint_v3::LbEndpoint endpoint;
        if (!endpoint.ParseFromString(bytes) || !schema::ExpandTypedStructs(endpoint).ok()) return false;
        if (!specs.AddEndpoint(endpoint, metadata, into).ok()) return false;
      }
      return true;
    };
    if (!add(part.left, to.left) || !add(part.came, to.came)) return absl::nullopt;
  }
  if (specs.left_out()) return absl::nullopt;
  return patch;
}

absl::StatusOr<std::vector<DnsTarget>> DnsTargetsOf(const endpoint_v3::ClusterLoadAssignment& assignment) {
  std::vector<DnsTarget> targets;
  for (int i = 0; i < assignment.endpoints_size(); ++i) {
    for (int k = 0; k < assignment.endpoints(i).lb_endpoints_size(); ++k) {
      const auto& endpoint = assignment.endpoints(i).lb_endpoints(k).endpoint();
      if (!endpoint.address().has_socket_address()) {
        return Fault(absl::StrCat("endpoints[", i, "].lb_endpoints[", k, "].endpoint.address"),
                     "needs a socket_address with the name to resolve");
      }
      const auto& address = endpoint.address().socket_address();
      targets.push_back({address.address(), static_cast<uint16_t>(address.port_value())});
    }
  }
  return targets;
}

}  // namespace outrigger::config
