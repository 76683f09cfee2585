#include "source/xds/sotw_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace outrigger::xds {

using envoy::service::discovery::v3::DiscoveryRequest;

void SotwState::OnNewStream() {
  nonce_.clear();
  refusal_.reset();
  named_ = false;
  if (lost_ || !known_) version_.clear();
  lost_ = false;
}

void SotwState::Forget(const std::string& name) {
  TypeState::Forget(name);
  complete_.erase(name);
  lost_ = true;
}

void SotwState::Seed(const std::string& name, const std::string& version) {
  TypeState::Seed(name, version);
  if (IsFullState(type_)) complete_.insert(name);
}

void SotwState::Answer(const std::string& nonce, const std::string* refusal) {
  nonce_ = nonce;
  refusal_.reset();
  if (refusal != nullptr) refusal_ = *refusal;
}

std::set<std::string> SotwState::NoteComplete(std::set<std::string> names) {
  std::set<std::string> gone;
  if (!IsFullState(type_)) return gone;
  std::set_difference(complete_.begin(), complete_.end(), names.begin(), names.end(), std::inserter(gone, gone.end()));
  complete_ = std::move(names);
  for (const std::string& name : gone) held_.erase(name);
  return gone;
}

DiscoveryRequest SotwState::MakeRequest() const {
  DiscoveryRequest request;
  request.set_type_url(std::string(TypeUrlOf(type_)));
  request.set_version_info(version_);
  request.set_response_nonce(nonce_);
  if (all_ && (named_ || !names_.empty())) request.add_resource_names("*");
  for (const std::string& name : names_) request.add_resource_names(name);
  return request;
}

absl::optional<std::string> SotwState::TakeRequest(const Node* node) {
  if (!dirty_) return absl::nullopt;
  dirty_ = false;
  asked_ = true;
  if (!names_.empty()) named_ = true;
  DiscoveryRequest request = MakeRequest();
  if (node != nullptr) *request.mutable_node() = *node;
  if (refusal_.has_value()) {
    request.mutable_error_detail()->set_code(kInvalidArgument);
    request.mutable_error_detail()->set_message(*refusal_);
    refusal_.reset();
  }
  return Serialise(request);
}

std::string SotwState::RepeatRequest(const Node& node) const {
  DiscoveryRequest request = MakeRequest();
  *request.mutable_node() = node;
  return Serialise(request);
}

}  // namespace outrigger::xds
