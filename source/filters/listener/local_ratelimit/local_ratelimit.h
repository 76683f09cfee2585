// Thread: worker
#pragma once

#include "source/event/dispatcher.h"
#include "source/filters/listener/local_ratelimit/token_bucket.h"
#include "source/net/listener_filter.h"
#include "source/observe/schemas/listener.h"

namespace outrigger::filters {

// envoy.filters.listener.local_ratelimit: each new connection takes a token, before anything else is spent on it (a TLS
// handshake above all). One for whom none is left is closed at once, and counted.
class LocalRateLimit final : public net::ListenerFilter {
 public:
  // All of it outlives the filter. No bucket: not enabled.
  LocalRateLimit(TokenBucket* bucket, event::Dispatcher& dispatcher, observe::ListenerRateLimitStats& stats)
      : bucket_(bucket), dispatcher_(dispatcher), stats_(stats) {}

  Verdict OnAccept(event::Engine&, net::AcceptedSocket&) override {
    if (bucket_ == nullptr || bucket_->Take(dispatcher_.now())) return Verdict::kContinue;
    stats_.rate_limited.Inc();
    return Verdict::kClose;
  }
  const char* refusal() const override { return "local_ratelimit"; }

 private:
  TokenBucket* bucket_;
  event::Dispatcher& dispatcher_;
  observe::ListenerRateLimitStats& stats_;
};

}  // namespace outrigger::filters
