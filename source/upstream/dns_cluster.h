// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/model/cluster.h"
#include "source/net/address.h"
#include "source/observe/schemas/cluster.h"

namespace outrigger::upstream {

// Keeps the names of one STRICT_DNS or LOGICAL_DNS cluster resolved: asks the Engine's resolver at once, then every
// refresh rate (or the answer's TTL) plus jitter; after a failure with its own rate, growing. Destroying it ends
// everything.
//
// An answer is given to `resolved` whenever it differs from the one before, and the first one always; a failure changes
// nothing, but the first one is told as an empty answer, so that a cluster whose names cannot be resolved is still
// ready (and answers 503). `resolved` must not destroy it.
class DnsCluster {
 public:
  struct Target {
    std::string host;
    uint16_t port = 0;
  };
  // Addresses carry the target's port, in the resolver's order (LOGICAL_DNS uses the first), at most kMostAddresses,
  // without duplicates.
  using Resolved = std::function<void(size_t target, const std::vector<net::Address>& addresses)>;
  static constexpr size_t kMostAddresses = 1024;
  static constexpr Duration kShortestRefresh = milliseconds(1);

  // `stats` (update_*) outlives it; may be null.
  DnsCluster(event::Dispatcher& dispatcher, std::vector<Target> targets, const model::DnsConfig& config,
             observe::ClusterUpdateStats* stats, Resolved resolved);
  ~DnsCluster();
  DnsCluster(const DnsCluster&) = delete;
  bool all_answered() const;  // each target was answered, or failed, at least once

 private:
  struct Name;
  void Ask(Name& name);
  void OnAnswer(Name& name, const event::ResolveAnswer& answer);
  Duration NextAfterFailure(Name& name);
  Duration Jittered(Duration wait);

  event::Dispatcher& dispatcher_;
  const model::DnsConfig config_;
  observe::ClusterUpdateStats* stats_;
  Resolved resolved_;
  std::vector<std::unique_ptr<Name>> names_;
};

}  // namespace outrigger::upstream
