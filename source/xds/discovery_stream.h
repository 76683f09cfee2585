// Thread: main
#pragma once

#include <array>
#include <memory>
#include <string>

#include "absl/types/optional.h"
#include "envoy/config/core/v3/base.pb.h"
#include "source/event/dispatcher.h"
#include "source/observe/schemas/xds.h"
#include "source/xds/backoff.h"
#include "source/xds/expiry.h"
#include "source/xds/response_decoder.h"
#include "source/xds/token_bucket.h"
#include "source/xds/transport.h"
#include "source/xds/type_state.h"
#include "source/xds/update.h"

namespace outrigger::xds {

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
    DecodeOptions decode;
    Duration backoff_base = milliseconds(500);
    Duration backoff_most = seconds(30);
    absl::optional<TokenBucket::Settings> request_limit;  // rate_limit_settings; none: requests go at once
  };
  // Numbers beside the published ones.
  struct Counters {
    uint64_t unknown_types = 0;       // responses of a type we do not know: ignored
    uint64_t unwanted_types = 0;      // of a type that was not asked for: ignored
    uint64_t unwanted_resources = 0;  // nobody subscribed to them: ignored
    uint64_t malformed = 0;           // messages that are no response: the stream is given up
    uint64_t heartbeats = 0;          // a time to live began again
    uint64_t stray_heartbeats = 0;    // of a version that is not held: ignored
    uint64_t expired = 0;             // resources whose time to live was over
    uint64_t resource_errors = 0;     // of resources that are wanted
    uint64_t unknown_fields = 0;      // tolerated
    uint64_t streams = 0, stream_ends = 0, responses = 0, accepted = 0, refused = 0;
  };

  DiscoveryStream(event::Dispatcher& dispatcher, Transport& transport, UpdateSink& sink,
                  observe::ControlPlaneStats& stats, Options options);
  ~DiscoveryStream() override;

  void Start();  // connects; subscriptions may be made before

  void WantAll(ResourceType type) override;
  void Want(ResourceType type, const std::string& name) override;
  void Unwant(ResourceType type, const std::string& name) override;
  void Seed(ResourceType type, const std::string& name, const std::string& version) override;
  std::string Describe() const override { return transport_.Describe(); }
  SourceState State() const override;

  bool connected() const { return connected_; }
  const Counters& counters() const { return counters_; }
  const TypeState& state(ResourceType type) const { return *states_[static_cast<size_t>(type)]; }
  // The last stream's end, for dumps; empty if none has ended.
  const std::string& last_error() const { return last_error_; }

 private:
  // What a response says of itself, in either wire form.
  struct Heading {
    std::string version, nonce;
  };
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
  std::vector<Refusal> StageParts(ResourceType type, const Heading& heading, DecodedResponse& decoded, bool ordered);
  bool Ordered() const;
  Update Normalise(ResourceType type, DecodedResponse& decoded, const std::string& version);
  void NoteHeartbeats(ResourceType type, const std::vector<Heartbeat>& beats);
  void NoteHeld(const Update& update, const std::vector<Refusal>& refused);
  void OnExpired(ResourceType type, const std::vector<std::string>& names);
  void SendPending(ResourceType type, int64_t* held_back);
  void SetConnected(bool connected);
  TypeState& MutableState(ResourceType type) { return *states_[static_cast<size_t>(type)]; }
  void Dirty() { dispatcher_.AtEndOfTurn(*this); }
  bool MaySend();  // takes a token; false: none is left, and the rest goes when there is one

  event::Dispatcher& dispatcher_;
  Transport& transport_;
  UpdateSink& sink_;
  observe::ControlPlaneStats& stats_;
  const Options options_;
  std::array<std::unique_ptr<TypeState>, kResourceTypes> states_;
  Expiry expiry_;
  std::unique_ptr<Call> call_;
  event::Timer reconnect_;
  Backoff backoff_;
  absl::optional<TokenBucket> tokens_;
  event::Timer next_token_;
  Counters counters_;
  std::string last_error_, server_;
  WallTime state_since_{}, last_error_at_{};
  bool started_ = false, connected_ = false, node_sent_ = false, staging_ = false;
};

}  // namespace outrigger::xds
