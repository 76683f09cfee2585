// Thread: main
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <string>

#include "source/event/dispatcher.h"
#include "source/grpc/client_stream.h"

namespace outrigger::grpc {

// One call of libgrpc. At most one read and one write are under way; each of them keeps the call alive, because libgrpc
// writes into it.
class GoogleCall final : public std::enable_shared_from_this<GoogleCall> {
 public:
  enum class What : uint8_t { kStart, kMetadata, kRead, kWrite, kWritesDone, kFinish };
  struct Operation {
    std::shared_ptr<GoogleCall> call;
    What what;
  };

  GoogleCall(StreamHandler& handler, const CallOptions& options);
  void Start(::grpc::GenericStub& stub, ::grpc::CompletionQueue& queue, const std::string& method);
  void Send(absl::string_view message);
  void EndSending();
  void SetPaused(bool paused);
  void Abandon();  // no more callbacks; cancels
  void OnDone(What what, bool ok);

 private:
  void* Tag(What what) { return new Operation{shared_from_this(), what}; }
  void Write();
  void Read();
  void Finish();
  void Deliver();

  StreamHandler* handler_;
  const CallOptions options_;
  ::grpc::ClientContext context_;
  std::unique_ptr<::grpc::GenericClientAsyncReaderWriter> stream_;
  ::grpc::ByteBuffer incoming_;
  ::grpc::Status status_;
  std::deque<std::string> outgoing_;
  size_t queued_bytes_ = 0;
  bool started_ = false, writing_ = false, reading_ = false, paused_ = false, finishing_ = false;
  bool half_close_ = false, half_closed_ = false, overflow_ = false;
};

}  // namespace outrigger::grpc
