// Thread: main
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/types/optional.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/xds/resource_type.h"

namespace outrigger::xds {

// What one type has agreed with one control plane, in the state-of-the-world form: what is wanted, the last accepted
// version, the nonce of this stream, and what is to be said next. It survives streams; delta will be its sibling.
//
//   wanted changes ──▶ dirty ──TakeRequest──▶ request (version accepted, nonce seen)
//   response ──▶ Accept: version = response's ──▶ dirty (ACK)
//            └─▶ Refuse: version stays, error  ──▶ dirty (NACK)
class TypeState {
 public:
  explicit TypeState(ResourceType type) : type_(type) {}

  void WantAll();
  void Want(const std::string& name);
  void Unwant(const std::string& name);
  bool wants_all() const { return all_; }
  bool Wants(const std::string& name) const { return all_ || names_.count(name) != 0; }
  bool wants_anything() const { return all_ || !names_.empty(); }

  // A new stream: no nonce yet; everything wanted is asked for again, with the last accepted version.
  void OnStream();

  // A response came: what is said next carries its nonce. Accept or Refuse follows.
  void SeeNonce(const std::string& nonce);
  void Accept(const std::string& version);
  void Refuse(const std::string& detail);

  // A response came on this stream.
  bool answered() const { return answered_; }

  // For types whose responses are complete: notes the names that a response has and returns those that an earlier one
  // had and this one lacks.
  std::set<std::string> NoteComplete(std::set<std::string> names);

  bool dirty() const { return dirty_; }
  // The next request (without the node), if there is one to make. It is then taken as sent.
  absl::optional<envoy::service::discovery::v3::DiscoveryRequest> TakeRequest();

  const std::string& version() const { return version_; }
  const std::string& nonce() const { return nonce_; }

 private:
  const ResourceType type_;
  bool all_ = false;
  bool dirty_ = false;
  bool asked_ = false;     // on this stream
  bool answered_ = false;  // on this stream
  std::set<std::string> names_;
  std::set<std::string> complete_;
  std::string version_, nonce_;
  absl::optional<std::string> refusal_;  // of the last response; said once
};

}  // namespace outrigger::xds
