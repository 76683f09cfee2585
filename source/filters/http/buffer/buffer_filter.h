// Thread: worker; BufferConfig immutable any
#pragma once

#include <cstdint>

#include "source/http/filter.h"
#include "source/http/stream.h"

namespace outrigger::filters {

// extensions.filters.http.buffer.v3.Buffer, or what a route says instead.
struct BufferConfig {
  uint32_t max_request_bytes = 0;
  bool disabled = false;  // BufferPerRoute only
};

// envoy.filters.http.buffer: the filters behind it see a request when it is there whole; one that is larger is answered
// 413. What came without a length goes on with one. Tunnels have no end to wait for: they pass.
class BufferFilter final : public http::Filter {
 public:
  using Config = BufferConfig;
  BufferFilter(const Config& config, http::Stream&) : config_(config) {}
  http::FilterStatus OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) override;
  http::FilterStatus OnRequestBody(http::Stream& stream, Buffer& body, bool end) override;
  http::FilterStatus OnRequestTrailers(http::Stream& stream, http::HeaderMap& trailers) override;

 private:
  void AddLength(http::Stream& stream);
  const Config& config_;
  uint64_t seen_ = 0;
  bool buffering_ = false;
};

}  // namespace outrigger::filters
