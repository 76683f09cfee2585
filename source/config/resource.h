// Thread: main
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace envoy::config::core::v3 {
class ConfigSource;
}

namespace outrigger::config {

// The resources a Snapshot is made of.
enum class ResourceKind : uint8_t { kListener, kRoutes, kCluster, kEndpoints, kSecret, kExtension, kVirtualHost };
absl::string_view WordOf(ResourceKind kind);  // "listener", "route_configuration", "cluster", ...

// Who gave a resource, beside its content.
struct Given {
  std::string version;     // of the control plane; empty: static
  bool is_static = false;  // of the bootstrap: never replaced or removed by a control plane
  // Whoever decoded it has checked rules and support marks (schema::Validate) and told the warnings: not done again.
  bool validated = false;
};

// A resource that another one subscribes to and is incomplete without.
struct Subscription {
  // kEndpoints of a cluster; kRoutes and kExtension (a filter's configuration) of a listener; kSecret of both;
  // kVirtualHost, under their own name, of routes that fetch theirs.
  ResourceKind kind = ResourceKind::kEndpoints;
  std::string name;
  std::shared_ptr<const envoy::config::core::v3::ConfigSource> source;
  bool waits = true;         // false: it is complete enough without (a default stands for what has not come)
  std::string stats_prefix;  // of what is counted of it; empty: the usual one of its kind
  friend bool operator==(const Subscription& a, const Subscription& b) { return a.kind == b.kind && a.name == b.name; }
};

// What a resource needs, known after it was checked. Sorted, without duplicates.
struct Dependencies {
  std::vector<Subscription> subscriptions;
  std::vector<std::string> clusters;  // named by its routes (of listeners and route configurations); known or not
  std::vector<std::string> files;     // read while building: watch them, then call FilesChanged()
};

// A resource as it was accepted: for /config_dump and for deciding what to subscribe to.
struct ResourceView {
  ResourceKind kind = ResourceKind::kListener;
  absl::string_view name;
  const Given* given = nullptr;
  const google::protobuf::Message* message = nullptr;
  const Dependencies* dependencies = nullptr;
};

// One name of a STRICT_DNS or LOGICAL_DNS cluster, resolved by whoever owns the cluster's timers.
struct DnsTarget {
  std::string host;
  uint16_t port = 0;
  friend bool operator==(const DnsTarget& a, const DnsTarget& b) { return a.host == b.host && a.port == b.port; }
};

}  // namespace outrigger::config
