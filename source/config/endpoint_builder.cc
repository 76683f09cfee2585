#include "source/config/endpoint_builder.h"

#include <algorithm>
#include <limits>

#include "source/extension/fault.h"
#include "source/extension/values.h"

namespace outrigger::config {

namespace endpoint_v3 = envoy::config::endpoint::v3;
namespace core = envoy::config::core::v3;
using extension::Fault;
using extension::Item;

std::shared_ptr<model::EndpointRecord> EndpointRecords::Get(absl::string_view cluster, const net::Address& address,
                                                            absl::string_view hostname) {
  if (++made_since_sweep_ > records_.size() + 1024) {
    for (auto at = records_.begin(); at != records_.end();) at = at->second.expired() ? records_.erase(at) : std::next(at);
    made_since_sweep_ = 0;
  }
  auto& known = records_[{std::string(cluster), address, std::string(hostname)}];
  if (auto record = known.lock(); record != nullptr) return record;
  auto record = std::make_shared<model::EndpointRecord>();
  record->id = ++ids_;
  record->address = address;
  record->hostname = std::string(hostname);
  record->address_text = address.ToString();
  known = record;
  return record;
}

namespace {

constexpr uint32_t kMostPriority = 128;

uint32_t FlagsOf(core::HealthStatus status) {
  switch (status) {
    case core::UNHEALTHY:
    case core::TIMEOUT: return model::kEdsUnhealthy;
    case core::DEGRADED: return model::kEdsDegraded;
    case core::DRAINING: return model::kEdsDraining;
    default: return 0;
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
  for (size_t i = 1; i < cluster.transports.size(); ++i) {
    if (Matches(cluster.transports[i].match, metadata)) return static_cast<int32_t>(i);
  }
  return -1;
}

class EndpointSetBuilder {
 public:
  EndpointSetBuilder(const EndpointInput& input, EndpointRecords& records) : input_(input), records_(records) {}

  absl::Status AddLocality(const endpoint_v3::LocalityLbEndpoints& proto) {
    const uint32_t priority = std::min(proto.priority(), kMostPriority);
    if (set_->priorities.size() <= priority) set_->priorities.resize(priority + 1);
    model::PrioritySet& into = set_->priorities[priority];
    model::LocalityEndpoints locality;
    locality.locality = {proto.locality().region(), proto.locality().zone(), proto.locality().sub_zone()};
    locality.weight = proto.load_balancing_weight().value();
    const Metadata metadata = extension::MetadataOf(proto.metadata());
    if (!metadata.empty()) locality.metadata = std::make_shared<const Metadata>(metadata);
    into.localities.push_back(std::move(locality));
    uint64_t weight = 0;
    for (int i = 0; i < proto.lb_endpoints_size(); ++i) {
      const auto& endpoint = proto.lb_endpoints(i);
      weight += endpoint.has_load_balancing_weight() ? endpoint.load_balancing_weight().value() : 1;
      OUTRIGGER_CHECK(Item("lb_endpoints", i), AddEndpoint(endpoint, metadata, into));
    }
    if (weight > std::numeric_limits<uint32_t>::max()) return Fault("lb_endpoints", "the weights sum up to over 2^32-1");
    return absl::OkStatus();
  }

  BuiltEndpoints Take(const endpoint_v3::ClusterLoadAssignment& assignment) {
    if (set_->priorities.empty()) set_->priorities.emplace_back();
    set_->version = records_.NextVersion();
    if (assignment.policy().has_overprovisioning_factor()) {
      set_->overprovisioning_factor = assignment.policy().overprovisioning_factor().value();
    }
    set_->weighted_priority_health = assignment.policy().weighted_priority_health();
    return {std::move(set_), std::move(flags_)};
  }

 private:
  absl::Status AddEndpoint(const endpoint_v3::LbEndpoint& proto, const Metadata& locality, model::PrioritySet& into) {
    model::Endpoint endpoint;
    endpoint.weight = proto.has_load_balancing_weight() ? proto.load_balancing_weight().value() : 1;
    endpoint.locality = static_cast<uint32_t>(into.localities.size() - 1);
    Metadata metadata = extension::MetadataOf(proto.metadata());
    if (input_.cluster != nullptr) endpoint.transport_socket_match = TransportFor(*input_.cluster, metadata, locality);
    const size_t transport = endpoint.transport_socket_match < 0 ? 0 : static_cast<size_t>(endpoint.transport_socket_match);
    const bool usable = transport >= input_.missing_transports.size() || !input_.missing_transports[transport];
    if (!metadata.empty()) endpoint.metadata = std::make_shared<const Metadata>(std::move(metadata));
    std::string hostname = proto.endpoint().hostname();
    std::vector<net::Address> addresses;
    if (input_.resolved != nullptr) {
      const size_t target = target_++;
      if (target < input_.resolved->size()) addresses = (*input_.resolved)[target];
      if (hostname.empty()) hostname = proto.endpoint().address().socket_address().address();
    } else {
      if (!proto.endpoint().has_address()) return Fault("endpoint.address", "is not set");
      OUTRIGGER_ASSIGN(addresses.emplace_back(), "endpoint.address", extension::AddressOf(proto.endpoint().address()));
    }
    std::vector<net::Address> more;
    OUTRIGGER_CHECK("endpoint", AddAdditional(proto.endpoint(), &more));
    if (!usable || addresses.empty()) return absl::OkStatus();
    if (input_.single_endpoint) {
      more.insert(more.begin(), addresses.begin() + 1, addresses.end());
      addresses.resize(1);
    }
    for (const net::Address& address : addresses) {
      model::Endpoint one = endpoint;
      one.record = records_.Get(input_.cluster == nullptr ? "" : input_.cluster->name, address, hostname);
      // Only of a record that nobody has seen: workers read it without a lock.
      if (one.record.use_count() == 1) one.record->additional_addresses = more;
      flags_.emplace_back(one.record, FlagsOf(proto.health_status()));
      into.localities.back().members.push_back(static_cast<uint32_t>(into.endpoints.size()));
      into.endpoints.push_back(std::move(one));
    }
    return absl::OkStatus();
  }

  static absl::Status AddAdditional(const endpoint_v3::Endpoint& proto, std::vector<net::Address>* more) {
    for (int i = 0; i < proto.additional_addresses_size(); ++i) {
      OUTRIGGER_ASSIGN(more->emplace_back(), Item("additional_addresses", i) + ".address",
                       extension::AddressOf(proto.additional_addresses(i).address()));
    }
    return absl::OkStatus();
  }

  const EndpointInput& input_;
  EndpointRecords& records_;
  std::shared_ptr<model::EndpointSet> set_ = std::make_shared<model::EndpointSet>();
  std::vector<std::pair<std::shared_ptr<model::EndpointRecord>, uint32_t>> flags_;
  size_t target_ = 0;
};

}  // namespace

absl::StatusOr<BuiltEndpoints> BuildEndpoints(const EndpointInput& input, EndpointRecords& records) {
  EndpointSetBuilder builder(input, records);
  static const endpoint_v3::ClusterLoadAssignment kNone;
  const auto& assignment = input.assignment == nullptr ? kNone : *input.assignment;
  for (int i = 0; i < assignment.endpoints_size(); ++i) {
    OUTRIGGER_CHECK(Item("endpoints", i), builder.AddLocality(assignment.endpoints(i)));
  }
  return builder.Take(assignment);
}

absl::Status CheckEndpoints(const endpoint_v3::ClusterLoadAssignment& assignment) {
  EndpointRecords scratch;
  EndpointInput input;
  input.assignment = &assignment;
  return BuildEndpoints(input, scratch).status();
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
