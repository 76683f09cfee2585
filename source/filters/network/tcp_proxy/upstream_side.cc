#include "source/filters/network/tcp_proxy/upstream_side.h"

#include <utility>

namespace outrigger::filters {

UpstreamSide::~UpstreamSide() {
  Cancel();  // before the connection's memory goes
  if (connection_ != nullptr) connection_->SetHandler(nullptr);
}

void UpstreamSide::OnTcpReady(std::unique_ptr<net::Connection> connection, const upstream::ConnectionFacts& facts) {
  connection_ = std::move(connection);
  connection_->SetHandler(this);
  owner_->OnUpstreamReady(facts);
}

void UpstreamSide::OnTcpFailed(const upstream::PoolFailure& failure) {
  if (owner_ != nullptr) owner_->OnUpstreamFailed(failure);
}

void UpstreamSide::OnData(Buffer& input, bool end) {
  if (owner_ != nullptr) return owner_->OnUpstreamData(input, end);
  input.Clear();
}

void UpstreamSide::OnAboveWriteHigh() {
  if (owner_ != nullptr) owner_->OnUpstreamAboveHigh();
}

void UpstreamSide::OnBelowWriteLow() {
  if (owner_ != nullptr) owner_->OnUpstreamBelowLow();
}

void UpstreamSide::OnClosed(const net::CloseInfo& why) {
  Cancel();
  worker_.dispatcher().DestroyLater(std::move(connection_));
  if (owner_ != nullptr) return owner_->OnUpstreamClosed(why);
  if (!flushing_) return;
  worker_.stats().Get(flush_stats_).upstream_flush_active.Dec();
  worker_.Finish(*this);
}

void UpstreamSide::Leave(std::unique_ptr<UpstreamSide> self, bool flush, Duration flush_timeout,
                         const observe::StatsScope<observe::TcpProxyStats>& stats) {
  UpstreamSide& side = *self;
  side.owner_ = nullptr;
  event::Dispatcher& dispatcher = side.worker_.dispatcher();
  net::Connection* connection = side.connection_.get();
  if (connection == nullptr || !flush) {
    if (connection != nullptr)
      connection->Close(net::Connection::CloseMode::kNow, {net::CloseReason::kLocalAbort, 0, ""});
    side.Cancel();
    dispatcher.DestroyLater(std::move(self));
    return;
  }
  side.flushing_ = true;
  side.flush_stats_ = stats;
  observe::TcpProxyStats& counters = side.worker_.stats().Get(stats);
  counters.upstream_flush_total.Inc();
  counters.upstream_flush_active.Inc();
  side.worker_.Start(std::move(self));
  if (flush_timeout > Duration::zero()) connection->SetFlushTimeout(flush_timeout);
  connection->Close(net::Connection::CloseMode::kFlush, {net::CloseReason::kLocal, 0, ""});
}

void UpstreamSide::Dump(DumpWriter& out) const {
  out.Field("flushing", flushing_);
  if (connection_ != nullptr) connection_->Dump(out);
}

}  // namespace outrigger::filters
