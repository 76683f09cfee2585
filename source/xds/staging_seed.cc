// What an earlier process had in use, from disk: staged as if its sources had given it, until they speak for
// themselves.
#include <algorithm>

#include "source/xds/staging_graph.h"

namespace outrigger::xds {

bool StagingGraph::MayTake(ResourceType type, const std::string& name) const {
  const ResourceNode* node = Find({type, name});
  if (node != nullptr && node->is_static) return false;
  return IsFullState(type) || (node != nullptr && !node->wanted_by.empty());
}

std::vector<Refusal> StagingGraph::Seed(const Update& update) {
  seeding_ = true;
  std::vector<Refusal> refused = OnUpdate(update);
  seeding_ = false;
  const auto is_refused = [&](const std::string& name) {
    return std::any_of(refused.begin(), refused.end(), [&](const Refusal& one) { return one.name == name; });
  };
  for (const Resource& resource : update.updated) {
    const ResourceNode* node = Find({update.type, resource.name});
    if (node == nullptr) continue;
    const bool nothing_of_it = node->active == nullptr && node->waiting == nullptr;
    if (is_refused(resource.name)) {
      // No source has ever named it: none would take its row away.
      if (IsFullState(update.type) && nothing_of_it) Drop(node->key);
    } else if (node->source != nullptr) {
      node->source->Seed(update.type, resource.name, resource.version);
    }
  }
  return refused;
}

bool StagingGraph::HeardAny() const {
  return std::any_of(all_.begin(), all_.end(), [](const Whole& whole) { return whole.heard; });
}

bool StagingGraph::HeardAll() const {
  return HeardAny() && std::all_of(all_.begin(), all_.end(),
                                   [](const Whole& whole) { return whole.source == nullptr || whole.heard; });
}

void StagingGraph::LimitFetches() {
  for (auto& [key, node] : nodes_) {
    const event::Timer* fetch = node->pending == nullptr ? nullptr : node->pending->fetch.get();
    if (node->wanted_by.empty() || node->settled() || (fetch != nullptr && fetch->armed())) continue;
    Needs::Subscription as_default;
    ArmFetch(*node, as_default);
  }
}

}  // namespace outrigger::xds
