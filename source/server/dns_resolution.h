// Thread: main
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/config/snapshot_builder.h"
#include "source/event/dispatcher.h"
#include "source/model/snapshot.h"
#include "source/observe/stats.h"

namespace outrigger::server {

// Resolves the names of DNS clusters, again and again, as each cluster's settings say, and gives the answers to the builder. One query
// per name at a time. A failure keeps the addresses before; it is tried again after the failure rate's back-off, else the refresh rate.
class DnsResolution final {
 public:
  DnsResolution(event::Dispatcher& dispatcher, config::SnapshotBuilder& builder, observe::WorkerStats& stats,
                std::function<void()> changed);
  ~DnsResolution();

  // Follows the clusters of a Snapshot: new ones begin at once, those gone end, changed ones begin anew.
  void Follow(const model::Snapshot& snapshot);
  // Whether each name was answered (or failed) at least once.
  bool first_round_done() const;
  void OnFirstRoundDone(std::function<void()> f);

 private:
  struct Name;
  struct Followed {
    std::shared_ptr<const model::ClusterConfig> config;
    std::vector<config::DnsTarget> targets;
    std::vector<std::unique_ptr<Name>> names;
  };
  void Ask(Name& name);
  void OnAnswer(Name& name, const event::ResolveAnswer& answer);
  Duration NextAfter(Name& name, const event::ResolveAnswer& answer);

  event::Dispatcher& dispatcher_;
  config::SnapshotBuilder& builder_;
  observe::WorkerStats& stats_;
  std::function<void()> changed_;
  std::function<void()> first_round_;
  std::map<std::string, Followed> clusters_;
};

}  // namespace outrigger::server
