// Thread: main
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "source/config/build_context.h"
#include "source/model/listener.h"

namespace outrigger::config {

// A listener, compiled. An api_listener has no socket: it is checked, and null is returned.
absl::StatusOr<std::shared_ptr<const model::Listener>> BuildListener(const envoy::config::listener::v3::Listener& proto,
                                                                     model::ListenerSlot slot, BuildContext& context);

// Only what binding its sockets needs: the name, addresses and socket settings. Null for an api_listener.
absl::StatusOr<std::shared_ptr<const model::Listener>> BuildListenerSockets(
    const envoy::config::listener::v3::Listener& proto);

// One filter chain, with what all chains of its listener share: connection-time decisions of the listener filters go
// into its hash.
absl::StatusOr<std::shared_ptr<const model::FilterChain>> BuildFilterChain(
    const envoy::config::listener::v3::FilterChain& proto, uint64_t listener_filters_hash, BuildContext& context);

}  // namespace outrigger::config
