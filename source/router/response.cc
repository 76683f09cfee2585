// The response's way down: retries, timeouts, resets, and the answer itself.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/http/grpc_status.h"
#include "source/observe/response_code_details.h"
#include "source/router/attempt.h"
#include "source/router/mirror.h"
#include "source/router/request_rewrite.h"
#include "source/router/router.h"
#include "source/router/tcp_tunnel.h"

namespace outrigger::router {

using http::HeaderMap;
using http::KnownHeader;
using http::ResetReason;
using observe::ResponseFlag;
namespace details = observe::details;

void Router::OnAttemptInterim(Attempt& attempt, HeaderMap& headers) {
  if (&attempt != attempt_ || over_) return;
  if (headers.status() == 100 && stream_.info().expect_answered) return;
  stream_.SendResponseInterim(headers);
}

void Router::OnAttemptHeaders(Attempt& attempt, HeaderMap& headers, bool end) {
  if (&attempt != attempt_ || over_) return;
  http::UpstreamInfo& info = stream_.info().upstream;
  info.first_byte_received = worker_.dispatcher().now();
  if (MayRetry() && retry_->WantsRetry(headers, end) && ReserveRetry()) {
    CountAlternate(observe::ClusterScope::kRetry, headers.status());
    Duration pause{0};
    event::Engine& engine = worker_.dispatcher().engine();
    const bool limited = retry_->RateLimitedBackOff(headers, worker_.dispatcher().wall_now(), engine, &pause);
    (limited ? cluster_stats().upstream_rq_retry_backoff_ratelimited
             : cluster_stats().upstream_rq_retry_backoff_exponential)
        .Inc();
    EndAttempt(ResetReason::kLocalReset);
    RetryAfter(limited ? pause : retry_->NextBackOff(engine));
    return;
  }
  BeginResponse(headers, end);
}

bool Router::ReserveRetry() {
  if (!retry_->Take()) {
    if (attempts_ > 1) {
      cluster_stats().upstream_rq_retry_limit_exceeded.Inc();
      stream_.info().flags.Set(ResponseFlag::kUpstreamRetryLimitExceeded);
    }
    return false;
  }
  ReleaseRetry();
  if (!cluster_->TryRetry(action_->priority)) {
    cluster_stats().upstream_rq_retry_overflow.Inc();
    return false;
  }
  retry_held_ = true;
  cluster_stats().upstream_rq_retry.Inc();
  return true;
}

void Router::ReleaseRetry() {
  if (std::exchange(retry_held_, false)) cluster_->RetryDone(action_->priority);
}

void Router::RetryAfter(Duration pause) {
  if (back_off_ == nullptr) back_off_ = stream_.arena().New<event::Timer>([this] { OnBackOffOver(); });
  worker_.dispatcher().Arm(*back_off_, pause);
}

void Router::OnBackOffOver() {
  // The configuration may have moved on while we waited: the cluster is looked up anew.
  const model::WeightedClusterEntry* weighted = stream_.weighted_cluster();
  const bool by_slot = weighted != nullptr ? weighted->cluster_header.empty() : action_->cluster_header.empty();
  if (by_slot) {
    upstream::WorkerCluster* now = NamedCluster();
    if (now == nullptr) return AnswerReset(ResetReason::kLocalReset, "cluster removed");
    if (now != cluster_) {
      ReleaseRetry();
      cluster_ = now;
    }
  }
  StartAttempt();
}

void Router::EndAttempt(ResetReason why) {
  if (Attempt* attempt = std::exchange(attempt_, nullptr); attempt != nullptr) attempt->Stop(why);
  body_given_ = 0;
}

void Router::BeginResponse(HeaderMap& headers, bool end) {
  const uint32_t status = headers.status();
  response_begun_ = true;
  LetBodyGo();
  canary_ = headers.Get(KnownHeader::kXEnvoyUpstreamCanary) == "true";
  CountCode(status);
  if (attempts_ > 1 && status < 500) cluster_stats().upstream_rq_retry_success.Inc();
  http::StreamInfo& info = stream_.info();
  info.details = details::kViaUpstream;
  if (!config_.suppress_envoy_headers) {
    const Duration taken = worker_.dispatcher().now() - attempt_->started();
    headers.SetNumber(KnownHeader::kXEnvoyUpstreamServiceTime, static_cast<uint64_t>(ToMillis(taken)));
  }
  if (stream_.route()->virtual_host->include_attempt_count_in_response) {
    headers.SetNumber(KnownHeader::kXEnvoyAttemptCount, attempts_);
  }
  RewriteResponse(stream_, *stream_.route(), headers);
  const bool tunnel = (upgrade_ && status == 101) || (connect_ && status >= 200 && status < 300);
  if (tunnel) {
    stream_.SetTunnel();
    global_timeout_.Unlink();
  }
  if (end) ResponseComplete();
  stream_.SendResponseHeaders(headers, end);
}

void Router::OnAttemptBody(Attempt& attempt, Buffer& body, bool end) {
  if (&attempt != attempt_ || over_) {
    body.Clear();
    return;
  }
  if (end) ResponseComplete();
  stream_.SendResponseBody(body, end);
}

void Router::OnAttemptTrailers(Attempt& attempt, HeaderMap& trailers) {
  if (&attempt != attempt_ || over_) return;
  ResponseComplete();
  stream_.SendResponseTrailers(trailers);
}

void Router::ResponseComplete() {
  response_complete_ = true;
  global_timeout_.Unlink();
  const auto taken = static_cast<uint64_t>(ToMillis(worker_.dispatcher().now() - stream_.info().start));
  cluster_stats().upstream_rq_time.Record(taken);
  const auto& scope = cluster_->config().stats;
  worker_.stats().Get(scope, OriginStats()).upstream_rq_time.Record(taken);
  if (canary_) worker_.stats().Get(scope, observe::ClusterScope::kCanary).upstream_rq_time.Record(taken);
}

observe::MemberOf<observe::AlternateCodeStats> Router::OriginStats() const {
  return stream_.info().internal_request ? observe::ClusterScope::kInternal : observe::ClusterScope::kExternal;
}

void Router::CountAlternate(observe::MemberOf<observe::AlternateCodeStats> which, uint32_t status) {
  observe::AlternateCodeStats& stats = worker_.stats().Get(cluster_->config().stats, which);
  stats.upstream_rq_completed.Inc();
  stats.upstream_rq.Inc(status);
}

void Router::CountCode(uint32_t status) {
  cluster_stats().upstream_rq_completed.Inc();
  cluster_stats().upstream_rq.Inc(status);
  CountAlternate(OriginStats(), status);
  if (canary_) CountAlternate(observe::ClusterScope::kCanary, status);
}

// --- a CONNECT that ends here
// -----------------------------------------------------------------------------------------------

void Router::OnTunnelReady(HeaderMap& headers) {
  response_begun_ = true;
  CountCode(200);
  stream_.info().details = details::kViaUpstream;
  RewriteResponse(stream_, *stream_.route(), headers);
  stream_.SendResponseHeaders(headers, false);
}

void Router::OnTunnelData(Buffer& body, bool end) {
  if (over_) return;
  if (end) response_complete_ = true;
  stream_.SendResponseBody(body, end);
}

void Router::OnTunnelBroken() {
  if (over_) return;
  over_ = true;
  stream_.Reset(
      ResetReason::kLocalReset, ResponseFlag::kUpstreamConnectionTermination,
      stream_.arena().Concat(details::kUpstreamResetAfterResponse, details::kResetConnectionTermination, "}"));
}

void Router::OnTunnelFailed(ResetReason reason, absl::string_view transport_failure) {
  if (!over_) AnswerReset(reason, transport_failure);
}

void Router::OnTunnelTooLong() {
  if (over_) return;
  cluster_stats().upstream_rq_max_duration_reached.Inc();
  AnswerStreamDuration();
}

// --- endings
// ----------------------------------------------------------------------------------------------------------------

void Router::OnAttemptReset(Attempt& attempt, ResetReason reason, absl::string_view transport_failure,
                            const char* detail) {
  if (&attempt != attempt_ || over_) return;
  if (!transport_failure.empty()) stream_.info().upstream.transport_failure = stream_.arena().Copy(transport_failure);
  if (response_begun_) {
    attempt_ = nullptr;
    stats_->rq_reset_after_downstream_response_started.Inc();
    const ResponseFlag flag = reason == ResetReason::kConnectionTermination
                                  ? ResponseFlag::kUpstreamConnectionTermination
                              : reason == ResetReason::kProtocolError ? ResponseFlag::kUpstreamProtocolError
                                                                      : ResponseFlag::kUpstreamRemoteReset;
    const absl::string_view why = stream_.arena().Copy(
        absl::StrCat(details::kUpstreamResetAfterResponse, *detail != '\0' ? detail : ResetReasonDetail(reason), "}"));
    over_ = true;
    stream_.Reset(ResetReason::kLocalReset, flag, why);
    return;
  }
  if (Unprocessed(reason, attempt.headers_sent()) && MayRepeat()) return Repeat(reason);
  if (MayRepeatUnanswered(attempt)) {
    repeated_unanswered_ = true;
    return Repeat(reason);
  }
  if (MayRetry() && retry_->WantsRetry(reason, attempt.headers_sent()) && ReserveRetry()) {
    cluster_stats().upstream_rq_retry_backoff_exponential.Inc();
    attempt_ = nullptr;
    body_given_ = 0;
    return RetryAfter(retry_->NextBackOff(worker_.dispatcher().engine()));
  }
  AnswerReset(reason,
              transport_failure.empty() && attempt.unanswered() ? details::kUnansweredOnReused : transport_failure);
}

bool Router::MayRepeatUnanswered(const Attempt& attempt) const {
  if (!attempt.unanswered() || repeated_unanswered_ || body_let_go_) return false;
  const absl::string_view method = stream_.request_headers().method();
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" || method == "PUT" ||
         method == "DELETE";
}

// A policy that names refused streams says itself how often and when; a GOAWAY is the connection's end, and none of the
// policy's business.
bool Router::Unprocessed(ResetReason reason, bool sent) const {
  if (reason == ResetReason::kRemoteGoneAway || reason == ResetReason::kNotSent) return true;
  return reason == ResetReason::kRemoteRefused && !(MayRetry() && retry_->WantsRetry(reason, sent));
}

void Router::Repeat(ResetReason reason) {
  Duration pause{0};
  if (reason == ResetReason::kRemoteRefused) {  // it may have too much to do: full jitter below 25, 50, 100 ms
    const auto most = static_cast<uint64_t>(Duration(milliseconds(25) * (1 << repeats_)).count());
    pause = Duration(static_cast<int64_t>(worker_.dispatcher().engine().RandomBits() % most));
  }
  ++repeats_;
  cluster_stats().upstream_rq_retry.Inc();
  if (reason == ResetReason::kNotSent || reason == ResetReason::kConnectionTermination) {
    cluster_stats().upstream_rq_repeated_idle_close.Inc();
    wants_fresh_ = true;
  }
  attempt_ = nullptr;
  body_given_ = 0;
  RetryAfter(pause);
}

void Router::OnTryTimeout(Attempt& attempt, TryLimit limit) {
  if (&attempt != attempt_ || over_) return;
  const bool idle = limit == TryLimit::kIdle;
  const bool too_long = limit == TryLimit::kStreamDuration;
  (too_long ? cluster_stats().upstream_rq_max_duration_reached
   : idle   ? cluster_stats().upstream_rq_per_try_idle_timeout
            : cluster_stats().upstream_rq_per_try_timeout)
      .Inc();
  if (!response_begun_ && MayRetry() &&
      (too_long ? retry_->WantsRetry(ResetReason::kLocalReset, attempt.headers_sent())
                : retry_->WantsRetryAfterPerTryTimeout()) &&
      ReserveRetry()) {
    cluster_stats().upstream_rq_retry_backoff_exponential.Inc();
    EndAttempt(ResetReason::kLocalReset);
    return RetryAfter(retry_->NextBackOff(worker_.dispatcher().engine()));
  }
  if (too_long) return AnswerStreamDuration();
  if (response_begun_) {
    over_ = true;
    EndAttempt(ResetReason::kLocalReset);
    stream_.Reset(ResetReason::kLocalReset, ResponseFlag::kUpstreamRequestTimeout, details::kUpstreamPerTryIdleTimeout);
    return;
  }
  AnswerTimeout(idle ? details::kUpstreamPerTryIdleTimeout : details::kUpstreamPerTryTimeout,
                ResponseFlag::kUpstreamRequestTimeout);
}

void Router::OnGlobalTimeout() {
  if (over_ || stream_.done()) return;
  cluster_stats().upstream_rq_timeout.Inc();
  if (attempt_ != nullptr) attempt_->CountTimeout();
  if (response_begun_) {
    over_ = true;
    EndAttempt(ResetReason::kLocalReset);
    stream_.Reset(ResetReason::kLocalReset, ResponseFlag::kUpstreamRequestTimeout, details::kResponseTimeout);
    return;
  }
  AnswerTimeout(details::kResponseTimeout, ResponseFlag::kUpstreamRequestTimeout);
}

void Router::AnswerTimeout(absl::string_view why, ResponseFlag flag) {
  over_ = true;
  GiveUp();
  stream_.info().flags.Set(flag);
  const uint32_t status = stream_.request_headers().Has(KnownHeader::kXEnvoyUpstreamRqTimeoutAltResponse) ? 204 : 504;
  CountCode(status);
  Answer({.status = status,
          .body = status == 204 ? "" : "upstream request timeout",
          .details = why,
          .grpc_status = static_cast<int>(http::GrpcStatus::kDeadlineExceeded)});
}

Duration Router::StreamDuration() const {
  return timeouts_.stream >= Duration::zero() ? timeouts_.stream : cluster_->config().settings->max_stream_duration;
}

// max_stream_duration of the cluster: independent of all other limits, also when the response is already under way.
void Router::AnswerStreamDuration() {
  over_ = true;
  GiveUp();
  if (response_begun_) {
    stream_.Reset(ResetReason::kLocalReset, ResponseFlag::kUpstreamMaxStreamDurationReached,
                  details::kUpstreamMaxStreamDurationReached);
    return;
  }
  stream_.info().flags.Set(ResponseFlag::kUpstreamMaxStreamDurationReached);
  const uint32_t status = request_ended_ ? 504 : 408;
  CountCode(status);
  Answer({.status = status,
          .body = "upstream max stream duration reached",
          .details = details::kUpstreamMaxStreamDurationReached});
}

absl::string_view ResetReasonDetail(ResetReason reason) {
  switch (reason) {
    case ResetReason::kConnectFailure:
      return details::kResetConnectionFailure;
    case ResetReason::kConnectTimeout:
      return details::kResetConnectionTimeout;
    case ResetReason::kConnectionTermination:
    case ResetReason::kNotSent:
      return details::kResetConnectionTermination;
    case ResetReason::kLocalReset:
      return details::kResetLocal;
    case ResetReason::kLocalRefused:
      return details::kResetLocalRefused;
    case ResetReason::kOverflow:
      return details::kResetOverflow;
    case ResetReason::kRemoteRefused:
    case ResetReason::kRemoteGoneAway:
      return details::kResetRemoteRefused;
    case ResetReason::kProtocolError:
      return details::kResetProtocolError;
    default:
      return details::kResetRemote;
  }
}

ResponseFlag ResetReasonFlag(ResetReason reason) {
  switch (reason) {
    case ResetReason::kConnectFailure:
    case ResetReason::kConnectTimeout:
      return ResponseFlag::kUpstreamConnectionFailure;
    case ResetReason::kConnectionTermination:
    case ResetReason::kNotSent:
      return ResponseFlag::kUpstreamConnectionTermination;
    case ResetReason::kLocalReset:
    case ResetReason::kLocalRefused:
      return ResponseFlag::kLocalReset;
    case ResetReason::kOverflow:
      return ResponseFlag::kUpstreamOverflow;
    case ResetReason::kProtocolError:
      return ResponseFlag::kUpstreamProtocolError;
    default:
      return ResponseFlag::kUpstreamRemoteReset;
  }
}

void Router::AnswerReset(ResetReason reason, absl::string_view transport_failure) {
  over_ = true;
  GiveUp();
  stream_.info().flags.Set(ResetReasonFlag(reason));
  const absl::string_view word = ResetReasonDetail(reason);
  std::string why = absl::StrCat(details::kUpstreamResetBeforeResponse, word);
  std::string body = absl::StrCat("upstream reset before the response: ", word);
  if (!transport_failure.empty()) {
    absl::StrAppend(&why, "|", transport_failure);
    absl::StrAppend(&body, " (", transport_failure, ")");
  }
  why.push_back('}');
  for (char& c : why) {
    if (c == ' ') c = '_';
  }
  const uint32_t status = reason == ResetReason::kProtocolError ? 502 : 503;
  CountCode(status);
  http::LocalReply reply;
  reply.status = status;
  reply.body = body;
  reply.details = stream_.arena().Copy(why);
  Answer(reply, reason == ResetReason::kOverflow);
}

void Router::Answer(http::LocalReply reply, bool overloaded) {
  struct Context {
    const Router& router;
    bool overloaded;
  } context{*this, overloaded && !config_.suppress_envoy_headers};
  reply.context = &context;
  reply.add_headers = [](HeaderMap& headers, const void* opaque) {
    const auto& given = *static_cast<const Context*>(opaque);
    const Router& router = given.router;
    if (given.overloaded) headers.Set(KnownHeader::kXEnvoyOverloaded, "true");
    if (router.attempts_ > 0 && router.stream_.route()->virtual_host->include_attempt_count_in_response) {
      headers.SetNumber(KnownHeader::kXEnvoyAttemptCount, router.attempts_);
    }
  };
  stream_.SendLocalReply(reply);
}

void Router::GiveUp() {
  global_timeout_.Unlink();
  if (back_off_ != nullptr) back_off_->Disarm();
  EndAttempt(ResetReason::kLocalReset);
  if (TcpTunnel* tunnel = std::exchange(tunnel_, nullptr); tunnel != nullptr) tunnel->Stop();
  if (cluster_ != nullptr) ReleaseRetry();
  for (uint32_t i = 0; i < mirror_count_; ++i) {
    if (Mirror* mirror = std::exchange(mirrors_[i], nullptr); mirror != nullptr) mirror->OwnerGone(request_ended_);
  }
  mirror_count_ = 0;
}

size_t Router::HeldBytes() const { return body_.charged() + (attempt_ == nullptr ? 0 : attempt_->held_bytes()); }

void Router::OnDone(http::Stream& stream) {
  const bool cut = !response_complete_ && attempt_ != nullptr;
  if (cut && stream.info().response_code == 0 && cluster_ != nullptr) cluster_stats().upstream_rq_cancelled.Inc();
  over_ = true;
  GiveUp();
}

void Router::OnDownstreamAboveHigh(http::Stream& /*stream*/) {
  if (attempt_ != nullptr) attempt_->PauseResponse();
  if (tunnel_ != nullptr) tunnel_->PauseResponse();
  downstream_full_ = true;
}

void Router::OnDownstreamBelowLow(http::Stream& /*stream*/) {
  if (!std::exchange(downstream_full_, false)) return;
  if (attempt_ != nullptr) attempt_->ResumeResponse();
  if (tunnel_ != nullptr) tunnel_->ResumeResponse();
}

}  // namespace outrigger::router
