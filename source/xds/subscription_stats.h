// Thread: main
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "source/base/time.h"
#include "source/observe/cells.h"
#include "source/observe/schemas/cluster.h"
#include "source/observe/schemas/xds.h"
#include "source/observe/stats.h"
#include "source/xds/resource_type.h"

namespace outrigger::xds {

// The published cells of one subscription; those that a block does not have are null. Keeps the blocks' names alive.
class SubscriptionCells {
 public:
  SubscriptionCells() = default;
  // "cluster_manager.cds.", "http.x.rds.y." and the like.
  static SubscriptionCells Of(observe::StatsRegistry& stats, absl::string_view prefix);
  // The same and what is counted of route tables.
  static SubscriptionCells OfRoutes(observe::StatsRegistry& stats, absl::string_view prefix);
  // The same and what is counted of a filter's configuration.
  static SubscriptionCells OfExtension(observe::StatsRegistry& stats, absl::string_view prefix);
  // Endpoint updates are counted with their cluster.
  static SubscriptionCells OfCluster(observe::StatsRegistry& stats, absl::string_view cluster);

  void Attempt();
  void Success(absl::string_view version, WallTime now);
  void Rejected();
  void Failure();
  void Timeout();
  void Took(Duration time);     // from the response to its being staged
  void Reloaded(WallTime now);  // another version is in use now
  void UsedKept();              // endpoints from before were used for a changed cluster

 private:
  // Most nodes count nothing of their own, and most of the others endpoints.
  struct Cells {
    observe::StatsScope<observe::SubscriptionStats> scope;
    observe::StatsScope<observe::RdsStats> routes_scope;
    observe::StatsScope<observe::ExtensionConfigStats> extension_scope;
    observe::SubscriptionStats* block = nullptr;
    observe::RdsStats* routes = nullptr;
    observe::ExtensionConfigStats* extension = nullptr;
  };
  observe::ClusterUpdateStats* updates() const { return cluster_.OfMain(observe::ClusterScope::kUpdates); }
  observe::EndpointUpdateStats* endpoints() const { return cluster_.OfMain(observe::ClusterScope::kEndpoints); }
  std::unique_ptr<Cells> cells_;                        // null: none
  observe::StatsScope<observe::ClusterScope> cluster_;  // or this; both blocks are there
};

}  // namespace outrigger::xds
