// Thread: any
#pragma once

#include <google/protobuf/any.pb.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "source/control_plane/resources/resource.h"
#include "source/schema/reader.h"
#include "source/schema/typed_struct.h"

// Small resources of each type for tests of the control plane.
namespace outrigger::control_plane {

// `yaml` with "@type".
inline ResourcePtr ResourceOf(const std::string& yaml) {
  google::protobuf::Any any;
  const absl::Status read = schema::ReadMessage(yaml, any);
  EXPECT_TRUE(read.ok()) << read << yaml;
  auto content = schema::UnpackAny(any);
  EXPECT_TRUE(content.ok()) << content.status();
  auto resource = MakeResource(**content);
  EXPECT_TRUE(resource.ok()) << resource.status();
  return *resource;
}

inline ResourcePtr EdsCluster(const std::string& name, const std::string& timeout = "1s") {
  return ResourceOf(absl::StrCat("{\"@type\": ", kClusterType, ", name: ", name, ", connect_timeout: ", timeout,
                                 ", type: EDS, eds_cluster_config: {eds_config: {ads: {}}}}"));
}
inline ResourcePtr Endpoints(const std::string& name, int port) {
  return ResourceOf(absl::StrCat("{\"@type\": ", kEndpointType, ", cluster_name: ", name,
                                 ", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: "
                                 "127.0.0.1, port_value: ",
                                 port, "}}}}]}]}"));
}
inline ResourcePtr RoutesTo(const std::string& name, const std::string& cluster) {
  return ResourceOf(absl::StrCat("{\"@type\": ", kRouteType, ", name: ", name,
                                 ", virtual_hosts: [{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: "
                                 "{cluster: ",
                                 cluster, "}}]}]}"));
}
inline ResourcePtr ListenerWith(const std::string& name, const std::string& routes) {
  return ResourceOf(absl::StrCat(
      "{\"@type\": ", kListenerType, ", name: ", name,
      ", address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: hcm, "
      "typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
      "stat_prefix: x, rds: {route_config_name: ",
      routes, ", config_source: {ads: {}}}}}]}]}"));
}
inline ResourcePtr SecretOf(const std::string& name, const std::string& key) {
  return ResourceOf(absl::StrCat("{\"@type\": ", kSecretType, ", name: ", name,
                                 ", tls_certificate: {certificate_chain: {inline_string: c}, private_key: "
                                 "{inline_string: ",
                                 key, "}}}"));
}

inline ResourcePtr HostOf(const std::string& name, const std::string& domains, const std::string& cluster = "c") {
  return ResourceOf(absl::StrCat("{\"@type\": ", kVirtualHostType, ", name: ", name, ", domains: ", domains,
                                 ", routes: [{match: {prefix: /}, route: {cluster: ", cluster, "}}]}"));
}

}  // namespace outrigger::control_plane
