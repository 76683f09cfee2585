// Thread: worker
#pragma once

#include <memory>
#include <optional>
#include <utility>
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
#include "source/server/listener_share.h"
#include "source/tls/stats.h"
#include "source/upstream/worker_context.h"

namespace outrigger::server {

using ListenSockets = std::vector<std::shared_ptr<net::ListenSocket>>;

// How connections are asked to end.
struct DrainPlan {
  Duration time = seconds(600);  // what is left then is closed; 0: at once
  bool gradual = true;           // spread over nine tenths of `time`; otherwise all are asked now
};

// The other workers of the process, for a socket that one of them should have. Any worker.
class WorkerPeers {
 public:
  // On the worker `from`, which accepted it for the listener of `slot`.
  virtual void HandOver(size_t from, size_t to, model::ListenerSlot slot, net::AcceptedSocket socket) = 0;

 protected:
  ~WorkerPeers() = default;
};

// What a listener on a worker shares with others. Null: nothing to share, no limit.
struct ListenerNeighbours {
  std::shared_ptr<ListenerShare> share;
  SharedLimit::Lease* process_connections = nullptr;  // this worker's part of all downstream connections
  WorkerPeers* peers = nullptr;
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
  // `drain`: how connections end whose chain is gone or changed too much.
  WorkerListener(upstream::WorkerContext& worker, size_t worker_index, std::shared_ptr<const model::Listener> config,
                 const DrainPlan& drain, ListenerNeighbours neighbours = {});
  ~WorkerListener();

  // A newer version of the same slot. Sockets kept are kept; new ones start; others stop after taking what was queued.
  // `before`: the Snapshot that was the newest until now.
  void Update(std::shared_ptr<const model::Listener> config, const ListenSockets& sockets,
              const std::shared_ptr<const model::Snapshot>& before);
  void StopAccepting();  // the listener was removed, or the server drains
  // The slot is gone: what `before` had is the last that its connections follow, those still being accepted too.
  void LoseSlot(std::shared_ptr<const model::Snapshot> before);
  // Connections are asked to end as the plan says, those that come later too; what is left at its end is closed.
  void BeginDrain(const DrainPlan& plan);
  void EndDrain();
  // When one of many connections that drain until `end` has its turn: now, or some moment well before the end.
  MonotonicTime DrainMoment(MonotonicTime end);
  // When one that is asked at `ask` need not be waited for any longer if it says nothing: who asks anything until then
  // is told, so that hardly any request crosses the close.
  MonotonicTime IdleMoment(MonotonicTime ask, MonotonicTime end) const;
  bool Watches(const ListenSockets& sockets) const;
  void OnSecond();  // asks those whose time has come, closes what outstayed it
  void CloseConnections();
  // Overload. Nothing of it happens to a listener that bypasses the overload manager.
  void SetPaused(bool paused);
  void OnLimitsScaled();
  void FindHeavyStreams(uint64_t least, std::vector<model::DownstreamContext::HeavyStream>& out);

  upstream::WorkerContext& worker() { return worker_; }
  Duration drain_time() const { return drain_.time; }
  model::ListenerSlot slot() const { return config_->slot; }
  const std::shared_ptr<const model::Listener>& config() const { return config_; }
  size_t connection_count() const { return connection_count_; }
  bool accepting() const { return !listeners_.empty(); }
  uint64_t TakeOutOfDescriptors() { return std::exchange(out_of_descriptors_, 0); }
  bool idle() const { return listeners_.empty() && connection_count_ == 0 && runs_.empty(); }
  void FoldTlsStats();                                     // what TLS counted since the last time becomes visible
  void OnHandshakeOver(DownstreamConnection& connection);  // well or not
  void OnConnectionGone(DownstreamConnection& connection, const net::CloseInfo& why, Duration length);
  void Dump(DumpWriter& out) const;
  // A socket that another worker accepted and chose this one for.
  void AdoptHandedOver(net::AcceptedSocket socket);

 private:
  void OnAccepted(net::TcpListener& listener, net::AcceptedSocket socket) override;
  void OnAcceptedTogether(uint32_t count) override { stats_->connections_accepted_per_socket_event.Record(count); }
  void OnOutOfDescriptors() override { ++out_of_descriptors_; }
  void OnListenerFiltersDone(net::ListenerFilterRun& run, net::AcceptedSocket socket,
                             net::ListenerFilterRun::Outcome outcome) override;
  bool Keeps() const;  // the next socket that it accepts: nobody else is asked
  void Adopt(net::AcceptedSocket socket);
  void MakeConnection(net::AcceptedSocket socket);
  // Counts the newcomer in the limits; false: there is no room, and it was closed.
  bool Admit(net::AcceptedSocket& socket);
  bool RefusedForOverload(net::AcceptedSocket& socket);
  void Leave(uint8_t held);
  // A newcomer needs a place among those who shake hands, or whose listener filters run: the oldest gives way.
  void MakeRoomForHandshake();
  void MakeRoomForRun();
  void CountLoad(int64_t delta);
  void PlanDrain(DownstreamConnection& connection);
  // To the listener's own access logs: connections, not requests.
  void Log(net::Connection* connection, http::LogEvent event, absl::string_view detail, Duration length);

  upstream::WorkerContext& worker_;
  const size_t worker_index_;
  std::shared_ptr<const model::Listener> config_;
  const ListenerNeighbours neighbours_;
  std::optional<SharedLimit::Lease> listener_connections_;  // of the share
  observe::ListenerStats* stats_;
  observe::ListenerWorkerStats* worker_stats_ = nullptr;
  tls::TlsStats tls_stats_;
  tls::TlsStats tls_folded_;  // what of it the registry's block already has
  std::vector<std::unique_ptr<net::TcpListener>> listeners_;
  IntrusiveList<net::ListenerFilterRun, net::ListenerFilterRunTag> runs_;
  std::shared_ptr<const model::Snapshot> last_followed_;  // the slot is gone, but some were being accepted
  IntrusiveList<DownstreamConnection> connections_;
  IntrusiveList<DownstreamConnection, HandshakeTag> handshakes_;  // the oldest first, as runs_
  size_t connection_count_ = 0;
  uint64_t handshake_count_ = 0, run_count_ = 0;
  uint64_t load_ = 0;  // connections and those whose listener filters run
  bool stopping_ = false;
  bool paused_ = false;
  uint64_t out_of_descriptors_ = 0;  // not yet counted by the worker
  bool draining_ = false;
  DrainPlan drain_;
  MonotonicTime drain_ends_;
};

}  // namespace outrigger::server
