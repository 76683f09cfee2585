#include "source/server/admin/filter.h"

#include <utility>

#include "source/http/known_header.h"

namespace outrigger::server {

using http::FilterStatus;
using http::KnownHeader;

AdminFilter::AdminFilter(const Config& config, http::Stream& stream)
    : pages_(*config.pages), stream_(&stream), methods_(config.methods), alive_(std::make_shared<AdminFilter*>(this)) {}

AdminFilter::~AdminFilter() { *alive_ = nullptr; }

FilterStatus AdminFilter::OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) {
  const bool method = methods_ != nullptr && methods_->find(headers.path()) != methods_->end();
  if (method || (methods_ != nullptr && http::IsGrpcRequest(headers))) {
    call_ = std::make_unique<grpc::ServerCall>(stream, *methods_, kMostBody);
    return call_->OnHeaders(headers, end);
  }
  request_ = ParseAdminTarget(headers.method(), headers.path());
  return end ? Ask(stream) : FilterStatus::kContinue;
}

FilterStatus AdminFilter::OnRequestBody(http::Stream& stream, Buffer& body, bool end) {
  if (call_ != nullptr) return call_->OnBody(body, end);
  if (request_.body.size() + body.size() > kMostBody) {
    stream.SendLocalReply({.status = 413, .body = "request body too large", .details = "request_payload_too_large"});
    return FilterStatus::kAnswered;
  }
  request_.body += body.ToString();
  body.Clear();
  return end ? Ask(stream) : FilterStatus::kContinue;
}

FilterStatus AdminFilter::OnRequestTrailers(http::Stream& stream, http::HeaderMap&) {
  return call_ != nullptr ? call_->OnTrailers() : Ask(stream);
}

void AdminFilter::OnDownstreamBelowLow(http::Stream&) {
  if (call_ != nullptr) call_->OnDownstreamBelowLow();
}

FilterStatus AdminFilter::Ask(http::Stream& stream) {
  pages_.Handle(request_, [alive = alive_](AdminResponse response) {
    if (*alive != nullptr) (*alive)->Answer(std::move(response));
  });
  return stream.response_started() || stream.done() ? FilterStatus::kAnswered : FilterStatus::kContinue;
}

void AdminFilter::Answer(AdminResponse response) {
  http::Stream& stream = *stream_;
  if (stream.response_started() || stream.done()) return;
  auto* headers = stream.arena().New<http::HeaderMap>(stream.arena());
  headers->SetStatus(response.status);
  headers->SetCopy(KnownHeader::kContentType, response.content_type);
  headers->Set(KnownHeader::kCacheControl, "no-cache, max-age=0");
  headers->Set(http::HeaderName("x-content-type-options"), "nosniff");
  if (!response.allow.empty()) headers->SetCopy(http::HeaderName("allow"), response.allow);
  const bool head = request_.method == "HEAD";
  headers->SetNumber(KnownHeader::kContentLength, response.body.size());
  const bool empty = head || response.body.empty();
  stream.SendResponseHeaders(*headers, empty);
  if (empty || *alive_ == nullptr) return;
  Buffer body{absl::string_view(response.body)};
  stream.SendResponseBody(body, true);
}

}  // namespace outrigger::server
