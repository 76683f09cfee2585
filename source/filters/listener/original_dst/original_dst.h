// Thread: worker
#pragma once

#include "source/net/listener_filter.h"
#include "source/net/original_destination.h"
#include "source/observe/schemas/listener.h"

namespace outrigger::filters {

// envoy.filters.listener.original_dst: where a redirected connection was going becomes its local address.
class OriginalDst final : public net::ListenerFilter {
 public:
  explicit OriginalDst(observe::OriginalDstStats& stats) : stats_(stats) {}

  Verdict OnAccept(event::Engine& engine, net::AcceptedSocket& socket) override {
    (net::RestoreOriginalDestination(engine, socket) ? stats_.restored : stats_.not_found).Inc();
    return Verdict::kContinue;
  }

 private:
  observe::OriginalDstStats& stats_;
};

}  // namespace outrigger::filters
