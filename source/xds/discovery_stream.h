// Thread: main
#pragma once

#include <array>
#include <memory>
#include <string>

#include "absl/types/optional.h"
#include "envoy/config/core/v3/base.pb.h"
#include "source/event/dispatcher.h"
#include "source/observe/schemas/xds.h"
#include "source/observe/stats.h"
#include "source/xds/backoff.h"
#include "source/xds/expiry.h"
#include "source/xds/failover.h"
#include "source/xds/response_decoder.h"
#include "source/xds/token_bucket.h"
#include "source/xds/transport.h"
#include "source/xds/type_state.h"
#include "source/xds/update.h"

namespace outrigger::xds {

std::unique_ptr<TypeState> MakeTypeState(ResourceType type, bool delta);

inline constexpr absl::string_view kInUseKey = "outrigger.in_use";
// How the identifier of a control plane begins that hears of what is in use.
inline constexpr absl::string_view kOurControlPlane = "outrigger-control-plane";

// One stream to a control plane: aggregated (all types, ADS) or of one type, state of the world or delta. Reconnects
// for ever with jittered exponential back-off; what was received stays when the stream goes. Owned by whoever made it;
// its sink and transport outlive it.
//
// Requests that several changes of one turn give rise to are sent once, at the end of the turn, in the order of
// ResourceType: while an update is staged, and what it subscribes to piles up, nothing is said.
class DiscoveryStream final : public Source, private CallHandler, private event::EndOfTurn {
 public:
  struct Options {
    envoy::config::core::v3::Node node;
    bool node_on_first_message_only = false;
    absl::optional<ResourceType> only;  // none: aggregated
    bool delta = false;
    std::string control_plane_prefix = "control_plane.";  // of the published statistics
    std::string own_prefix = "xds.ads.";
    DecodeOptions decode;
    Duration backoff_base = milliseconds(500);
    Duration backoff_most = seconds(30);
    absl::optional<TokenBucket::Settings> request_limit;  // rate_limit_settings; none: requests go at once
  };
  DiscoveryStream(event::Dispatcher& dispatcher, Transport& transport, UpdateSink& sink, observe::StatsRegistry& stats,
                  Options options);
  ~DiscoveryStream() override;

  // A further management server, asked when those before it fail (failover.h). Before Start; outlives the stream.
  void AddServer(Transport& transport) { failover_.Add(transport); }
  void Start();  // connects; subscriptions may be made before

  void WantAll(ResourceType type) override;
  void Want(ResourceType type, const std::string& name) override;
  void Unwant(ResourceType type, const std::string& name) override;
  void Seed(ResourceType type, const std::string& name, const std::string& version) override;
  SourceState State() const override;
  std::string Describe() const override { return failover_.server().Describe(); }
  // Told to a control plane that asked for it by being ours, with a request of its own whose node has kInUseKey in its
  // metadata: {"version": V}. Others never hear of it.
  void ReportInUse(ResourceType type, absl::string_view version) override;

  bool connected() const { return connected_; }
  const observe::DiscoveryStats& counters() const { return counters_; }
  const TypeState& state(ResourceType type) const { return *states_[static_cast<size_t>(type)]; }
  // The last stream's end, for dumps; empty if none has ended.
  const std::string& last_error() const { return last_error_; }

 private:
  // What a response says of itself, in either wire form.
  struct Heading {
    std::string version, nonce;
  };
  absl::string_view Method() const;
  void Connect();
  void OnConnected() override;
  void OnMessage(absl::string_view message) override;
  void OnEnd(uint32_t status, absl::string_view message) override;
  void OnEndOfTurn() override;
  void Break(absl::string_view why);  // gives this stream up and reconnects later
  template <class Response>
  void Parse(absl::string_view message);
  // The type of a response that is to be staged; none: it is ignored.
  absl::optional<ResourceType> TypeToStage(const std::string& type_url);
  void Stage(ResourceType type, const Heading& heading, DecodedResponse decoded);
  std::vector<Refusal> StageParts(ResourceType type, const Heading& heading, DecodedResponse& decoded);
  Update Normalise(ResourceType type, DecodedResponse& decoded, const std::string& version);
  void NoteHeartbeats(ResourceType type, const std::vector<Heartbeat>& beats);
  void NoteHeld(const Update& update, const std::vector<Refusal>& refused);
  void OnExpired(ResourceType type, const std::vector<std::string>& names);
  void SendPending(ResourceType type, int64_t* held_back);
  void SendUse(ResourceType type);
  void ArmFirstResponse();
  void ArmProbe();
  void Probe();  // tries the first server beside the one that serves
  void OnProbe(bool answered);
  void SetConnected(bool connected);
  TypeState& MutableState(ResourceType type) { return *states_[static_cast<size_t>(type)]; }
  void Dirty() { dispatcher_.AtEndOfTurn(*this); }
  bool MaySend();  // takes a token; false: none is left, and the rest goes when there is one

  // The first server's answer to one request, while another serves.
  struct ProbeCall final : CallHandler {
    explicit ProbeCall(DiscoveryStream& s) : stream(s) {}
    void OnConnected() override {}
    void OnMessage(absl::string_view) override { stream.OnProbe(true); }
    void OnEnd(uint32_t, absl::string_view) override { stream.OnProbe(false); }
    DiscoveryStream& stream;
    std::unique_ptr<Call> call;
  };
  struct Use {
    std::string version;
    bool told = true;  // on this stream
  };

  event::Dispatcher& dispatcher_;
  Failover failover_;
  UpdateSink& sink_;
  Options options_;
  observe::StatsScope<observe::ControlPlaneStats> stats_scope_;
  observe::StatsScope<observe::DiscoveryStats> counters_scope_;
  observe::ControlPlaneStats& stats_;
  observe::DiscoveryStats& counters_;
  std::array<std::unique_ptr<TypeState>, kResourceTypes> states_;
  Expiry expiry_;
  std::unique_ptr<Call> call_;
  event::Timer reconnect_;
  Backoff backoff_;
  absl::optional<TokenBucket> tokens_;
  event::Timer next_token_;
  std::string last_error_, server_;
  WallTime state_since_{}, last_error_at_{};
  event::Timer first_response_;  // nothing came until then: the server has failed
  ProbeCall probe_;
  Backoff probe_backoff_;
  event::Timer next_probe_;  // also the end of one that lasts
  std::array<Use, kResourceTypes> uses_;
  bool started_ = false, connected_ = false, node_sent_ = false, staging_ = false;
  bool answered_ = false;      // a response came on this stream
  bool hears_of_use_ = false;  // its server said that it is ours
};

}  // namespace outrigger::xds
