// Back from the disk: each resource goes the way that what a control plane sends goes.
#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/base/log.h"
#include "source/server/dynamic/last_good_keeper.h"

namespace outrigger::server {
namespace {

using Pending = std::array<std::vector<xds::Resource>, xds::kResourceTypes>;

// Decoded and checked alone, so that one that is not good any more (another version of this program wrote it) costs
// nobody else.
absl::StatusOr<xds::Resource> Decode(xds::LastGoodResource& stored, const xds::DecodeOptions& options) {
  envoy::service::discovery::v3::Resource wrapper;
  wrapper.set_name(stored.name);
  wrapper.set_version(stored.version);
  wrapper.mutable_resource()->set_type_url(std::string(xds::TypeUrlOf(stored.type)));
  wrapper.mutable_resource()->set_value(std::move(stored.value));
  envoy::service::discovery::v3::DiscoveryResponse response;
  response.set_version_info(stored.version);
  response.add_resources()->PackFrom(wrapper);
  xds::DecodedResponse decoded = xds::DecodeResponse(stored.type, response, options);
  if (!decoded.whole.ok()) return decoded.whole;
  if (!decoded.refused.empty()) return absl::InvalidArgumentError(decoded.refused[0].detail);
  if (decoded.resources.empty() || decoded.resources[0].name != stored.name) {
    return absl::InvalidArgumentError("is not what its name says");
  }
  xds::Resource resource = std::move(decoded.resources[0]);
  resource.hash = stored.hash;  // of the bytes in which the control plane sent it, which may send them again
  return resource;
}

}  // namespace

void LastGoodKeeper::Offer(xds::StagingGraph& graph, const xds::DecodeOptions& options) {
  Pending pending;
  size_t used = 0, refused = 0;
  const auto refuse = [&](xds::ResourceType type, absl::string_view name, absl::string_view why) {
    ++refused;
    OUTRIGGER_LOG(kWarn, kConfigXds, "last good configuration: ", xds::WordOf(type), " \"", name, "\" refused: ", why);
  };
  for (xds::LastGoodResource& stored : loaded_->resources) {
    absl::StatusOr<xds::Resource> resource = Decode(stored, options);
    if (resource.ok()) {
      pending[static_cast<size_t>(stored.type)].push_back(*std::move(resource));
    } else {
      refuse(stored.type, stored.name, resource.status().message());
    }
  }
  loaded_->resources.clear();
  // What others subscribe to is offered once they do: clusters, then what they need, listeners, what those need, and so
  // on until nothing more is wanted.
  for (bool first = true, again = true; again; first = false) {
    again = false;
    for (const xds::ResourceType type : xds::kAllResourceTypes) {
      std::vector<xds::Resource>& left = pending[static_cast<size_t>(type)];
      const auto wanted = std::stable_partition(
          left.begin(), left.end(), [&](const xds::Resource& resource) { return !graph.MayTake(type, resource.name); });
      xds::Update update;
      update.type = type;
      update.updated.assign(std::make_move_iterator(wanted), std::make_move_iterator(left.end()));
      left.erase(wanted, left.end());
      if (update.updated.empty() && !(first && xds::IsFullState(type))) continue;
      again = again || !update.updated.empty();
      const std::vector<xds::Refusal> refusals = graph.Seed(update);
      for (const xds::Refusal& refusal : refusals) refuse(type, refusal.name, refusal.detail);
      used += update.updated.size() - refusals.size();
    }
  }
  size_t unwanted = 0;
  for (const auto& left : pending) unwanted += left.size();
  graph.LimitFetches();
  Stats().last_good_resources_refused.Add(refused);
  in_use_ = used > 0;
  RefreshGauges();
  OUTRIGGER_LOG(kInfo, kConfigXds, "last good configuration: ", used, " resources are used, ", refused, " refused, ",
                unwanted, " not wanted by any other or static here");
}

}  // namespace outrigger::server
