// Time limits, drain and the end of a connection: the parts of the manager that are not per request.
#include <algorithm>
#include <cstring>
#include <utility>

#include "source/base/bug.h"
#include "source/filters/network/http_connection_manager/connection_manager.h"
#include "source/filters/network/http_connection_manager/stream_state.h"
#include "source/http/codec_stats.h"
#include "source/observe/response_code_details.h"

namespace outrigger::filters::hcm {

using observe::ResponseFlag;
namespace details = observe::details;

void ConnectionManager::WatchUntil(MonotonicTime when) {
  if (closed_ || when == MonotonicTime::max()) return;
  if (timer_.armed() && timer_.when() <= when) return;  // it will look at all limits when it fires
  worker_.dispatcher().Arm(timer_, std::max(when - worker_.dispatcher().now(), Duration::zero()));
}

// Ends the stream if one of its limits has passed; otherwise says when the next one may.
MonotonicTime ConnectionManager::CheckStream(http::Stream& stream, MonotonicTime now) {
  const StreamState& state = StateOf(stream);
  const HcmConfig& config = *state.config;
  MonotonicTime next = MonotonicTime::max();
  const auto passed = [&next, now](Duration limit, MonotonicTime since) {
    if (limit <= Duration::zero()) return false;
    if (since + limit <= now) return true;
    next = std::min(next, since + limit);
    return false;
  };
  if (StateOf(stream).next_log <= now) {
    Log(stream, http::LogEvent::kDownstreamPeriodic);
    StateOf(stream).next_log = now + config.access_log_flush_interval;
  }
  next = std::min(next, state.next_log);
  const MonotonicTime start = stream.info().start;
  if (!state.headers_complete && passed(config.request_headers_timeout, start)) {
    stats_->downstream_rq_header_timeout.Inc();
    stream.info().flags.Set(ResponseFlag::kDownstreamProtocolError);
    stream.SendLocalReply({.status = 408, .body = "request header timeout", .details = details::kRequestHeaderTimeout});
    return next;
  }
  if (!state.request_complete && passed(config.request_timeout, start)) {
    stats_->downstream_rq_timeout.Inc();
    stream.info().flags.Set(ResponseFlag::kDurationTimeout);
    stream.SendLocalReply({.status = 408, .body = "request timeout", .details = details::kRequestOverallTimeout});
    return next;
  }
  if (passed(state.max_duration, start)) {
    stats_->downstream_rq_max_duration_reached.Inc();
    stream.info().flags.Set(ResponseFlag::kDurationTimeout);
    stream.SendLocalReply({.status = stream.request_complete() ? 504u : 408u,
                           .body = "downstream duration timeout",
                           .details = details::kMaxDurationTimeout,
                           .grpc_status = 4});
    return next;
  }
  if (passed(overload_.Shorten(overload::TimerKind::kStreamIdle, state.idle_timeout), stream.last_activity())) {
    stats_->downstream_rq_idle_timeout.Inc();
    stream.info().flags.Set(ResponseFlag::kStreamIdleTimeout);
    // Envoy's rule: nothing answered yet is a 504, or a 408 while the client still owes its request; later it is a
    // reset.
    stream.SendLocalReply({.status = stream.request_complete() ? 504u : 408u,
                           .body = "stream timeout",
                           .details = details::kStreamIdleTimeout});
    return next;
  }
  return next;
}

// The time starts with the head's first byte, when HTTP/1 has no stream yet: who sends half a head holds nothing for
// long.
void ConnectionManager::OnHeadBegun() {
  head_begun_ = true;
  LimitHead(accepted_config_->request_headers_timeout);
}

void ConnectionManager::LimitHead(Duration limit) {
  if (limit <= Duration::zero() || head_ends_ != MonotonicTime::max()) return;
  head_ends_ = worker_.dispatcher().now() + limit;
  WatchUntil(head_ends_);
}

MonotonicTime ConnectionManager::CheckHead(MonotonicTime now) {
  if (head_ends_ > now) return head_ends_;
  head_ends_ = MonotonicTime::max();
  stats_->downstream_rq_header_timeout.Inc();
  if (session_ == nullptr) MakeSession(http::Protocol::kHttp11);
  if (session_ == nullptr) return head_ends_;  // closed for overload
  session_->RefuseHead(408, details::kRequestHeaderTimeout.data());
  return head_ends_;
}

void ConnectionManager::OnTimer() {
  if (closed_) return;
  const MonotonicTime now = worker_.dispatcher().now();
  MonotonicTime next = CheckHead(now);
  if (closed_) return;
  streams_.ForEach([&](http::Stream& stream) { next = std::min(next, CheckStream(stream, now)); });
  if (closed_) return;
  WatchUntil(std::min(next, CheckConnection(now)));
}

// Ends the connection if one of its limits has passed; otherwise says when the next one may.
MonotonicTime ConnectionManager::CheckConnection(MonotonicTime now) {
  if (first_byte_ends_ <= now) {
    stats_->downstream_cx_first_byte_timeout.Inc();
    return EndIdle(net::CloseReason::kIdleTimeout, details::kCloseFirstByteTimeout);
  }
  MonotonicTime next = first_byte_ends_;
  const HcmConfig& config = *accepted_config_;
  if (config.max_connection_duration > Duration::zero()) {
    const MonotonicTime limit =
        opened_ + overload_.Shorten(overload::TimerKind::kConnectionMax, config.max_connection_duration);
    if (limit > now) {
      next = std::min(next, limit);
    } else if (!drain_begun_) {
      stats_->downstream_cx_max_duration_reached.Inc();
      if (session_ == nullptr) return EndIdle(net::CloseReason::kLocal, details::kCloseMaxConnectionDuration);
      BeginDrain();
      EndWhenIdle();
      if (closed_) return MonotonicTime::max();
    }
  }
  if (streams_.empty() && !head_begun_ && idle_ends_ != MonotonicTime::max()) {
    if (idle_ends_ <= now) return EndIdle(net::CloseReason::kLocal, details::kCloseDrained);
    next = std::min(next, idle_ends_);
  }
  if (streams_.empty() && config.idle_timeout > Duration::zero()) {
    const MonotonicTime limit =
        idle_since_ + overload_.Shorten(overload::TimerKind::kConnectionIdle, config.idle_timeout);
    if (limit > now) {
      next = std::min(next, limit);
    } else {
      stats_->downstream_cx_idle_timeout.Inc();
      if (session_ == nullptr || session_->protocol() != http::Protocol::kHttp2 || drain_begun_) {
        return EndIdle(net::CloseReason::kIdleTimeout, details::kCloseOnIdleTimeout);
      }
      BeginDrain();
    }
  }
  return next;
}

MonotonicTime ConnectionManager::EndIdle(net::CloseReason reason, absl::string_view detail) {
  first_byte_ends_ = idle_ends_ = MonotonicTime::max();
  connection_.Close(net::Connection::CloseMode::kFlush, {reason, 0, detail.data()});
  return MonotonicTime::max();
}

void ConnectionManager::BeginDrain() {
  if (drain_begun_ || session_ == nullptr || closed_) return;
  drain_begun_ = true;
  session_->StartDrain(accepted_config_->drain_timeout);
}

void ConnectionManager::OnDrain() {
  if (session_ == nullptr) return;  // its first bytes may be on their way: the session will know when it is made
  if (context_.trust_changed()) return EndWithoutMore();
  if (!drain_begun_) stats_->downstream_cx_drain_close.Inc();
  BeginDrain();
}

void ConnectionManager::OnDrainIdle() { EndWhenIdle(); }

// The newest that it followed, not what accepted it: no request is decided by anything older than that.
void ConnectionManager::OnUnfollowed(const model::FilterChain& last, const model::Snapshot& its) {
  last_config_ = std::static_pointer_cast<const HcmConfig>(last.filters.back().config);
  last_routes_ = last_config_->rds.valid() ? its.routes.Share(last_config_->rds.index) : nullptr;
}

// The peer might not be let in any more: a request that has begun may end, and none begins. One that is on its way is
// lost with the connection, or refused by GOAWAY: its sender may repeat it where the new rules stand.
void ConnectionManager::EndWithoutMore() {
  if (closed_) return;
  if (!drain_begun_) stats_->downstream_cx_drain_close.Inc();
  drain_begun_ = true;
  session_->StartDrain(Duration::zero());
  if (session_->protocol() != http::Protocol::kHttp2 && session_->active_streams() == 0) {
    connection_.Close(net::Connection::CloseMode::kFlush, {net::CloseReason::kLocal, 0, details::kCloseDrained.data()});
  }
}

// Who says nothing more cannot be told: an HTTP/1 connection on which no request begins for drain_timeout from now on
// is closed, as one is that was idle for long. (HTTP/2 closes by itself.)
void ConnectionManager::EndWhenIdle() {
  if (closed_ || (session_ != nullptr && session_->protocol() == http::Protocol::kHttp2)) return;
  idle_ends_ = worker_.dispatcher().now() + accepted_config_->drain_timeout;
  WatchUntil(idle_ends_);
}

// Codecs count in plain structs of their own; what is new goes to the published counters.
void ConnectionManager::FoldCodecCounters() {
  static constexpr http::CodecCounters kNone;
  if (std::memcmp(&codec_counters_, &kNone, sizeof(kNone)) == 0) return;
  const http::CodecCounters counted = std::exchange(codec_counters_, http::CodecCounters());
  if (session_ == nullptr || session_->protocol() != http::Protocol::kHttp2) {
    return http::AddTo(counted, worker_.stats().Get(accepted_config_->http1_stats));
  }
  http::AddTo(counted, worker_.stats().Get(accepted_config_->http2_stats));
  if (counted.inbound_resets_flood > 0)
    stats_->downstream_rq_too_many_premature_resets.Add(counted.inbound_resets_flood);
}

// With each request that ends, not only with the connection: a connection may last for days. What is written at the end
// of the turn is counted with the next.
void ConnectionManager::CountBytes() {
  FoldCodecCounters();  // nor need an HTTP/2 connection ever be idle
  const net::Connection::Stats& now = connection_.stats();
  stats_->downstream_cx_rx_bytes_total.Add(now.bytes_read - std::exchange(counted_read_, now.bytes_read));
  stats_->downstream_cx_tx_bytes_total.Add(now.bytes_written - std::exchange(counted_written_, now.bytes_written));
}

void ConnectionManager::OnSessionIdle() {
  FoldCodecCounters();
  idle_since_ = worker_.dispatcher().now();
  if (const Duration limit = accepted_config_->idle_timeout; limit > Duration::zero()) {
    WatchUntil(idle_since_ + overload_.Shorten(overload::TimerKind::kConnectionIdle, limit));
  }
  connection_.transport().OnIdle();
}

void ConnectionManager::OnCodecError(uint32_t status, const char* detail) {
  if (status != 408) stats_->downstream_cx_protocol_error.Inc();  // slow is not malformed
  if (status == 431 || status == 413 || status == 414) stats_->downstream_rq_too_large.Inc();
  if (status != 0) {
    if (auto* counter = observe::ResponseClassCounter(*stats_, status)) counter->Inc();
  }
  if (accepted_config_->access_logs.empty()) return;
  // No stream was made: the log still tells who was refused and why.
  http::StreamInfo info;
  info.start = info.done = worker_.dispatcher().now();
  info.start_wall = worker_.dispatcher().wall_now();
  info.response_code = status;
  info.details = detail;
  info.flags.Set(ResponseFlag::kDownstreamProtocolError);
  info.policy = context_.policy();
  if (session_ != nullptr) info.protocol = session_->protocol();
  http::AccessLogRecord record;
  record.info = &info;
  record.downstream = &connection_;
  record.dispatcher = &worker_.dispatcher();
  record.filter_chain = context_.accepted_by().name;
  record.filter_chain_origin = context_.accepted_by().origin_ref();
  for (const auto& log : accepted_config_->access_logs) log->Log(worker_.stats(), record);
}

void ConnectionManager::OnClosed(const net::CloseInfo& why) {
  if (session_ != nullptr) {
    session_->OnClosed(why);
  } else {
    OnSessionClosed(why);
  }
}

void ConnectionManager::OnSessionClosed(const net::CloseInfo& why) {
  if (closed_) return;
  const bool remote = why.reason == net::CloseReason::kPeer || why.reason == net::CloseReason::kPeerReset;
  const bool active = !streams_.empty();
  stats_->downstream_cx_destroy.Inc();
  (remote ? stats_->downstream_cx_destroy_remote : stats_->downstream_cx_destroy_local).Inc();
  if (active) {
    stats_->downstream_cx_destroy_active_rq.Inc();
    (remote ? stats_->downstream_cx_destroy_remote_active_rq : stats_->downstream_cx_destroy_local_active_rq).Inc();
  }
  // The session resets its streams before it says it is closed; what is left (a codec not chosen yet has none) ends
  // here.
  streams_.ForEach(
      [&](http::Stream& stream) { stream.OnReset(http::ResetReason::kConnectionTermination, why.detail); });
  closed_ = true;
  timer_.Disarm();
  FoldCodecCounters();
  stats_->downstream_cx_active.Sub(1);
  if (ssl_) stats_->downstream_cx_ssl_active.Sub(1);
  if (session_ != nullptr) {
    (session_->protocol() == http::Protocol::kHttp2 ? stats_->downstream_cx_http2_active
                                                    : stats_->downstream_cx_http1_active)
        .Sub(1);
  }
  const net::Connection::Stats& end = connection_.stats();
  if (why.reason == net::CloseReason::kWriteStalled || end.linger_expired) {
    stats_->downstream_cx_delayed_close_timeout.Inc();
  }
  if (end.lingered >= net::Connection::kMostLingered) stats_->downstream_cx_lingering_overflow.Inc();
  CountBytes();
  stats_->downstream_cx_length_ms.Record(static_cast<uint64_t>(ToMillis(worker_.dispatcher().now() - opened_)));
  if (session_ != nullptr) worker_.dispatcher().DestroyLater(std::move(session_));
  context_.SetDrainHandler(nullptr);
}

void ConnectionManager::Dump(DumpWriter& out) const {
  out.Open("http_connection_manager");
  out.Field("requests", requests_);
  out.Field("draining", drain_begun_);
  const_cast<IntrusiveList<http::Stream>&>(streams_).ForEach([&out](http::Stream& stream) {
    out.Open("stream");
    stream.Dump(out);
    if (const model::Route* route = stream.route(); route != nullptr) {
      out.Open("route");
      out.Field("name", route->name).Field("origin", route->origin);
      out.Close();
      out.Open("virtual_host");
      out.Field("name", route->virtual_host->name).Field("origin", route->virtual_host->origin);
      out.Close();
    }
    if (const OriginId policy = stream.info().policy.id; policy != 0) {
      out.Open("policy");
      out.Field("origin", policy);
      out.Close();
    }
    for (const http::FilterSpec& filter : StateOf(stream).config->chain->filters()) {
      out.Open("http_filter");
      out.Field("name", filter.name).Field("origin", filter.origin);
      out.Close();
    }
    out.Close();
  });
  out.Close();
}

}  // namespace outrigger::filters::hcm
