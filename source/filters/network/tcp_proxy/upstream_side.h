// Thread: worker
#pragma once

#include <memory>

#include "source/net/connection.h"
#include "source/observe/schemas/filters.h"
#include "source/observe/stats.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

// The upstream half of a proxied TCP connection: the wish for a connection, then the connection. Owned by its TcpProxy;
// when the client is gone before everything was sent, the worker owns it until that is done.
class UpstreamSide final : public upstream::Background, public upstream::TcpRequest, public net::ConnectionHandler {
 public:
  class Owner {
   public:
    virtual void OnUpstreamReady(const upstream::ConnectionFacts& facts) = 0;
    virtual void OnUpstreamFailed(const upstream::PoolFailure& failure) = 0;
    virtual void OnUpstreamData(Buffer& input, bool end) = 0;
    virtual void OnUpstreamAboveHigh() = 0;
    virtual void OnUpstreamBelowLow() = 0;
    virtual void OnUpstreamClosed(const net::CloseInfo& why) = 0;

   protected:
    ~Owner() = default;
  };
  UpstreamSide(Owner& owner, upstream::WorkerContext& worker) : owner_(&owner), worker_(worker) {}
  ~UpstreamSide() override;

  net::Connection* connection() { return connection_.get(); }  // null: not yet, or closed
  // The client is gone: `flush`: what it sent still goes to the upstream, then (or at once) the connection closes.
  // Takes itself.
  static void Leave(std::unique_ptr<UpstreamSide> self, bool flush, Duration flush_timeout,
                    const observe::StatsScope<observe::TcpProxyStats>& stats);

  void OnTcpReady(std::unique_ptr<net::Connection> connection, const upstream::ConnectionFacts& facts) override;
  void OnTcpFailed(const upstream::PoolFailure& failure) override;
  void OnData(Buffer& input, bool end) override;
  void OnAboveWriteHigh() override;
  void OnBelowWriteLow() override;
  void OnClosed(const net::CloseInfo& why) override;
  void Dump(DumpWriter& out) const override;

 private:
  Owner* owner_;  // null: the client is gone
  upstream::WorkerContext& worker_;
  std::unique_ptr<net::Connection> connection_;
  observe::StatsScope<observe::TcpProxyStats> flush_stats_;
  bool flushing_ = false;
};

}  // namespace outrigger::filters
