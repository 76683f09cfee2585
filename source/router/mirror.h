// Thread: worker
#pragma once

#include <cstdint>

#include "source/base/arena.h"
#include "source/base/buffer.h"
#include "source/model/route.h"
#include "source/upstream/worker_context.h"

namespace outrigger::router {

// A copy of a request sent to another cluster, whose answer nobody waits for (request_mirror_policies). It has its own
// memory, because it may outlive the stream; its body shares blocks with the request's. It never slows the request
// down: when it cannot keep up within the buffer limit it is dropped (cluster stat retry_or_shadow_abandoned).
class Mirror final : public upstream::Background, public upstream::StreamRequest, public http::StreamReceiver {
 public:
  struct Limits {
    Duration timeout{0};  // the request's own, counted from its end; 0: none
    uint32_t buffer = 0;
  };
  // Null if the policy's fraction says no, the cluster is unknown, or no endpoint is healthy. `random` decides the
  // fraction.
  static Mirror* Begin(upstream::WorkerContext& worker, const model::MirrorPolicy& policy,
                       const http::HeaderMap& headers, uint64_t random, bool end, const Limits& limits);
  ~Mirror() override;

  // *owner is set to null when the mirror ends before its owner does.
  void SetOwner(Mirror** owner) { owner_ = owner; }
  void OwnerGone(bool request_complete);        // an incomplete request is reset, a complete one runs on
  void SendBody(const Buffer& body, bool end);  // shares the blocks
  void SendTrailers(const http::HeaderMap& trailers);

  void OnStreamReady(http::StreamSender& sender, const upstream::ConnectionFacts& facts) override;
  void OnStreamFailed(const upstream::PoolFailure& failure) override;
  http::StreamReceiver& receiver() override { return *this; }

  Arena& arena() override { return arena_; }
  void OnInterim(http::HeaderMap&) override {}
  void OnHeaders(http::HeaderMap& headers, bool end) override;
  void OnBody(Buffer& body, bool end) override;
  void OnTrailers(http::HeaderMap& trailers) override;
  void OnReset(http::ResetReason reason, const char* detail) override;
  void OnAboveWriteHigh() override { blocked_ = true; }
  void OnBelowWriteLow() override;

 private:
  Mirror(upstream::WorkerContext& worker, upstream::WorkerCluster& cluster, const Limits& limits);
  void RequestEnded();
  void Flush();
  void End(bool reset);

  upstream::WorkerContext& worker_;
  upstream::WorkerCluster& cluster_;
  Arena arena_;
  http::HeaderMap headers_;
  http::HeaderMap* trailers_ = nullptr;
  Buffer body_;
  http::StreamSender* sender_ = nullptr;
  Mirror** owner_ = nullptr;
  event::Timer timer_;
  event::Timer longest_;  // max_stream_duration of its cluster
  const Limits limits_;
  bool request_ended_ = false, headers_sent_ = false, end_sent_ = false, response_ended_ = false, blocked_ = false,
       over_ = false;
};

}  // namespace outrigger::router
