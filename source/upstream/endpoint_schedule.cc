#include "source/upstream/endpoint_schedule.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace outrigger::upstream {

void EndpointSchedule::Build(const model::LbConfig& config, std::vector<Member> members, const uint32_t* const* active,
                             PickRandom& random) {
  policy_ = config.policy;
  choices_ = std::max<uint32_t>(config.choice_count, 2);
  bias_ = config.active_request_bias;
  active_ = active;
  members_ = std::move(members);
  smooth_.Clear();
  alias_.clear();
  next_ = 0;
  equal_ = true;
  for (Member& member : members_) {
    member.weight = std::max<uint32_t>(member.weight, 1);
    equal_ = equal_ && member.weight == members_[0].weight;
  }
  if (members_.empty()) return;
  // Workers and new versions do not all begin at the same endpoint.
  next_ = random.Below(members_.size());
  if (equal_) return;
  if (policy_ == model::LbPolicy::kRandom) return BuildAlias();
  smooth_.Reserve(members_.size());
  for (uint32_t i = 0; i < members_.size(); ++i) smooth_.Add(i, members_[i].weight);
  for (size_t i = 0; i < next_; ++i) smooth_.Take(members_[smooth_.Next()].weight);
}

void EndpointSchedule::BuildAlias() {
  const size_t n = members_.size();
  double sum = 0;
  for (const Member& member : members_) sum += member.weight;
  std::vector<double> share(n);
  std::vector<uint32_t> small, large;
  for (uint32_t i = 0; i < n; ++i) {
    share[i] = members_[i].weight * static_cast<double>(n) / sum;
    (share[i] < 1.0 ? small : large).push_back(i);
  }
  constexpr double kAll = 4294967296.0;
  alias_.assign(n, Alias{uint64_t{1} << 32, 0});
  while (!small.empty() && !large.empty()) {
    const uint32_t less = small.back(), more = large.back();
    small.pop_back();
    alias_[less] = {static_cast<uint64_t>(share[less] * kAll), more};
    share[more] -= 1.0 - share[less];
    if (share[more] < 1.0) {
      large.pop_back();
      small.push_back(more);
    }
  }
}

double EndpointSchedule::BusyWeight(uint32_t member) const {
  const double weight = members_[member].weight;
  const double busy = static_cast<double>(*active_[members_[member].index]) + 1.0;
  if (bias_ == 1.0) return weight / busy;
  if (bias_ <= 0.0) return weight;
  return weight / std::pow(busy, bias_);
}

uint32_t EndpointSchedule::PickLeastBusy(PickRandom& random) {
  uint32_t best = members_[random.Below(members_.size())].index;
  for (uint32_t i = 1; i < choices_; ++i) {
    const uint32_t other = members_[random.Below(members_.size())].index;
    if (*active_[other] < *active_[best]) best = other;
  }
  return best;
}

uint32_t EndpointSchedule::Pick(PickRandom& random) {
  if (members_.size() == 1) return members_[0].index;
  switch (policy_) {
    case model::LbPolicy::kRandom: {
      const uint64_t draw = random.Next();
      const size_t at = static_cast<size_t>(((draw >> 32) * members_.size()) >> 32);
      if (alias_.empty() || (draw & 0xFFFFFFFF) < alias_[at].keep_below) return members_[at].index;
      return members_[alias_[at].other].index;
    }
    case model::LbPolicy::kLeastRequest:
      if (equal_) return PickLeastBusy(random);
      return members_[smooth_.Take(BusyWeight(smooth_.Next()))].index;
    case model::LbPolicy::kRoundRobin:
      if (!equal_) return members_[smooth_.Take(members_[smooth_.Next()].weight)].index;
      break;
  }
  if (next_ >= members_.size()) next_ = 0;
  return members_[next_++].index;
}

}  // namespace outrigger::upstream
