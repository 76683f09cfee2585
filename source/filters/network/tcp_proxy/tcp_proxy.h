// Thread: worker
#pragma once

#include <memory>
#include <string>

#include "source/base/arena.h"
#include "source/event/dispatcher.h"
#include "source/filters/network/tcp_proxy/tcp_proxy_config.h"
#include "source/filters/network/tcp_proxy/upstream_side.h"
#include "source/http/access_log_record.h"
#include "source/http/stream_info.h"
#include "source/model/listener.h"
#include "source/net/network_filter.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

// envoy.filters.network.tcp_proxy: bytes of one downstream connection to one upstream connection and back, moved, not
// copied. Terminal. The client is not read before the upstream is connected; then each side is read no faster than the
// other takes it. Each direction ends by itself. One per connection, owned by its filter chain.
//
//   accepted ──▶ connecting ──▶ open ──▶ closed (logged once)
//                  │  ▲ next attempt       ▲
//                  └──┴── attempts used ───┘
class TcpProxy final : public net::NetworkFilter,
                       public net::ConnectionHandler,
                       public model::DownstreamContext::DrainHandler,
                       public UpstreamSide::Owner {
 public:
  // A draining connection closes when neither side said anything for this long.
  static constexpr Duration kDrainQuiet = seconds(5);

  TcpProxy(std::shared_ptr<const TcpProxyConfig> config, model::DownstreamContext& context);
  ~TcpProxy() override;

  // net::NetworkFilter
  Verdict OnNewConnection(net::FilterChainOnConnection& chain) override;
  net::ConnectionHandler* terminal() override { return this; }

  // net::ConnectionHandler; OnClosed is the filter's as well and comes twice.
  void OnConnected() override;
  void OnData(Buffer& input, bool end) override;
  void OnAboveWriteHigh() override;
  void OnBelowWriteLow() override;
  void OnClosed(const net::CloseInfo& why) override;
  void Dump(DumpWriter& out) const override;

  void OnDrain() override;

  // UpstreamSide::Owner
  void OnUpstreamReady(const upstream::ConnectionFacts& facts) override;
  void OnUpstreamFailed(const upstream::PoolFailure& failure) override;
  void OnUpstreamData(Buffer& input, bool end) override;
  void OnUpstreamAboveHigh() override;
  void OnUpstreamBelowLow() override;
  void OnUpstreamClosed(const net::CloseInfo& why) override;

 private:
  const TcpProxyConfig::Target& Draw();
  void Connect();
  void Refuse(observe::ResponseFlag flag);
  void NoteMetadata(const upstream::WorkerCluster& cluster, const upstream::Picked& picked);
  void NoteUpstreamTls(net::Connection& connection);
  void SendUp();
  MonotonicTime LastActivity() const;
  void Watch();  // arms the timer for the next limit
  void OnTimer();
  void CloseBoth(const char* detail);
  void Log(http::LogEvent event);
  net::Connection* up() { return upstream_ == nullptr ? nullptr : upstream_->connection(); }

  std::shared_ptr<const TcpProxyConfig> config_;
  model::DownstreamContext& context_;
  net::Connection& connection_;
  upstream::WorkerContext& worker_;
  observe::TcpProxyStats& stats_;
  const TcpProxyConfig::Target* target_ = nullptr;
  std::unique_ptr<UpstreamSide> upstream_;
  event::Timer timer_, retry_timer_, log_timer_;
  http::StreamInfo info_;
  net::Address host_;                                           // of the last attempt; info_ points here
  Arena text_;                                                  // what info_ shows of the upstream
  std::shared_ptr<const model::ClusterConfig> cluster_config_;  // likewise, if there are logs: the cluster may go
  std::shared_ptr<const Metadata> host_metadata_;
  MonotonicTime opened_;
  uint32_t attempts_ = 0;
  bool connecting_ = false;
  bool downstream_ended_ = false, upstream_ended_ = false;
  bool draining_ = false, closed_ = false;
};

}  // namespace outrigger::filters
