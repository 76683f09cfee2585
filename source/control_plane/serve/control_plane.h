// Thread: main
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/control_plane/resources/resource_folder.h"
#include "source/control_plane/serve/commands.h"
#include "source/control_plane/xds_server/grpc_server.h"
#include "source/control_plane/xds_server/xds_server.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// The whole of it, put together: configuration → catalog → discovery server → its addresses.
class ControlPlane {
 public:
  ControlPlane(event::Dispatcher& dispatcher, ServeOptions options);

  absl::Status Start();
  void Reload();  // reads the configuration again
  void Stop();    // when the loop does not run any more

  XdsServer& server() { return server_; }
  // Of the TCP addresses, in the order of `listen`, then `tls_listen`.
  const std::vector<int>& ports() const { return ports_; }

 private:
  absl::Status ListenPlain();
  absl::Status ListenTls();
  absl::Status ListenOn(const GrpcListenOptions& options);
  absl::StatusOr<std::string> ReadPem(const std::string& path);
  void OnCatalog(const absl::StatusOr<CatalogPtr>& catalog);

  event::Dispatcher& dispatcher_;
  const ServeOptions options_;
  XdsServer server_;
  std::unique_ptr<ResourceFolder> folder_;
  std::vector<std::unique_ptr<GrpcServer>> listeners_;
  std::vector<int> ports_;
};

}  // namespace outrigger::control_plane
