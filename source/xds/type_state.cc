#include "source/xds/type_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace outrigger::xds {

using envoy::service::discovery::v3::DiscoveryRequest;

namespace {
constexpr int32_t kInvalidArgument = 3;  // google.rpc.Code
}

void TypeState::WantAll() {
  if (all_) return;
  all_ = true;
  dirty_ = true;
}

void TypeState::Want(const std::string& name) {
  if (names_.insert(name).second) dirty_ = true;
}

void TypeState::Unwant(const std::string& name) {
  if (names_.erase(name) != 0 && asked_) dirty_ = true;
  // Nothing was ever said on this stream and nothing is wanted any more: then there is nothing to say.
  if (!asked_ && !wants_anything()) dirty_ = false;
}

void TypeState::OnStream() {
  nonce_.clear();
  refusal_.reset();
  asked_ = answered_ = false;
  dirty_ = wants_anything();
}

void TypeState::SeeNonce(const std::string& nonce) {
  nonce_ = nonce;
  answered_ = true;
  dirty_ = true;
}

void TypeState::Accept(const std::string& version) {
  version_ = version;
  refusal_.reset();
}

void TypeState::Refuse(const std::string& detail) { refusal_ = detail; }

std::set<std::string> TypeState::NoteComplete(std::set<std::string> names) {
  std::set<std::string> gone;
  std::set_difference(complete_.begin(), complete_.end(), names.begin(), names.end(), std::inserter(gone, gone.end()));
  complete_ = std::move(names);
  return gone;
}

absl::optional<DiscoveryRequest> TypeState::TakeRequest() {
  if (!dirty_) return absl::nullopt;
  dirty_ = false;
  asked_ = true;
  DiscoveryRequest request;
  request.set_type_url(std::string(TypeUrlOf(type_)));
  request.set_version_info(version_);
  request.set_response_nonce(nonce_);
  if (!all_) {
    for (const std::string& name : names_) request.add_resource_names(name);
  }
  if (refusal_.has_value()) {
    request.mutable_error_detail()->set_code(kInvalidArgument);
    request.mutable_error_detail()->set_message(*refusal_);
    refusal_.reset();
  }
  return request;
}

}  // namespace outrigger::xds
