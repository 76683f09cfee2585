// Thread: worker
#pragma once

#include <cstdint>
#include <memory>

#include "source/event/timeout_queue.h"
#include "source/upstream/endpoint_pool.h"

namespace outrigger::upstream {

// What every upstream connection holds while it lives: its endpoint, its place in the limits, its part of the counters.
class ConnectionAccount {
 public:
  ConnectionAccount(EndpointPool& pool, bool leased, bool host_leased);
  ~ConnectionAccount();
  void Watch(net::Connection& connection);  // a new connection gets its limits and gauges
  void OnConnected(MonotonicTime now);
  // Adds the bytes since the last call to the published counters.
  void CountBytes(const net::Connection& connection);
  void OnClosed(const net::Connection* connection, const net::CloseInfo& why, bool with_active_request);

  std::shared_ptr<const model::ClusterConfig> config;
  model::EndpointRef record;
  MonotonicTime connect_start, connect_done{};

 private:
  void GiveBack();
  LiveEndpoint& endpoint_;
  Breaker& breaker_;
  uint64_t bytes_read_ = 0, bytes_written_ = 0;
  bool leased_, host_leased_, open_ = true;
};

// One pooled HTTP connection: connecting, then a client session. Owned by its pool; goes by DestroyLater when it
// closed.
class PooledConnection final : public net::ConnectionHandler,
                               public http::ClientSessionOwner,
                               public event::Deferred,
                               public event::Timeout,
                               public ListHook<PooledConnection> {
 public:
  PooledConnection(EndpointPool& pool, bool leased, bool host_leased, uint32_t assumed_streams);
  ~PooledConnection() override;
  void Start(std::unique_ptr<net::Connection> connection);

  // No further streams: closes when the last one ended; a connecting one is given up.
  void Retire();
  void Dump(DumpWriter& out) const override;

 private:
  friend class EndpointPool;
  // net::ConnectionHandler, until there is a session.
  void OnConnected() override;
  void OnData(Buffer& input, bool end) override;
  void OnClosed(const net::CloseInfo& why) override;
  // http::ClientSessionOwner
  void OnSessionReady() override {}
  void OnStreamClosed() override;
  void OnGoAway() override;
  void OnSessionClosed(const net::CloseInfo& why) override;
  void OnStreamLimitChanged() override;
  void OnPeerIdleTimeout(Duration timeout) override;
  void OnTimeout() override;  // idle for too long
  void BeginIdle();
  // Its time is over, but the timer has not been heard yet: not for a request any more.
  bool outlived() const;
  void LearnFromEnd();

  http::StreamSender* NewStream(http::StreamReceiver& receiver);
  void SyncStreams();
  void CloseIfRetired();
  void OnLongestLife();
  bool SpeaksHttp2() const;
  void ConnectFailed(const net::CloseInfo& why);
  void Leave();

  EndpointPool& pool_;
  ConnectionAccount account_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<http::ClientSession> session_;
  std::unique_ptr<event::Timer> longest_life_;
  MonotonicTime idle_since_{};
  uint32_t streams_ = 0;  // counted against the limits
  uint64_t requests_ = 0;
  uint32_t assumed_streams_;
  EndpointPool::Place place_ = EndpointPool::kConnecting;
  bool retired_ = false, going_away_ = false, closed_ = false, gone_ = false;
  bool before_peer_ = false;  // its idle time ends early because the host's does soon
};

// One connection for one TcpRequest: connecting here, then the request's owner's; the account stays until the request
// lets go.
class DedicatedConnection final : public net::ConnectionHandler,
                                  public event::Deferred,
                                  public ListHook<DedicatedConnection> {
 public:
  DedicatedConnection(EndpointPool& pool, TcpRequest& request, bool leased, bool host_leased);
  void Start(std::unique_ptr<net::Connection> connection);
  // The request is over; goes by DestroyLater. The last bytes are counted if the connection given away still exists.
  void Release(bool connection_lives);
  void Close();  // the endpoint failed its health checks
  void Dump(DumpWriter& out) const override;

 private:
  friend class EndpointPool;
  void OnConnected() override;
  void OnData(Buffer& input, bool end) override;
  void OnClosed(const net::CloseInfo& why) override;
  void Leave();

  EndpointPool& pool_;
  ConnectionAccount account_;
  TcpRequest* request_;
  std::unique_ptr<net::Connection> connecting_;
  net::Connection* given_ = nullptr;
  bool gone_ = false;
};

// What a failed connect is called in %UPSTREAM_TRANSPORT_FAILURE_REASON%.
std::string ConnectFailureText(const net::Connection& connection, const net::CloseInfo& why);

}  // namespace outrigger::upstream
