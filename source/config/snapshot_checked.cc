// Clusters between their check and their coming into use: compiled once.
#include "source/config/snapshot_state.h"

namespace outrigger::config {

namespace {

model::OriginId OriginInUse(const PartMap<ClusterPart>& clusters, const std::string& name) {
  const auto at = clusters.find(name);
  return at == clusters.end() ? 0 : at->second.origin;
}

}  // namespace

void SnapshotBuilder::State::DropChecked(absl::string_view cluster) {
  const auto at = checked_clusters.find(cluster);
  if (at == checked_clusters.end()) return;
  origins.Retire(at->second.part.origin);
  checked_clusters.erase(at);
}

void SnapshotBuilder::State::KeepChecked(ClusterPart part) {
  const std::string name = part.proto->name();
  DropChecked(name);
  // Nobody watches files for what is not in use yet.
  if (!part.found->dependencies.files.empty()) return origins.Retire(part.origin);
  part.Pack();
  part.endpoints_spec = nullptr;
  part.endpoints = nullptr;
  const model::OriginId before = OriginInUse(clusters, name);
  checked_clusters.insert_or_assign(name, CheckedCluster{std::move(part), inputs, before});
}

absl::StatusOr<ClusterPart> SnapshotBuilder::State::CompileOrTake(std::shared_ptr<const Cluster> proto,
                                                                  const Given& given, uint64_t hash) {
  const auto at = checked_clusters.find(proto->name());
  if (at == checked_clusters.end()) return Compile(std::move(proto), given, hash);
  CheckedCluster& checked = at->second;
  const bool good = checked.part.content_hash == hash && checked.part.given.version == given.version &&
                    checked.inputs == inputs && checked.before == OriginInUse(clusters, proto->name());
  if (!good) {
    DropChecked(proto->name());
    return Compile(std::move(proto), given, hash);
  }
  ClusterPart part = std::move(checked.part);
  checked_clusters.erase(at);
  part.given = given;
  part.proto = std::move(proto);
  // Endpoints may have come since then.
  if (const absl::Status found = FindEndpoints(part); !found.ok()) {
    origins.Retire(part.origin);
    return found;
  }
  return part;
}

}  // namespace outrigger::config
