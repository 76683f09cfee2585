#include <utility>

#include "absl/strings/match.h"
#include "source/http/grpc_status.h"
#include "source/http/stream.h"

namespace outrigger::http {

void Stream::SendLocalReply(const LocalReply& given) {
  if (done_) return;
  if (response_head_sent_) {  // too late for another answer: what was promised cannot be kept
    Reset(ResetReason::kLocalReset, observe::ResponseFlag::kLocalReset, given.details);
    return;
  }
  // A response filter that answers the answer, and does it again, would never end.
  if (++local_replies_ > kMostLocalReplies) {
    Reset(ResetReason::kLocalReset, observe::ResponseFlag::kLocalReset, given.details);
    return;
  }
  answered_ = true;
  info_.details = given.details;
  DropHolds();
  if (done_) return;
  LocalReply reply = given;
  HeaderMap& headers = *arena_.New<HeaderMap>(arena_);
  headers.SetStatus(reply.status);
  if (!reply.location.empty()) headers.SetCopy(KnownHeader::kLocation, reply.location);
  owner_.AddRouteHeaders(*this, headers);
  if (reply.add_headers != nullptr) reply.add_headers(headers, reply.context);
  owner_.OnLocalReply(*this, reply, headers);
  headers.SetStatus(reply.status);

  const bool grpc = request_headers_ != nullptr && IsGrpcRequest(*request_headers_);
  const bool head = request_headers_ != nullptr && request_headers_->method() == "HEAD";
  Buffer body;
  if (grpc) {
    const int code = reply.grpc_status >= 0 ? reply.grpc_status : GrpcStatusFromHttp(reply.status);
    headers.SetStatus(200);
    headers.Set(KnownHeader::kContentType, "application/grpc");
    headers.SetNumber(KnownHeader::kGrpcStatus, static_cast<uint64_t>(code));
    if (!reply.body.empty()) headers.Set(KnownHeader::kGrpcMessage, PercentEncodeGrpcMessage(reply.body, arena_));
  } else if (!reply.body.empty() && reply.status != 204 && reply.status != 205 && reply.status != 304) {
    headers.SetNumber(KnownHeader::kContentLength, reply.body.size());
    if (!headers.Has(KnownHeader::kContentType)) headers.SetCopy(KnownHeader::kContentType, reply.content_type);
    if (!head) body.Append(reply.body);
  }

  response_headers_ = &headers;
  response_trailers_ = nullptr;
  const uint8_t this_reply = local_replies_;
  const bool no_body = body.empty();
  // Every response filter sees it, also those behind the filter that answers: a log or a CORS filter must not miss a
  // refusal.
  RunResponseHeaders(FilterCount() - 1, no_body);
  if (!done_ && !no_body && local_replies_ == this_reply) RunResponseBody(FilterCount() - 1, body, true);
}

}  // namespace outrigger::http
