#include "source/xds/discovery_stream.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/xds/delta_state.h"
#include "source/xds/sotw_state.h"

namespace outrigger::xds {

using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryResponse;

absl::string_view DiscoveryStream::Method() const {
  if (options_.only.has_value()) return options_.delta ? DeltaMethodOf(*options_.only) : StreamMethodOf(*options_.only);
  return options_.delta ? kDeltaAggregatedMethod : kAggregatedMethod;
}

std::unique_ptr<TypeState> MakeTypeState(ResourceType type, bool delta) {
  if (delta) return std::make_unique<DeltaState>(type);
  return std::make_unique<SotwState>(type);
}

namespace {

std::array<std::unique_ptr<TypeState>, kResourceTypes> TypeStates(bool delta) {
  std::array<std::unique_ptr<TypeState>, kResourceTypes> states;
  for (const ResourceType type : kAllResourceTypes) states[static_cast<size_t>(type)] = MakeTypeState(type, delta);
  return states;
}

const std::string& VersionOf(const DiscoveryResponse& response) { return response.version_info(); }
const std::string& VersionOf(const DeltaDiscoveryResponse& response) { return response.system_version_info(); }

}  // namespace

DiscoveryStream::DiscoveryStream(event::Dispatcher& dispatcher, Transport& transport, UpdateSink& sink,
                                 observe::StatsRegistry& stats, Options options)
    : dispatcher_(dispatcher),
      failover_(transport),
      sink_(sink),
      options_(std::move(options)),
      stats_scope_(stats.Register<observe::ControlPlaneStats>(options_.control_plane_prefix)),
      counters_scope_(stats.Register<observe::DiscoveryStats>(options_.own_prefix)),
      stats_(stats.main().Get(stats_scope_)),
      counters_(stats.main().Get(counters_scope_)),
      states_(TypeStates(options_.delta)),
      expiry_(dispatcher, [this](ResourceType type, const std::vector<std::string>& names) { OnExpired(type, names); }),
      reconnect_([this] { Connect(); }),
      backoff_(options_.backoff_base, options_.backoff_most),
      next_token_([this] { Dirty(); }),
      first_response_([this] { Break("no response came in time"); }),
      probe_(*this),
      probe_backoff_(options_.backoff_base, options_.backoff_most),
      next_probe_([this] { Probe(); }) {
  if (options_.request_limit.has_value()) tokens_.emplace(*options_.request_limit, dispatcher_.now());
  options_.decode.known = [this](const std::string& name) { return sink_.KnownEndpoints(name); };
}

DiscoveryStream::~DiscoveryStream() { SetConnected(false); }

void DiscoveryStream::Start() {
  if (std::exchange(started_, true)) return;
  stats_.connected_state.Set(0);
  Connect();
}

void DiscoveryStream::Connect() {
  counters_.streams.Inc();
  counters_.server.Set(static_cast<int64_t>(failover_.current()));
  node_sent_ = answered_ = hears_of_use_ = false;
  for (const auto& state : states_) state->OnStream(failover_.current());
  for (Use& use : uses_) use.told = use.version.empty();
  call_ = failover_.server().Open(Method(), *this);
  if (!failover_.on_first()) {
    ArmProbe();
  } else {
    probe_.call.reset();
    next_probe_.Disarm();
  }
  Dirty();
}

void DiscoveryStream::SetConnected(bool connected) {
  if (connected == connected_) return;
  connected_ = connected;
  state_since_ = dispatcher_.wall_now();
  stats_.connected_state.Set(connected ? 1 : 0);
}

SourceState DiscoveryStream::State() const { return {connected_, state_since_, last_error_, last_error_at_, server_}; }

void DiscoveryStream::OnConnected() { SetConnected(true); }

void DiscoveryStream::OnEnd(uint32_t status, absl::string_view message) {
  Break(absl::StrCat("stream ended with status ", status, message.empty() ? "" : ": ", message));
}

void DiscoveryStream::Break(absl::string_view why) {
  SetConnected(false);
  counters_.stream_ends.Inc();
  last_error_ = std::string(why);
  last_error_at_ = dispatcher_.wall_now();
  call_.reset();
  next_token_.Disarm();
  first_response_.Disarm();
  stats_.pending_requests.Set(0);
  const std::string server = failover_.server().Describe();
  const bool next = failover_.OnEnd(answered_);
  const Duration wait = next ? Duration::zero() : backoff_.Next(dispatcher_.engine().RandomBits());
  if (next) counters_.failovers.Inc();
  OUTRIGGER_LOG(kWarn, kConfigXds, "control plane at ", server, ": ", why, "; ",
                next ? absl::StrCat("turning to ", failover_.server().Describe())
                     : absl::StrCat("next attempt in ", ToMillis(wait), " ms"),
                "; the configuration stays");
  dispatcher_.Arm(reconnect_, wait);
  sink_.OnSourceFailed(*this);
}

void DiscoveryStream::WantAll(ResourceType type) {
  MutableState(type).WantAll();
  Dirty();
}
void DiscoveryStream::Want(ResourceType type, const std::string& name) {
  MutableState(type).Want(name);
  Dirty();
}
void DiscoveryStream::Unwant(ResourceType type, const std::string& name) {
  TypeState& state = MutableState(type);
  state.Unwant(name);
  if (state.VersionOf(name) == nullptr) expiry_.Set(type, name, Duration::zero());
  Dirty();
}

void DiscoveryStream::Seed(ResourceType type, const std::string& name, const std::string& version) {
  MutableState(type).Seed(name, version);
}

void DiscoveryStream::OnEndOfTurn() {
  if (call_ == nullptr || staging_) return;
  int64_t held_back = 0;
  for (const ResourceType type : kAllResourceTypes) SendPending(type, &held_back);
  for (const ResourceType type : kAllResourceTypes) SendUse(type);
  ArmFirstResponse();
  stats_.pending_requests.Set(held_back);
}

void DiscoveryStream::SendPending(ResourceType type, int64_t* held_back) {
  TypeState& state = MutableState(type);
  while (state.dirty()) {
    if (!MaySend()) {
      ++*held_back;
      return;
    }
    const bool with_node = !node_sent_ || !options_.node_on_first_message_only;
    const absl::optional<std::string> request = state.TakeRequest(with_node ? &options_.node : nullptr);
    if (!request.has_value()) return;
    node_sent_ = true;
    call_->Send(*request);
  }
}

// A request that waits says what is true when it goes: of several changes, and several responses, the last.
bool DiscoveryStream::MaySend() {
  if (!tokens_.has_value() || tokens_->Take(dispatcher_.now())) return true;
  if (!next_token_.armed()) {
    stats_.rate_limit_enforced.Inc();
    dispatcher_.Arm(next_token_, tokens_->UntilNext());
  }
  return false;
}

void DiscoveryStream::OnMessage(absl::string_view message) {
  SetConnected(true);
  if (options_.delta) return Parse<DeltaDiscoveryResponse>(message);
  Parse<DiscoveryResponse>(message);
}

template <class Response>
void DiscoveryStream::Parse(absl::string_view message) {
  Response response;
  if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    counters_.malformed.Inc();
    return Break(absl::StrCat("a message came that is no ", Response::descriptor()->name()));
  }
  backoff_.Reset();
  answered_ = true;
  first_response_.Disarm();
  counters_.responses.Inc();
  if (const std::string& identifier = response.control_plane().identifier(); !identifier.empty()) {
    server_ = identifier;
    stats_.identifier.Set(server_);
    hears_of_use_ = absl::StartsWith(identifier, kOurControlPlane);
  }
  const absl::optional<ResourceType> type = TypeToStage(response.type_url());
  if (!type.has_value()) return;
  staging_ = true;
  Stage(*type, {VersionOf(response), response.nonce()}, DecodeResponse(*type, response, options_.decode));
  staging_ = false;
  Dirty();
}

absl::optional<ResourceType> DiscoveryStream::TypeToStage(const std::string& type_url) {
  const absl::optional<ResourceType> type = TypeOfUrl(type_url);
  if (!type.has_value() || (options_.only.has_value() && type != options_.only)) {
    counters_.unknown_types.Inc();
    OUTRIGGER_LOG(kWarn, kConfigXds, "control plane at ", Describe(), " sent resources of type \"", type_url,
                  "\", which is not known here: ignored");
    return absl::nullopt;
  }
  // What was asked for and is not wanted any more was on its way: it is answered, as later requests need its nonce.
  if (!state(*type).wants_anything() && !state(*type).asked()) {
    counters_.unwanted_types.Inc();
    return absl::nullopt;
  }
  return type;
}

Update DiscoveryStream::Normalise(ResourceType type, DecodedResponse& decoded, const std::string& version) {
  TypeState& state = MutableState(type);
  Update update;
  update.type = type;
  update.source = this;
  update.version = version;
  std::set<std::string> present;
  const bool only_beats = decoded.resources.empty() && decoded.refused.empty() && !decoded.heartbeats.empty();
  for (Resource& resource : decoded.resources) {
    if (!state.WantsResource(resource)) {
      counters_.unwanted_resources.Inc();
      continue;
    }
    present.insert(resource.name.str());
    update.updated.push_back(std::move(resource));
  }
  for (const Refusal& refusal : decoded.refused) present.insert(refusal.name);
  for (const Heartbeat& beat : decoded.heartbeats) present.insert(beat.name);
  if (!only_beats) {
    for (const std::string& name : state.NoteComplete(std::move(present))) update.removed.push_back(name);
  }
  for (const std::string& name : decoded.removed) {
    if (state.Wants(name) || state.VersionOf(name) != nullptr) update.removed.push_back(name);
  }
  std::erase_if(decoded.errors, [&](const SourceError& error) { return !state.Wants(error.name); });
  counters_.resource_errors.Add(decoded.errors.size());
  return update;
}

void DiscoveryStream::NoteHeartbeats(ResourceType type, const std::vector<Heartbeat>& beats) {
  for (const Heartbeat& beat : beats) {
    const std::string* held = state(type).VersionOf(beat.name);
    // One without a version of its own means the type's.
    const bool known =
        held != nullptr &&
        (*held == beat.version || (!beat.own_version && !options_.delta && state(type).version() == beat.version));
    (known ? counters_.heartbeats : counters_.stray_heartbeats).Inc();
    if (known) expiry_.Set(type, beat.name, beat.ttl);
  }
}

void DiscoveryStream::NoteHeld(const Update& update, const std::vector<Refusal>& refused) {
  std::set<absl::string_view> bad;
  for (const Refusal& refusal : refused) bad.insert(refusal.name);
  TypeState& state = MutableState(update.type);
  for (const Resource& resource : update.updated) {
    if (bad.count(resource.name) != 0) continue;
    if (!state.WantsResource(resource)) continue;  // staging let it go again
    state.Hold(resource.name, resource.version);
    expiry_.Set(update.type, resource.name, resource.ttl);
  }
  for (const std::string& name : update.removed) {
    if (options_.delta) state.Forget(name);
    expiry_.Set(update.type, name, Duration::zero());
  }
}

// As if the server had said that they are gone.
void DiscoveryStream::OnExpired(ResourceType type, const std::vector<std::string>& names) {
  TypeState& state = MutableState(type);
  Update update;
  update.type = type;
  update.source = this;
  update.version = state.version();
  update.removed = names;
  counters_.expired.Add(names.size());
  for (const std::string& name : names) {
    state.Forget(name);
    OUTRIGGER_LOG(kWarn, kConfigXds, WordOf(type), " \"", name, "\": its time to live is over: it is gone");
  }
  staging_ = true;
  sink_.OnUpdate(update);
  staging_ = false;
  Dirty();
}

std::vector<Refusal> DiscoveryStream::StageParts(ResourceType type, const Heading& heading, DecodedResponse& decoded) {
  NoteHeartbeats(type, decoded.heartbeats);
  Update update = Normalise(type, decoded, heading.version);
  std::vector<Refusal> refused = std::move(decoded.refused);
  if (!refused.empty()) sink_.OnRefused(type, heading.version, refused);
  for (Refusal& refusal : sink_.OnUpdate(update)) refused.push_back(std::move(refusal));
  NoteHeld(update, refused);
  if (!decoded.errors.empty()) sink_.OnSourceErrors(type, decoded.errors);
  return refused;
}

void DiscoveryStream::Stage(ResourceType type, const Heading& heading, DecodedResponse decoded) {
  counters_.unknown_fields.Add(decoded.unknown_fields);
  for (const std::string& warning : decoded.warnings) OUTRIGGER_LOG(kWarn, kConfigXds, warning);
  std::vector<Refusal> refused;
  if (!decoded.whole.ok()) {
    refused.push_back({"", std::string(decoded.whole.message()), nullptr});
    sink_.OnRefused(type, heading.version, refused);
  } else {
    refused = StageParts(type, heading, decoded);
  }
  if (refused.empty()) {
    counters_.accepted.Inc();
    return MutableState(type).Accept(heading.nonce, heading.version);
  }
  counters_.refused.Inc();
  const std::string detail = JoinRefusals(refused);
  OUTRIGGER_LOG(kWarn, kConfigXds, ShortNameOf(type), " version \"", heading.version, "\" refused: ", detail);
  MutableState(type).Refuse(heading.nonce, detail);
}

}  // namespace outrigger::xds
