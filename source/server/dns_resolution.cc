#include "source/server/dns_resolution.h"

#include <algorithm>
#include <utility>

#include "source/base/log.h"
#include "source/observe/schemas/cluster.h"

namespace outrigger::server {

namespace {
constexpr Duration kLeastWait = milliseconds(1);
constexpr Duration kLeastTtl = seconds(1);  // a server that says 0 is not asked in a loop
}

struct DnsResolution::Name {
  Name(DnsResolution& owner, std::string cluster_name, size_t target_index, std::shared_ptr<const model::ClusterConfig> cluster_config,
       std::string host_name)
      : cluster(std::move(cluster_name)),
        index(target_index),
        config(std::move(cluster_config)),
        host(std::move(host_name)),
        timer([this, &owner] { owner.Ask(*this); }) {}
  const std::string cluster;
  const size_t index;
  std::shared_ptr<const model::ClusterConfig> config;
  const std::string host;
  std::unique_ptr<event::Engine::Query> query;
  event::Timer timer;
  Duration back_off{0};
  bool answered = false;
};

DnsResolution::DnsResolution(event::Dispatcher& dispatcher, config::SnapshotBuilder& builder, observe::WorkerStats& stats,
                             std::function<void()> changed)
    : dispatcher_(dispatcher), builder_(builder), stats_(stats), changed_(std::move(changed)) {}

DnsResolution::~DnsResolution() = default;

void DnsResolution::Follow(const model::Snapshot& snapshot) {
  std::map<std::string, Followed> now;
  std::vector<Name*> begin;
  for (uint32_t i = 0; i < snapshot.clusters.size(); ++i) {
    const model::Cluster* cluster = snapshot.clusters.Get(i);
    if (cluster == nullptr) continue;
    const std::string& name = cluster->config->name;
    const std::vector<config::DnsTarget>* targets = builder_.DnsTargetsOf(name);
    if (targets == nullptr || targets->empty()) continue;
    auto at = clusters_.find(name);
    if (at != clusters_.end() && at->second.targets == *targets && at->second.config->content_hash == cluster->config->content_hash) {
      Followed kept = std::move(at->second);
      kept.config = cluster->config;
      for (auto& known : kept.names) known->config = cluster->config;
      now.emplace(name, std::move(kept));
      continue;
    }
    Followed followed{cluster->config, *targets, {}};
    for (size_t k = 0; k < targets->size(); ++k) {
      followed.names.push_back(std::make_unique<Name>(*this, name, k, cluster->config, (*targets)[k].host));
      begin.push_back(followed.names.back().get());
    }
    now.emplace(name, std::move(followed));
  }
  clusters_ = std::move(now);
  for (Name* name : begin) Ask(*name);
}

bool DnsResolution::first_round_done() const {
  for (const auto& [cluster, followed] : clusters_) {
    for (const auto& name : followed.names) {
      if (!name->answered) return false;
    }
  }
  return true;
}

void DnsResolution::OnFirstRoundDone(std::function<void()> f) {
  if (first_round_done()) return f();
  first_round_ = std::move(f);
}

void DnsResolution::Ask(Name& name) {
  stats_.Get(name.config->stats).update_attempt.Inc();
  name.query = dispatcher_.engine().Resolve(name.host, name.config->dns.family,
                                            [this, &name](const event::ResolveAnswer& answer) { OnAnswer(name, answer); });
}

void DnsResolution::OnAnswer(Name& name, const event::ResolveAnswer& answer) {
  observe::ClusterStats& stats = stats_.Get(name.config->stats);
  name.answered = true;
  if (answer.error != 0) {
    stats.update_failure.Inc();
    OUTRIGGER_LOG(kDebug, kDns, "cluster \"", name.cluster, "\": ", name.host, ": ", answer.detail);
  } else {
    stats.update_success.Inc();
    std::vector<net::Address> addresses;
    for (const std::string& text : answer.addresses) {
      if (auto address = net::Address::ParseIp(text, 0); address.ok()) addresses.push_back(*std::move(address));
    }
    if (addresses.empty()) stats.update_empty.Inc();
    if (builder_.SetResolved(name.cluster, name.index, addresses) == config::SnapshotBuilder::Outcome::kChanged) {
      stats.membership_change.Inc();
      changed_();
    } else {
      stats.update_no_rebuild.Inc();
    }
  }
  dispatcher_.Arm(name.timer, NextAfter(name, answer));
  if (first_round_ && first_round_done()) std::exchange(first_round_, nullptr)();
}

Duration DnsResolution::NextAfter(Name& name, const event::ResolveAnswer& answer) {
  const model::DnsConfig& dns = name.config->dns;
  const uint64_t random = dispatcher_.engine().RandomBits();
  if (answer.error != 0 && dns.failure_base > Duration::zero()) {
    // Exponential with full jitter, as published.
    const Duration most = std::max(dns.failure_max, dns.failure_base);
    name.back_off = name.back_off == Duration::zero() ? dns.failure_base : std::min(name.back_off * 2, most);
    return std::max<Duration>(kLeastWait, nanoseconds(random % static_cast<uint64_t>(name.back_off.count())));
  }
  name.back_off = Duration::zero();
  Duration wait = dns.refresh_rate;
  if (answer.error == 0 && dns.respect_ttl) wait = std::max(answer.ttl, kLeastTtl);
  if (dns.jitter > Duration::zero()) wait += nanoseconds(random % static_cast<uint64_t>(dns.jitter.count()));
  return std::max(wait, kLeastWait);
}

}  // namespace outrigger::server
