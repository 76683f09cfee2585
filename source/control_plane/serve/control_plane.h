// Thread: main
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/control_plane/authority/authority.h"
#include "source/control_plane/authority/enrollment_service.h"
#include "source/control_plane/authority/root_rotation.h"
#include "source/control_plane/authority/token_store.h"
#include "source/control_plane/authority/workload_secrets.h"
#include "source/control_plane/mesh/mesh_file.h"
#include "source/control_plane/resources/resource_folder.h"
#include "source/control_plane/serve/commands.h"
#include "source/control_plane/serve/server_tls.h"
#include "source/control_plane/status/page_server.h"
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
  void Rotate();  // renews all workload certificates
  void Stop();    // when the loop does not run any more

  // What the status address says.
  PageServer::Page Answer(const PageServer::Request& request);

  XdsServer& server() { return server_; }
  // Of the TCP addresses, in the order of `listen`, then `tls_listen`.
  const std::vector<int>& ports() const { return ports_; }
  uint32_t status_port() const { return pages_ == nullptr ? 0 : pages_->port(); }

 private:
  PageServer::Page AnswerInUse(absl::string_view query) const;
  absl::Status OpenAuthority();
  absl::Status ListenForVisitors();
  absl::Status ListenPlain();
  absl::Status ListenTls();
  absl::Status ListenOn(const GrpcListenOptions& options, bool enrolment);
  void ListenForNodes();
  std::optional<uint32_t> UserOf(const std::string& node) const;
  std::unique_ptr<RootRotation> MakeRootRotation(Duration step);
  void OnCatalog(const absl::StatusOr<CatalogPtr>& catalog);
  void OnMesh(absl::StatusOr<CompiledMesh> mesh);
  void Refuse(const absl::Status& why);
  void Complete(const NodeName& node, Snapshot& snapshot);

  event::Dispatcher& dispatcher_;
  const ServeOptions options_;
  XdsServer server_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<TokenStore> tokens_;
  std::unique_ptr<WorkloadSecrets> secrets_;
  std::unique_ptr<ServerTls> server_tls_;
  std::unique_ptr<RootRotation> rotation_;
  std::unique_ptr<EnrollmentService> enrollment_;
  std::unique_ptr<ResourceFolder> folder_;
  std::unique_ptr<MeshFile> mesh_file_;
  CompiledMesh mesh_;  // the last good one
  struct NodeListener {
    std::unique_ptr<GrpcServer> server;
    std::optional<uint32_t> uid;
  };
  std::map<std::string, NodeListener> node_sockets_;
  std::vector<std::unique_ptr<GrpcServer>> listeners_;
  std::vector<int> ports_;
  std::unique_ptr<PageServer> pages_;
};

}  // namespace outrigger::control_plane
