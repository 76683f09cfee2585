// Thread: worker
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/base/dump.h"
#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/upstream/cluster_books.h"
#include "source/upstream/peer_idle_limit.h"
#include "source/upstream/worker_cluster.h"

namespace outrigger::upstream {

class PooledConnection;
class DedicatedConnection;
class EndpointPool;
class LiveEndpoint;

// Which connections serve a request: those of the same key.
struct PoolKey {
  model::RoutingPriority priority = model::RoutingPriority::kDefault;
  model::UpstreamProtocol protocol = model::UpstreamProtocol::kHttp1;  // never kUseDownstream
  std::string server_name;  // auto_sni, auto_san_validation: what this connection must be for
  friend bool operator==(const PoolKey& a, const PoolKey& b) {
    return a.priority == b.priority && a.protocol == b.protocol && a.server_name == b.server_name;
  }
};

// Who looks at endpoints of which a pool has become empty.
class Reaper {
 public:
  virtual ~Reaper() = default;
  virtual void ReapLater(LiveEndpoint& endpoint) = 0;  // at the end of the turn
};

// One endpoint as this worker uses it. Outlives its presence in the endpoint set as long as it has connections.
class LiveEndpoint {
 public:
  // Server names come from requests: so many pools of one endpoint at once, then kOverflow (upstream_cx_pool_overflow).
  static constexpr size_t kMostPools = 256;

  LiveEndpoint(ClusterBooks& books, Reaper& reaper, model::EndpointRef record, int32_t transport);
  ~LiveEndpoint();
  // Null: too many.
  EndpointPool* Pool(const PoolKey& key);
  EndpointPool* Pool(model::RoutingPriority priority, model::UpstreamProtocol protocol, absl::string_view server_name);
  // No new requests come (left the set, became unhealthy, settings changed): connections finish what they carry.
  // `for_good`: pools that are asked nevertheless retire each connection after its request.
  void Drain(bool for_good);
  void Revive();  // it is back in the set
  void CloseDedicated();
  // Drops pools that hold nothing: those of a server name, or all (`everything`). True: none is left.
  bool Reap(bool everything);
  void Dump(DumpWriter& out) const;

  ClusterBooks& books;
  Reaper& reaper;
  model::EndpointRef record;
  model::EndpointCells& cells;  // this worker's, of the record
  int32_t transport;            // index into ClusterConfig::transports; -1: the default
  uint32_t active = 0;          // requests under way here, all pools
  bool present = true;          // in the current endpoint set
  bool unhealthy = false;       // when last looked at
  // It left the set, and what connections are made of has changed since: those who wait for it have it as it was. Null:
  // as the cluster says.
  std::shared_ptr<const model::ClusterConfig> left_with;
  SharedLimit::Lease host_connections;
  PeerIdleLimit idle_limit;

 private:
  bool MakeRoom();
  std::vector<std::unique_ptr<EndpointPool>> pools_;
};

// The connections of one worker to one endpoint for one key, and the requests that wait for them.
//
//   connecting ──▶ idle ◀──▶ part filled ◀──▶ full        (h1: one stream fills it)
//        │          └──────────┴──────────────┴──▶ draining ──▶ closed
//        └── failure: every waiting request fails with it
//
// Requests go to a part-filled connection first, then to the one used last; those that ask for a fresh connection (one
// that was not used yet) wait for it, and take any other if none may be opened. A connection's streams are counted
// against the limits of the key's priority and given back as the session says that they ended.
class EndpointPool final : private event::EndOfTurn {
 public:
  EndpointPool(LiveEndpoint& endpoint, PoolKey key);
  ~EndpointPool();  // drops connections without a word; waiting requests are forgotten

  void Request(StreamRequest& request, const StreamOptions& options);
  void Request(TcpRequest& request);
  void Cancel(StreamRequest& request);
  void Cancel(TcpRequest& request);
  void Drain(bool for_good);
  void Revive() { for_good_ = false; }
  void CloseDedicated();
  bool empty() const;      // no connections, nobody waits
  bool only_idle() const;  // connections, but none that carries something
  const PoolKey& key() const { return key_; }
  LiveEndpoint& endpoint() { return endpoint_; }
  ClusterBooks& books() { return books_; }
  Breaker& breaker() { return books_.breaker(key_.priority); }
  void Dump(DumpWriter& out) const;

 private:
  friend class PooledConnection;
  friend class DedicatedConnection;
  static constexpr uint32_t kConnectingAtLeast = 128, kConnectingAtMost = 1024;
  enum Place : uint8_t { kConnecting, kIdle, kPartFilled, kFull, kDraining, kPlaces };

  void OnEndOfTurn() override;
  PooledConnection* Ready();
  StreamRequest* FirstFor(const PooledConnection& connection);
  void LetFreshHaveAny();
  bool Attach(PooledConnection& connection, StreamRequest& request, bool dedicated);
  void Fail(StreamRequest& request, const PoolFailure& failure);
  void ServePending();
  void OpenWhatIsNeeded();
  uint32_t MostConnecting() const;
  void NoLongerConnecting(const PooledConnection& connection);
  bool ShedsConnection();  // overload: no more connections to this endpoint now
  bool MayOpen(bool* leased, bool* host_leased, bool force_first);
  bool Open();
  uint32_t AssumedStreams() const;
  std::unique_ptr<net::Transport> MakeTransport(const model::ClusterConfig& config) const;
  std::unique_ptr<net::Connection> Connect(const model::ClusterConfig& config) const;
  void Settle(PooledConnection& connection);  // puts it into the list where it belongs now
  void FailPending(const PoolFailure& failure);
  void OnConnectionGone();
  bool has_connections() const;

  LiveEndpoint& endpoint_;
  ClusterBooks& books_;
  const PoolKey key_;
  mutable IntrusiveList<PooledConnection, PooledConnection> places_[kPlaces];
  IntrusiveList<DedicatedConnection, DedicatedConnection> dedicated_;
  IntrusiveList<StreamRequest, StreamRequest> pending_;
  uint64_t pending_count_ = 0;
  uint64_t pending_fresh_ = 0;       // of them: want a connection that was not used yet
  uint64_t connecting_streams_ = 0;  // how many streams the connecting ones will carry, as far as we know
  uint32_t connecting_ = 0;          // of connections_
  uint32_t connections_ = 0;         // pooled ones that have not gone
  bool serving_ = false, serve_again_ = false, for_good_ = false;
  bool spoke_http2_ = false;  // by ALPN, last time
};

}  // namespace outrigger::upstream
