// Thread: main
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/control_plane/xds_server/server_identity.h"
#include "source/control_plane/xds_server/xds_server.h"
#include "source/event/dispatcher.h"

namespace grpc {
class Service;
}

namespace outrigger::control_plane {

struct GrpcListenOptions {
  std::string address;     // "127.0.0.1:0", "[::1]:18000", "unix:/run/x.sock"
  std::string bound_node;  // this Unix socket belongs to one node: its path's permissions say who may use it,
  std::optional<uint32_t> bound_uid;  // or the peer's user id does, and every other is refused and counted
  // TLS if there is one. If it has roots, clients may present a certificate, which is then verified.
  std::shared_ptr<const ServerIdentity> identity;
  bool require_client_certificate = false;
  Duration longest_handshake = seconds(10);  // of TLS and the HTTP/2 preface; then the connection is closed
};

// The XdsServer on libgrpc: ADS and LDS, RDS, VHDS (delta only), CDS, EDS, SDS, ECDS, RTDS, in both forms. libgrpc's
// threads only hand messages over; everything else happens on the dispatcher's loop.
class GrpcServer {
 public:
  // `extra`: further services on the same address, not owned. The error names the address.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Listen(event::Dispatcher& dispatcher, XdsServer& core,
                                                            const GrpcListenOptions& options,
                                                            const std::vector<::grpc::Service*>& extra = {});
  virtual ~GrpcServer() = default;
  virtual int port() const = 0;  // 0 for a Unix socket
  // Of a node's own socket: who may use it from now on.
  virtual absl::Status SetBoundUser(std::optional<uint32_t> uid) = 0;
  // Ends all streams and stops listening; returns when libgrpc let go of everything. Turns the loop meanwhile, so it is
  // to be called when that does not run. The destructor does it too.
  virtual void Stop() = 0;
};

}  // namespace outrigger::control_plane
