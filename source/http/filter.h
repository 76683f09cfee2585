// Thread: worker; FilterSpec and FilterChainSpec: made on main, immutable, read by all workers
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/buffer.h"
#include "source/http/header_map.h"

namespace outrigger::http {

class Stream;

// A filter that paused still hears the later events of that direction (if it has the hook), so that it can wait for the
// end: what it answers there decides anew, and kContinue lets everything held so far go on. Without the hook they are
// held silently.
enum class FilterStatus : uint8_t {
  kContinue,  // hand this event (and what is held) to the next filter now
  kPause,     // hold this and later events of this direction until Resume; beyond the buffer limit the source is paused
  kBuffer,    // as kPause, but the filter wants it whole: beyond the limit the stream is answered 413 (request) or 500
              // (response)
  kAnswered,  // a local reply was sent (or the stream reset); no later filter sees the request
};

// One configured HTTP filter's state for one stream; lives in the stream's arena, destroyed with it. Every hook gets
// the Stream. A filter may call Stream::SendLocalReply, Reset, Resume* from any hook or later from its own asynchronous
// callbacks: those must be cancelled by the filter's destructor (timers, pool tickets and calls do so by themselves).
class Filter {
 public:
  virtual ~Filter() = default;
  virtual FilterStatus OnRequestHeaders(Stream&, HeaderMap& /*headers*/, bool /*end*/) {
    return FilterStatus::kContinue;
  }
  virtual FilterStatus OnRequestBody(Stream&, Buffer& /*body*/, bool /*end*/) { return FilterStatus::kContinue; }
  virtual FilterStatus OnRequestTrailers(Stream&, HeaderMap& /*trailers*/) { return FilterStatus::kContinue; }
  virtual FilterStatus OnResponseInterim(Stream&, HeaderMap& /*headers*/) { return FilterStatus::kContinue; }
  virtual FilterStatus OnResponseHeaders(Stream&, HeaderMap& /*headers*/, bool /*end*/) {
    return FilterStatus::kContinue;
  }
  virtual FilterStatus OnResponseBody(Stream&, Buffer& /*body*/, bool /*end*/) { return FilterStatus::kContinue; }
  virtual FilterStatus OnResponseTrailers(Stream&, HeaderMap& /*trailers*/) { return FilterStatus::kContinue; }
  // The downstream cannot take more (above), or can again: whoever produces the response stops and goes on.
  virtual void OnDownstreamAboveHigh(Stream&) {}
  virtual void OnDownstreamBelowLow(Stream&) {}
  // Memory that the filter keeps for the stream beside its own object: bodies, the other side's buffers. Asked when
  // memory is short.
  virtual size_t HeldBytes() const { return 0; }
  // Exactly once, last, also after a reset; the stream's facts (flags, details, bytes) are final.
  virtual void OnDone(Stream&) {}
};

enum Hook : uint16_t {
  kHookRequestHeaders = 1,
  kHookRequestBody = 2,
  kHookRequestTrailers = 4,
  kHookResponseInterim = 8,
  kHookResponseHeaders = 16,
  kHookResponseBody = 32,
  kHookResponseTrailers = 64,
  kHookWatermarks = 128,
  kHookDone = 256,
};

// The hooks F overrides, read off its member types: a filter cannot misdeclare what it wants. Hooks must be public, not
// overloaded.
template <class F>
constexpr uint16_t HooksOf() {
  const auto bit = [](auto mine, auto base, uint16_t hook) -> uint16_t {
    return std::is_same_v<decltype(mine), decltype(base)> ? 0 : hook;
  };
  return bit(&F::OnRequestHeaders, &Filter::OnRequestHeaders, kHookRequestHeaders) |
         bit(&F::OnRequestBody, &Filter::OnRequestBody, kHookRequestBody) |
         bit(&F::OnRequestTrailers, &Filter::OnRequestTrailers, kHookRequestTrailers) |
         bit(&F::OnResponseInterim, &Filter::OnResponseInterim, kHookResponseInterim) |
         bit(&F::OnResponseHeaders, &Filter::OnResponseHeaders, kHookResponseHeaders) |
         bit(&F::OnResponseBody, &Filter::OnResponseBody, kHookResponseBody) |
         bit(&F::OnResponseTrailers, &Filter::OnResponseTrailers, kHookResponseTrailers) |
         bit(&F::OnDownstreamAboveHigh, &Filter::OnDownstreamAboveHigh, kHookWatermarks) |
         bit(&F::OnDownstreamBelowLow, &Filter::OnDownstreamBelowLow, kHookWatermarks) |
         bit(&F::OnDone, &Filter::OnDone, kHookDone);
}

// One configured filter: immutable, part of the Snapshot, shared by all workers.
struct FilterSpec {
  std::string name;     // the configured name: the key of per-route configuration
  std::string type;     // canonical extension name, for dumps
  uint32_t origin = 0;  // model::OriginId
  size_t size = 0, align = 0;
  uint16_t hooks = 0;
  bool terminal = false;          // the router: must be last
  bool disabled = false;          // off unless a route's FilterConfig turns it on
  bool route_may_disable = true;  // all but the router
  std::shared_ptr<const void> config;
  Filter* (*construct)(void* where, const void* config, Stream& stream) = nullptr;  // into the stream's arena
};

// F is built per stream as F(const F::Config&, Stream&).
template <class F>
FilterSpec MakeFilterSpec(std::shared_ptr<const typename F::Config> config, bool terminal = false) {
  FilterSpec spec;
  spec.size = sizeof(F);
  spec.align = alignof(F);
  spec.hooks = HooksOf<F>();
  spec.terminal = terminal;
  spec.config = std::move(config);
  spec.construct = [](void* at, const void* c, Stream& stream) -> Filter* {
    return ::new (at) F(*static_cast<const typename F::Config*>(c), stream);
  };
  return spec;
}

// A whole chain in request order, flattened per hook so that a filter pays nothing for events it does not handle.
class FilterChainSpec {
 public:
  static constexpr size_t kMostFilters = 63;  // one bit each in the masks
  explicit FilterChainSpec(std::vector<FilterSpec> filters);
  const std::vector<FilterSpec>& filters() const { return filters_; }
  size_t bytes() const { return bytes_; }                                 // all filter objects of one stream
  uint64_t mask(Hook hook) const { return masks_[__builtin_ctz(hook)]; }  // bit i: filter i handles the hook
  bool switchable() const { return switchable_; }  // whether a route can turn any of them on or off

 private:
  std::vector<FilterSpec> filters_;
  static constexpr size_t kHooks = 9;
  uint64_t masks_[kHooks] = {};
  size_t bytes_ = 0;
  bool switchable_ = false;
};

}  // namespace outrigger::http
