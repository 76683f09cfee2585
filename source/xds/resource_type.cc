#include "source/xds/resource_type.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"

namespace outrigger::xds {
namespace {

struct TypeFacts {
  absl::string_view url, word, short_name, method, delta_method;
};
constexpr TypeFacts kFacts[kResourceTypes] = {
    {"type.googleapis.com/envoy.service.runtime.v3.Runtime", "runtime", "RTDS",
     "/envoy.service.runtime.v3.RuntimeDiscoveryService/StreamRuntime",
     "/envoy.service.runtime.v3.RuntimeDiscoveryService/DeltaRuntime"},
    {"type.googleapis.com/envoy.config.cluster.v3.Cluster", "cluster", "CDS",
     "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters",
     "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters"},
    {"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_load_assignment", "EDS",
     "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints",
     "/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints"},
    {"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "secret", "SDS",
     "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
     "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets"},
    {"type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", "typed_extension_config", "ECDS",
     "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs",
     "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/DeltaExtensionConfigs"},
    {"type.googleapis.com/envoy.config.listener.v3.Listener", "listener", "LDS",
     "/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners",
     "/envoy.service.listener.v3.ListenerDiscoveryService/DeltaListeners"},
    {"type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "route_configuration", "RDS",
     "/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes",
     "/envoy.service.route.v3.RouteDiscoveryService/DeltaRoutes"},
    {"type.googleapis.com/envoy.config.route.v3.VirtualHost", "virtual_host", "VHDS", "",
     "/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts"},
};
const TypeFacts& FactsOf(ResourceType type) { return kFacts[static_cast<size_t>(type)]; }

}  // namespace

absl::string_view TypeUrlOf(ResourceType type) { return FactsOf(type).url; }
absl::string_view WordOf(ResourceType type) { return FactsOf(type).word; }
absl::string_view ShortNameOf(ResourceType type) { return FactsOf(type).short_name; }
absl::string_view StreamMethodOf(ResourceType type) { return FactsOf(type).method; }
absl::string_view DeltaMethodOf(ResourceType type) { return FactsOf(type).delta_method; }

absl::optional<ResourceType> TypeOfUrl(absl::string_view type_url) {
  for (const ResourceType type : kAllResourceTypes) {
    if (FactsOf(type).url == type_url) return type;
  }
  return absl::nullopt;
}

const google::protobuf::Message& PrototypeOf(ResourceType type) {
  switch (type) {
    case ResourceType::kRuntime:
      return envoy::service::runtime::v3::Runtime::default_instance();
    case ResourceType::kExtension:
      return envoy::config::core::v3::TypedExtensionConfig::default_instance();
    case ResourceType::kVirtualHost:
      return envoy::config::route::v3::VirtualHost::default_instance();
    case ResourceType::kCluster:
      return envoy::config::cluster::v3::Cluster::default_instance();
    case ResourceType::kEndpoints:
      return envoy::config::endpoint::v3::ClusterLoadAssignment::default_instance();
    case ResourceType::kSecret:
      return envoy::extensions::transport_sockets::tls::v3::Secret::default_instance();
    case ResourceType::kListener:
      return envoy::config::listener::v3::Listener::default_instance();
    case ResourceType::kRoutes:
      break;
  }
  return envoy::config::route::v3::RouteConfiguration::default_instance();
}

const std::string& NameOf(ResourceType type, const google::protobuf::Message& message) {
  switch (type) {
    case ResourceType::kRuntime:
      return static_cast<const envoy::service::runtime::v3::Runtime&>(message).name();
    case ResourceType::kExtension:
      return static_cast<const envoy::config::core::v3::TypedExtensionConfig&>(message).name();
    case ResourceType::kVirtualHost:
      return static_cast<const envoy::config::route::v3::VirtualHost&>(message).name();
    case ResourceType::kCluster:
      return static_cast<const envoy::config::cluster::v3::Cluster&>(message).name();
    case ResourceType::kEndpoints:
      return static_cast<const envoy::config::endpoint::v3::ClusterLoadAssignment&>(message).cluster_name();
    case ResourceType::kSecret:
      return static_cast<const envoy::extensions::transport_sockets::tls::v3::Secret&>(message).name();
    case ResourceType::kListener:
      return static_cast<const envoy::config::listener::v3::Listener&>(message).name();
    case ResourceType::kRoutes:
      break;
  }
  return static_cast<const envoy::config::route::v3::RouteConfiguration&>(message).name();
}

}  // namespace outrigger::xds
