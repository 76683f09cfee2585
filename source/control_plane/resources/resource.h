// Thread: any
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace outrigger::control_plane {

// The type URLs that the server knows to order. Others are served as they come.
inline constexpr absl::string_view kListenerType = "type.googleapis.com/envoy.config.listener.v3.Listener";
inline constexpr absl::string_view kRouteType = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
inline constexpr absl::string_view kClusterType = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
inline constexpr absl::string_view kEndpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
inline constexpr absl::string_view kSecretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
inline constexpr absl::string_view kExtensionType =
    "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";  // ECDS
inline constexpr absl::string_view kRuntimeType = "type.googleapis.com/envoy.service.runtime.v3.Runtime";
inline constexpr absl::string_view kVirtualHostType = "type.googleapis.com/envoy.config.route.v3.VirtualHost";

// Whether it is one of these.
bool KnownType(absl::string_view type_url);
// Types of which a first request without names means all.
inline bool LegacyWildcard(absl::string_view type_url) { return type_url == kListenerType || type_url == kClusterType; }

// The last part of a type URL: "Listener".
absl::string_view ShortType(absl::string_view type_url);

// One discovery resource, encoded once and shared by everything that serves it. Immutable.
struct Resource {
  // Another resource that the client will ask for on the same stream once it has this one (its config source is `ads`).
  struct Reference {
    std::string type_url;
    std::string name;
    std::string path;   // of the field, for errors
    std::string place;  // "FILE:LINE" where it was read from a file
  };

  std::string type_url;
  std::string name;
  std::string bytes;    // the encoded message, without its Any
  std::string version;  // a hash of the above: equal content has an equal version in every process
  std::string place;    // "FILE:LINE" where it was read from a file
  std::vector<Reference> references;
  bool takes_hosts = false;          // route configuration with vhds: virtual hosts come by themselves
  std::vector<std::string> aliases;  // of a virtual host: "ROUTES/DOMAIN" for each of its domains
};
using ResourcePtr = std::shared_ptr<const Resource>;

// Encodes a message (deterministically: maps sorted) and notes what it refers to. InvalidArgument: it has no name.
absl::StatusOr<ResourcePtr> MakeResource(const google::protobuf::Message& message);

}  // namespace outrigger::control_plane
