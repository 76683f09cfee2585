#include "source/upstream/load_balancer.h"

#include <algorithm>
#include <utility>

namespace outrigger::upstream {

using model::Among;
using model::Endpoint;
using model::EndpointSum;
using model::PrioritySet;

// Every endpoint's flags are read once: all that is built of them must agree.
void LoadBalancer::ReadFlags() {
  now_.clear();
  if (sums_hold_) return;
  for (const PrioritySet& priority : set_->priorities) {
    for (const model::LocalityEndpoints& locality : priority.localities) {
      std::vector<Availability>& now = now_[&locality];
      now.reserve(locality.endpoints.size());
      locality.endpoints.ForEach([&now](uint32_t, const Endpoint& endpoint) {
        now.push_back(AvailabilityOf(endpoint.record->flags.load(std::memory_order_relaxed)));
      });
    }
  }
}

EndpointSum LoadBalancer::SumOf(const model::LocalityEndpoints& locality) const {
  if (sums_hold_) return locality.endpoints.sum();
  EndpointSum sum;
  const std::vector<Availability>& now = now_.find(&locality)->second;
  locality.endpoints.ForEach([&](uint32_t i, const Endpoint& endpoint) { sum.Add(endpoint, now[i]); });
  return sum;
}

void LoadBalancer::View(const model::LocalityEndpoints& locality, Among among, MemberView& into) const {
  if (sums_hold_) return into.Add(locality.endpoints, among);
  const std::vector<Availability>& now = now_.find(&locality)->second;
  locality.endpoints.ForEach([&](uint32_t i, const Endpoint& endpoint) {
    const bool in = among == Among::kAll || (among == Among::kHealthy && now[i] == Availability::kHealthy) ||
                    (among == Among::kDegraded && now[i] == Availability::kDegraded);
    if (in) into.Add(endpoint);
  });
}

void LoadBalancer::Build(const model::LbConfig& config, const model::EndpointSet& set, const ActiveRequests& active,
                         uint64_t seed) {
  config_ = config;
  set_ = &set;
  active_ = &active;
  sums_hold_ = set.SumsHold();
  ReadFlags();
  priorities_.clear();
  priorities_.resize(set.priorities.size());
  any_healthy_ = false;
  std::vector<PriorityHealth> health(set.priorities.size());
  for (size_t p = 0; p < health.size(); ++p) {
    EndpointSum sum;
    for (const model::LocalityEndpoints& locality : set.priorities[p].localities) sum.Add(SumOf(locality));
    health[p] = set.weighted_priority_health ? PriorityHealth{sum.weight, sum.healthy_weight, sum.degraded_weight}
                                             : PriorityHealth{sum.total, sum.healthy, sum.degraded};
    any_healthy_ = any_healthy_ || sum.healthy + sum.degraded > 0;
  }
  load_ = ComputePriorityLoad(health, set.overprovisioning_factor, config.healthy_panic_threshold);
  PickRandom random(seed);
  for (uint32_t p = 0; p < priorities_.size(); ++p) BuildPriority(p, random);
  now_ = {};
}

void LoadBalancer::BuildPriority(uint32_t priority, PickRandom& random) {
  const PrioritySet& set = set_->priorities[priority];
  Priority& made = priorities_[priority];
  if (load_.panic[priority]) {
    if (config_.fail_traffic_on_panic) return;
    MemberView everyone;
    for (const model::LocalityEndpoints& locality : set.localities) View(locality, Among::kAll, everyone);
    return made.everyone.Build(config_, std::move(everyone), *active_, random);
  }
  BuildGroup(set, Among::kHealthy, made.healthy, random);
  BuildGroup(set, Among::kDegraded, made.degraded, random);
}

// A locality's effective weight is its weight times min(1, overprovisioning * share of it that is available).
void LoadBalancer::BuildGroup(const PrioritySet& set, Among among, Group& group, PickRandom& random) {
  MemberView all;
  for (const model::LocalityEndpoints& locality : set.localities) View(locality, among, all);
  group.all.Build(config_, std::move(all), *active_, random);
  if (!config_.locality_weighted) return;
  const size_t n = set.localities.size();
  group.locality_weights.assign(n, 0.0);
  group.by_locality.resize(n);
  for (size_t l = 0; l < n; ++l) {
    const model::LocalityEndpoints& locality = set.localities[l];
    MemberView members;
    View(locality, among, members);
    if (members.empty() || locality.weight == 0) continue;
    const double share = static_cast<double>(members.size()) / static_cast<double>(locality.endpoints.size());
    const double weight = locality.weight * std::min(1.0, set_->overprovisioning_factor / 100.0 * share);
    if (weight <= 0.0) continue;
    group.locality_weights[l] = weight;
    group.by_locality[l].Build(config_, std::move(members), *active_, random);
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
    return Choice{&priority.everyone.Pick(random), true};
  }
  Group& group = where.degraded ? priority.degraded : priority.healthy;
  if (!group.localities.empty()) {
    const uint32_t locality = group.localities.Take(group.locality_weights[group.localities.Next()]);
    return Choice{&group.by_locality[locality].Pick(random)};
  }
  if (group.all.empty()) return std::nullopt;
  return Choice{&group.all.Pick(random)};
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
    const uint64_t id = choice->endpoint->record->id;
    if (std::find(avoid, avoid + avoid_count, id) == avoid + avoid_count) break;
    choice = PickOnce(draws);
  }
  return choice;
}

}  // namespace outrigger::upstream
