#include "source/grpc/server_call.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/http/known_header.h"

namespace outrigger::grpc {

using http::FilterStatus;
using http::HeaderMap;
using http::KnownHeader;

namespace {

class UnaryHandler final : public MethodHandler {
 public:
  explicit UnaryHandler(Answering answering) : answering_(std::move(answering)) {}
  void OnMessage(ServerCall& call, absl::string_view message) override {
    if (std::exchange(answered_, true)) {
      return call.Finish(GrpcStatus::kInternal, "a second message came, where the method takes one");
    }
    answer_ = answering_(message);
  }
  void OnEndOfMessages(ServerCall& call) override {
    if (!answered_) return call.Finish(GrpcStatus::kInternal, "no message came, where the method takes one");
    if (answer_.status == GrpcStatus::kOk) call.Send(answer_.bytes);
    call.Finish(answer_.status, answer_.message);
  }

 private:
  const Answering answering_;
  bool answered_ = false;
  Answer answer_;
};

class EachHandler final : public MethodHandler {
 public:
  explicit EachHandler(Answering answering) : answering_(std::move(answering)) {}
  void OnMessage(ServerCall& call, absl::string_view message) override {
    const Answer answer = answering_(message);
    if (answer.status == GrpcStatus::kOk) return call.Send(answer.bytes);
    call.Finish(answer.status, answer.message);
  }
  void OnEndOfMessages(ServerCall& call) override { call.Finish(GrpcStatus::kOk); }

 private:
  const Answering answering_;
};

}  // namespace

std::unique_ptr<MethodHandler> MakeUnary(Answering answering) {
  return std::make_unique<UnaryHandler>(std::move(answering));
}
std::unique_ptr<MethodHandler> MakeAnswerToEach(Answering answering) {
  return std::make_unique<EachHandler>(std::move(answering));
}

ServerCall::ServerCall(http::Stream& stream, const MethodTable& methods, size_t most_message_bytes)
    : stream_(stream),
      methods_(methods),
      decoder_(most_message_bytes),
      deadline_([this] { Finish(GrpcStatus::kDeadlineExceeded, "the caller's deadline is over"); }) {}

FilterStatus ServerCall::Result() const {
  return finished_ || stream_.done() ? FilterStatus::kAnswered : FilterStatus::kContinue;
}

FilterStatus ServerCall::OnHeaders(HeaderMap& headers, bool end) {
  ended_ = end;
  if (Begin(headers)) TakeMessages();
  return Result();
}

bool ServerCall::Begin(HeaderMap& headers) {
  if (headers.method() != "POST" || !http::IsGrpcContentType(headers.Get(KnownHeader::kContentType))) {
    finished_ = true;
    stream_.SendLocalReply({.status = 415, .body = "POST of application/grpc is wanted", .details = "not_grpc"});
    return false;
  }
  const absl::string_view encoding = headers.Get(KnownHeader::kGrpcEncoding);
  const absl::string_view path = headers.path();
  const auto method = methods_.find(absl::ClippedSubstr(path, 0, path.find('?')));
  if (!encoding.empty() && encoding != "identity") {
    Finish(GrpcStatus::kUnimplemented, absl::StrCat("grpc-encoding ", encoding, " is not supported"));
  } else if (method == methods_.end()) {
    Finish(GrpcStatus::kUnimplemented, absl::StrCat("there is no method ", path));
  } else if (const absl::string_view timeout = headers.Get(KnownHeader::kGrpcTimeout); !timeout.empty()) {
    int64_t nanos = 0;
    if (!http::ParseGrpcTimeout(timeout, &nanos)) {
      Finish(GrpcStatus::kInternal, "grpc-timeout cannot be read");
    } else {
      stream_.dispatcher().Arm(deadline_, nanoseconds(nanos));
    }
  }
  if (finished_) return false;
  handler_ = method->second();
  return true;
}

FilterStatus ServerCall::OnBody(Buffer& body, bool end) {
  if (finished_) {
    body.Clear();
    return Result();
  }
  decoder_.Add(body);
  ended_ = end;
  TakeMessages();
  return Result();
}

FilterStatus ServerCall::OnTrailers() {
  ended_ = true;
  TakeMessages();
  return Result();
}

void ServerCall::OnDownstreamBelowLow() {
  if (finished_) return;
  if (std::exchange(held_, false)) stream_.ResumeRequestSource();
  TakeMessages();
}

void ServerCall::TakeMessages() {
  while (!finished_ && !stream_.done()) {
    if (stream_.downstream_above_high()) {
      if (!std::exchange(held_, true)) stream_.PauseRequestSource();
      return;
    }
    absl::string_view message;
    switch (decoder_.Next(&message)) {
      case FrameDecoder::Result::kMessage:
        handler_->OnMessage(*this, message);
        decoder_.Consume();
        continue;
      case FrameDecoder::Result::kCompressed:
        return Finish(GrpcStatus::kUnimplemented, "compressed messages are not supported");
      case FrameDecoder::Result::kBadFlag:
        return Finish(GrpcStatus::kInternal, "a message begins with a flag that is neither 0 nor 1");
      case FrameDecoder::Result::kTooLarge:
        return Finish(GrpcStatus::kResourceExhausted, "a message is larger than the limit");
      case FrameDecoder::Result::kNeedMore:
        break;
    }
    if (!ended_ || told_end_) return;
    if (decoder_.partial()) return Finish(GrpcStatus::kInternal, "the request ends in the middle of a message");
    told_end_ = true;
    handler_->OnEndOfMessages(*this);
    return;
  }
}

HeaderMap* ServerCall::NewHeaders() { return stream_.arena().New<HeaderMap>(stream_.arena()); }

void ServerCall::Send(absl::string_view message) {
  if (finished_ || stream_.done()) return;
  if (!std::exchange(started_, true)) {
    HeaderMap* headers = NewHeaders();
    headers->SetStatus(200);
    headers->Set(KnownHeader::kContentType, "application/grpc");
    stream_.SendResponseHeaders(*headers, false);
    if (stream_.done()) return;
  }
  Buffer frame;
  AppendFrame(message, frame);
  stream_.SendResponseBody(frame, false);
}

void ServerCall::Finish(GrpcStatus status, absl::string_view message) {
  if (std::exchange(finished_, true) || stream_.done()) return;
  deadline_.Disarm();
  if (std::exchange(held_, false)) stream_.ResumeRequestSource();
  HeaderMap* trailers = NewHeaders();
  if (!started_) {
    trailers->SetStatus(200);
    trailers->Set(KnownHeader::kContentType, "application/grpc");
  }
  trailers->SetNumber(KnownHeader::kGrpcStatus, static_cast<uint64_t>(status));
  if (!message.empty()) {
    trailers->SetCopy(KnownHeader::kGrpcMessage, http::PercentEncodeGrpcMessage(message, stream_.arena()));
  }
  if (status == GrpcStatus::kUnimplemented) trailers->Set(KnownHeader::kGrpcAcceptEncoding, "identity");
  if (started_) {
    stream_.SendResponseTrailers(*trailers);
  } else {
    stream_.SendResponseHeaders(*trailers, true);
  }
}

}  // namespace outrigger::grpc
