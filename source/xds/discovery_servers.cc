// What a discovery stream does beside its protocol: several management servers, and telling ours what is in use.
#include <utility>

#include "source/base/log.h"
#include "source/xds/discovery_stream.h"

namespace outrigger::xds {

// Only where there is another one to turn to, and this one has to answer: it does not know what is held here.
void DiscoveryStream::ArmFirstResponse() {
  if (failover_.size() < 2 || answered_ || first_response_.armed()) return;
  for (const auto& state : states_) {
    if (!state->asked() || state->known()) continue;
    dispatcher_.Arm(first_response_, Failover::kFirstResponse);
    return;
  }
}

void DiscoveryStream::ArmProbe() {
  if (next_probe_.armed() || probe_.call != nullptr) return;
  dispatcher_.Arm(next_probe_, probe_backoff_.Next(dispatcher_.engine().RandomBits()));
}

void DiscoveryStream::Probe() {
  if (probe_.call != nullptr) {  // it said nothing for too long
    probe_.call.reset();
    return ArmProbe();
  }
  for (const ResourceType type : kAllResourceTypes) {
    const TypeState& wanted = state(type);
    if (!wanted.wants_anything()) continue;
    const std::unique_ptr<TypeState> question = MakeTypeState(type, options_.delta);
    if (wanted.wants_all()) question->WantAll();
    for (const std::string& name : wanted.names()) question->Want(name);
    const absl::optional<std::string> request = question->TakeRequest(&options_.node);
    if (!request.has_value()) continue;
    dispatcher_.Arm(next_probe_, Failover::kFirstResponse);
    probe_.call = failover_.first().Open(Method(), probe_);
    return probe_.call->Send(*request);
  }
  ArmProbe();
}

void DiscoveryStream::OnProbe(bool answered) {
  probe_.call.reset();
  next_probe_.Disarm();
  if (!answered) return ArmProbe();
  OUTRIGGER_LOG(kInfo, kConfigXds, "control plane at ", failover_.first().Describe(), " answers again: leaving ",
                Describe());
  probe_backoff_.Reset();
  SetConnected(false);
  call_.reset();
  next_token_.Disarm();
  first_response_.Disarm();
  failover_.TakeFirst();
  counters_.failovers.Inc();
  dispatcher_.Arm(reconnect_, Duration::zero());
}

void DiscoveryStream::ReportInUse(ResourceType type, absl::string_view version) {
  uses_[static_cast<size_t>(type)] = {std::string(version), version.empty()};
  Dirty();
}

void DiscoveryStream::SendUse(ResourceType type) {
  Use& use = uses_[static_cast<size_t>(type)];
  if (use.told || !hears_of_use_ || !state(type).answered() || state(type).dirty() || !MaySend()) return;
  use.told = true;
  counters_.in_use_reports.Inc();
  envoy::config::core::v3::Node node = options_.node;
  auto& fields = *node.mutable_metadata()->mutable_fields();
  (*fields[std::string(kInUseKey)].mutable_struct_value()->mutable_fields())["version"].set_string_value(use.version);
  call_->Send(state(type).RepeatRequest(node));
}

}  // namespace outrigger::xds
