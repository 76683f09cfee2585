// Filters' configurations that are discovered: those that use one are compiled with it before it is taken.
#include <algorithm>

#include "source/config/snapshot_state.h"
#include "source/extension/values.h"

namespace outrigger::config {

namespace {

bool Uses(const Dependencies& dependencies, absl::string_view extension) {
  return std::any_of(dependencies.subscriptions.begin(), dependencies.subscriptions.end(),
                     [&](const auto& one) { return one.kind == ResourceKind::kExtension && one.name == extension; });
}

}  // namespace

SnapshotBuilder::State::Recompiled SnapshotBuilder::State::RecompileForExtension(absl::string_view name, bool checked) {
  Recompiled out = Recompile(subscribers[ResourceKind::kExtension].Of(name));
  if (!checked) return out;
  for (const auto& [unused, listener] : checked_listeners) {
    if (!Uses(listener.dependencies, name)) continue;
    ListenerPart part;
    part.proto = listener.proto;
    part.given = listener.given;
    RecompileInto(part, &out.checked, &out.errors);
  }
  return out;
}

absl::StatusOr<ExtensionPart> SnapshotBuilder::State::TryExtension(std::shared_ptr<const Extension> proto,
                                                                   const Given& given, Recompiled* dependants) {
  const uint64_t hash = extension::HashOf(*proto);
  auto made = Compile(std::move(proto), given, hash);
  if (!made.ok()) return made.status();
  const std::string& name = made->proto->name();
  trial_extension = made->proto.get();
  *dependants = RecompileForExtension(name, /*checked=*/true);
  trial_extension = nullptr;
  if (!dependants->errors.ok()) {
    const absl::Status error = ResourceError(*origins.Find(made->origin), dependants->errors.message());
    origins.Retire(made->origin);
    Discard(*dependants);
    return error;
  }
  std::set<std::string> clusters;
  for (const auto* parts : {&dependants->listeners, &dependants->checked}) {
    for (const ListenerPart& part : *parts) {
      if (part.found->extensions == nullptr) continue;
      const auto at = part.found->extensions->clusters.find(name);
      if (at != part.found->extensions->clusters.end()) clusters.insert(at->second.begin(), at->second.end());
    }
  }
  made->found.Write().dependencies.clusters.assign(clusters.begin(), clusters.end());
  return made;
}

void SnapshotBuilder::State::NoteChecked(const ListenerPart& part) {
  const auto& needs = part.found->dependencies;
  const bool discovers = std::any_of(needs.subscriptions.begin(), needs.subscriptions.end(),
                                     [](const auto& one) { return one.kind == ResourceKind::kExtension; });
  if (discovers) {
    checked_listeners[part.proto->name()] = {part.proto, part.given, needs};
  } else {
    checked_listeners.erase(part.proto->name());
  }
}

}  // namespace outrigger::config
