#include "source/upstream/load_balancer.h"

#include <algorithm>
#include <utility>

namespace outrigger::upstream {

using model::Endpoint;
using model::PrioritySet;

Availability AvailabilityOf(uint32_t flags) {
  constexpr uint32_t kDown = model::kEdsUnhealthy | model::kEdsDraining | model::kActiveUnhealthy | model::kEjected;
  if ((flags & kDown) != 0) return Availability::kUnhealthy;
  return (flags & model::kEdsDegraded) != 0 ? Availability::kDegraded : Availability::kHealthy;
}

void LoadBalancer::Build(const model::LbConfig& config, const model::EndpointSet& set,
                         const std::vector<std::vector<const uint32_t*>>& active, uint64_t seed) {
  config_ = config;
  set_ = &set;
  active_ = &active;
  priorities_.clear();
  priorities_.resize(set.priorities.size());
  any_healthy_ = false;
  std::vector<PriorityHealth> health(set.priorities.size());
  std::vector<std::vector<Availability>> is(set.priorities.size());
  for (size_t p = 0; p < health.size(); ++p) {
    is[p].reserve(set.priorities[p].endpoints.size());
    for (const Endpoint& endpoint : set.priorities[p].endpoints) {
      const uint64_t counts = set.weighted_priority_health ? std::max<uint32_t>(endpoint.weight, 1) : 1;
      health[p].total += counts;
      is[p].push_back(AvailabilityOf(endpoint.record->flags.load(std::memory_order_relaxed)));
      switch (is[p].back()) {
        case Availability::kHealthy:
          health[p].healthy += counts;
          break;
        case Availability::kDegraded:
          health[p].degraded += counts;
          break;
        case Availability::kUnhealthy:
          break;
      }
    }
    any_healthy_ = any_healthy_ || health[p].healthy + health[p].degraded > 0;
  }
  load_ = ComputePriorityLoad(health, set.overprovisioning_factor, config.healthy_panic_threshold);
  PickRandom random(seed);
  for (uint32_t p = 0; p < priorities_.size(); ++p) BuildPriority(p, is[p], random);
}

void LoadBalancer::BuildPriority(uint32_t priority, const std::vector<Availability>& is, PickRandom& random) {
  const PrioritySet& set = set_->priorities[priority];
  Priority& made = priorities_[priority];
  const uint32_t* const* active = (*active_)[priority].data();
  const auto select = [&](const std::vector<bool>* which) {
    std::vector<EndpointSchedule::Member> members;
    const auto n = which == nullptr ? static_cast<ptrdiff_t>(set.endpoints.size())
                                    : std::count(which->begin(), which->end(), true);
    if (n == 0) return members;
    members.reserve(static_cast<size_t>(n));
    for (uint32_t i = 0; i < set.endpoints.size(); ++i) {
      if (which == nullptr || (*which)[i]) members.push_back({i, set.endpoints[i].weight});
    }
    return members;
  };
  if (load_.panic[priority]) {
    if (!config_.fail_traffic_on_panic) made.everyone.Build(config_, select(nullptr), active, random);
    return;
  }
  std::vector<bool> healthy(set.endpoints.size()), degraded(set.endpoints.size());
  for (size_t i = 0; i < set.endpoints.size(); ++i) {
    healthy[i] = is[i] == Availability::kHealthy;
    degraded[i] = is[i] == Availability::kDegraded;
  }
  made.healthy.all.Build(config_, select(&healthy), active, random);
  made.degraded.all.Build(config_, select(&degraded), active, random);
  if (!config_.locality_weighted) return;
  BuildLocalities(set, healthy, made.healthy, active, random);
  BuildLocalities(set, degraded, made.degraded, active, random);
}

// A locality's effective weight is its weight times min(1, overprovisioning * share of it that is available).
void LoadBalancer::BuildLocalities(const PrioritySet& set, const std::vector<bool>& available, Group& group,
                                   const uint32_t* const* active, PickRandom& random) {
  const size_t n = set.localities.size();
  group.locality_weights.assign(n, 0.0);
  group.by_locality.resize(n);
  for (size_t l = 0; l < n; ++l) {
    const model::LocalityEndpoints& locality = set.localities[l];
    std::vector<EndpointSchedule::Member> members;
    for (uint32_t i : locality.members) {
      if (i < available.size() && available[i]) members.push_back({i, set.endpoints[i].weight});
    }
    if (members.empty() || locality.weight == 0) continue;
    const double share = static_cast<double>(members.size()) / static_cast<double>(locality.members.size());
    const double weight = locality.weight * std::min(1.0, set_->overprovisioning_factor / 100.0 * share);
    if (weight <= 0.0) continue;
    group.locality_weights[l] = weight;
    group.by_locality[l].Build(config_, std::move(members), active, random);
    group.localities.Add(static_cast<uint32_t>(l), weight);
  }
  if (group.localities.empty()) return;
  for (uint64_t skip = random.Below(n); skip > 0; --skip) {
    group.localities.Take(group.locality_weights[group.localities.Next()]);
  }
}

std::optional<LoadBalancer::Choice> LoadBalancer::PickOnce(PickRandom& random) {
  const PriorityLoad::Choice where =
      priorities_.size() == 1 && load_.healthy[0] == 100 ? PriorityLoad::Choice{} : load_.Choose(random.Next());
  Priority& priority = priorities_[where.priority];
  if (load_.panic[where.priority]) {
    if (priority.everyone.empty()) return std::nullopt;
    return Choice{where.priority, priority.everyone.Pick(random), true};
  }
  Group& group = where.degraded ? priority.degraded : priority.healthy;
  if (!group.localities.empty()) {
    const uint32_t locality = group.localities.Take(group.locality_weights[group.localities.Next()]);
    return Choice{where.priority, group.by_locality[locality].Pick(random)};
  }
  if (group.all.empty()) return std::nullopt;
  return Choice{where.priority, group.all.Pick(random)};
}

bool LoadBalancer::InPanicWithoutTraffic() const {
  if (!config_.fail_traffic_on_panic) return false;
  return std::find(load_.panic.begin(), load_.panic.end(), true) != load_.panic.end();
}

std::optional<LoadBalancer::Choice> LoadBalancer::Pick(uint64_t random, const uint64_t* avoid, size_t avoid_count,
                                                       uint32_t attempts) {
  if (priorities_.empty()) return std::nullopt;
  PickRandom draws(random);
  std::optional<Choice> choice = PickOnce(draws);
  for (; avoid_count > 0 && choice && attempts > 0; --attempts) {
    const uint64_t id = set_->priorities[choice->priority].endpoints[choice->index].record->id;
    if (std::find(avoid, avoid + avoid_count, id) == avoid + avoid_count) break;
    choice = PickOnce(draws);
  }
  return choice;
}

}  // namespace outrigger::upstream
