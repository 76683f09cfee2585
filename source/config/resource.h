// Thread: main
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "source/base/shared_text.h"
#include "source/schema/kept_message.h"
#include "source/schema/wire_assignment.h"

namespace envoy::config::core::v3 {
class ConfigSource;
}

namespace outrigger::config {

// The resources a Snapshot is made of.
enum class ResourceKind : uint8_t { kListener, kRoutes, kCluster, kEndpoints, kSecret, kExtension, kVirtualHost };
absl::string_view WordOf(ResourceKind kind);  // "listener", "route_configuration", "cluster", ...

// Who gave a resource, beside its content.
struct Given {
  SharedText version;      // of the control plane; empty: static
  bool is_static = false;  // of the bootstrap: never replaced or removed by a control plane
  // Whoever decoded it has checked rules and support marks (schema::Validate) and told the warnings: not done again.
  bool validated = false;
  // The message, for it to be kept packed once it is in use; none: it is kept as it is.
  schema::KeptMessage kept{};
};

// Endpoints as a source decoded and checked them.
struct ReceivedEndpoints {
  std::string name;
  std::shared_ptr<const schema::WireAssignment> wire;
  std::shared_ptr<const schema::AssignmentDifference> difference;  // null: not known
  schema::KeptMessage message;
};

// A resource that another one subscribes to and is incomplete without.
struct Subscription {
  // kEndpoints of a cluster; kRoutes and kExtension (a filter's configuration) of a listener; kSecret of both;
  // kVirtualHost, under their own name, of routes that fetch theirs.
  ResourceKind kind = ResourceKind::kEndpoints;
  bool waits = true;  // false: it is complete enough without (a default stands for what has not come)
  SharedText name;
  std::shared_ptr<const envoy::config::core::v3::ConfigSource> source;
  SharedText stats_prefix{};  // of what is counted of it; empty: the usual one of its kind
  friend bool operator==(const Subscription& a, const Subscription& b) { return a.kind == b.kind && a.name == b.name; }
};

// What a resource needs, known after it was checked. Sorted, without duplicates.
struct Dependencies {
  std::vector<Subscription> subscriptions;
  std::vector<std::string> clusters;  // named by its routes (of listeners and route configurations); known or not
  std::vector<std::string> files;     // read while building: watch them, then call FilesChanged()
};

// A message that is there to be looked at: at hand, or made by the first look. Valid as long as what it is of, and it.
class ShownMessage {
 public:
  using Make = std::function<std::shared_ptr<const google::protobuf::Message>()>;          // never answers null
  ShownMessage(const google::protobuf::Message* message = nullptr) : message_(message) {}  // NOLINT: as a pointer would
  explicit ShownMessage(const schema::KeptMessage& kept) {
    if (kept != nullptr) make_ = [kept] { return kept.Get(); };
  }
  explicit ShownMessage(Make make) : make_(std::move(make)) {}
  const google::protobuf::Message* get() const {
    if (message_ == nullptr && make_) {
      made_ = make_();
      message_ = made_.get();
    }
    return message_;
  }
  const google::protobuf::Message& operator*() const { return *get(); }
  const google::protobuf::Message* operator->() const { return get(); }
  friend bool operator==(const ShownMessage& a, std::nullptr_t) { return a.message_ == nullptr && !a.make_; }

 private:
  Make make_;
  mutable const google::protobuf::Message* message_ = nullptr;
  mutable std::shared_ptr<const google::protobuf::Message> made_;
};

// A resource as it was accepted: for /config_dump and for deciding what to subscribe to.
struct ResourceView {
  ResourceKind kind = ResourceKind::kListener;
  absl::string_view name;
  const Given* given = nullptr;
  ShownMessage message;
  const Dependencies* dependencies = nullptr;
};

// One name of a STRICT_DNS or LOGICAL_DNS cluster, resolved by whoever owns the cluster's timers.
struct DnsTarget {
  std::string host;
  uint16_t port = 0;
  friend bool operator==(const DnsTarget& a, const DnsTarget& b) { return a.host == b.host && a.port == b.port; }
};

}  // namespace outrigger::config
