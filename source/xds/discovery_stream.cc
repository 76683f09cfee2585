#include "source/xds/discovery_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace outrigger::xds {

using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

namespace {

template <size_t... I>
std::array<TypeState, kResourceTypes> TypeStates(std::index_sequence<I...>) {
  return {TypeState(kAllResourceTypes[I])...};
}

}  // namespace

DiscoveryStream::DiscoveryStream(event::Dispatcher& dispatcher, Transport& transport, UpdateSink& sink,
                                 observe::ControlPlaneStats& stats, Options options)
    : dispatcher_(dispatcher),
      transport_(transport),
      sink_(sink),
      stats_(stats),
      options_(std::move(options)),
      states_(TypeStates(std::make_index_sequence<kResourceTypes>())),
      reconnect_([this] { Connect(); }),
      backoff_(options_.backoff_base, options_.backoff_most),
      next_token_([this] { Dirty(); }) {
  if (options_.request_limit.has_value()) tokens_.emplace(*options_.request_limit, dispatcher_.now());
}

DiscoveryStream::~DiscoveryStream() { SetConnected(false); }

void DiscoveryStream::Start() {
  if (std::exchange(started_, true)) return;
  stats_.connected_state.Set(0);
  Connect();
}

void DiscoveryStream::Connect() {
  ++counters_.streams;
  node_sent_ = false;
  for (TypeState& state : states_) state.OnStream();
  call_ = transport_.Open(options_.only.has_value() ? StreamMethodOf(*options_.only) : kAggregatedMethod, *this);
  Dirty();
}

void DiscoveryStream::SetConnected(bool connected) {
  if (connected == connected_) return;
  connected_ = connected;
  stats_.connected_state.Set(connected ? 1 : 0);
}

void DiscoveryStream::OnConnected() { SetConnected(true); }

void DiscoveryStream::OnEnd(uint32_t status, absl::string_view message) {
  Break(absl::StrCat("stream ended with status ", status, message.empty() ? "" : ": ", message));
}

void DiscoveryStream::Break(absl::string_view why) {
  SetConnected(false);
  ++counters_.stream_ends;
  last_error_ = std::string(why);
  call_.reset();
  next_token_.Disarm();
  stats_.pending_requests.Set(0);
  const Duration wait = backoff_.Next(dispatcher_.engine().RandomBits());
  OUTRIGGER_LOG(kWarn, kConfigXds, "control plane at ", transport_.Describe(), ": ", why, "; next attempt in ",
                ToMillis(wait), " ms; the configuration stays");
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
  MutableState(type).Unwant(name);
  Dirty();
}

void DiscoveryStream::OnEndOfTurn() {
  if (call_ == nullptr || staging_) return;
  int64_t held_back = 0;
  for (TypeState& state : states_) {
    if (!state.dirty()) continue;
    if (!MaySend()) {
      ++held_back;
      continue;
    }
    absl::optional<DiscoveryRequest> request = state.TakeRequest();
    if (!request.has_value()) continue;
    if (!node_sent_ || !options_.node_on_first_message_only) *request->mutable_node() = options_.node;
    node_sent_ = true;
    call_->Send(request->SerializeAsString());
  }
  stats_.pending_requests.Set(held_back);
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
  DiscoveryResponse response;
  if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    ++counters_.malformed;
    return Break("a message came that is no DiscoveryResponse");
  }
  backoff_.Reset();
  ++counters_.responses;
  Handle(response);
}

void DiscoveryStream::Handle(const DiscoveryResponse& response) {
  if (!response.control_plane().identifier().empty()) stats_.identifier.Set(response.control_plane().identifier());
  const absl::optional<ResourceType> type = TypeOfUrl(response.type_url());
  if (!type.has_value() || (options_.only.has_value() && type != options_.only)) {
    ++counters_.unknown_types;
    OUTRIGGER_LOG(kWarn, kConfigXds, "control plane at ", transport_.Describe(), " sent resources of type \"",
                  response.type_url(), "\", which is not known here: ignored");
    return;
  }
  if (!MutableState(*type).wants_anything()) {
    ++counters_.unwanted_types;
    return;
  }
  staging_ = true;
  Stage(*type, response);
  staging_ = false;
  Dirty();
}

// Whether the server has told on this stream all that traffic follows: from then on it knows what is in use here.
bool DiscoveryStream::Ordered() const {
  if (options_.only.has_value()) return false;
  for (const ResourceType type : {ResourceType::kCluster, ResourceType::kListener, ResourceType::kRoutes}) {
    if (state(type).wants_anything() && !state(type).answered()) return false;
  }
  return true;
}

Update DiscoveryStream::Normalise(TypeState& state, ResourceType type, DecodedResponse& decoded,
                                  const std::string& version) {
  Update update;
  update.type = type;
  update.source = this;
  update.version = version;
  std::set<std::string> present;
  for (Resource& resource : decoded.resources) {
    if (!state.Wants(resource.name)) {
      ++counters_.unwanted_resources;
      continue;
    }
    present.insert(resource.name);
    update.updated.push_back(std::move(resource));
  }
  for (const Refusal& refusal : decoded.refused) present.insert(refusal.name);
  if (IsFullState(type)) {
    for (const std::string& name : state.NoteComplete(std::move(present))) update.removed.push_back(name);
  }
  return update;
}

void DiscoveryStream::Stage(ResourceType type, const DiscoveryResponse& response) {
  TypeState& state = MutableState(type);
  const bool ordered = Ordered();  // before this response
  state.SeeNonce(response.nonce());
  DecodedResponse decoded = DecodeResponse(type, response, options_.decode);
  counters_.unknown_fields += decoded.unknown_fields;
  for (const std::string& warning : decoded.warnings) OUTRIGGER_LOG(kWarn, kConfigXds, warning);
  std::vector<Refusal> refused;
  if (!decoded.whole.ok()) {
    refused.push_back({"", std::string(decoded.whole.message()), nullptr});
    sink_.OnRefused(type, response.version_info(), refused);
  } else {
    Update update = Normalise(state, type, decoded, response.version_info());
    update.ordered = ordered;
    refused = std::move(decoded.refused);
    if (!refused.empty()) sink_.OnRefused(type, response.version_info(), refused);
    for (Refusal& refusal : sink_.OnUpdate(update)) refused.push_back(std::move(refusal));
  }
  if (refused.empty()) {
    ++counters_.accepted;
    return state.Accept(response.version_info());
  }
  ++counters_.refused;
  const std::string detail = JoinRefusals(refused);
  OUTRIGGER_LOG(kWarn, kConfigXds, ShortNameOf(type), " version \"", response.version_info(), "\" refused: ", detail);
  state.Refuse(detail);
}

}  // namespace outrigger::xds
