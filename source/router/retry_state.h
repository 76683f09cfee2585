// Thread: worker
#pragma once

#include <cstdint>

#include "source/base/time.h"
#include "source/event/engine.h"
#include "source/http/header_map.h"
#include "source/http/protocol.h"
#include "source/model/route.h"

namespace outrigger::router {

// Whether and when a request is tried again: the route's policy joined with the request's x-envoy-retry-* headers.
// Knows no pool and no timer; limits of the cluster (max_retries, budget) are asked by the router.
class RetryState {
 public:
  // However many x-envoy-max-retries or num_retries ask for: what an attempt leaves behind takes memory of the stream.
  static constexpr uint32_t kMostRetries = 1000;

  // Reads and removes the retry headers. `policy` may be null (headers alone can ask for retries).
  RetryState(const model::RetryPolicy* policy, http::HeaderMap& request);

  bool enabled() const { return on_ != 0 && remaining_ > 0; }
  bool wanted() const { return on_ != 0; }
  uint32_t remaining() const { return remaining_; }

  // Whether a response with these headers is one that the policy would repeat.
  bool WantsRetry(const http::HeaderMap& response, bool end) const;
  // The same for an attempt that ended without a response. `sent`: request bytes may have reached the upstream's
  // application.
  bool WantsRetry(http::ResetReason reason, bool sent) const;
  bool WantsRetryAfterPerTryTimeout() const;

  // Takes one of the remaining retries. False: the limit is reached.
  bool Take() {
    if (remaining_ == 0) return false;
    --remaining_;
    return true;
  }
  // The pause before the next attempt: full jitter below base * 2^n (at most max), or what the response's rate-limit
  // header says.
  Duration NextBackOff(event::Engine& engine);
  bool RateLimitedBackOff(const http::HeaderMap& response, WallTime now, event::Engine& engine, Duration* pause) const;

 private:
  bool RetriableStatus(uint32_t status) const;
  const model::RetryPolicy* policy_;
  uint32_t on_ = 0;
  uint32_t remaining_ = 0;
  uint32_t done_ = 0;
  uint32_t header_codes_[16];  // x-envoy-retriable-status-codes
  uint32_t header_code_count_ = 0;
  absl::string_view header_names_;  // x-envoy-retriable-header-names
};

}  // namespace outrigger::router
