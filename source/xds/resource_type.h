// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "google/protobuf/message.h"

namespace outrigger::xds {

// What a control plane gives, in the order in which requests go out: what others are made of comes first.
enum class ResourceType : uint8_t {
  kRuntime,  // RTDS: a layer of runtime values
  kCluster,
  kEndpoints,
  kSecret,
  kExtension,  // ECDS: a filter's configuration
  kListener,
  kRoutes,
  kVirtualHost  // VHDS: named "ROUTES/HOST"; delta only
};
inline constexpr size_t kResourceTypes = 8;
inline constexpr ResourceType kAllResourceTypes[kResourceTypes] = {
    ResourceType::kRuntime,   ResourceType::kCluster,  ResourceType::kEndpoints, ResourceType::kSecret,
    ResourceType::kExtension, ResourceType::kListener, ResourceType::kRoutes,    ResourceType::kVirtualHost};

absl::string_view TypeUrlOf(ResourceType type);    // "type.googleapis.com/envoy.config.cluster.v3.Cluster"
absl::string_view WordOf(ResourceType type);       // "cluster", for errors
absl::string_view ShortNameOf(ResourceType type);  // "CDS"
absl::optional<ResourceType> TypeOfUrl(absl::string_view type_url);  // none: not a type we know
// "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters", for sources that are not aggregated.
absl::string_view StreamMethodOf(ResourceType type);  // empty: virtual hosts come by delta only
absl::string_view DeltaMethodOf(ResourceType type);
inline constexpr absl::string_view kAggregatedMethod =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
inline constexpr absl::string_view kDeltaAggregatedMethod =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

// In state of the world a response of these types is complete: what it does not name is gone. All are subscribed to at
// once.
inline bool IsFullState(ResourceType type) { return type == ResourceType::kCluster || type == ResourceType::kListener; }

// An empty message of the type.
const google::protobuf::Message& PrototypeOf(ResourceType type);
// The resource's name by its type ("cluster_name" of endpoints, "name" of all others). A virtual host is known by the
// name of the Resource around it instead.
const std::string& NameOf(ResourceType type, const google::protobuf::Message& message);

}  // namespace outrigger::xds
