// Thread: worker
#pragma once

#include <memory>

#include "source/net/connection.h"
#include "source/router/router.h"
#include "source/upstream/worker_cluster.h"

namespace outrigger::router {

// The upstream side of a CONNECT request that this proxy ends (connect_config): its payload goes to the upstream as a
// raw TCP byte stream. In the stream's arena. Half closes pass both ways; pressure passes both ways.
class TcpTunnel final : public upstream::TcpRequest, public net::ConnectionHandler {
 public:
  explicit TcpTunnel(Router& router) : router_(router), longest_(*this) {}
  ~TcpTunnel() override { Stop(); }

  void Start(const upstream::Picked& picked);
  void OnMoreBody();
  void PauseResponse();
  void ResumeResponse();
  void Stop();  // no callbacks afterwards

  void OnTcpReady(std::unique_ptr<net::Connection> connection, const upstream::ConnectionFacts& facts) override;
  void OnTcpFailed(const upstream::PoolFailure& failure) override;

  void OnData(Buffer& input, bool end) override;
  void OnAboveWriteHigh() override;
  void OnBelowWriteLow() override;
  void OnClosed(const net::CloseInfo& why) override;
  void Dump(DumpWriter& out) const override { out.Field("tcp_tunnel", connection_ != nullptr); }

 private:
  class Longest final : public event::Timeout {  // max_stream_duration of the cluster
   public:
    explicit Longest(TcpTunnel& tunnel) : tunnel_(tunnel) {}
    void OnTimeout() override { tunnel_.router_.OnTunnelTooLong(); }

   private:
    TcpTunnel& tunnel_;
  };

  Router& router_;
  Longest longest_;
  std::unique_ptr<net::Connection> connection_;
  bool source_paused_ = false, end_sent_ = false, end_passed_ = false, over_ = false;
};

}  // namespace outrigger::router
