#include "source/server/dns_resolution.h"

#include <utility>

#include "source/base/log.h"

namespace outrigger::server {

namespace {
bool IsDns(model::ClusterType type) {
  return type == model::ClusterType::kStrictDns || type == model::ClusterType::kLogicalDns;
}
}  // namespace

DnsResolution::DnsResolution(event::Dispatcher& dispatcher, config::SnapshotBuilder& builder,
                             observe::WorkerStats& stats, std::function<void()> changed)
    : dispatcher_(dispatcher), builder_(builder), stats_(stats), changed_(std::move(changed)) {}

DnsResolution::~DnsResolution() = default;

void DnsResolution::Follow(const model::Snapshot& before, const model::Snapshot& after) {
  std::set<std::string> touched;
  model::PersistentVector<model::Cluster>::ForEachChange(
      before.clusters, after.clusters, [&touched](uint32_t, const model::Cluster* was, const model::Cluster* is) {
        if (was != nullptr && IsDns(was->config->type)) touched.insert(was->config->name);
        if (is != nullptr && IsDns(is->config->type)) touched.insert(is->config->name);
      });
  for (const std::string& name : touched) {
    const model::Cluster* cluster = after.FindCluster(name);
    const std::vector<config::DnsTarget>* targets = cluster == nullptr ? nullptr : builder_.DnsTargetsOf(name);
    if (targets == nullptr || targets->empty()) {
      clusters_.erase(name);
      continue;
    }
    auto at = clusters_.find(name);
    if (at != clusters_.end() && at->second.targets == *targets &&
        at->second.config->content_hash == cluster->config->content_hash) {
      continue;
    }
    Followed& followed = clusters_[name];
    followed = Followed{cluster->config, *targets, nullptr, {}};
    Begin(name, followed);
  }
  if (first_round_ && first_round_done()) std::exchange(first_round_, nullptr)();
}

void DnsResolution::Begin(const std::string& name, Followed& followed) {
  std::vector<upstream::DnsCluster::Target> targets;
  for (const config::DnsTarget& target : followed.targets) targets.push_back({target.host, target.port});
  followed.names = std::make_unique<upstream::DnsCluster>(
      dispatcher_, std::move(targets), followed.config->settings->dns,
      &stats_.Get(followed.config->stats, observe::ClusterScope::kUpdates),
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
