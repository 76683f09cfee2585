// Thread: main
#pragma once

#include <functional>
#include <vector>

#include "absl/strings/string_view.h"
#include "envoy/admin/v3/config_dump.pb.h"
#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "source/server/server.h"

namespace outrigger::server {

// The messages of /config_dump: what the bootstrap says, and every resource with its version, time, and what became of
// it.
class DumpMessages final {
 public:
  // `match`: of resource names; empty: all.
  DumpMessages(Server& server, std::function<bool(absl::string_view)> match);

  // In Envoy's order.
  std::vector<google::protobuf::Message*> All(bool endpoints);

 private:
  void Static(config::ResourceKind kind);
  void InlineRoutes(const google::protobuf::Message& listener, WallTime received);
  void Dynamic(const DynamicResource& resource);
  void Listener(const DynamicResource& resource);
  void Cluster(const DynamicResource& resource);
  void Secret(const DynamicResource& resource);
  bool Matches(absl::string_view name) const { return !match_ || match_(name); }

  Server& server_;
  const std::function<bool(absl::string_view)> match_;
  envoy::admin::v3::BootstrapConfigDump bootstrap_;
  envoy::admin::v3::ClustersConfigDump clusters_;
  envoy::admin::v3::EcdsConfigDump extensions_;
  envoy::admin::v3::EndpointsConfigDump endpoints_;
  envoy::admin::v3::ListenersConfigDump listeners_;
  envoy::admin::v3::RoutesConfigDump routes_;
  envoy::admin::v3::SecretsConfigDump secrets_;
};

}  // namespace outrigger::server
