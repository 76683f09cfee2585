// Endpoints as they come by EDS: kept as their bytes, and put into use by what differs where that is known.
#include "source/config/endpoint_builder.h"
#include "source/config/snapshot_state.h"

namespace outrigger::config {

using Outcome = SnapshotBuilder::Outcome;

namespace {
schema::KeptMessage KeptOf(const EndpointsPart& part) {
  return schema::KeptMessage::OfBytes(SnapshotBuilder::State::Assignment::default_instance(),
                                      {part.wire, &part.wire->bytes});
}
}  // namespace

ShownMessage SnapshotBuilder::State::ShownOf(const EndpointsPart& part) { return ShownMessage(KeptOf(part)); }

std::shared_ptr<const SnapshotBuilder::State::Assignment> SnapshotBuilder::State::EdsOf(const ClusterPart& part) const {
  if (part.built.config->type != model::ClusterType::kEds) return nullptr;
  const auto at = endpoints.find(part.built.config->eds_name());
  return at == endpoints.end() ? nullptr : std::static_pointer_cast<const Assignment>(KeptOf(at->second).Get());
}

// Every cluster that it serves has a set that was made of the version before: the difference to that is all there is to
// do. False: it is not that simple, and all must be built (what was done by then does no harm).
bool SnapshotBuilder::State::Patch(const std::string& name, const schema::AssignmentDifference& difference) {
  std::vector<std::pair<ClusterPart*, model::EndpointPatch>> patches;
  for (const Subscribers::Who& who : subscribers[ResourceKind::kEndpoints].Of(name)) {
    const auto at = clusters.find(*who.name);
    if (who.kind != ResourceKind::kCluster || at == clusters.end()) continue;
    EndpointInput input;
    input.cluster = at->second.built.config.get();
    input.missing_transports = at->second.built.missing_transports;
    input.single_endpoint = at->second.built.single_endpoint;
    absl::optional<model::EndpointPatch> patch = BuildPatch(input, difference);
    if (!patch.has_value()) return false;
    patches.emplace_back(&at->second, *std::move(patch));
  }
  for (auto& [cluster, patch] : patches) {
    auto set = endpoint_registry.Patch(cluster->built.config->name, patch);
    if (set == nullptr) return false;
    PutEndpoints(*cluster, std::move(set));
  }
  return !patches.empty();
}

absl::StatusOr<Outcome> SnapshotBuilder::State::Receive(const ReceivedEndpoints& received, const Given& given) {
  const auto at = endpoints.find(received.name);
  EndpointsPart* part = at == endpoints.end() ? nullptr : &at->second;
  if (part != nullptr && part->wire->Is(*received.wire)) {
    part->given = given;
    part->removed = false;
    return Outcome::kUnchanged;
  }
  const schema::WireAssignment* base = received.difference == nullptr ? nullptr : received.difference->base.get();
  const bool known = part != nullptr && base != nullptr && given.validated && part->wire->Is(*base);
  if (known && Patch(received.name, *received.difference)) {
    part->given = given;
    part->removed = false;
    part->wire = received.wire;
    part->content_hash = received.wire->hash;
    return Outcome::kChanged;
  }
  auto message = std::static_pointer_cast<const Assignment>(received.message.Get());
  absl::StatusOr<EndpointsPart> made = Compile(std::move(message), given, received.wire->hash);
  if (!made.ok()) return made.status();
  made->wire = received.wire;
  Commit(*std::move(made));
  return Outcome::kChanged;
}

}  // namespace outrigger::config
