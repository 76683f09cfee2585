// Thread: worker; OnDemandConfig immutable any
#pragma once

#include <memory>

#include "source/event/dispatcher.h"
#include "source/http/filter.h"
#include "source/http/stream.h"
#include "source/observe/schemas/filters.h"
#include "source/observe/stats.h"
#include "source/upstream/on_demand.h"

namespace outrigger::filters {

// extensions.filters.http.on_demand.v3.OnDemand, or what a route says instead.
struct OnDemandConfig {
  upstream::OnDemand::Source source;                  // where unknown clusters come from; null: none is fetched
  Duration timeout = seconds(5);                      // how long a request waits for one
  observe::StatsScope<observe::OnDemandStats> stats;  // the filter's own; not of a route
};

// envoy.filters.http.on_demand: a request whose virtual host or cluster is not there waits, within a limit, until it
// was fetched, and then goes on as it would have: if it did not come it finds no route (404) or no cluster (503). One
// that waits holds its body as any filter that pauses.
class OnDemandFilter final : public http::Filter, private upstream::OnDemand::Waiter {
 public:
  using Config = OnDemandConfig;
  // How long a request waits for its virtual host; the published configuration has no field for it.
  static constexpr Duration kHostTimeout = seconds(5);

  OnDemandFilter(const Config& config, http::Stream& stream)
      : config_(config), stream_(stream), timer_([this] { OnTimeOver(); }) {}
  http::FilterStatus OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) override;

 private:
  void OnAnswer(bool there) override;
  void OnTimeOver();
  bool WaitForHost();
  bool WaitForCluster();  // false: there is nothing to wait for
  bool HasCluster() const;
  void GoOn(bool there);
  absl::string_view ClusterName() const;
  observe::OnDemandStats& Stats();

  const Config& config_;
  http::Stream& stream_;
  event::Timer timer_;
  bool for_host_ = false, asked_cluster_ = false;
};

}  // namespace outrigger::filters
