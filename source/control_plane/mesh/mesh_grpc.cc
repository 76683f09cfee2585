#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/control_plane/mesh/mesh_parts.h"

// What a gRPC program gets that speaks xDS itself. It takes less than a sidecar does: libgrpc refuses a whole resource
// for a field that it does not know a use for, hence the older spellings here.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // the older spellings

namespace outrigger::control_plane {
namespace {

namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;
namespace route = envoy::config::route::v3;
namespace tls = envoy::extensions::transport_sockets::tls::v3;

void ForGrpc(route::HeaderMatcher& header) {
  if (!header.has_string_match()) return;
  const auto match = header.string_match();
  if (match.has_prefix()) {
    header.set_prefix_match(match.prefix());
  } else {
    header.set_exact_match(match.exact());
  }
}

// The only form of TLS that it takes: key, certificate and roots from a provider that its bootstrap names.
void SetGrpcTls(const std::string& spiffe_id, envoy::config::cluster::v3::Cluster& out) {
  tls::UpstreamTlsContext context;
  auto& common = *context.mutable_common_tls_context();
  common.mutable_tls_certificate_provider_instance()->set_instance_name(std::string(kGrpcCertificates));
  auto& validation = *common.mutable_validation_context();
  validation.mutable_ca_certificate_provider_instance()->set_instance_name(std::string(kGrpcCertificates));
  validation.add_match_subject_alt_names()->set_exact(spiffe_id);
  out.mutable_transport_socket()->set_name("envoy.transport_sockets.tls");
  out.mutable_transport_socket()->mutable_typed_config()->PackFrom(context);
}

}  // namespace

std::vector<envoy::config::listener::v3::Listener> GrpcListeners(const mesh_v1::Service& service) {
  std::vector<std::string> hosts(service.hosts().begin(), service.hosts().end());
  if (hosts.empty()) hosts.push_back(service.name());
  hcm::HttpConnectionManager manager;
  manager.set_stat_prefix("grpc");
  manager.mutable_rds()->set_route_config_name(std::string(kGrpcRoutes));
  SetAds(*manager.mutable_rds()->mutable_config_source());
  auto& filter = *manager.add_http_filters();
  filter.set_name("envoy.filters.http.router");
  filter.mutable_typed_config()->PackFrom(envoy::extensions::filters::http::router::v3::Router());
  std::vector<envoy::config::listener::v3::Listener> out;
  for (const std::string& host : hosts) {
    if (host.find('*') != std::string::npos) continue;  // xds:///HOST names one
    auto& listener = out.emplace_back();
    listener.set_name(absl::AsciiStrToLower(host));
    listener.mutable_api_listener()->mutable_api_listener()->PackFrom(manager);
  }
  return out;
}

route::RouteConfiguration GrpcRoutes(const mesh_v1::Mesh& mesh) {
  route::RouteConfiguration out = OutboundRoutes(mesh);
  out.set_name(std::string(kGrpcRoutes));
  for (auto& host : *out.mutable_virtual_hosts()) {
    for (auto& made : *host.mutable_routes()) {
      for (auto& header : *made.mutable_match()->mutable_headers()) ForGrpc(header);
      auto& action = *made.mutable_route();
      action.clear_prefix_rewrite();
      if (!action.has_weighted_clusters()) continue;
      uint32_t total = 0;
      for (const auto& cluster : action.weighted_clusters().clusters()) total += cluster.weight().value();
      action.mutable_weighted_clusters()->mutable_total_weight()->set_value(total);
    }
  }
  return out;
}

envoy::config::cluster::v3::Cluster GrpcCluster(const mesh_v1::Mesh& mesh, const mesh_v1::Service& service,
                                                const std::string& version, bool secure) {
  envoy::config::cluster::v3::Cluster out = ServiceCluster(mesh, service, version);
  out.clear_transport_socket();  // secrets by discovery are nothing it knows
  if (secure) SetGrpcTls(ServiceSpiffeId(mesh, service), out);
  out.clear_typed_extension_protocol_options();
  out.set_lb_policy(envoy::config::cluster::v3::Cluster::ROUND_ROBIN);
  return out;
}

envoy::config::endpoint::v3::ClusterLoadAssignment GrpcEndpoints(const mesh_v1::Service& service,
                                                                 const std::string& version) {
  envoy::config::endpoint::v3::ClusterLoadAssignment out = ServiceEndpoints(service, version);
  for (auto& group : *out.mutable_endpoints()) {  // without these two libgrpc leaves the endpoints out
    group.mutable_locality()->set_region("mesh");
    group.mutable_load_balancing_weight()->set_value(1);
  }
  return out;
}

}  // namespace outrigger::control_plane
