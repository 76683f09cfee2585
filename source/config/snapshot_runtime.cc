// Runtime values are compiled into what asked for them: requests pay nothing, a change compiles those again that asked
// for a key that changed.
#include <algorithm>

#include "source/base/hash.h"
#include "source/config/snapshot_state.h"

namespace outrigger::config {

SnapshotBuilder::State::Recompiled SnapshotBuilder::State::RecompileForRuntime(const std::set<std::string>& keys) {
  std::set<uint64_t> hashes = {Found::kAllRuntimeKeys};
  for (const std::string& key : keys) hashes.insert(Found::HashOfKey(key));
  std::vector<Subscribers::Who> who;
  const auto look = [&](ResourceKind kind, const auto& parts) {
    for (const auto& [name, part] : parts) {
      const auto& asked = part.found.runtime_keys;
      if (std::any_of(asked.begin(), asked.end(), [&](uint64_t key) { return hashes.count(key) != 0; })) {
        who.push_back({kind, &name});
      }
    }
  };
  look(ResourceKind::kCluster, clusters);
  look(ResourceKind::kListener, listeners);
  look(ResourceKind::kRoutes, routes);
  return Recompile(who);
}

absl::Status SnapshotBuilder::State::RuntimeChanged() {
  Value::Struct merged = runtime.Merged();
  const std::set<std::string> keys = ChangedKeys(environment.runtime, merged);
  if (keys.empty()) return absl::OkStatus();
  environment.runtime = std::move(merged);
  Recompiled made = RecompileForRuntime(keys);
  const absl::Status errors = made.errors;
  Commit(std::move(made));
  return errors;
}

const RuntimeLayers& SnapshotBuilder::runtime() const { return state_->runtime; }

absl::Status SnapshotBuilder::SetRuntimeLayer(absl::string_view resource, const google::protobuf::Struct& values) {
  state_->runtime.Replace(resource, values);
  return state_->RuntimeChanged();
}

absl::Status SnapshotBuilder::ModifyRuntime(const std::vector<std::pair<std::string, std::string>>& values) {
  if (const absl::Status modified = state_->runtime.Modify(values); !modified.ok()) return modified;
  return state_->RuntimeChanged();
}

}  // namespace outrigger::config
