// Thread: worker
#pragma once

#include <memory>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/shared_limit.h"
#include "source/http/access_log_record.h"
#include "source/model/listener.h"
#include "source/net/listener.h"
#include "source/net/listener_filter.h"
#include "source/observe/schemas/listener.h"
#include "source/observe/schemas/ssl.h"
#include "source/server/downstream_connection.h"
#include "source/tls/stats.h"
#include "source/upstream/worker_context.h"

namespace outrigger::server {

using ListenSockets = std::vector<std::shared_ptr<net::ListenSocket>>;

// How connections are asked to end.
struct DrainPlan {
  Duration time = seconds(600);  // what is left then is closed; 0: at once
  bool gradual = true;           // spread over `time`; otherwise all are asked now
};

// The chain for a connection, or null.
const model::FilterChain* ChooseChain(const model::Listener& listener, const net::ConnectionProperties& properties);
std::shared_ptr<const model::FilterChain> ShareChain(const model::Listener& listener,
                                                     const net::ConnectionProperties& properties);

// One listener on one worker: accepts, runs listener filters, chooses chains, owns the connections. Lives on after its
// listener is gone from the configuration, until its last connection ended. Also accepts connections that another
// worker hands over.
class WorkerListener final : public net::TcpListener::Owner, public net::ListenerFilterRun::Owner {
 public:
  // `drain`: how connections end whose chain is gone or changed too much. `units`: of the process-wide limit of
  // connections; null: none.
  WorkerListener(upstream::WorkerContext& worker, size_t worker_index, std::shared_ptr<const model::Listener> config,
                 const DrainPlan& drain, SharedLimit::Lease* units = nullptr);
  ~WorkerListener();

  // A newer version of the same slot. Sockets kept are kept; new ones start; others stop after taking what was queued.
  void Update(std::shared_ptr<const model::Listener> config, const ListenSockets& sockets);
  void StopAccepting();  // the listener was removed, or the server drains
  // Connections are asked to end as the plan says, those that come later too; what is left at its end is closed.
  void BeginDrain(const DrainPlan& plan);
  void EndDrain();
  bool Watches(const ListenSockets& sockets) const;
  void OnSecond();  // asks those whose time has come, closes what outstayed it
  void CloseConnections();
  void SetPaused(bool paused);  // overload

  upstream::WorkerContext& worker() { return worker_; }
  Duration drain_time() const { return drain_.time; }
  model::ListenerSlot slot() const { return config_->slot; }
  const std::shared_ptr<const model::Listener>& config() const { return config_; }
  size_t connection_count() const { return connection_count_; }
  bool accepting() const { return !listeners_.empty(); }
  bool idle() const { return listeners_.empty() && connection_count_ == 0 && runs_.empty(); }
  void OnConnectionGone(DownstreamConnection& connection, const net::CloseInfo& why, Duration length);
  void Dump(DumpWriter& out) const;
  // A socket accepted elsewhere.
  void Adopt(net::AcceptedSocket socket);

 private:
  void OnAccepted(net::TcpListener& listener, net::AcceptedSocket socket) override;
  void OnListenerFiltersDone(net::ListenerFilterRun& run, net::AcceptedSocket socket,
                             net::ListenerFilterRun::Outcome outcome) override;
  void MakeConnection(net::AcceptedSocket socket);
  bool TakeUnit();       // of the process-wide limit; false: there is none left
  void GiveBackUnits();  // those that no connection stands behind any more
  void PlanDrain(DownstreamConnection& connection);
  void FoldTlsStats();
  // To the listener's own access logs: connections, not requests.
  void Log(net::Connection* connection, http::LogEvent event, absl::string_view detail, Duration length);

  upstream::WorkerContext& worker_;
  const size_t worker_index_;
  SharedLimit::Lease* const units_;
  std::shared_ptr<const model::Listener> config_;
  observe::ListenerStats* stats_;
  tls::TlsStats tls_stats_;
  tls::TlsStats tls_folded_;  // what of it the registry's block already has
  std::vector<std::unique_ptr<net::TcpListener>> listeners_;
  IntrusiveList<net::ListenerFilterRun, net::ListenerFilterRunTag> runs_;
  size_t run_count_ = 0;
  // Units held. At most one for each run and connection; fewer where the limit was ignored when they came.
  size_t units_held_ = 0;
  IntrusiveList<DownstreamConnection> connections_;
  size_t connection_count_ = 0;
  bool draining_ = false;
  DrainPlan drain_;
  MonotonicTime drain_ends_;
};

}  // namespace outrigger::server
