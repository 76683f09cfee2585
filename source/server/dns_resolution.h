// Thread: main
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "source/config/snapshot_builder.h"
#include "source/event/dispatcher.h"
#include "source/model/snapshot.h"
#include "source/observe/stats.h"
#include "source/upstream/dns_cluster.h"

namespace outrigger::server {

// Keeps the names of all DNS clusters of the configuration resolved (upstream::DnsCluster) and gives the answers to the
// builder.
class DnsResolution final {
 public:
  DnsResolution(event::Dispatcher& dispatcher, config::SnapshotBuilder& builder, observe::WorkerStats& stats,
                std::function<void()> changed);
  ~DnsResolution();

  // Follows the clusters from one Snapshot to the next: new ones begin at once, those gone end, changed ones begin
  // anew. Not from inside `changed`.
  void Follow(const model::Snapshot& before, const model::Snapshot& after);
  // Whether each name was answered (or failed) at least once.
  bool first_round_done() const;
  // Called once, from the loop if not true already.
  void OnFirstRoundDone(std::function<void()> f);

 private:
  struct Followed {
    std::shared_ptr<const model::ClusterConfig> config;  // keeps the stats block
    std::vector<config::DnsTarget> targets;
    std::unique_ptr<upstream::DnsCluster> names;
    std::set<size_t> answered;
  };
  void Begin(const std::string& name, Followed& followed);
  void OnResolved(const std::string& name, size_t target, const std::vector<net::Address>& addresses);

  event::Dispatcher& dispatcher_;
  config::SnapshotBuilder& builder_;
  observe::WorkerStats& stats_;
  std::function<void()> changed_;
  std::function<void()> first_round_;
  std::map<std::string, Followed> clusters_;
};

}  // namespace outrigger::server
