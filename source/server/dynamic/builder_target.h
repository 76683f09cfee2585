// Thread: main
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "google/protobuf/struct.pb.h"
#include "source/config/snapshot_builder.h"
#include "source/event/dispatcher.h"
#include "source/server/listener_sockets.h"
#include "source/xds/target.h"

namespace outrigger::server {

config::ResourceKind KindOf(xds::ResourceType type);
xds::ResourceType TypeOf(config::ResourceKind kind);
// What the builder found a resource to need, in the words of xds/. `resource` tells the statistics' names of its
// subscriptions.
xds::Needs NeedsOf(const config::Dependencies& dependencies, const google::protobuf::Message& resource);

// Staged resources go to the SnapshotBuilder; a listener's addresses are bound before it is acknowledged.
class BuilderTarget final : public xds::Target {
 public:
  struct Calls {
    std::function<absl::Status(const BindRequest& request, const std::vector<std::string>& leaving)> prepare;
    std::function<void(const std::string& listener)> stop_keeping;  // what prepare has set aside
    std::function<void(const std::string& listener)> leaves;        // before it is removed
    std::function<void()> request_publish;
  };
  BuilderTarget(event::Dispatcher& dispatcher, config::SnapshotBuilder& builder, Calls calls);

  absl::StatusOr<xds::Needs> Check(xds::ResourceType type, const xds::Resource& resource) override;
  absl::Status Apply(xds::ResourceType type, const xds::Resource& resource) override;
  void Remove(xds::ResourceType type, const std::string& name) override;
  void GiveUp(xds::ResourceType type, const std::string& name) override;
  void RequestPublish() override { calls_.request_publish(); }

 private:
  void SetLayer(const std::string& name, const google::protobuf::Struct& values);
  absl::Status PrepareListener(const xds::Resource& resource);

  event::Dispatcher& dispatcher_;
  config::SnapshotBuilder& builder_;
  const Calls calls_;
  std::set<std::string> leaving_;  // listeners removed in this turn: their addresses are free again
  MonotonicTime leaving_since_{};
};

}  // namespace outrigger::server
