// Thread: worker (main has a WorkerContext too)
#pragma once

#include <memory>
#include <string>

#include "source/base/arena.h"
#include "source/event/dispatcher.h"
#include "source/grpc/client_stream.h"
#include "source/http/codec.h"
#include "source/upstream/worker_context.h"

namespace outrigger::grpc {

// One call on a pooled HTTP/2 connection. Owned by its PoolStream handle; when that goes, the exchange is reset and its
// memory goes at the end of the turn, so that every callback may destroy the handle.
class Exchange final : public event::Deferred,
                       public upstream::StreamRequest,
                       public http::StreamReceiver,
                       public event::NextTurn {
 public:
  Exchange(event::Dispatcher& dispatcher, StreamHandler& handler, const CallOptions& options, absl::string_view method,
           absl::string_view default_authority);
  ~Exchange() override;

  void Begin(upstream::WorkerCluster* cluster, absl::string_view cluster_name);
  void Send(absl::string_view message);
  void EndSending();
  void SetPaused(bool paused);
  void Abandon();  // the handle is gone: no more callbacks

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
  void OnNextTurn() override;

 private:
  void SendHeaders(const upstream::ConnectionFacts& facts);
  void Flush();
  void Pump();           // hands out the next message, if one is whole and nobody paused
  void UpdateReading();  // the peer is slowed while a message waits
  bool MayDeliver() const { return handler_ != nullptr && !pumping_ && (!paused_ || dropping_); }
  // The end as it was received or found out; told after the messages before it.
  void Finish(GrpcStatus status, std::string message);
  void FinishNow(GrpcStatus status, std::string message);  // drops what was not handed out
  void TellEnd();
  void FinishFromTrailers(const http::HeaderMap& trailers);
  void ReleaseStream(http::ResetReason reason);

  event::Dispatcher& dispatcher_;
  StreamHandler* handler_;
  const CallOptions options_;
  const std::string method_;
  std::string authority_;
  Arena arena_;
  FrameDecoder decoder_;
  Buffer outgoing_;
  http::StreamSender* sender_ = nullptr;
  event::Timer deadline_;
  std::string end_message_;
  GrpcStatus end_status_ = GrpcStatus::kOk;
  bool end_known_ = false, half_closed_ = false, end_sent_ = false, blocked_ = false;
  bool paused_ = false, reading_paused_ = false, pumping_ = false, dropping_ = false;
};

}  // namespace outrigger::grpc
