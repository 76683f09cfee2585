// Thread: worker
#pragma once

#include "source/event/timeout_queue.h"
#include "source/http/codec.h"
#include "source/router/router.h"
#include "source/upstream/worker_cluster.h"

namespace outrigger::router {

// One try of a request at one endpoint: waits for a stream of the pool, sends what there is, hears the response. In the
// stream's arena; a finished attempt stays there, deaf, until the stream ends.
class Attempt final : public upstream::StreamRequest, public http::StreamReceiver {
 public:
  Attempt(Router& router, uint32_t number);
  ~Attempt() override;

  void Start(const upstream::Picked& picked);
  void OnMoreBody();                 // the router has more of the request
  void Stop(http::ResetReason why);  // no callbacks afterwards; resets the upstream stream if it has one
  void PauseResponse();
  void ResumeResponse();

  uint32_t number() const { return number_; }
  bool ready() const { return sender_ != nullptr; }
  size_t held_bytes() const { return sender_ == nullptr ? 0 : sender_->held_bytes(); }
  bool headers_sent() const { return headers_sent_; }
  bool response_begun() const { return response_begun_; }
  // Its connection, one used before, ended without a byte of an answer: mostly it was being closed for idleness when
  // the request came.
  bool unanswered() const { return unanswered_; }
  MonotonicTime started() const { return started_; }
  void CountTimeout() {  // at the endpoint
    if (cells_ != nullptr) cells_->rq_timeout.Inc();
  }

  // upstream::StreamRequest
  void OnStreamReady(http::StreamSender& sender, const upstream::ConnectionFacts& facts) override;
  void OnStreamFailed(const upstream::PoolFailure& failure) override;
  http::StreamReceiver& receiver() override { return *this; }

  // http::StreamReceiver
  Arena& arena() override { return router_.stream().arena(); }
  void OnInterim(http::HeaderMap& headers) override;
  void OnHeaders(http::HeaderMap& headers, bool end) override;
  void OnBody(Buffer& body, bool end) override;
  void OnTrailers(http::HeaderMap& trailers) override;
  void OnReset(http::ResetReason reason, const char* detail) override;
  void OnAboveWriteHigh() override;
  void OnBelowWriteLow() override;

 private:
  class TryTimeout final : public event::Timeout {
   public:
    TryTimeout(Attempt& attempt, TryLimit limit) : attempt_(attempt), limit_(limit) {}
    void OnTimeout() override { attempt_.OnTryTimeout(limit_); }

   private:
    Attempt& attempt_;
    TryLimit limit_;
  };
  void OnTryTimeout(TryLimit limit);
  void ArmIdle();
  void ArmLongest();
  void DisarmAll();
  void RecordConnection(const upstream::ConnectionFacts& facts);
  void SendWhatThereIs();
  void NoteRequestEnd(bool end);
  void Judge(bool success);  // for the endpoint's counts: once, the first word is the last
  void JudgeByHeaders(const http::HeaderMap& headers, bool end);
  void ResponseEnded();
  void NoteReadingPaused();

  Router& router_;
  model::EndpointCells* cells_ = nullptr;  // of the endpoint, once there is one
  http::StreamSender* sender_ = nullptr;
  const uint32_t number_;
  MonotonicTime started_;
  TryTimeout try_timeout_;
  TryTimeout idle_timeout_;
  TryTimeout longest_timeout_;  // max_stream_duration of the cluster
  uint32_t response_pauses_ = 0;
  bool reused_ = false;  // its connection had carried a request before
  bool unanswered_ = false;
  bool headers_sent_ = false, request_end_sent_ = false, response_begun_ = false, response_ended_ = false,
       over_ = false, source_paused_ = false, judged_ = false, reading_paused_ = false;
};

// Keeps what logs say of the attempt that another one follows now.
void RememberAttempt(http::Stream& stream);

}  // namespace outrigger::router
