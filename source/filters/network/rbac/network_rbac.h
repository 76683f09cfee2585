// Thread: worker; NetworkRbacConfig immutable any
#pragma once

#include <memory>
#include <string>

#include "source/filters/common/rbac/engine.h"
#include "source/model/listener.h"
#include "source/net/network_filter.h"
#include "source/observe/schemas/filters.h"
#include "source/observe/stats.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

// extensions.filters.network.rbac.v3.RBAC, compiled.
struct NetworkRbacConfig {
  std::unique_ptr<const rbac::Engine> rules, shadow;  // null: not asked
  observe::StatsScope<observe::RbacStats> stats, shadow_stats;
  bool continuous = false;
};

// envoy.filters.network.rbac: closes connections that the policies do not allow. Decides as soon as the peer is known
// (after the TLS handshake), before its first byte: a server that speaks first says nothing to a stranger. CONTINUOUS
// decides again with each read.
class NetworkRbac final : public net::NetworkFilter {
 public:
  NetworkRbac(std::shared_ptr<const NetworkRbacConfig> config, model::DownstreamContext& context)
      : config_(std::move(config)), context_(context) {}
  Verdict OnNewConnection(net::FilterChainOnConnection& chain) override;
  Verdict OnData(net::FilterChainOnConnection& chain, Buffer& data, bool end) override;
  void Dump(DumpWriter& out) const override;

 private:
  bool Decide(net::Connection& connection);
  std::shared_ptr<const NetworkRbacConfig> config_;
  model::DownstreamContext& context_;
  std::string detail_;  // what the closed connection's log shows
};

}  // namespace outrigger::filters
