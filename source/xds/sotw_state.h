// Thread: main
#pragma once

#include <set>
#include <string>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/xds/type_state.h"

namespace outrigger::xds {

// State of the world: each request names all that is wanted, the last accepted version and the nonce of this stream.
// Of several responses that were not answered yet only the last is: the protocol's nonces say so.
//
// All of a type is asked for by naming nothing; beside single names, or once a stream was told names, by "*".
class SotwState final : public TypeState {
 public:
  using TypeState::TypeState;
  void Forget(const std::string& name) override;
  void Seed(const std::string& name, const std::string& version) override;
  std::set<std::string> NoteComplete(std::set<std::string> names) override;
  absl::optional<std::string> TakeRequest(const Node* node) override;
  std::string RepeatRequest(const Node& node) const override;

 private:
  void OnNewStream() override;
  void Answer(const std::string& nonce, const std::string* refusal) override;
  envoy::service::discovery::v3::DiscoveryRequest MakeRequest() const;

  bool named_ = false;  // this stream was told names
  bool lost_ = false;   // something of the accepted version is gone: it has to be asked for as if nothing were there
  std::set<std::string> complete_;
  std::string nonce_;
  absl::optional<std::string> refusal_;  // of the last response; said once
};

}  // namespace outrigger::xds
