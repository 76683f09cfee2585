#include "source/upstream/endpoint_schedule.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace outrigger::upstream {

using model::Endpoint;

void EndpointSchedule::Build(const model::LbConfig& config, MemberView members, const ActiveRequests& active,
                             PickRandom& random) {
  policy_ = config.policy;
  choices_ = std::max<uint32_t>(config.choice_count, 2);
  bias_ = config.active_request_bias;
  active_ = &active;
  members_ = std::move(members);
  smooth_.Clear();
  smooth_members_.clear();
  // Workers and new versions do not all begin at the same endpoint.
  next_ = members_.empty() ? 0 : static_cast<uint32_t>(random.Below(members_.size()));
}

void EndpointSchedule::BuildSmooth() {
  smooth_members_ = members_.All();
  smooth_.Reserve(smooth_members_.size());
  for (uint32_t i = 0; i < smooth_members_.size(); ++i) smooth_.Add(i, smooth_members_[i]->weight);
  for (uint32_t i = 0; i < next_; ++i) smooth_.Take(smooth_members_[smooth_.Next()]->weight);
}

double EndpointSchedule::BusyWeight(const Endpoint& member) const {
  const double busy = static_cast<double>(active_->At(member)) + 1.0;
  if (bias_ == 1.0) return member.weight / busy;
  if (bias_ <= 0.0) return member.weight;
  return member.weight / std::pow(busy, bias_);
}

const Endpoint& EndpointSchedule::PickLeastBusy(PickRandom& random) const {
  const Endpoint* best = &members_[static_cast<uint32_t>(random.Below(members_.size()))];
  uint32_t least = active_->At(*best);
  for (uint32_t i = 1; i < choices_; ++i) {
    const Endpoint& other = members_[static_cast<uint32_t>(random.Below(members_.size()))];
    const uint32_t busy = active_->At(other);
    if (busy >= least) continue;
    best = &other;
    least = busy;
  }
  return *best;
}

const Endpoint& EndpointSchedule::Pick(PickRandom& random) {
  if (members_.size() == 1) return members_[0];
  const bool equal = members_.same_weights();
  if (policy_ == model::LbPolicy::kRandom) {
    if (equal) return members_[static_cast<uint32_t>(random.Below(members_.size()))];
    return members_.AtWeight(random.Below(members_.weight()));
  }
  if (!equal) {
    if (smooth_members_.empty()) BuildSmooth();
    const Endpoint& next = *smooth_members_[smooth_.Next()];
    const bool busy = policy_ == model::LbPolicy::kLeastRequest;
    return *smooth_members_[smooth_.Take(busy ? BusyWeight(next) : next.weight)];
  }
  if (policy_ == model::LbPolicy::kLeastRequest) return PickLeastBusy(random);
  if (next_ >= members_.size()) next_ = 0;
  return members_[next_++];
}

}  // namespace outrigger::upstream
