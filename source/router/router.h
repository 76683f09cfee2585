// Thread: worker
#pragma once

#include <cstdint>

#include "source/event/timeout_queue.h"
#include "source/http/filter.h"
#include "source/http/stream.h"
#include "source/model/route.h"
#include "source/router/retry_state.h"
#include "source/router/router_config.h"
#include "source/router/timeouts.h"
#include "source/upstream/worker_context.h"

namespace outrigger::router {

// Which limit of one attempt passed.
enum class TryLimit : uint8_t { kTry, kIdle, kStreamDuration };

class Attempt;
class Mirror;
class TcpTunnel;

// The terminal HTTP filter: takes the matched route, picks a cluster and an endpoint, sends the request, times it,
// tries it again where the policy says so, mirrors it, and hands the response back. One per stream, in its arena.
//
//   headers ──▶ direct response / redirect / refused (NR, NC, UH)
//      └──────▶ Attempt ──▶ response headers ──▶ body ──▶ end
//                  │ reset, timeout, retriable answer
//                  └──▶ back-off ──▶ next Attempt (previous one is over)
class Router final : public http::Filter {
 public:
  using Config = RouterConfig;
  Router(const RouterConfig& config, http::Stream& stream);
  ~Router() override;

  http::FilterStatus OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) override;
  http::FilterStatus OnRequestBody(http::Stream& stream, Buffer& body, bool end) override;
  http::FilterStatus OnRequestTrailers(http::Stream& stream, http::HeaderMap& trailers) override;
  void OnDownstreamAboveHigh(http::Stream& stream) override;
  void OnDownstreamBelowLow(http::Stream& stream) override;
  void OnDone(http::Stream& stream) override;
  size_t HeldBytes() const override;  // the request's body, and what waits on the way to and from the upstream

  // --- from the current Attempt
  // ---------------------------------------------------------------------------------------------
  http::Stream& stream() { return stream_; }
  const model::ForwardAction& action() const { return *action_; }
  upstream::WorkerCluster& cluster() { return *cluster_; }
  const RequestTimeouts& timeouts() const { return timeouts_; }
  model::RoutingPriority priority() const { return action_->priority; }
  bool upgrade() const { return upgrade_; }
  bool connect() const { return connect_; }
  // What of the request is there to send. The attempt takes it all, each time it is called; shared, if it may be needed
  // again: for the retry policy, or because the upstream may say that it did not process the stream (HTTP/2).
  void GiveBody(Buffer& to, bool may_be_unprocessed);
  bool wants_fresh() const { return wants_fresh_; }  // the attempt before died of a connection that was used before
  bool request_ended() const { return request_ended_; }
  http::HeaderMap* request_trailers() { return request_trailers_; }
  void OnAttemptInterim(Attempt& attempt, http::HeaderMap& headers);
  void OnAttemptHeaders(Attempt& attempt, http::HeaderMap& headers, bool end);
  void OnAttemptBody(Attempt& attempt, Buffer& body, bool end);
  void OnAttemptTrailers(Attempt& attempt, http::HeaderMap& trailers);
  // The attempt ended without a whole response.
  void OnAttemptReset(Attempt& attempt, http::ResetReason reason, absl::string_view transport_failure,
                      const char* detail);
  void OnTryTimeout(Attempt& attempt, TryLimit limit);
  Duration StreamDuration() const;  // how long an upstream stream of this request may live; 0: as long as it wants
  void PauseSource();
  void ResumeSource();

  // --- from the TcpTunnel
  // -----------------------------------------------------------------------------------------------------
  void OnTunnelReady(http::HeaderMap& headers);
  void OnTunnelData(Buffer& body, bool end);
  void OnTunnelBroken();
  void OnTunnelFailed(http::ResetReason reason, absl::string_view transport_failure);
  void OnTunnelTooLong();

 private:
  class GlobalTimeout final : public event::Timeout {
   public:
    explicit GlobalTimeout(Router& router) : router_(router) {}
    void OnTimeout() override { router_.OnGlobalTimeout(); }

   private:
    Router& router_;
  };

  bool ChooseCluster(http::HeaderMap& headers);
  upstream::WorkerCluster* NamedCluster();  // null: there is none
  void AnswerFromRoute(uint32_t status, absl::string_view body, absl::string_view location);
  // True: the request is one of those that a cluster in maintenance answers itself; it has been answered.
  bool UnderMaintenance();
  bool PassesStrictCheck(const http::HeaderMap& headers);
  void PrepareRequest(http::HeaderMap& headers);
  void StartMirrors(http::HeaderMap& headers, bool end);
  void StartAttempt();
  bool EndsConnect() const;  // connect_config on the route
  void RequestEnded();

  // A request that raced a GOAWAY (RFC 9113 6.8) or was refused (8.7) was not processed, so it is sent again without
  // asking the policy, if its body is still here. Takes no retry: the upstream did not see the first one. So is one
  // whose connection was closed before anything of it was written, and, once, an idempotent one (RFC 9110 9.2.2) whose
  // reused connection ended without a byte of an answer: the other end closed it for idleness while the request came.
  bool MayRepeat() const { return repeats_ < kMostRepeats && !body_let_go_; }
  bool MayRepeatUnanswered(const Attempt& attempt) const;
  bool Unprocessed(http::ResetReason reason, bool sent) const;
  void Repeat(http::ResetReason reason);
  bool KeepsBody(bool may_be_unprocessed) const;
  void LetBodyGo();
  bool MayRetry() const { return retry_wanted_ && !retry_abandoned_; }
  // Takes one retry from the policy and the cluster's limits; false sets the flags and counters that say why not.
  bool ReserveRetry();
  void RetryAfter(Duration pause);
  void OnBackOffOver();
  void EndAttempt(http::ResetReason why);
  void ReleaseRetry();

  void BeginResponse(http::HeaderMap& headers, bool end);
  void ResponseComplete();
  void OnGlobalTimeout();
  // A local reply of a request that was tried: says how often, and that the upstream is full, where that is wanted.
  void Answer(http::LocalReply reply, bool overloaded = false);
  void AnswerTimeout(absl::string_view why, observe::ResponseFlag flag);
  void AnswerStreamDuration();
  void AnswerReset(http::ResetReason reason, absl::string_view transport_failure);
  void GiveUp();  // ends everything of this request that is still running
  void CountCode(uint32_t status);
  observe::MemberOf<observe::AlternateCodeStats> OriginStats() const;
  void CountAlternate(observe::MemberOf<observe::AlternateCodeStats> which, uint32_t status);
  observe::ClusterStats& cluster_stats() { return cluster_->stats(); }

  const RouterConfig& config_;
  http::Stream& stream_;
  upstream::WorkerContext& worker_;
  observe::RouterStats* stats_;
  const model::ForwardAction* action_ = nullptr;
  upstream::WorkerCluster* cluster_ = nullptr;
  model::SnapshotPin cluster_pin_;  // the Snapshot of the last pick: its endpoint is logged
  Attempt* attempt_ = nullptr;
  TcpTunnel* tunnel_ = nullptr;  // instead of attempts: CONNECT that ends here
  RetryState* retry_ = nullptr;  // in the arena; null: no retries
  RequestTimeouts timeouts_;
  GlobalTimeout global_timeout_;
  event::Timer* back_off_ = nullptr;  // in the arena, made when first needed
  Mirror** mirrors_ = nullptr;
  uint32_t mirror_count_ = 0;
  Buffer body_;              // not yet sent, or kept for a retry
  uint64_t body_given_ = 0;  // of body_: what the current attempt has
  http::HeaderMap* request_trailers_ = nullptr;
  uint64_t* avoided_ = nullptr;  // endpoints tried (previous_hosts)
  uint32_t avoided_count_ = 0, avoided_room_ = 0;
  uint32_t attempts_ = 0;
  static constexpr uint32_t kMostRepeats = 3;
  static constexpr uint64_t kMostKeptForRepeat = 64 * 1024;  // where the policy does not keep the body anyway
  uint32_t repeats_ = 0;
  uint32_t source_pauses_ = 0;
  bool request_ended_ = false, retry_wanted_ = false, retry_abandoned_ = false, retry_held_ = false;
  bool response_begun_ = false, response_complete_ = false, over_ = false, upgrade_ = false, connect_ = false;
  bool body_paused_ = false, downstream_full_ = false, canary_ = false;
  bool body_let_go_ = false;  // some of the body was sent and is not kept
  bool wants_fresh_ = false;
  bool repeated_unanswered_ = false;
};

// How a reset is said: inside the details' braces, and as a response flag.
absl::string_view ResetReasonDetail(http::ResetReason reason);
observe::ResponseFlag ResetReasonFlag(http::ResetReason reason);

}  // namespace outrigger::router
