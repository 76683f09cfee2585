#include "test/benchmark/configuration/meshes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"

namespace outrigger::bench {

namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::service::discovery::v3::DiscoveryResponse;

class Response {
 public:
  Response(xds::ResourceType type, uint32_t version) {
    response_.set_version_info(absl::StrCat(version));
    response_.set_type_url(std::string(xds::TypeUrlOf(type)));
    response_.set_nonce(absl::StrCat("n", version));
  }
  void Add(const google::protobuf::Message& resource) {
    google::protobuf::Any& any = *response_.add_resources();
    any.set_type_url(response_.type_url());
    resource.SerializeToString(any.mutable_value());
  }
  std::string Bytes() const { return response_.SerializeAsString(); }

 private:
  DiscoveryResponse response_;
};

Cluster ClusterOf(uint32_t index, uint32_t version) {
  Cluster cluster;
  cluster.set_name(ClusterName(index));
  cluster.set_type(Cluster::EDS);
  cluster.mutable_eds_cluster_config()->mutable_eds_config()->mutable_ads();
  cluster.mutable_eds_cluster_config()->mutable_eds_config()->set_resource_api_version(
      envoy::config::core::v3::ApiVersion::V3);
  cluster.mutable_connect_timeout()->set_seconds(10 + version);
  return cluster;
}

std::string AddressOf(uint32_t cluster, uint32_t endpoint) {
  const uint32_t host = cluster * 10007 + endpoint;
  return absl::StrCat("10.", (host >> 16) & 0xff, ".", (host >> 8) & 0xff, ".", host & 0xff);
}

ClusterLoadAssignment AssignmentOf(uint32_t cluster, uint32_t count, uint32_t version) {
  ClusterLoadAssignment assignment;
  assignment.set_cluster_name(ClusterName(cluster));
  if (count == 0) return assignment;
  constexpr uint32_t kLocalities = 2;
  for (uint32_t l = 0; l < kLocalities; ++l) {
    auto& locality = *assignment.add_endpoints();
    locality.mutable_locality()->set_region("region");
    locality.mutable_locality()->set_zone(absl::StrCat("zone-", l));
    locality.mutable_load_balancing_weight()->set_value(1);
    for (uint32_t e = l; e < count; e += kLocalities) {
      auto& socket = *locality.add_lb_endpoints()->mutable_endpoint()->mutable_address()->mutable_socket_address();
      const bool moved = version != 0 && e == version % count;
      socket.set_address(moved ? absl::StrCat("11.0.", (version >> 8) & 0xff, ".", version & 0xff)
                               : AddressOf(cluster, e));
      socket.set_port_value(8080);
    }
  }
  return assignment;
}

}  // namespace

std::string ClusterName(uint32_t index) {
  return absl::StrCat("outbound|8080||service-", index, ".namespace.svc.cluster.local");
}

std::string AllClusters(const MeshShape& shape) {
  Response response(xds::ResourceType::kCluster, 0);
  for (uint32_t i = 0; i < shape.clusters; ++i) response.Add(ClusterOf(i, 0));
  return response.Bytes();
}

std::string OneCluster(uint32_t index, uint32_t version) {
  Response response(xds::ResourceType::kCluster, version);
  response.Add(ClusterOf(index, version));
  return response.Bytes();
}

std::string NoEndpoints(const MeshShape& shape) {
  Response response(xds::ResourceType::kEndpoints, 0);
  for (uint32_t i = 0; i < shape.clusters; ++i) response.Add(AssignmentOf(i, 0, 0));
  return response.Bytes();
}

std::string AllEndpoints(const MeshShape& shape) {
  Response response(xds::ResourceType::kEndpoints, 1);
  for (uint32_t i = 0; i < shape.clusters; ++i) response.Add(AssignmentOf(i, shape.endpoints_each, 0));
  return response.Bytes();
}

std::string EndpointsOf(uint32_t cluster, uint32_t count, uint32_t version) {
  Response response(xds::ResourceType::kEndpoints, version);
  response.Add(AssignmentOf(cluster, count, version));
  return response.Bytes();
}

std::string DeltaEndpointsOf(uint32_t cluster, uint32_t count, uint32_t version) {
  envoy::service::discovery::v3::DeltaDiscoveryResponse response;
  response.set_type_url(std::string(xds::TypeUrlOf(xds::ResourceType::kEndpoints)));
  response.set_nonce(absl::StrCat("n", version));
  response.set_system_version_info(absl::StrCat(version));
  auto& resource = *response.add_resources();
  resource.set_name(ClusterName(cluster));
  resource.set_version(absl::StrCat(version));
  resource.mutable_resource()->set_type_url(response.type_url());
  AssignmentOf(cluster, count, version).SerializeToString(resource.mutable_resource()->mutable_value());
  return response.SerializeAsString();
}

std::string TheListener() {
  HttpConnectionManager manager;
  manager.set_stat_prefix("in");
  manager.mutable_rds()->set_route_config_name("routes");
  manager.mutable_rds()->mutable_config_source()->mutable_ads();
  auto& filter = *manager.add_http_filters();
  filter.set_name("envoy.filters.http.router");
  filter.mutable_typed_config()->PackFrom(envoy::extensions::filters::http::router::v3::Router());
  Listener listener;
  listener.set_name("in");
  auto& socket = *listener.mutable_address()->mutable_socket_address();
  socket.set_address("127.0.0.1");
  socket.set_port_value(0);
  auto& network = *listener.add_filter_chains()->add_filters();
  network.set_name("envoy.filters.network.http_connection_manager");
  network.mutable_typed_config()->PackFrom(manager);
  Response response(xds::ResourceType::kListener, 0);
  response.Add(listener);
  return response.Bytes();
}

std::string TheRoutes(const MeshShape& shape, uint32_t version) {
  constexpr uint32_t kRoutesEach = 20;  // of a virtual host
  RouteConfiguration routes;
  routes.set_name("routes");
  for (uint32_t i = 0; i < shape.routes; i += kRoutesEach) {
    auto& host = *routes.add_virtual_hosts();
    host.set_name(absl::StrCat("host-", i));
    host.add_domains(absl::StrCat("host-", i, ".namespace.svc.cluster.local"));
    for (uint32_t r = i; r < std::min(shape.routes, i + kRoutesEach); ++r) {
      auto& route = *host.add_routes();
      route.mutable_match()->set_prefix(absl::StrCat("/", r, "/", r == 0 ? version : 0));
      route.mutable_route()->set_cluster(ClusterName(r % shape.clusters));
    }
  }
  Response response(xds::ResourceType::kRoutes, version);
  response.Add(routes);
  return response.Bytes();
}

}  // namespace outrigger::bench
