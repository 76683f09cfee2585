// Thread: main
#pragma once

#include <deque>
#include <set>
#include <string>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/xds/type_state.h"

namespace outrigger::xds {

// Delta: the first request of a stream says all that is wanted and the version of all that is held, later ones only
// what changed. Each response has an answer of its own, and only such an answer has a nonce.
//
// All of a type is asked for by a first request that names nothing; beside single names by "*". A name that was let go
// and is wanted again is always said again: the server then sends the resource, whatever it believes us to have.
class DeltaState final : public TypeState {
 public:
  // Answers that may wait to be sent (rate limits); the oldest is dropped above it.
  static constexpr size_t kMostAnswers = 1000;
  using TypeState::TypeState;
  absl::optional<std::string> TakeRequest(const Node* node) override;
  std::string RepeatRequest(const Node& node) const override;

 private:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
  struct Answered {
    std::string nonce;
    absl::optional<std::string> refusal;
  };
  void OnWanted(const std::string& name) override;
  void OnUnwanted(const std::string& name) override;
  void OnNewStream() override;
  void Answer(const std::string& nonce, const std::string* refusal) override;
  void SayEverything(Request& request);  // the first one of a stream
  void SayChanges(Request& request);
  bool Changed() const;
  // To want all virtual hosts is to take what is given unasked: there is no "*" of them.
  bool SaysStar() const { return all_ && type_ != ResourceType::kVirtualHost; }

  bool all_told_ = false;  // on this stream
  // Against what this stream was told; `again_` are those of to_subscribe_ that it was told already.
  std::set<std::string> to_subscribe_, to_unsubscribe_, again_;
  std::deque<Answered> answers_;
};

}  // namespace outrigger::xds
