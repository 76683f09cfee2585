#include "source/router/attempt.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/http/grpc_status.h"
#include "source/router/request_rewrite.h"

namespace outrigger::router {

using http::HeaderMap;
using http::KnownHeader;
using http::ResetReason;

Attempt::Attempt(Router& router, uint32_t number)
    : router_(router),
      number_(number),
      started_(router.stream().dispatcher().now()),
      try_timeout_(*this, TryLimit::kTry),
      idle_timeout_(*this, TryLimit::kIdle),
      longest_timeout_(*this, TryLimit::kStreamDuration) {}

Attempt::~Attempt() { Stop(ResetReason::kLocalReset); }

void Attempt::Start(const upstream::Picked& picked) {
  HeaderMap& headers = router_.stream().request_headers();
  upstream::StreamOptions options;
  options.priority = router_.priority();
  options.downstream_protocol = router_.stream().info().protocol;
  options.authority = ServerNameSource(router_.cluster().config(), headers);
  options.dedicated = router_.upgrade() || router_.connect();
  options.fresh = router_.wants_fresh();
  cells_ = picked.cells;
  router_.cluster().Request(picked, *this, options);
  if (over_) return;
  if (router_.request_ended() && router_.timeouts().per_try > Duration::zero()) {
    router_.stream().worker().timeouts().Add(try_timeout_, router_.timeouts().per_try);
  }
}

void Attempt::RecordConnection(const upstream::ConnectionFacts& facts) {
  http::Stream& stream = router_.stream();
  http::UpstreamInfo& info = stream.info().upstream;
  info.protocol = facts.protocol;
  info.connection_id = facts.connection->id();
  info.local = facts.connection->local();
  info.connect_start = facts.connect_start;
  info.connect_done = facts.connect_done;
  info.first_byte_sent = stream.dispatcher().now();
  if (const net::TlsInfo* tls = facts.connection->transport().tls();
      tls != nullptr && stream.upstream_tls_wish() != 0) {
    info.tls = http::UpstreamTls::Copy(*tls, stream.upstream_tls_wish(), stream.arena());
  }
}

void Attempt::OnStreamReady(http::StreamSender& sender, const upstream::ConnectionFacts& facts) {
  if (over_) {  // cancelled requests are not made ready; but never talk to a stream nobody wants
    sender.Reset(ResetReason::kLocalReset);
    return;
  }
  sender_ = &sender;
  reused_ = facts.reused;
  RecordConnection(facts);
  if (router_.stream().info().scheme_follows_upstream) {
    const bool secure = facts.connection->transport().tls() != nullptr;
    router_.stream().request_headers().Set(KnownHeader::kScheme, secure ? "https" : "http");
  }
  if (response_pauses_ > 0) NoteReadingPaused();
  for (uint32_t i = 0; i < response_pauses_; ++i) sender.PauseReading();
  ArmLongest();
  SendWhatThereIs();
  ArmIdle();
}

void Attempt::NoteRequestEnd(bool end) {
  request_end_sent_ = end;
  if (end) router_.stream().info().upstream.last_byte_sent = router_.stream().dispatcher().now();
}

void Attempt::SendWhatThereIs() {
  if (sender_ == nullptr || request_end_sent_) return;
  Buffer body;
  router_.GiveBody(body, reused_ || sender_->protocol() == http::Protocol::kHttp2);
  const bool end = router_.request_ended();
  HeaderMap* trailers = router_.request_trailers();
  if (!headers_sent_) {
    headers_sent_ = true;
    const bool only_headers = end && body.empty() && trailers == nullptr;
    NoteRequestEnd(only_headers);
    sender_->SendHeaders(router_.stream().request_headers(), only_headers);
    if (over_ || only_headers) return;
  }
  if (!body.empty() || (end && trailers == nullptr)) {
    const bool last = end && trailers == nullptr;
    NoteRequestEnd(last);
    sender_->SendBody(body, last);
    if (over_ || last) return;
  }
  if (end && trailers != nullptr) {
    NoteRequestEnd(true);
    sender_->SendTrailers(*trailers);
  }
}

void Attempt::OnMoreBody() {
  SendWhatThereIs();
  if (over_) return;
  if (router_.request_ended() && router_.timeouts().per_try > Duration::zero() && !try_timeout_.linked() &&
      !response_begun_) {
    router_.stream().worker().timeouts().Add(try_timeout_, router_.timeouts().per_try);
  }
}

void Attempt::ArmIdle() {
  if (router_.timeouts().per_try_idle > Duration::zero()) {
    router_.stream().worker().timeouts().Add(idle_timeout_, router_.timeouts().per_try_idle);
  }
}

// Counted from the stream's beginning, and still running while the response does.
void Attempt::ArmLongest() {
  const Duration longest = router_.StreamDuration();
  if (longest > Duration::zero()) router_.stream().worker().timeouts().Add(longest_timeout_, longest);
}

void Attempt::DisarmAll() {
  try_timeout_.Unlink();
  idle_timeout_.Unlink();
  longest_timeout_.Unlink();
}

void Attempt::OnTryTimeout(TryLimit limit) {
  if (over_) return;
  CountTimeout();
  router_.OnTryTimeout(*this, limit);
}

void Attempt::OnStreamFailed(const upstream::PoolFailure& failure) {
  if (std::exchange(over_, true)) return;
  DisarmAll();
  if (failure.reason != ResetReason::kOverflow) Judge(false);
  router_.OnAttemptReset(*this, failure.reason, failure.transport_failure, failure.detail);
}

void Attempt::OnInterim(HeaderMap& headers) {
  if (!over_) router_.OnAttemptInterim(*this, headers);
}

void Attempt::OnHeaders(HeaderMap& headers, bool end) {
  if (over_) return;
  try_timeout_.Unlink();
  ArmIdle();
  response_begun_ = true;
  JudgeByHeaders(headers, end);
  if (end) ResponseEnded();
  router_.OnAttemptHeaders(*this, headers, end);
}

void Attempt::Judge(bool success) {
  if (cells_ == nullptr || std::exchange(judged_, true)) return;
  (success ? cells_->rq_success : cells_->rq_error).Inc();
}

// gRPC says how it went in grpc-status, which mostly comes at the end.
void Attempt::JudgeByHeaders(const HeaderMap& headers, bool end) {
  if (headers.status() >= 500) return Judge(false);
  if (!http::IsGrpcRequest(router_.stream().request_headers())) return Judge(true);
  const int status = http::ReadGrpcStatus(headers);
  if (status >= 0 || end) Judge(!http::IsGrpcServerError(status));
}

void Attempt::OnBody(Buffer& body, bool end) {
  if (over_) {
    body.Clear();
    return;
  }
  ArmIdle();
  if (end) {
    Judge(false);  // gRPC: no status came
    ResponseEnded();
  }
  router_.OnAttemptBody(*this, body, end);
}

void Attempt::OnTrailers(HeaderMap& trailers) {
  if (over_) return;
  if (!judged_) Judge(!http::IsGrpcServerError(http::ReadGrpcStatus(trailers)));
  ResponseEnded();
  router_.OnAttemptTrailers(*this, trailers);
}

// The upstream's answer is whole; a request that is still going up goes on only for tunnels.
void Attempt::ResponseEnded() {
  response_ended_ = true;
  DisarmAll();
  http::UpstreamInfo& info = router_.stream().info().upstream;
  info.last_byte_received = router_.stream().dispatcher().now();
  info.wire_bytes_received = sender_->wire_bytes_received();
  info.wire_bytes_sent = sender_->wire_bytes_sent();
}

void Attempt::OnReset(ResetReason reason, const char* detail) {
  if (std::exchange(over_, true)) return;
  http::StreamSender* sender = std::exchange(sender_, nullptr);
  unanswered_ = reused_ && reason == ResetReason::kConnectionTermination && sender != nullptr &&
                sender->wire_bytes_received() == 0;
  DisarmAll();
  if (std::exchange(source_paused_, false)) router_.ResumeSource();
  Judge(false);
  if (response_ended_) return;  // kNone after a whole response: the peer needs no more of the request
  router_.OnAttemptReset(*this, reason, "", detail);
}

void Attempt::OnAboveWriteHigh() {
  if (over_ || std::exchange(source_paused_, true)) return;
  router_.cluster().stats().upstream_flow_control_backed_up_total.Inc();
  router_.PauseSource();
}

void Attempt::OnBelowWriteLow() {
  if (over_ || !std::exchange(source_paused_, false)) return;
  router_.cluster().stats().upstream_flow_control_drained_total.Inc();
  router_.ResumeSource();
}

void Attempt::NoteReadingPaused() {
  if (std::exchange(reading_paused_, true)) return;
  router_.cluster().stats().upstream_flow_control_paused_reading_total.Inc();
}

void Attempt::PauseResponse() {
  ++response_pauses_;
  if (sender_ == nullptr || over_ || response_ended_) return;
  NoteReadingPaused();
  sender_->PauseReading();
}

void Attempt::ResumeResponse() {
  if (response_pauses_ == 0) return;
  if (--response_pauses_ == 0 && std::exchange(reading_paused_, false)) {
    router_.cluster().stats().upstream_flow_control_resumed_reading_total.Inc();
  }
  if (sender_ != nullptr && !over_ && !response_ended_) sender_->ResumeReading();
}

void Attempt::Stop(ResetReason why) {
  if (std::exchange(over_, true)) return;
  DisarmAll();
  const bool paused = std::exchange(source_paused_, false);
  http::StreamSender* sender = std::exchange(sender_, nullptr);
  if (sender != nullptr && !(response_ended_ && request_end_sent_)) {
    sender->Reset(response_ended_ ? ResetReason::kNone : why);
  } else if (sender == nullptr) {
    Cancel();
  }
  if (paused) router_.ResumeSource();
}

void RememberAttempt(http::Stream& stream) {
  http::UpstreamInfo& info = stream.info().upstream;
  if (info.host == nullptr) return;
  Arena& arena = stream.arena();
  auto* all = arena.New<http::EarlierAttempts>();
  if (info.earlier != nullptr) *all = *info.earlier;
  const std::string host = info.host->ToString(), ip = info.host->ip() ? info.host->IpString() : host;
  const absl::string_view name = info.host_name.empty() ? absl::string_view(host) : info.host_name;
  const absl::string_view bare =
      info.host_name.empty() ? absl::string_view(ip) : info.host_name.substr(0, info.host_name.find(':'));
  all->hosts = arena.Concat(all->hosts, host, ",");
  all->ips = arena.Concat(all->ips, ip, ",");
  all->names = arena.Concat(all->names, name, ",");
  all->bare_names = arena.Concat(all->bare_names, bare, ",");
  if (info.connection_id != 0)
    all->connection_ids = arena.Concat(all->connection_ids, absl::StrCat(info.connection_id), ",");
  info.earlier = all;
  info.connection_id = 0;  // of the attempt that failed
}

}  // namespace outrigger::router
