#include "source/xds/delta_state.h"

#include <utility>

namespace outrigger::xds {

void DeltaState::OnNewStream() {
  all_told_ = false;
  to_subscribe_.clear();
  to_unsubscribe_.clear();
  again_.clear();
  answers_.clear();
}

void DeltaState::OnWanted(const std::string& name) {
  if (!asked_) return;  // the first request says everything
  if (to_unsubscribe_.erase(name) != 0) again_.insert(name);
  to_subscribe_.insert(name);
}

void DeltaState::OnUnwanted(const std::string& name) {
  if (!asked_) return;
  const bool never_told = to_subscribe_.erase(name) != 0 && again_.erase(name) == 0;
  if (!never_told) to_unsubscribe_.insert(name);
}

void DeltaState::Answer(const std::string& nonce, const std::string* refusal) {
  if (answers_.size() >= kMostAnswers) answers_.pop_front();
  answers_.push_back({nonce, refusal == nullptr ? absl::nullopt : absl::make_optional(*refusal)});
}

void DeltaState::SayEverything(Request& request) {
  if (SaysStar() && !names_.empty()) request.add_resource_names_subscribe("*");
  for (const std::string& name : names_) request.add_resource_names_subscribe(name);
  // Another server is told what is here, so that it can say what is gone, but no version of its peer's.
  for (const auto& [name, version] : held_)
    (*request.mutable_initial_resource_versions())[name] = known_ ? version : "";
}

void DeltaState::SayChanges(Request& request) {
  if (SaysStar() && !all_told_) request.add_resource_names_subscribe("*");
  for (const std::string& name : to_subscribe_) request.add_resource_names_subscribe(name);
  for (const std::string& name : to_unsubscribe_) request.add_resource_names_unsubscribe(name);
}

bool DeltaState::Changed() const { return (all_ && !all_told_) || !to_subscribe_.empty() || !to_unsubscribe_.empty(); }

absl::optional<std::string> DeltaState::TakeRequest(const Node* node) {
  if (!dirty_) return absl::nullopt;
  dirty_ = false;
  if (asked_ && answers_.empty() && !Changed()) return absl::nullopt;  // wanted and let go again
  Request request;
  request.set_type_url(std::string(TypeUrlOf(type_)));
  if (node != nullptr) *request.mutable_node() = *node;
  if (asked_) {
    SayChanges(request);
  } else {
    SayEverything(request);
  }
  asked_ = true;
  all_told_ = all_;
  to_subscribe_.clear();
  to_unsubscribe_.clear();
  again_.clear();
  if (!answers_.empty()) {
    request.set_response_nonce(answers_.front().nonce);
    if (const auto& refusal = answers_.front().refusal; refusal.has_value()) {
      request.mutable_error_detail()->set_code(kInvalidArgument);
      request.mutable_error_detail()->set_message(*refusal);
    }
    answers_.pop_front();
  }
  dirty_ = !answers_.empty();
  return Serialise(request);
}

std::string DeltaState::RepeatRequest(const Node& node) const {
  Request request;
  request.set_type_url(std::string(TypeUrlOf(type_)));
  *request.mutable_node() = node;
  return Serialise(request);
}

}  // namespace outrigger::xds
