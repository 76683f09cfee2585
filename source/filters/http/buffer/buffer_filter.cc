#include "source/filters/http/buffer/buffer_filter.h"

namespace outrigger::filters {

using http::FilterStatus;
using http::HeaderMap;
using http::KnownHeader;

FilterStatus BufferFilter::OnRequestHeaders(http::Stream& stream, HeaderMap& headers, bool end) {
  if (end || headers.method() == "CONNECT" || headers.Has(KnownHeader::kUpgrade)) return FilterStatus::kContinue;
  const auto* of_route = static_cast<const BufferConfig*>(stream.PerRouteConfig(*this));
  const BufferConfig& config = of_route != nullptr ? *of_route : config_;
  if (config.disabled) return FilterStatus::kContinue;
  buffering_ = true;
  stream.SetBufferLimit(config.max_request_bytes);
  return FilterStatus::kBuffer;
}

FilterStatus BufferFilter::OnRequestBody(http::Stream& stream, Buffer& body, bool end) {
  if (!buffering_) return FilterStatus::kContinue;
  seen_ += body.size();
  // The last piece counts as well: what is too large is held once more, and so answered.
  if (!end || seen_ > stream.buffer_limit()) return FilterStatus::kBuffer;
  AddLength(stream);
  return FilterStatus::kContinue;
}

FilterStatus BufferFilter::OnRequestTrailers(http::Stream& stream, HeaderMap& /*trailers*/) {
  if (buffering_) AddLength(stream);
  return FilterStatus::kContinue;
}

void BufferFilter::AddLength(http::Stream& stream) {
  HeaderMap& headers = stream.request_headers();
  if (!headers.Has(KnownHeader::kContentLength)) headers.SetNumber(KnownHeader::kContentLength, seen_);
}

}  // namespace outrigger::filters
