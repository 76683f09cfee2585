// Thread: main
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "source/grpc/server_call.h"
#include "source/observe/access_log.h"
#include "source/server/admin/pages.h"
#include "source/server/worker_listener.h"

namespace outrigger::server {

// The admin endpoint: a listener of main's own loop with one filter chain (HCM, AdminFilter), made here and not part of
// any Snapshot.
class AdminListener final {
 public:
  struct Settings {
    net::Address address;
    std::vector<std::shared_ptr<const observe::AccessLog>> access_logs;
    std::shared_ptr<const grpc::MethodTable> methods;  // of gRPC; null: none
  };
  // Binds and listens. `pages` and `main` outlive it.
  static absl::StatusOr<std::unique_ptr<AdminListener>> Start(const Settings& settings, const AdminPages& pages,
                                                              upstream::WorkerContext& main,
                                                              observe::StatsRegistry& registry);
  ~AdminListener();
  const net::Address& address() const { return socket_->address(); }
  size_t connections() const { return listener_->connection_count(); }
  uint64_t TakeOutOfDescriptors() { return listener_->TakeOutOfDescriptors(); }
  void CloseConnections() { listener_->CloseConnections(); }

 private:
  AdminListener(std::shared_ptr<net::ListenSocket> socket, std::unique_ptr<WorkerListener> listener);
  std::shared_ptr<net::ListenSocket> socket_;
  std::unique_ptr<WorkerListener> listener_;
};

}  // namespace outrigger::server
