#include "envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h"
#include "envoy/extensions/load_balancing_policies/random/v3/random.pb.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h"
#include "envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.pb.h"
#include "source/config/cluster_builder.h"
#include "source/extension/runtime.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace cluster_v3 = envoy::config::cluster::v3;
namespace lb_v3 = envoy::extensions::load_balancing_policies;
using extension::Fault;
using extension::Item;

namespace {

template <class LocalityConfig>
void SetLocality(const LocalityConfig& proto, model::LbConfig* out) {
  if (proto.has_locality_weighted_lb_config()) out->locality_weighted = true;
  // The rest of it asks for a local cluster, which a bootstrap cannot name here.
  if (proto.has_zone_aware_lb_config()) {
    out->fail_traffic_on_panic = proto.zone_aware_lb_config().fail_traffic_on_panic();
  }
}

absl::Status SetPolicies(const cluster_v3::LoadBalancingPolicy& policies, int depth, const BuildContext& context,
                         model::LbConfig* out);

absl::Status SetPolicy(const google::protobuf::Message& config, int depth, const BuildContext& context,
                       model::LbConfig* out) {
  if (const auto* least = dynamic_cast<const lb_v3::least_request::v3::LeastRequest*>(&config); least != nullptr) {
    out->policy = model::LbPolicy::kLeastRequest;
    if (least->has_choice_count()) out->choice_count = least->choice_count().value();
    if (least->has_active_request_bias()) {
      const auto& bias = least->active_request_bias();
      out->active_request_bias = extension::RuntimeNumber(bias.default_value(), bias.runtime_key(), context);
    }
    SetLocality(least->locality_lb_config(), out);
    return absl::OkStatus();
  }
  if (const auto* robin = dynamic_cast<const lb_v3::round_robin::v3::RoundRobin*>(&config); robin != nullptr) {
    out->policy = model::LbPolicy::kRoundRobin;
    SetLocality(robin->locality_lb_config(), out);
    return absl::OkStatus();
  }
  if (const auto* random = dynamic_cast<const lb_v3::random::v3::Random*>(&config); random != nullptr) {
    out->policy = model::LbPolicy::kRandom;
    SetLocality(random->locality_lb_config(), out);
    return absl::OkStatus();
  }
  if (const auto* wrr = dynamic_cast<const lb_v3::wrr_locality::v3::WrrLocality*>(&config); wrr != nullptr) {
    if (depth > 4) return Fault("endpoint_picking_policy", "is nested too deep");
    OUTRIGGER_TRY("endpoint_picking_policy", SetPolicies(wrr->endpoint_picking_policy(), depth + 1, context, out));
    out->locality_weighted = true;
    return absl::OkStatus();
  }
  return absl::NotFoundError("");
}

// The first policy that is known here, as published.
absl::Status SetPolicies(const cluster_v3::LoadBalancingPolicy& policies, int depth, const BuildContext& context,
                         model::LbConfig* out) {
  for (int i = 0; i < policies.policies_size(); ++i) {
    auto config = schema::UnpackAny(policies.policies(i).typed_extension_config().typed_config());
    if (!config.ok()) continue;
    const absl::Status set = SetPolicy(**config, depth, context, out);
    if (absl::IsNotFound(set)) continue;
    return extension::Under(Item("policies", i) + ".typed_extension_config.typed_config", set);
  }
  return Fault("policies", "none of the policies is known here");
}

}  // namespace

absl::Status SetLoadBalancing(const cluster_v3::Cluster& proto, const BuildContext& context,
                              model::ClusterSettings* out) {
  model::LbConfig& lb = out->lb;
  const auto& common = proto.common_lb_config();
  if (common.has_healthy_panic_threshold()) lb.healthy_panic_threshold = common.healthy_panic_threshold().value();
  lb.close_connections_on_host_set_change = common.close_connections_on_host_set_change();
  SetLocality(common, &lb);
  if (proto.has_load_balancing_policy()) {
    OUTRIGGER_TRY("load_balancing_policy", SetPolicies(proto.load_balancing_policy(), 0, context, &lb));
    return absl::OkStatus();
  }
  switch (proto.lb_policy()) {
    case cluster_v3::Cluster::ROUND_ROBIN:
      lb.policy = model::LbPolicy::kRoundRobin;
      break;
    case cluster_v3::Cluster::LEAST_REQUEST:
      lb.policy = model::LbPolicy::kLeastRequest;
      break;
    case cluster_v3::Cluster::RANDOM:
      lb.policy = model::LbPolicy::kRandom;
      break;
    case cluster_v3::Cluster::LOAD_BALANCING_POLICY_CONFIG:
      return Fault("load_balancing_policy", "is not set, as lb_policy says it is");
    default:
      return Fault("lb_policy", "is not supported");
  }
  if (proto.has_least_request_lb_config()) {
    const auto& least = proto.least_request_lb_config();
    if (least.has_choice_count()) lb.choice_count = least.choice_count().value();
    if (least.has_active_request_bias()) {
      const auto& bias = least.active_request_bias();
      lb.active_request_bias = extension::RuntimeNumber(bias.default_value(), bias.runtime_key(), context);
    }
  }
  if (lb.active_request_bias < 0) return Fault("least_request_lb_config.active_request_bias", "is less than 0");
  return absl::OkStatus();
}

}  // namespace outrigger::config
