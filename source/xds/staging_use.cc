// From applied to in use: which generation has what, and since when all workers use it.
#include <algorithm>
#include <utility>

#include "source/xds/staging_graph.h"

namespace outrigger::xds {

void StagingGraph::RequestPublish() {
  publish_requested_ = true;
  target_.RequestPublish();
}

void StagingGraph::NoteApplied(const ResourceKey& key, Staged& staged) {
  staged.applied = Now();
  unpublished_.push_back(key);
}

// The response was accepted whole: how far it got is told from now on.
void StagingGraph::NoteAccepted(const Update& update) {
  if (update.source == nullptr) return;
  std::vector<TypeUse>& uses = uses_[static_cast<size_t>(update.type)];
  auto use = std::find_if(uses.begin(), uses.end(), [&](const TypeUse& one) { return one.source == update.source; });
  if (use == uses.end()) {
    use = uses.emplace(uses.end());
    use->source = update.source;
  }
  use->accepted = update.version;
  use->accepted_at = Now();
  use->stage = TypeUse::Stage::kAccepted;
}

void StagingGraph::Published(uint64_t generation) {
  published_ = generation;
  publish_requested_ = false;
  for (const ResourceKey& key : unpublished_) {
    if (ResourceNode* node = Find(key); node != nullptr && node->active != nullptr) {
      node->active->generation = generation;
    }
  }
  std::vector<ResourceKey>& keys = in_flight_[generation];
  keys.insert(keys.end(), std::make_move_iterator(unpublished_.begin()), std::make_move_iterator(unpublished_.end()));
  unpublished_ = std::vector<ResourceKey>();  // gives its room back, as {} would not
  SettleUses();
}

void StagingGraph::InUse(uint64_t generation) {
  in_use_ = generation;
  const auto end = in_flight_.upper_bound(generation);
  for (auto at = in_flight_.begin(); at != end; ++at) {
    for (const ResourceKey& key : at->second) {
      const ResourceNode* node = Find(key);
      if (node == nullptr || node->active == nullptr) continue;
      Staged& active = *node->active;
      // A version that came after this generation waits for its own.
      if (active.generation == at->first && active.in_use_since == WallTime{}) active.in_use_since = Now();
    }
  }
  in_flight_.erase(in_flight_.begin(), end);
  SettleUses();
}

bool StagingGraph::Waits(ResourceType type, const Source* source) const {
  const auto& names = waiting_[static_cast<size_t>(type)];
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    const ResourceNode* node = Find({type, name});
    return node != nullptr && node->source == source;
  });
}

void StagingGraph::SettleUses() {
  if (publish_requested_) return;  // the publication comes here again
  for (const ResourceType type : kAllResourceTypes) {
    for (TypeUse& use : uses_[static_cast<size_t>(type)]) {
      if (use.stage == TypeUse::Stage::kInUse) continue;
      if (use.stage == TypeUse::Stage::kAccepted) {
        if (Waits(type, use.source)) continue;
        use.stage = TypeUse::Stage::kApplied;
        use.generation = published_;
      }
      if (!in_use_.has_value() || use.generation > *in_use_) continue;
      use.stage = TypeUse::Stage::kInUse;
      // What comes again as it was has been in use all the time.
      const bool same = use.in_use_since != WallTime{} && use.in_use_generation == use.generation;
      if (!same || use.in_use != use.accepted) use.in_use_since = Now();
      use.in_use = use.accepted;
      use.in_use_generation = use.generation;
      use.source->ReportInUse(type, use.in_use);
    }
  }
}

}  // namespace outrigger::xds
