// Thread: worker
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "source/base/intrusive_list.h"
#include "source/http/codec.h"
#include "source/model/cluster.h"
#include "source/net/connection.h"
#include "source/observe/response_flags.h"
#include "source/observe/schemas/cluster.h"

namespace outrigger::upstream {

class DedicatedConnection;
class EndpointPool;
class WorkerContext;

// What a pick may depend on. All optional.
struct PickContext {
  model::RoutingPriority priority = model::RoutingPriority::kDefault;
  // Endpoints (by EndpointRecord::id) that a retry wants to avoid (previous_hosts) and how often to draw again.
  const uint64_t* avoid = nullptr;
  size_t avoid_count = 0;
  uint32_t attempts = 1;
  const Metadata* metadata_match = nullptr;  // subset matching arrives later; carried already
  uint64_t hash = 0;                         // ring hash and maglev arrive later
};

// One endpoint chosen, in the endpoint set of the worker's current Snapshot: whoever keeps the pointers beyond the
// callback pins that Snapshot (no shared reference count is touched per request).
struct Picked {
  const model::EndpointRecord* record = nullptr;
  const model::Endpoint* endpoint = nullptr;
  EndpointPool* pool = nullptr;           // null: nothing could be picked
  model::EndpointCells* cells = nullptr;  // this worker's of the endpoint: requests' ends are counted there
  explicit operator bool() const { return pool != nullptr; }
};

// What is known of the connection a stream or TCP tunnel got.
struct ConnectionFacts {
  net::Connection* connection = nullptr;
  const model::EndpointRecord* endpoint = nullptr;
  http::Protocol protocol = http::Protocol::kHttp11;
  bool reused = false;  // it had carried a request before
  MonotonicTime connect_start{}, connect_done{};
};

// Why no stream could be made.
struct PoolFailure {
  http::ResetReason reason;  // kOverflow, kConnectFailure, kConnectTimeout, kConnectionTermination, kLocalReset
  absl::string_view transport_failure;  // text; valid during the call
  const char* detail = "";
};

// One wish for an upstream HTTP stream. The router's attempt derives from it, so that waiting costs no allocation.
// Destroying it cancels the wait. Once there is a stream, the stream's own end (both directions, or a reset by either
// side) gives back what the circuit breakers counted: whoever loses interest resets the sender.
class StreamRequest : public ListHook<StreamRequest> {
 public:
  virtual ~StreamRequest();
  // A stream was made for receiver(). May come from inside WorkerCluster::Request.
  virtual void OnStreamReady(http::StreamSender& sender, const ConnectionFacts& facts) = 0;
  // None could be made; nothing follows. Never from inside Request, except kOverflow.
  virtual void OnStreamFailed(const PoolFailure& failure) = 0;
  virtual http::StreamReceiver& receiver() = 0;
  void Cancel();  // stops waiting; nothing is heard afterwards; idempotent

 private:
  friend class EndpointPool;
  EndpointPool* pool_ = nullptr;  // while it waits
  bool dedicated_ = false, fresh_ = false;
};

struct StreamOptions {
  model::RoutingPriority priority = model::RoutingPriority::kDefault;
  http::Protocol downstream_protocol = http::Protocol::kHttp11;  // for use_downstream_protocol_config
  // For auto_sni and auto_san_validation: the request's authority (with override_auto_sni_header: that header's value,
  // if there is one).
  absl::string_view authority;
  bool dedicated = false;  // upgrade/CONNECT over h1: never pooled afterwards
  bool fresh = false;      // not a connection that was used before, if another one can be had
};

// One wish for an upstream TCP connection (tcp_proxy, CONNECT termination). Cancelled or destroyed when the connection
// is over: that gives back what the circuit breakers counted.
class TcpRequest {
 public:
  virtual ~TcpRequest();
  // The connection is yours: set its handler now, destroy it through DestroyLater after OnClosed. Cancel() in OnClosed,
  // while the connection's memory still exists: that counts its last bytes.
  virtual void OnTcpReady(std::unique_ptr<net::Connection> connection, const ConnectionFacts& facts) = 0;
  // None could be made; nothing follows. Never from inside Request, except kOverflow.
  virtual void OnTcpFailed(const PoolFailure& failure) = 0;
  void Cancel();  // idempotent; destruction does the same

 private:
  friend class EndpointPool;
  friend class DedicatedConnection;
  DedicatedConnection* dedicated_ = nullptr;
};

// The live state of one cluster on one worker: load balancer, pools by EndpointId, leases on the circuit breakers, its
// stats block. Made on first use, follows the published versions of its slot. Pools of endpoints that left drain and
// vanish.
class WorkerCluster {
 public:
  WorkerCluster(WorkerContext& worker, const model::Cluster& cluster);
  ~WorkerCluster();

  const model::ClusterConfig& config() const;
  std::shared_ptr<const model::ClusterConfig> share_config() const;
  observe::ClusterStats& stats() { return *stats_; }
  model::ClusterSlot slot() const;

  Picked Pick(const PickContext& context);
  // Counts pending/requests against the circuit breakers (kOverflow when full).
  void Request(const Picked& picked, StreamRequest& request, const StreamOptions& options);
  void Request(const Picked& picked, TcpRequest& request, const StreamOptions& options);

  // Retry limits of the circuit breaker (max_retries or the budget). Each true needs its RetryDone.
  bool TryRetry(model::RoutingPriority priority);
  void RetryDone(model::RoutingPriority priority);

  bool has_healthy_endpoints() const;
  void Update(const model::Cluster& cluster);  // a new version was published
  void Drain();                                // the cluster is gone: finish what runs, then close
  bool idle() const;                           // nothing left: may be destroyed
  // Ends every idle connection; the others after what they carry. New requests open new ones.
  void DrainConnections();
  void Dump(DumpWriter& out) const;

 private:
  struct State;
  observe::ClusterStats* stats_;
  std::unique_ptr<State> state_;
};

}  // namespace outrigger::upstream
