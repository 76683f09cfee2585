#include "source/server/dns_resolution.h"

#include <utility>

#include "source/base/log.h"

namespace outrigger::server {

DnsResolution::DnsResolution(event::Dispatcher& dispatcher, config::SnapshotBuilder& builder, observe::WorkerStats& stats,
                             std::function<void()> changed)
    : dispatcher_(dispatcher), builder_(builder), stats_(stats), changed_(std::move(changed)) {}

DnsResolution::~DnsResolution() = default;

void DnsResolution::Follow(const model::Snapshot& snapshot) {
  std::map<std::string, Followed> now;
  std::vector<std::string> begin;
  for (uint32_t i = 0; i < snapshot.clusters.size(); ++i) {
    const model::Cluster* cluster = snapshot.clusters.Get(i);
    if (cluster == nullptr) continue;
    const std::string& name = cluster->config->name;
    const std::vector<config::DnsTarget>* targets = builder_.DnsTargetsOf(name);
    if (targets == nullptr || targets->empty()) continue;
    auto at = clusters_.find(name);
    if (at != clusters_.end() && at->second.targets == *targets && at->second.config->content_hash == cluster->config->content_hash) {
      now.emplace(name, std::move(at->second));
      continue;
    }
    now.emplace(name, Followed{cluster->config, *targets, nullptr, {}});
    begin.push_back(name);
  }
  clusters_ = std::move(now);
  for (const std::string& name : begin) Begin(name, clusters_[name]);
  if (first_round_ && first_round_done()) std::exchange(first_round_, nullptr)();
}

void DnsResolution::Begin(const std::string& name, Followed& followed) {
  std::vector<upstream::DnsCluster::Target> targets;
  for (const config::DnsTarget& target : followed.targets) targets.push_back({target.host, target.port});
  followed.names = std::make_unique<upstream::DnsCluster>(
      dispatcher_, std::move(targets), followed.config->dns, &stats_.Get(followed.config->stats),
      [this, name](size_t target, const std::vector<net::Address>& addresses) { OnResolved(name, target, addresses); });
}

void DnsResolution::OnResolved(const std::string& name, size_t target, const std::vector<net::Address>& addresses) {
  OUTRIGGER_LOG(kDebug, kDns, "cluster \"", name, "\": target ", target, " has ", addresses.size(), " addresses");
  auto at = clusters_.find(name);
  if (at == clusters_.end()) return;
  at->second.answered.insert(target);
  if (builder_.SetResolved(name, target, addresses) == config::SnapshotBuilder::Outcome::kChanged) changed_();
  if (first_round_ && first_round_done()) std::exchange(first_round_, nullptr)();
}

bool DnsResolution::first_round_done() const {
  for (const auto& [name, followed] : clusters_) {
    if (followed.answered.size() < followed.targets.size()) return false;
  }
  return true;
}

void DnsResolution::OnFirstRoundDone(std::function<void()> f) {
  if (first_round_done()) return f();
  first_round_ = std::move(f);
}

}  // namespace outrigger::server
