#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "source/control_plane/mesh/mesh_parts.h"

namespace outrigger::control_plane {
namespace {

namespace cluster = envoy::config::cluster::v3;
namespace core = envoy::config::core::v3;
namespace tls = envoy::extensions::transport_sockets::tls::v3;

constexpr char kProtocolOptions[] = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

void SpeakHttp2(cluster::Cluster& out) {
  envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
  options.mutable_explicit_http_config()->mutable_http2_protocol_options();
  (*out.mutable_typed_extension_protocol_options())[kProtocolOptions].PackFrom(options);
}

cluster::Cluster::LbPolicy PolicyOf(mesh_v1::LoadBalancing policy) {
  switch (policy) {
    case mesh_v1::LEAST_REQUEST:
      return cluster::Cluster::LEAST_REQUEST;
    case mesh_v1::RANDOM:
      return cluster::Cluster::RANDOM;
    default:
      return cluster::Cluster::ROUND_ROBIN;
  }
}

void SetLimits(const mesh_v1::Limits& limits, cluster::Cluster& out) {
  auto& thresholds = *out.mutable_circuit_breakers()->add_thresholds();
  if (limits.connections() != 0) thresholds.mutable_max_connections()->set_value(limits.connections());
  if (limits.pending_requests() != 0) thresholds.mutable_max_pending_requests()->set_value(limits.pending_requests());
  if (limits.requests() != 0) thresholds.mutable_max_requests()->set_value(limits.requests());
  if (limits.retries() != 0) thresholds.mutable_max_retries()->set_value(limits.retries());
}

}  // namespace

void SetAddress(const std::string& ip, uint32_t port, core::Address& out) {
  out.mutable_socket_address()->set_address(ip);
  out.mutable_socket_address()->set_port_value(port);
}

void SetAds(core::ConfigSource& out) {
  out.mutable_ads();
  out.set_resource_api_version(core::V3);
}

cluster::Cluster ServiceCluster(const mesh_v1::Mesh& mesh, const mesh_v1::Service& service,
                                const std::string& version) {
  cluster::Cluster out;
  out.set_name(ClusterName(service.name(), version));
  out.set_type(cluster::Cluster::EDS);
  SetAds(*out.mutable_eds_cluster_config()->mutable_eds_config());
  if (service.has_connect_timeout()) {
    *out.mutable_connect_timeout() = service.connect_timeout();
  } else {
    out.mutable_connect_timeout()->set_seconds(2);
  }
  out.set_lb_policy(PolicyOf(service.load_balancing()));
  if (service.has_limits()) SetLimits(service.limits(), out);
  SpeakHttp2(out);

  tls::UpstreamTlsContext context;
  context.set_sni(service.name());
  SetTls(ServiceSpiffeId(mesh, service), false, *context.mutable_common_tls_context());
  context.mutable_common_tls_context()->add_alpn_protocols("h2");
  out.mutable_transport_socket()->set_name("envoy.transport_sockets.tls");
  out.mutable_transport_socket()->mutable_typed_config()->PackFrom(context);
  return out;
}

envoy::config::endpoint::v3::ClusterLoadAssignment ServiceEndpoints(const mesh_v1::Service& service,
                                                                    const std::string& version) {
  envoy::config::endpoint::v3::ClusterLoadAssignment out;
  out.set_cluster_name(ClusterName(service.name(), version));
  auto& group = *out.add_endpoints();
  for (const mesh_v1::Workload& workload : service.workloads()) {
    if (!version.empty() && workload.version() != version) continue;
    auto& endpoint = *group.add_lb_endpoints();
    SetAddress(workload.address(), workload.port(), *endpoint.mutable_endpoint()->mutable_address());
    if (workload.weight() != 0) endpoint.mutable_load_balancing_weight()->set_value(workload.weight());
    auto& labels = *(*endpoint.mutable_metadata()->mutable_filter_metadata())["outrigger"].mutable_fields();
    labels["node"].set_string_value(workload.node());
    if (!workload.version().empty()) labels["version"].set_string_value(workload.version());
    for (const auto& [key, value] : workload.labels()) labels[key].set_string_value(value);
  }
  return out;
}

cluster::Cluster ApplicationCluster(const mesh_v1::Workload& workload, bool grpc) {
  cluster::Cluster out;
  out.set_name(std::string(grpc ? kApplicationGrpc : kApplicationHttp));
  out.set_type(cluster::Cluster::STATIC);
  out.mutable_connect_timeout()->set_seconds(2);
  out.mutable_load_assignment()->set_cluster_name(out.name());
  const mesh_v1::Application& application = workload.application();
  auto& endpoint = *out.mutable_load_assignment()->add_endpoints()->add_lb_endpoints()->mutable_endpoint();
  SetAddress(application.address().empty() ? "127.0.0.1" : application.address(),
             grpc ? application.grpc_port() : application.port(), *endpoint.mutable_address());
  if (grpc) SpeakHttp2(out);
  return out;
}

}  // namespace outrigger::control_plane
