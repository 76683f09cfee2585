// Thread: worker (main has a WorkerContext too)
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "source/event/dispatcher.h"
#include "source/grpc/frame.h"
#include "source/http/filter.h"
#include "source/http/grpc_status.h"
#include "source/http/stream.h"

namespace outrigger::grpc {

using http::GrpcStatus;
class ServerCall;

// What one call of a method does. Owned by its ServerCall. In each callback it may Send and Finish.
class MethodHandler {
 public:
  virtual ~MethodHandler() = default;
  // One message of the caller, valid during the call; not after Finish, nor while the caller is slow to read answers.
  virtual void OnMessage(ServerCall& call, absl::string_view message) = 0;
  // The caller sends nothing more. Exactly once, unless the call ended before.
  virtual void OnEndOfMessages(ServerCall& call) = 0;
};

// Methods by path: "/package.Service/Method". Outlives the calls.
using MethodTable = std::map<std::string, std::function<std::unique_ptr<MethodHandler>()>, std::less<>>;

// The usual two kinds. The answer of one message: kOk and the bytes, or why not.
struct Answer {
  GrpcStatus status = GrpcStatus::kOk;
  std::string message;  // of a status that is not kOk
  std::string bytes;
};
using Answering = std::function<Answer(absl::string_view request)>;
std::unique_ptr<MethodHandler> MakeUnary(Answering answering);         // one message, one answer
std::unique_ptr<MethodHandler> MakeAnswerToEach(Answering answering);  // an answer to each message, until the end

// The server side of one gRPC call over one HTTP stream. A terminal HTTP filter owns it and hands it what it hears; the
// statuses of the result are what the filter's hooks return.
//
// What is wrong with the request ends the call: a content type that is not gRPC's with 415; an unknown method and any
// compression with UNIMPLEMENTED; a broken frame, or none at the end, with INTERNAL; a message above the limit with
// RESOURCE_EXHAUSTED; a grpc-timeout that is over with DEADLINE_EXCEEDED, one that cannot be read with INTERNAL.
class ServerCall final {
 public:
  static constexpr size_t kMostMessageBytes = 4 << 20;  // as gRPC servers have it

  // All outlive the call, as does the stream.
  ServerCall(http::Stream& stream, const MethodTable& methods, size_t most_message_bytes = kMostMessageBytes);

  http::FilterStatus OnHeaders(http::HeaderMap& headers, bool end);
  http::FilterStatus OnBody(Buffer& body, bool end);
  http::FilterStatus OnTrailers();
  // The caller reads again: messages that were held back go on.
  void OnDownstreamBelowLow();

  // For the handler.
  void Send(absl::string_view message);
  void Finish(GrpcStatus status, absl::string_view message = "");  // nothing happens after it
  bool finished() const { return finished_; }

 private:
  http::FilterStatus Result() const;
  bool Begin(http::HeaderMap& headers);  // false: it is over
  void TakeMessages();
  http::HeaderMap* NewHeaders();

  http::Stream& stream_;
  const MethodTable& methods_;
  FrameDecoder decoder_;
  std::unique_ptr<MethodHandler> handler_;
  event::Timer deadline_;
  bool ended_ = false;     // the caller sends nothing more
  bool told_end_ = false;  // and the handler knows
  bool started_ = false;   // response headers went out
  bool finished_ = false;
  bool held_ = false;  // reading is paused
};

}  // namespace outrigger::grpc
