// Thread: main
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/base/indexed_map.h"
#include "source/config/build_context.h"
#include "source/config/cluster_builder.h"
#include "source/model/endpoint_registry.h"
#include "source/model/snapshot.h"

namespace outrigger::config {

// Resources as the builder of Snapshots holds them: what was given, what it was compiled to, and what it refers to.
template <class Proto>
struct Part {
  Given given;
  std::shared_ptr<const Proto> proto;  // null: packed
  // The same, parsed again if need be.
  std::shared_ptr<const Proto> Message() const {
    return proto != nullptr ? proto : std::static_pointer_cast<const Proto>(given.kept.Get());
  }
  void Pack() {
    if (given.kept == nullptr) return;
    given.kept.Pack();
    proto = nullptr;
  }
  uint64_t content_hash = 0;
  model::OriginId origin = 0;
  bool removed = false;  // goes as soon as nobody subscribes to it any more
  FoundOfPart found;
};

// The names of a DNS cluster and what they stand for.
struct DnsNames {
  std::vector<DnsTarget> targets;
  std::vector<std::vector<net::Address>> resolved;  // by target
};
// There may be very many: what few of them have, few of them hold.
struct ClusterPart : Part<envoy::config::cluster::v3::Cluster> {
  ClusterNames::Ref name;
  BuiltCluster built;
  std::unique_ptr<DnsNames> dns;  // null: no DNS cluster
  // From being compiled to being committed, while `endpoints` is null.
  std::unique_ptr<const model::EndpointSetSpec> endpoints_spec;
  uint64_t endpoints_key = 0;  // of what the endpoints depend on beside their own resource
  std::shared_ptr<const model::EndpointSet> endpoints;
};
struct ListenerPart : Part<envoy::config::listener::v3::Listener> {
  ListenerNames::Ref name;
  std::shared_ptr<const model::Listener> listener;  // null: an api_listener
};
struct RoutesPart : Part<envoy::config::route::v3::RouteConfiguration> {
  RouteNames::Ref name;
  std::shared_ptr<const model::RouteTable> table;
};
// Of a route configuration that fetches its hosts; by the name of the resource, "ROUTES/HOST".
struct HostPart : Part<envoy::config::route::v3::VirtualHost> {
  std::string routes;
  uint64_t head = 0;                               // of the route configuration around it that it was compiled with
  std::shared_ptr<const model::RouteTable> table;  // with this host alone
};
// Once it is in use, its bytes stand for the message.
struct EndpointsPart : Part<envoy::config::endpoint::v3::ClusterLoadAssignment> {
  std::shared_ptr<const schema::WireAssignment> wire;
  // From being compiled to being committed: for each cluster of EDS that it serves.
  using Compiled = std::vector<std::pair<ClusterPart*, model::EndpointSetSpec>>;
  std::unique_ptr<Compiled> compiled;
};
using SecretPart = Part<envoy::extensions::transport_sockets::tls::v3::Secret>;
using ExtensionPart = Part<envoy::config::core::v3::TypedExtensionConfig>;

template <class P>
using PartMap = IndexedMap<SharedText, P>;

}  // namespace outrigger::config
