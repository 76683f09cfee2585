// Thread: worker
#pragma once

#include <algorithm>

#include "source/net/client_hello.h"
#include "source/net/listener_filter.h"
#include "source/observe/schemas/listener.h"

namespace outrigger::filters {

// envoy.filters.listener.tls_inspector: is this TLS, for which server name and protocols? Peeks at the ClientHello.
class TlsInspector final : public net::ListenerFilter {
 public:
  // `limit`: bytes of ClientHello at most (larger ones are closed and counted). `stats` outlives it.
  explicit TlsInspector(observe::TlsInspectorStats& stats, size_t limit = net::kDefaultClientHelloLimit)
      : stats_(stats), limit_(std::min(limit, net::ListenerFilterRun::kMostPeeked - 1)) {}

  Verdict OnAccept(event::Engine&, net::AcceptedSocket&) override { return Verdict::kNeedMore; }
  Verdict OnBytes(absl::string_view seen, bool end, net::AcceptedSocket& socket, size_t* consume) override;
  void OnReadError() override { stats_.read_error.Inc(); }
  size_t max_bytes() const override { return limit_; }

 private:
  observe::TlsInspectorStats& stats_;
  size_t limit_;
};

}  // namespace outrigger::filters
