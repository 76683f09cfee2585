// Thread: main
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "source/config/build_context.h"
#include "source/tls/client_context.h"
#include "source/tls/server_context.h"

namespace outrigger::config {

// A transport socket, compiled. `missing`: a secret has not come; `context` is null then and nothing may talk
// plaintext.
template <class Context>
struct Transport {
  bool tls = false;
  bool missing = false;
  std::shared_ptr<const Context> context;
};

// transport_socket of a filter chain, of a cluster. Not set (`given` false) and raw_buffer: plain.
absl::StatusOr<Transport<tls::ServerContext>> ServerTransportOf(bool given,
                                                                const envoy::config::core::v3::TransportSocket& socket,
                                                                BuildContext& context);
absl::StatusOr<Transport<tls::ClientContext>> ClientTransportOf(bool given,
                                                                const envoy::config::core::v3::TransportSocket& socket,
                                                                BuildContext& context);

// Whether a secret holds together (key fits certificate, authorities parse).
absl::Status CheckSecret(const envoy::extensions::transport_sockets::tls::v3::Secret& secret, BuildContext& context);

}  // namespace outrigger::config
