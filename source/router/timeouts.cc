#include "source/router/timeouts.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "source/http/grpc_status.h"

namespace outrigger::router {

using http::HeaderMap;
using http::KnownHeader;

namespace {

// Milliseconds in a header; false if absent or malformed (then it counts as absent).
bool ReadMillis(const HeaderMap& headers, KnownHeader name, Duration* out) {
  const absl::string_view text = headers.Get(name);
  uint32_t value = 0;
  if (text.empty() || !absl::SimpleAtoi(text, &value)) return false;
  *out = milliseconds(value);
  return true;
}

}  // namespace

RequestTimeouts DecideTimeouts(const RouterConfig& config, const model::ForwardAction& action, HeaderMap& headers) {
  RequestTimeouts timeouts;
  timeouts.global = action.timeout;
  const bool grpc = http::IsGrpcRequest(headers);
  if (grpc && action.grpc_timeout_max >= Duration::zero()) {
    int64_t nanos = 0;
    timeouts.global = Duration::zero();
    if (http::ParseGrpcTimeout(headers.Get(KnownHeader::kGrpcTimeout), &nanos)) {
      timeouts.global = Duration(nanos);
      if (action.grpc_timeout_offset > Duration::zero() && timeouts.global > action.grpc_timeout_offset) {
        timeouts.global -= action.grpc_timeout_offset;
      }
    }
    // A maximum of zero means "as the client says"; otherwise it bounds the client, and a client without a limit.
    if (action.grpc_timeout_max > Duration::zero() &&
        (timeouts.global <= Duration::zero() || timeouts.global > action.grpc_timeout_max)) {
      timeouts.global = action.grpc_timeout_max;
    }
  }
  if (action.retry != nullptr) {
    timeouts.per_try = action.retry->per_try_timeout;
    timeouts.per_try_idle = action.retry->per_try_idle_timeout;
  }
  Duration told{0};
  if (config.respect_expected_rq_timeout && ReadMillis(headers, KnownHeader::kXEnvoyExpectedRqTimeoutMs, &told)) {
    timeouts.global = told;
  } else if (ReadMillis(headers, KnownHeader::kXEnvoyUpstreamRqTimeoutMs, &told)) {
    timeouts.global = told;
  }
  headers.Remove(KnownHeader::kXEnvoyUpstreamRqTimeoutMs);
  if (ReadMillis(headers, KnownHeader::kXEnvoyUpstreamRqPerTryTimeoutMs, &told)) timeouts.per_try = told;
  headers.Remove(KnownHeader::kXEnvoyUpstreamRqPerTryTimeoutMs);
  if (ReadMillis(headers, KnownHeader::kXEnvoyUpstreamStreamDurationMs, &told)) timeouts.stream = told;
  headers.Remove(KnownHeader::kXEnvoyUpstreamStreamDurationMs);
  if (timeouts.global > Duration::zero() && timeouts.per_try >= timeouts.global) timeouts.per_try = Duration::zero();

  Duration expected = timeouts.per_try > Duration::zero() ? timeouts.per_try : timeouts.global;
  if (expected > Duration::zero() && !config.suppress_envoy_headers) {
    headers.SetNumber(KnownHeader::kXEnvoyExpectedRqTimeoutMs, static_cast<uint64_t>(ToMillis(expected)));
    if (grpc && headers.Has(KnownHeader::kGrpcTimeout)) {
      int64_t nanos = 0;
      // The upstream must not believe it has longer than we wait.
      if (!http::ParseGrpcTimeout(headers.Get(KnownHeader::kGrpcTimeout), &nanos) || Duration(nanos) > expected) {
        const int64_t millis = std::min<int64_t>(ToMillis(expected), 99999999);
        headers.SetNumber(KnownHeader::kGrpcTimeout, static_cast<uint64_t>(millis));
        headers.Set(KnownHeader::kGrpcTimeout, headers.arena().Concat(headers.Get(KnownHeader::kGrpcTimeout), "m"));
      }
    }
  } else if (expected <= Duration::zero()) {
    headers.Remove(KnownHeader::kXEnvoyExpectedRqTimeoutMs);
  }
  return timeouts;
}

}  // namespace outrigger::router
