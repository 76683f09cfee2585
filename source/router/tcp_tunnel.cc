#include "source/router/tcp_tunnel.h"

#include <utility>

namespace outrigger::router {

namespace {

// A connection whose stream is over, while the last bytes are still on their way to it.
class Leaving final : public upstream::Background, public net::ConnectionHandler {
 public:
  static void Take(upstream::WorkerContext& worker, std::unique_ptr<net::Connection> connection) {
    auto* leaving = new Leaving(worker, std::move(connection));
    worker.Start(std::unique_ptr<upstream::Background>(leaving));
    leaving->connection_->SetHandler(leaving);
    leaving->connection_->Close(net::Connection::CloseMode::kFlush);
  }
  ~Leaving() override {
    if (connection_ == nullptr) return;
    connection_->SetHandler(nullptr);
    connection_->Close(net::Connection::CloseMode::kNow);
  }
  void OnData(Buffer& input, bool /*end*/) override { input.Clear(); }
  void OnClosed(const net::CloseInfo& /*why*/) override {
    worker_.dispatcher().DestroyLater(std::move(connection_));
    worker_.Finish(*this);
  }
  void Dump(DumpWriter& out) const override { out.Field("leaving", connection_ != nullptr); }

 private:
  Leaving(upstream::WorkerContext& worker, std::unique_ptr<net::Connection> connection)
      : worker_(worker), connection_(std::move(connection)) {}
  upstream::WorkerContext& worker_;
  std::unique_ptr<net::Connection> connection_;
};

}  // namespace

void TcpTunnel::Start(const upstream::Picked& picked) {
  upstream::StreamOptions options;
  options.priority = router_.priority();
  options.dedicated = true;
  router_.cluster().Request(picked, static_cast<upstream::TcpRequest&>(*this), options);
}

void TcpTunnel::OnTcpReady(std::unique_ptr<net::Connection> connection, const upstream::ConnectionFacts& facts) {
  http::Stream& stream = router_.stream();
  if (over_) {
    return Leaving::Take(stream.worker(), std::move(connection));
  }
  connection_ = std::move(connection);
  connection_->SetHandler(this);
  http::UpstreamInfo& info = stream.info().upstream;
  info.connection_id = connection_->id();
  info.local = connection_->local();
  info.connect_start = facts.connect_start;
  info.connect_done = facts.connect_done;
  stream.SetTunnel();
  const Duration longest = router_.StreamDuration();
  if (longest > Duration::zero()) stream.worker().timeouts().Add(longest_, longest);
  http::HeaderMap& headers = *stream.arena().New<http::HeaderMap>(stream.arena());
  headers.SetStatus(200);
  router_.OnTunnelReady(headers);
  if (!over_) OnMoreBody();
}

void TcpTunnel::OnTcpFailed(const upstream::PoolFailure& failure) {
  if (std::exchange(over_, true)) return;
  router_.OnTunnelFailed(failure.reason, failure.transport_failure);
}

void TcpTunnel::OnMoreBody() {
  if (connection_ == nullptr || end_sent_) return;
  Buffer body;
  router_.GiveBody(body, false);
  if (!body.empty()) connection_->Write(std::move(body));
  if (!over_ && router_.request_ended()) {
    end_sent_ = true;
    connection_->EndWrite();
  }
}

void TcpTunnel::OnData(Buffer& input, bool end) {
  if (over_ || (input.empty() && !end)) return;
  end_passed_ = end_passed_ || end;
  Buffer body = std::move(input);
  router_.OnTunnelData(body, end);
}

void TcpTunnel::OnAboveWriteHigh() {
  if (over_ || std::exchange(source_paused_, true)) return;
  router_.cluster().stats().upstream_flow_control_backed_up_total.Inc();
  router_.PauseSource();
}

void TcpTunnel::OnBelowWriteLow() {
  if (over_ || !std::exchange(source_paused_, false)) return;
  router_.cluster().stats().upstream_flow_control_drained_total.Inc();
  router_.ResumeSource();
}

void TcpTunnel::PauseResponse() {
  if (connection_ == nullptr) return;
  if (!connection_->reading_paused()) router_.cluster().stats().upstream_flow_control_paused_reading_total.Inc();
  connection_->PauseReading();
}

void TcpTunnel::ResumeResponse() {
  if (connection_ == nullptr) return;
  connection_->ResumeReading();
  if (!connection_->reading_paused()) router_.cluster().stats().upstream_flow_control_resumed_reading_total.Inc();
}

void TcpTunnel::OnClosed(const net::CloseInfo& why) {
  router_.stream().dispatcher().DestroyLater(std::move(connection_));
  longest_.Unlink();
  if (std::exchange(over_, true)) return;
  const bool orderly = why.reason == net::CloseReason::kPeer || why.reason == net::CloseReason::kLocal;
  if (orderly && end_passed_) return;
  if (orderly) {
    Buffer none;
    return router_.OnTunnelData(none, true);
  }
  router_.OnTunnelBroken();
}

void TcpTunnel::Stop() {
  longest_.Unlink();
  if (std::exchange(over_, true)) return;
  if (connection_ == nullptr) return Cancel();
  if (!end_sent_ || !end_passed_) {
    // The stream was cut: the server must not take what it got for all of it (RFC 9113 8.5).
    connection_->SetHandler(nullptr);
    connection_->Close(net::Connection::CloseMode::kReset);
    return router_.stream().dispatcher().DestroyLater(std::move(connection_));
  }
  Leaving::Take(router_.stream().worker(), std::move(connection_));
}

}  // namespace outrigger::router
