#include "source/grpc/pool_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/grpc/wire.h"

namespace outrigger::grpc {

using http::HeaderMap;
using http::HeaderName;
using http::KnownHeader;
using http::ResetReason;

Exchange::Exchange(event::Dispatcher& dispatcher, StreamHandler& handler, const CallOptions& options,
                   absl::string_view method, absl::string_view default_authority)
    : dispatcher_(dispatcher),
      handler_(&handler),
      options_(options),
      method_(method),
      authority_(options.authority.empty() ? AuthorityFrom(default_authority) : options.authority),
      decoder_(options.most_message_bytes),
      deadline_([this] {
        FinishNow(GrpcStatus::kDeadlineExceeded, "deadline exceeded");
        TellEnd();
      }) {}

Exchange::~Exchange() { ReleaseStream(ResetReason::kLocalReset); }

void Exchange::Begin(upstream::WorkerCluster* cluster, absl::string_view cluster_name) {
  if (options_.deadline > Duration::zero()) dispatcher_.Arm(deadline_, options_.deadline);
  if (cluster == nullptr) {
    FinishNow(GrpcStatus::kUnavailable, absl::StrCat("cluster \"", cluster_name, "\" is not known"));
    return;
  }
  const upstream::Picked picked = cluster->Pick({});
  if (!picked) {
    FinishNow(GrpcStatus::kUnavailable, absl::StrCat("cluster \"", cluster_name, "\" has no endpoint to call"));
    return;
  }
  upstream::StreamOptions stream;
  stream.downstream_protocol = http::Protocol::kHttp2;
  stream.authority = authority_;
  cluster->Request(picked, *this, stream);
}

void Exchange::OnStreamReady(http::StreamSender& sender, const upstream::ConnectionFacts& facts) {
  if (handler_ == nullptr || end_known_) {
    sender.Reset(ResetReason::kLocalReset);
    return;
  }
  if (facts.protocol != http::Protocol::kHttp2) {
    sender.Reset(ResetReason::kLocalReset);
    FinishNow(GrpcStatus::kUnavailable, "the cluster does not speak HTTP/2, which gRPC needs");
    return;
  }
  sender_ = &sender;
  SendHeaders(facts);
  if (paused_) UpdateReading();
  Flush();
}

void Exchange::SendHeaders(const upstream::ConnectionFacts& facts) {
  const bool tls = facts.connection != nullptr && facts.connection->transport().tls() != nullptr;
  HeaderMap headers(arena_);
  headers.Add(KnownHeader::kMethod, "POST");
  headers.Add(KnownHeader::kScheme, tls ? "https" : "http");
  headers.Add(KnownHeader::kAuthority, authority_);
  headers.Add(KnownHeader::kPath, method_);
  headers.Add(KnownHeader::kContentType, "application/grpc");
  headers.Add(KnownHeader::kTe, "trailers");
  headers.Add(KnownHeader::kUserAgent, "outrigger");
  if (options_.deadline > Duration::zero()) {
    headers.AddCopy(KnownHeader::kGrpcTimeout, TimeoutText(options_.deadline));
  }
  for (const auto& [name, value] : options_.metadata.entries)
    headers.AddCopy(HeaderName(absl::string_view(name)), value);
  sender_->SendHeaders(headers, false);
}

void Exchange::OnStreamFailed(const upstream::PoolFailure& failure) {
  if (handler_ == nullptr || end_known_) return;
  std::string text(http::ResetReasonName(failure.reason));
  if (!failure.transport_failure.empty()) absl::StrAppend(&text, ": ", failure.transport_failure);
  FinishNow(GrpcStatus::kUnavailable, std::move(text));
}

void Exchange::Send(absl::string_view message) {
  if (end_known_ || half_closed_) return;
  if (message.size() > kMostMessageBytesSent || outgoing_.size() + message.size() > options_.most_queued_bytes) {
    FinishNow(GrpcStatus::kResourceExhausted, "the peer does not take what is sent");
    return;
  }
  AppendFrame(message, outgoing_);
  Flush();
}

void Exchange::EndSending() {
  half_closed_ = true;
  Flush();
}

void Exchange::Flush() {
  if (sender_ == nullptr || blocked_ || end_sent_ || end_known_) return;
  if (outgoing_.empty() && !half_closed_) return;
  end_sent_ = half_closed_;
  sender_->SendBody(outgoing_, half_closed_);
}

void Exchange::OnBelowWriteLow() {
  blocked_ = false;
  Flush();
}

void Exchange::OnHeaders(HeaderMap& headers, bool end) {
  if (handler_ == nullptr || end_known_) return;
  const uint32_t status = headers.status();
  if (status != 200) {
    if (ReadGrpcStatus(headers) >= 0) return FinishFromTrailers(headers);
    return Finish(static_cast<GrpcStatus>(http::GrpcStatusFromHttp(status)), absl::StrCat("HTTP status ", status));
  }
  if (end) return FinishFromTrailers(headers);
  if (!http::IsGrpcContentType(headers.Get(KnownHeader::kContentType))) {
    return Finish(GrpcStatus::kUnknown, "the answer is not gRPC (content-type)");
  }
  const absl::string_view encoding = headers.Get(KnownHeader::kGrpcEncoding);
  if (!encoding.empty() && encoding != "identity") {
    return Finish(GrpcStatus::kUnimplemented,
                  absl::StrCat("the answer is compressed (", encoding, "), which was not offered"));
  }
  handler_->OnStarted();
}

void Exchange::OnBody(Buffer& body, bool end) {
  if (handler_ == nullptr || end_known_) {
    body.Clear();
    return;
  }
  decoder_.Add(body);
  if (end) return Finish(GrpcStatus::kUnknown, "the answer ended without a grpc-status");
  UpdateReading();
  if (!event::NextTurn::linked()) Pump();
}

void Exchange::OnTrailers(HeaderMap& trailers) {
  if (handler_ != nullptr && !end_known_) FinishFromTrailers(trailers);
}

void Exchange::FinishFromTrailers(const HeaderMap& trailers) {
  const int status = http::ReadGrpcStatus(trailers);
  if (status < 0) return Finish(GrpcStatus::kUnknown, "the answer ended without a grpc-status");
  const auto known =
      status <= static_cast<int>(GrpcStatus::kUnauthenticated) ? static_cast<GrpcStatus>(status) : GrpcStatus::kUnknown;
  Finish(known, PercentDecode(trailers.Get(KnownHeader::kGrpcMessage)));
}

void Exchange::OnReset(ResetReason reason, const char* detail) {
  sender_ = nullptr;
  if (handler_ == nullptr || end_known_) return;
  GrpcStatus status = GrpcStatus::kUnavailable;
  if (reason == ResetReason::kProtocolError) status = GrpcStatus::kInternal;
  if (reason == ResetReason::kNone) status = GrpcStatus::kUnknown;
  FinishNow(status, absl::StrCat("stream reset: ", http::ResetReasonName(reason), *detail == '\0' ? "" : ", ", detail));
}

void Exchange::Finish(GrpcStatus status, std::string message) {
  if (end_known_) return;
  end_known_ = true;
  end_status_ = status;
  end_message_ = std::move(message);
  deadline_.Disarm();
  ReleaseStream(ResetReason::kLocalReset);
  dispatcher_.AtNextTurn(*this);
}

void Exchange::FinishNow(GrpcStatus status, std::string message) {
  if (end_known_) return;
  Finish(status, std::move(message));
  dropping_ = true;
}

void Exchange::ReleaseStream(ResetReason reason) {
  if (sender_ != nullptr) std::exchange(sender_, nullptr)->Reset(reason);
  Cancel();
}

void Exchange::TellEnd() {
  if (handler_ == nullptr) return;
  if (end_status_ == GrpcStatus::kOk && decoder_.partial() && !dropping_) {
    end_status_ = GrpcStatus::kInternal;
    end_message_ = "the answer ended inside of a message";
  }
  std::exchange(handler_, nullptr)->OnEnd(end_status_, end_message_);
}

void Exchange::Pump() {
  if (!MayDeliver()) return;
  if (dropping_) return TellEnd();
  absl::string_view message;
  const FrameDecoder::Result result = decoder_.Next(&message);
  switch (result) {
    case FrameDecoder::Result::kNeedMore:
      if (end_known_) TellEnd();
      return;
    case FrameDecoder::Result::kMessage:
      pumping_ = true;
      handler_->OnMessage(message);
      pumping_ = false;
      decoder_.Consume();
      if (handler_ == nullptr) return;
      dispatcher_.AtNextTurn(*this);  // and none before: more of this turn's bytes may make another one whole
      UpdateReading();
      return;
    case FrameDecoder::Result::kCompressed:
      return FinishNow(GrpcStatus::kInternal, "a compressed message came although none was offered");
    case FrameDecoder::Result::kBadFlag:
      return FinishNow(GrpcStatus::kInternal, "a message with an unknown flag came");
    case FrameDecoder::Result::kTooLarge:
      return FinishNow(GrpcStatus::kResourceExhausted,
                       absl::StrCat("a message above the limit of ", options_.most_message_bytes, " bytes came"));
  }
}

void Exchange::OnNextTurn() { Pump(); }

void Exchange::UpdateReading() {
  const bool pause = paused_ || decoder_.Ready();
  if (sender_ == nullptr || pause == reading_paused_) return;
  reading_paused_ = pause;
  if (pause) {
    sender_->PauseReading();
  } else {
    sender_->ResumeReading();
  }
}

void Exchange::SetPaused(bool paused) {
  paused_ = paused;
  UpdateReading();
  if (!paused && (decoder_.Ready() || end_known_)) dispatcher_.AtNextTurn(*this);
}

void Exchange::Abandon() {
  handler_ = nullptr;
  end_known_ = true;
  deadline_.Disarm();
  ReleaseStream(ResetReason::kLocalReset);
}

}  // namespace outrigger::grpc
