// Thread: worker
#pragma once

#include "source/net/http_detector.h"
#include "source/net/listener_filter.h"
#include "source/observe/schemas/listener.h"

namespace outrigger::filters {

// envoy.filters.listener.http_inspector: which HTTP does a plain connection begin with? Says nothing of TLS ones, whose
// ALPN tells.
class HttpInspector final : public net::ListenerFilter {
 public:
  explicit HttpInspector(observe::HttpInspectorStats& stats) : stats_(stats) {}

  Verdict OnAccept(event::Engine&, net::AcceptedSocket& socket) override {
    return socket.properties.tls_detected ? Verdict::kContinue : Verdict::kNeedMore;
  }
  Verdict OnBytes(absl::string_view seen, bool end, net::AcceptedSocket& socket, size_t* consume) override;
  void OnReadError() override { stats_.read_error.Inc(); }
  size_t max_bytes() const override { return net::kDefaultDetectLimit; }

 private:
  observe::HttpInspectorStats& stats_;
};

}  // namespace outrigger::filters
