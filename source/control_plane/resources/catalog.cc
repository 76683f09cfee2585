#include "source/control_plane/resources/catalog.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "source/base/hash.h"

namespace outrigger::control_plane {
namespace {

void Overlay(const Snapshot& from, Snapshot& onto) {
  for (const auto& [type, set] : from.types()) {
    for (const auto& [name, resource] : set.all()) onto.Replace(resource);
  }
}

}  // namespace

bool Catalog::AddForCluster(absl::string_view cluster, ResourcePtr resource) {
  return for_cluster_[std::string(cluster)].Add(std::move(resource));
}

bool Catalog::AddForNode(absl::string_view id, ResourcePtr resource) {
  return for_node_[std::string(id)].Add(std::move(resource));
}

SnapshotPtr Catalog::For(const NodeName& node) const {
  auto snapshot = std::make_shared<Snapshot>(for_all_);
  const auto cluster = for_cluster_.find(node.cluster);
  if (cluster != for_cluster_.end()) Overlay(cluster->second, *snapshot);
  const auto own = for_node_.find(node.id);
  if (own != for_node_.end()) Overlay(own->second, *snapshot);
  return snapshot;
}

std::vector<std::string> Catalog::node_ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, snapshot] : for_node_) ids.push_back(id);
  return ids;
}

std::string Catalog::Version() const {
  uint64_t hash = StableHash("");
  const auto mix = [&hash](absl::string_view text) { hash = StableHashMix(hash, StableHash(text)); };
  const auto mix_all = [&mix](absl::string_view whose, absl::string_view name, const Snapshot& snapshot) {
    mix(whose);
    mix(name);
    for (const auto& [type, set] : snapshot.types()) {
      for (const auto& [resource_name, resource] : set.all()) {
        mix(type);
        mix(resource_name);
        mix(resource->version);
      }
    }
  };
  mix_all("all", "", for_all_);
  for (const auto& [cluster, snapshot] : for_cluster_) mix_all("cluster", cluster, snapshot);
  for (const auto& [id, snapshot] : for_node_) mix_all("node", id, snapshot);
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

absl::Status Catalog::Check() const {
  std::vector<std::string> lines;
  const auto check = [&lines](absl::string_view whose, const Snapshot& snapshot) {
    for (const Snapshot::Problem& problem : snapshot.Problems()) {
      lines.push_back(
          absl::StrCat(problem.place, problem.place.empty() ? "" : ": ", problem.text, " ", whose, " does not have"));
    }
  };
  if (for_node_.empty()) check("a node", *For({}));
  for (const auto& [cluster, snapshot] : for_cluster_)
    check(absl::StrCat("a node of cluster ", cluster), *For({"", cluster}));
  for (const auto& [id, snapshot] : for_node_) check(absl::StrCat("node ", id), *For({id, ""}));
  if (lines.empty()) return absl::OkStatus();
  constexpr size_t kMostLines = 20;
  if (lines.size() > kMostLines) {
    const size_t more = lines.size() - kMostLines;
    lines.resize(kMostLines);
    lines.push_back(absl::StrCat("and ", more, " more"));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

}  // namespace outrigger::control_plane
