// Thread: main
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "source/control_plane/resources/snapshot.h"

namespace outrigger::control_plane {

// Who asks: Node of the first request of a stream.
struct NodeName {
  std::string id;
  std::string cluster;
};

// All resources of all nodes, from which each node's snapshot is made. Filled, checked, then shared as constant.
class Catalog {
 public:
  // For every node; or for the nodes of a cluster; or for one node. The narrower replaces the wider of the same type
  // and name. False: there is one of the same type, name and width already.
  bool AddForAll(ResourcePtr resource) { return for_all_.Add(std::move(resource)); }
  bool AddForCluster(absl::string_view cluster, ResourcePtr resource);
  bool AddForNode(absl::string_view id, ResourcePtr resource);

  SnapshotPtr For(const NodeName& node) const;
  // Whether the node is named here (and not only served what everybody gets).
  bool KnowsNode(absl::string_view id) const { return for_node_.find(id) != for_node_.end(); }
  std::vector<std::string> node_ids() const;
  // A hash of all of it: equal configurations have an equal version in every process.
  std::string Version() const;
  // Every node named and one that is not: are their snapshots consistent? The error says whose is not, and why.
  absl::Status Check() const;

 private:
  Snapshot for_all_;
  std::map<std::string, Snapshot, std::less<>> for_cluster_;
  std::map<std::string, Snapshot, std::less<>> for_node_;
};
using CatalogPtr = std::shared_ptr<const Catalog>;

}  // namespace outrigger::control_plane
