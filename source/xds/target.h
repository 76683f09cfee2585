// Thread: main
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "source/xds/update.h"

namespace outrigger::xds {

// What a resource needs to work, known once it was checked.
struct Needs {
  struct Subscription {
    ResourceType type = ResourceType::kEndpoints;
    bool waits = true;  // false: subscribed to, but used without as long as it has not come
    SharedText name;
    std::shared_ptr<const envoy::config::core::v3::ConfigSource> source;
    SharedText stats_prefix{};  // "http.ingress.rds.routes."; empty: the usual one of the type
  };
  std::vector<Subscription> subscriptions;  // it is incomplete without them
  std::vector<std::string> clusters;        // named by its routes
};

// Where staged resources go: the builder of Snapshots, or a test. A seam because xds/ must not know what becomes of
// resources.
class Target {
 public:
  virtual ~Target() = default;
  // Checks everything that Apply would check and says what the resource needs; changes nothing. An error has
  // one line per cause, each naming the resource: `listener "in" (version 7): filter_chains[0]...: cause`.
  virtual absl::StatusOr<Needs> Check(ResourceType type, const Resource& resource) = 0;
  // Makes it the one in use with the next publication.
  virtual absl::Status Apply(ResourceType type, const Resource& resource) = 0;
  virtual void Remove(ResourceType type, const std::string& name) = 0;
  // What was checked last under this name will not be applied: what was set aside for it is free again.
  virtual void GiveUp(ResourceType type, const std::string& name) {}
  // Something changed: publish, at most once per turn.
  virtual void RequestPublish() = 0;
};

}  // namespace outrigger::xds
