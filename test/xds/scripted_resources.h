// Thread: test
#pragma once

#include <string>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/xds/resource_type.h"

// Small resources of each type, and responses that hold them.
namespace outrigger::xds {

using Request = envoy::service::discovery::v3::DiscoveryRequest;
using Response = envoy::service::discovery::v3::DiscoveryResponse;
using DeltaRequest = envoy::service::discovery::v3::DeltaDiscoveryRequest;
using DeltaResponse = envoy::service::discovery::v3::DeltaDiscoveryResponse;
using Wrapped = envoy::service::discovery::v3::Resource;
using RouteProto = envoy::config::route::v3::RouteConfiguration;
using ListenerProto = envoy::config::listener::v3::Listener;
using ClusterProto = envoy::config::cluster::v3::Cluster;
using HttpManager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

inline ClusterProto EdsCluster(const std::string& name, int timeout_ms = 1000, const std::string& service = "") {
  ClusterProto cluster;
  cluster.set_name(name);
  cluster.set_type(ClusterProto::EDS);
  cluster.mutable_connect_timeout()->set_nanos(timeout_ms * 1000);
  cluster.mutable_eds_cluster_config()->mutable_eds_config()->mutable_ads();
  cluster.mutable_eds_cluster_config()->set_service_name(service);
  return cluster;
}
inline ClusterProto StaticCluster(const std::string& name) {
  ClusterProto cluster;
  cluster.set_name(name);
  cluster.set_type(ClusterProto::STATIC);
  return cluster;
}
inline envoy::config::endpoint::v3::ClusterLoadAssignment Endpoints(const std::string& name, int port = 80) {
  envoy::config::endpoint::v3::ClusterLoadAssignment assignment;
  assignment.set_cluster_name(name);
  auto* address =
      assignment.add_endpoints()->add_lb_endpoints()->mutable_endpoint()->mutable_address()->mutable_socket_address();
  address->set_address("127.0.0.1");
  address->set_port_value(static_cast<uint32_t>(port));
  return assignment;
}
inline RouteProto Routes(const std::string& name, const std::string& cluster) {
  RouteProto routes;
  routes.set_name(name);
  auto* host = routes.add_virtual_hosts();
  host->set_name("all");
  host->add_domains("*");
  auto* route = host->add_routes();
  route->mutable_match()->set_prefix("/");
  route->mutable_route()->set_cluster(cluster);
  return routes;
}
inline ListenerProto Listener(const std::string& name, const std::string& routes, int port = 0) {
  ListenerProto listener;
  listener.set_name(name);
  auto* address = listener.mutable_address()->mutable_socket_address();
  address->set_address("127.0.0.1");
  address->set_port_value(static_cast<uint32_t>(port));
  HttpManager manager;
  manager.set_stat_prefix("in");
  manager.mutable_rds()->set_route_config_name(routes);
  manager.mutable_rds()->mutable_config_source()->mutable_ads();
  auto* filter = listener.add_filter_chains()->add_filters();
  filter->set_name("hcm");
  filter->mutable_typed_config()->PackFrom(manager);
  return listener;
}
// The same, with a second filter whose configuration `extension` is discovered.
inline ListenerProto Discovering(const std::string& name, const std::string& extension, bool at_once = false) {
  ListenerProto listener = Listener(name, "r");
  auto* filter = listener.mutable_filter_chains(0)->add_filters();
  filter->set_name(extension);
  auto* source = filter->mutable_config_discovery();
  source->mutable_config_source()->mutable_ads();
  source->add_type_urls("google.protobuf.Empty");
  source->set_apply_default_config_without_warming(at_once);
  return listener;
}
inline envoy::config::core::v3::TypedExtensionConfig Extension(const std::string& name, bool other = false) {
  envoy::config::core::v3::TypedExtensionConfig extension;
  extension.set_name(name);
  envoy::extensions::filters::http::router::v3::Router router;
  router.set_suppress_envoy_headers(other);
  extension.mutable_typed_config()->PackFrom(router);
  return extension;
}
inline envoy::extensions::transport_sockets::tls::v3::Secret Secret(const std::string& name,
                                                                    const std::string& text = "x") {
  envoy::extensions::transport_sockets::tls::v3::Secret secret;
  secret.set_name(name);
  secret.mutable_validation_context()->mutable_trusted_ca()->set_inline_string(text);
  return secret;
}

template <class Proto>
Response Give(ResourceType type, const std::string& version, const std::string& nonce,
              const std::vector<Proto>& resources) {
  Response response;
  response.set_type_url(std::string(TypeUrlOf(type)));
  response.set_version_info(version);
  response.set_nonce(nonce);
  for (const Proto& resource : resources) response.add_resources()->PackFrom(resource);
  return response;
}
// A resource as delta has it, and state of the world may have it.
template <class Proto>
Wrapped Wrap(const std::string& name, const std::string& version, const Proto& resource, int ttl_seconds = 0) {
  Wrapped wrapped;
  wrapped.set_name(name);
  wrapped.set_version(version);
  wrapped.mutable_resource()->PackFrom(resource);
  if (ttl_seconds != 0) wrapped.mutable_ttl()->set_seconds(ttl_seconds);
  return wrapped;
}
inline DeltaResponse GiveDelta(ResourceType type, const std::string& nonce, const std::vector<Wrapped>& resources,
                               const std::vector<std::string>& removed = {}) {
  DeltaResponse response;
  response.set_type_url(std::string(TypeUrlOf(type)));
  response.set_nonce(nonce);
  response.set_system_version_info(nonce);
  for (const Wrapped& resource : resources) *response.add_resources() = resource;
  for (const std::string& name : removed) response.add_removed_resources(name);
  return response;
}
inline Response GiveNothing(ResourceType type, const std::string& version, const std::string& nonce) {
  return Give<ClusterProto>(type, version, nonce, {});
}

}  // namespace outrigger::xds
