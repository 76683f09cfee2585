#include "source/filters/network/tcp_proxy/tcp_proxy.h"

#include <algorithm>
#include <utility>

#include "source/observe/response_code_details.h"

namespace outrigger::filters {

using net::CloseReason;
using net::Connection;
using observe::ResponseFlag;

TcpProxy::TcpProxy(std::shared_ptr<const TcpProxyConfig> config, model::DownstreamContext& context)
    : config_(std::move(config)),
      context_(context),
      connection_(context.connection()),
      worker_(context.worker()),
      stats_(worker_.stats().Get(config_->stats)),
      timer_([this] { OnTimer(); }),
      retry_timer_([this] { Connect(); }),
      log_timer_([this] {
        Log(http::LogEvent::kTcpPeriodic);
        worker_.dispatcher().Arm(log_timer_, config_->access_log_flush_interval);
      }),
      opened_(worker_.dispatcher().now()) {
  info_.start = opened_;
  info_.start_wall = worker_.dispatcher().wall_now();
}

TcpProxy::~TcpProxy() = default;

TcpProxy::Verdict TcpProxy::OnNewConnection(net::FilterChainOnConnection& /*chain*/) {
  stats_.downstream_cx_total.Inc();
  connection_.SetBufferGauges(stats_.downstream_cx_rx_bytes_buffered, stats_.downstream_cx_tx_bytes_buffered);
  context_.SetDrainHandler(this);
  connection_.PauseReading();  // until there is somebody to give it to
  if (config_->access_log_flush_interval > Duration::zero()) {
    worker_.dispatcher().Arm(log_timer_, config_->access_log_flush_interval);
  }
  Watch();
  return Verdict::kContinue;
}

void TcpProxy::OnConnected() {
  info_.client = IpAddress::FromBytes(connection_.remote().ip_bytes());
  info_.listener_metadata = &context_.listener().metadata;
  info_.policy = context_.policy();
  info_.filter_chain_metadata = &context_.accepted_by().metadata;
  target_ = &Draw();
  info_.upstream.cluster = target_->cluster;
  info_.upstream.cluster_stat_name = target_->cluster;
  Connect();
}

const TcpProxyConfig::Target& TcpProxy::Draw() {
  const auto& targets = config_->targets;
  if (targets.size() == 1) return targets[0];
  uint64_t at = worker_.dispatcher().engine().RandomBits() % config_->total_weight;
  for (const TcpProxyConfig::Target& target : targets) {
    if (at < target.weight) return target;
    at -= target.weight;
  }
  return targets.back();
}

void TcpProxy::Connect() {
  if (closed_ || connection_.closing()) return;
  upstream::WorkerCluster* cluster = worker_.Cluster(target_->slot);
  if (cluster == nullptr) {
    stats_.downstream_cx_no_route.Inc();
    return Refuse(ResponseFlag::kNoClusterFound);
  }
  if (attempts_ >= config_->max_connect_attempts) {
    cluster->stats().upstream_cx_connect_attempts_exceeded.Inc();
    return Refuse(ResponseFlag::kUpstreamRetryLimitExceeded);
  }
  const upstream::Picked picked = cluster->Pick({});
  if (!picked) {
    cluster->stats().upstream_cx_none_healthy.Inc();
    return Refuse(ResponseFlag::kNoHealthyUpstream);
  }
  info_.upstream.attempts = ++attempts_;
  host_ = picked.record->address();
  info_.upstream.host = &host_;
  info_.upstream.host_name = text_.Copy(picked.record->hostname());
  if (!config_->access_logs.empty()) NoteMetadata(*cluster, picked);
  if (upstream_ == nullptr) upstream_ = std::make_unique<UpstreamSide>(*this, worker_);
  connecting_ = true;
  cluster->Request(picked, *upstream_, {});
}

// Nothing was promised to the client yet: it just loses its connection.
void TcpProxy::Refuse(ResponseFlag flag) {
  info_.flags.Set(flag);
  connection_.Close(Connection::CloseMode::kNow, {CloseReason::kLocal, 0, ""});
}

void TcpProxy::OnUpstreamFailed(const upstream::PoolFailure& failure) {
  connecting_ = false;
  if (!failure.transport_failure.empty()) info_.upstream.transport_failure = text_.Copy(failure.transport_failure);
  if (failure.reason == http::ResetReason::kOverflow) return Refuse(ResponseFlag::kUpstreamOverflow);
  info_.flags.Set(ResponseFlag::kUpstreamConnectionFailure);
  worker_.dispatcher().Arm(retry_timer_, Duration::zero());  // not from inside the pool's callback
}

void TcpProxy::OnUpstreamReady(const upstream::ConnectionFacts& facts) {
  connecting_ = false;
  info_.flags.Clear(ResponseFlag::kUpstreamConnectionFailure);  // of an attempt before
  info_.upstream.connect_start = facts.connect_start;
  info_.upstream.connect_done = facts.connect_done;
  Connection& up = *upstream_->connection();
  info_.upstream.local = up.local();
  info_.upstream.connection_id = up.id();
  if (!config_->access_logs.empty()) NoteUpstreamTls(up);
  if (config_->log_on_connected) Log(http::LogEvent::kTcpUpstreamConnected);
  SendUp();
  connection_.ResumeReading();
  Watch();
}

void TcpProxy::NoteMetadata(const upstream::WorkerCluster& cluster, const upstream::Picked& picked) {
  cluster_config_ = cluster.share_config();
  host_metadata_ = picked.endpoint->metadata;
  info_.upstream.cluster_metadata = &*cluster_config_->metadata;
  info_.upstream.host_metadata = host_metadata_.get();
  info_.upstream.cluster_origin = {cluster_config_->resource_origin.get(), cluster_config_->origin};
}

void TcpProxy::NoteUpstreamTls(Connection& connection) {
  const net::TlsInfo* tls = connection.transport().tls();
  http::UpstreamTls::Wish wish = 0;
  for (const auto& log : config_->access_logs) wish |= log->upstream_tls_wish();
  if (tls != nullptr && wish != 0) info_.upstream.tls = http::UpstreamTls::Copy(*tls, wish, text_);
}

// --- bytes
// ------------------------------------------------------------------------------------------------------------------

void TcpProxy::OnData(Buffer& /*input*/, bool end) {
  downstream_ended_ = downstream_ended_ || end;
  if (up() != nullptr) SendUp();  // otherwise it stays where it is
}

void TcpProxy::SendUp() {
  Buffer& input = connection_.input();
  Connection& up = *upstream_->connection();
  if (!input.empty()) {
    info_.bytes_received += input.size();
    stats_.downstream_cx_rx_bytes_total.Add(input.size());
    up.Write(std::move(input));
  }
  if (downstream_ended_) up.EndWrite();
}

void TcpProxy::OnUpstreamData(Buffer& input, bool end) {
  if (!input.empty()) {
    info_.bytes_sent += input.size();
    stats_.downstream_cx_tx_bytes_total.Add(input.size());
    connection_.Write(std::move(input));
  }
  if (!end) return;
  upstream_ended_ = true;
  connection_.EndWrite();
}

void TcpProxy::OnAboveWriteHigh() {
  if (up() == nullptr) return;
  up()->PauseReading();
  upstream::WorkerCluster* cluster = worker_.Cluster(target_->slot);  // null: gone meanwhile
  if (cluster != nullptr) cluster->stats().upstream_flow_control_paused_reading_total.Inc();
}

void TcpProxy::OnBelowWriteLow() {
  if (up() == nullptr) return;
  up()->ResumeReading();
  upstream::WorkerCluster* cluster = worker_.Cluster(target_->slot);
  if (cluster != nullptr) cluster->stats().upstream_flow_control_resumed_reading_total.Inc();
}

void TcpProxy::OnUpstreamAboveHigh() {
  stats_.downstream_flow_control_paused_reading_total.Inc();
  upstream::WorkerCluster* cluster = worker_.Cluster(target_->slot);
  if (cluster != nullptr) cluster->stats().upstream_flow_control_backed_up_total.Inc();
  connection_.PauseReading();
}

void TcpProxy::OnUpstreamBelowLow() {
  stats_.downstream_flow_control_resumed_reading_total.Inc();
  upstream::WorkerCluster* cluster = worker_.Cluster(target_->slot);
  if (cluster != nullptr) cluster->stats().upstream_flow_control_drained_total.Inc();
  connection_.ResumeReading();
}

// --- the end
// ----------------------------------------------------------------------------------------------------------------

void TcpProxy::OnUpstreamClosed(const net::CloseInfo& why) {
  if (closed_) return;
  if (why.reason != CloseReason::kPeer && why.reason != CloseReason::kLocal) {
    info_.flags.Set(ResponseFlag::kUpstreamConnectionTermination);
  }
  if (upstream_ended_ && downstream_ended_) return;  // the client's connection ends by itself, once it got everything
  connection_.Close(Connection::CloseMode::kFlush, {CloseReason::kLocal, 0, ""});
}

void TcpProxy::OnClosed(const net::CloseInfo& why) {
  if (std::exchange(closed_, true)) return;
  context_.SetDrainHandler(nullptr);
  timer_.Disarm();
  retry_timer_.Disarm();
  log_timer_.Disarm();
  info_.done = worker_.dispatcher().now();
  info_.termination = why.detail;
  const bool by_client = why.reason == CloseReason::kPeer || why.reason == CloseReason::kPeerReset;
  if ((by_client && up() == nullptr && attempts_ > 0 && !upstream_ended_) || why.reason == CloseReason::kPeerReset) {
    info_.flags.Set(ResponseFlag::kDownstreamConnectionTermination);
  }
  Log(http::LogEvent::kTcpConnectionEnd);
  // What the client sent before it left is the upstream's; if we ended the connection, nobody waits for anything.
  if (upstream_ != nullptr) {
    UpstreamSide::Leave(std::move(upstream_), by_client, config_->idle_timeout, config_->stats);
  }
}

void TcpProxy::CloseBoth(const char* detail) {
  connection_.Close(Connection::CloseMode::kNow, {CloseReason::kLocal, 0, detail});
}

void TcpProxy::Log(http::LogEvent event) {
  if (config_->access_logs.empty()) return;
  info_.wire_bytes_received = connection_.stats().bytes_read;
  info_.wire_bytes_sent = connection_.stats().bytes_written;
  if (const Connection* up = this->up(); up != nullptr) {
    info_.upstream.wire_bytes_received = up->stats().bytes_read;
    info_.upstream.wire_bytes_sent = up->stats().bytes_written;
  }
  http::AccessLogRecord record;
  record.info = &info_;
  record.downstream = &connection_;
  record.dispatcher = &worker_.dispatcher();
  record.filter_chain = context_.accepted_by().name;
  record.filter_chain_origin = context_.accepted_by().origin_ref();
  record.event = event;
  for (const auto& log : config_->access_logs) log->Log(worker_.stats(), record);
}

// --- limits of time
// ---------------------------------------------------------------------------------------------------------

MonotonicTime TcpProxy::LastActivity() const {
  MonotonicTime last = std::max(opened_, connection_.last_activity());
  if (upstream_ != nullptr && upstream_->connection() != nullptr) {
    last = std::max(last, upstream_->connection()->last_activity());
  }
  return last;
}

void TcpProxy::Watch() {
  MonotonicTime next = MonotonicTime::max();
  const auto consider = [&next](MonotonicTime from, Duration limit) {
    if (limit > Duration::zero()) next = std::min(next, from + std::min<Duration>(limit, hours(24 * 365)));
  };
  consider(opened_, config_->max_connection_duration);
  if (!connecting_) consider(LastActivity(), config_->idle_timeout);
  consider(std::max(opened_, connection_.last_activity()), config_->downstream_idle_timeout);
  if (const Connection* up = this->up(); up != nullptr) consider(up->last_activity(), config_->upstream_idle_timeout);
  if (draining_) consider(LastActivity(), kDrainQuiet);
  if (next == MonotonicTime::max()) return;
  const MonotonicTime now = worker_.dispatcher().now();
  worker_.dispatcher().Arm(timer_, std::max<Duration>(next - now, Duration::zero()));
}

void TcpProxy::OnTimer() {
  const MonotonicTime now = worker_.dispatcher().now();
  const auto over = [now](MonotonicTime from, Duration limit) {
    return limit > Duration::zero() && now - from >= limit;
  };
  if (over(opened_, config_->max_connection_duration)) {
    stats_.max_downstream_connection_duration.Inc();
    info_.flags.Set(ResponseFlag::kDurationTimeout);
    return CloseBoth(observe::details::kCloseMaxConnectionDuration.data());
  }
  const Connection* up = this->up();
  if ((!connecting_ && over(LastActivity(), config_->idle_timeout)) ||
      over(std::max(opened_, connection_.last_activity()), config_->downstream_idle_timeout) ||
      (up != nullptr && over(up->last_activity(), config_->upstream_idle_timeout))) {
    stats_.idle_timeout.Inc();
    return CloseBoth(observe::details::kCloseTcpIdleTimeout.data());
  }
  if (draining_ && over(LastActivity(), kDrainQuiet)) return CloseBoth(observe::details::kCloseDrained.data());
  Watch();
}

void TcpProxy::OnDrain() {
  draining_ = true;
  Watch();
}

void TcpProxy::Dump(DumpWriter& out) const {
  out.Field("tcp_proxy", target_ == nullptr ? absl::string_view("") : absl::string_view(target_->cluster));
  out.Field("attempts", attempts_).Field("received", info_.bytes_received).Field("sent", info_.bytes_sent);
  if (upstream_ != nullptr) upstream_->Dump(out);
}

}  // namespace outrigger::filters
