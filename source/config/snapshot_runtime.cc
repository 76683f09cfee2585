// Runtime values are compiled into what asked for them: requests pay nothing, a change compiles those again that asked
// for a key that changed.
#include "source/config/snapshot_state.h"

namespace outrigger::config {

SnapshotBuilder::State::Recompiled SnapshotBuilder::State::RecompileForRuntime(const std::set<std::string>& keys) {
  const std::set<uint64_t> hashes = Found::HashesOfChanged(keys);
  std::vector<Subscribers::Who> who;
  const auto look = [&](ResourceKind kind, const auto& parts) {
    for (const auto& [name, part] : parts) {
      if (part.found->AskedAny(hashes)) who.push_back({kind, &name.str()});
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
  ++inputs;
  Recompiled made = RecompileForRuntime(keys);
  absl::Status errors = made.errors;
  Commit(std::move(made));
  const std::set<uint64_t> hashes = Found::HashesOfChanged(keys);
  for (const auto& [name, host] : hosts) {
    if (!host.found->AskedAny(hashes)) continue;
    recompiling = true;
    auto again = CompileHost(name, host.proto, host.given);
    recompiling = false;
    Append(again.status(), &errors);
    if (again.ok()) CommitHost(name, *std::move(again));
  }
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
