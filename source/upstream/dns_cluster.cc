#include "source/upstream/dns_cluster.h"

#include <algorithm>
#include <utility>

namespace outrigger::upstream {

struct DnsCluster::Name {
  Name(DnsCluster& owner, Target of, size_t at)
      : target(std::move(of)), index(at), timer([this, &owner] { owner.Ask(*this); }) {}
  const Target target;
  const size_t index;
  event::Timer timer;
  std::unique_ptr<event::Engine::Query> query;
  std::vector<net::Address> addresses;
  bool answered = false;
  uint32_t failures = 0;  // in a row
};

DnsCluster::DnsCluster(event::Dispatcher& dispatcher, std::vector<Target> targets, const model::DnsConfig& config,
                       observe::ClusterUpdateStats* stats, Resolved resolved)
    : dispatcher_(dispatcher), config_(config), stats_(stats), resolved_(std::move(resolved)) {
  for (Target& target : targets) names_.push_back(std::make_unique<Name>(*this, std::move(target), names_.size()));
  for (const auto& name : names_) Ask(*name);
}

DnsCluster::~DnsCluster() = default;

bool DnsCluster::all_answered() const {
  return std::all_of(names_.begin(), names_.end(), [](const auto& name) { return name->answered; });
}

void DnsCluster::Ask(Name& name) {
  if (stats_ != nullptr) stats_->update_attempt.Inc();
  name.query = dispatcher_.engine().Resolve(
      name.target.host, config_.family, [this, &name](const event::ResolveAnswer& answer) { OnAnswer(name, answer); });
}

void DnsCluster::OnAnswer(Name& name, const event::ResolveAnswer& answer) {
  const bool first = !std::exchange(name.answered, true);
  if (answer.error != 0) {
    if (stats_ != nullptr) stats_->update_failure.Inc();
    dispatcher_.Arm(name.timer, NextAfterFailure(name));
    if (first) resolved_(name.index, {});
    return;
  }
  name.failures = 0;
  if (stats_ != nullptr) {
    stats_->update_success.Inc();
    if (answer.addresses.empty()) stats_->update_empty.Inc();
  }
  std::vector<net::Address> addresses;
  for (const std::string& text : answer.addresses) {
    absl::StatusOr<net::Address> address = net::Address::ParseIp(text, name.target.port);
    if (!address.ok() || addresses.size() >= kMostAddresses) continue;
    if (std::find(addresses.begin(), addresses.end(), *address) == addresses.end())
      addresses.push_back(*std::move(address));
  }
  Duration wait = config_.refresh_rate;
  if (config_.respect_ttl && answer.ttl > Duration::zero()) wait = answer.ttl;
  dispatcher_.Arm(name.timer, Jittered(wait));
  if (!first && addresses == name.addresses) {
    if (stats_ != nullptr) stats_->update_no_rebuild.Inc();
    return;
  }
  name.addresses = addresses;
  resolved_(name.index, addresses);
}

// base * 2^n, at most max, with full jitter once it grows (dns_failure_refresh_rate).
Duration DnsCluster::NextAfterFailure(Name& name) {
  const Duration base = config_.failure_base > Duration::zero() ? config_.failure_base : config_.refresh_rate;
  if (config_.failure_base <= Duration::zero()) return Jittered(base);
  const Duration most = std::max(config_.failure_max > Duration::zero() ? config_.failure_max : 10 * base, base);
  const uint32_t shift = std::min<uint32_t>(name.failures++, 20);
  const Duration grown = base.count() > (most.count() >> shift) ? most : Duration(base.count() << shift);
  const uint64_t spread = static_cast<uint64_t>(std::max<int64_t>(grown.count(), 1));
  return std::max<Duration>(Duration(static_cast<int64_t>(dispatcher_.engine().RandomBits() % spread)),
                            kShortestRefresh);
}

Duration DnsCluster::Jittered(Duration wait) {
  wait = std::max<Duration>(wait, kShortestRefresh);
  if (config_.jitter <= Duration::zero()) return wait;
  const uint64_t most = static_cast<uint64_t>(config_.jitter.count());
  return wait + Duration(static_cast<int64_t>(dispatcher_.engine().RandomBits() % most));
}

}  // namespace outrigger::upstream
