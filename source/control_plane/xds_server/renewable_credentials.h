// Thread: main; libgrpc's threads fetch
#pragma once

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <atomic>
#include <memory>
#include <string>

#include "source/control_plane/xds_server/server_identity.h"

namespace outrigger::control_plane {

// Server credentials that ask before each handshake whether the identity was replaced. (The ones of libgrpc's C++ face
// hold one certificate for life, or poll files.) Must outlive the server that it is used for.
class RenewableCredentials final : public grpc::ServerCredentials {
 public:
  RenewableCredentials(std::shared_ptr<const ServerIdentity> identity, bool require_client_certificate);
  ~RenewableCredentials() override;
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}  // nobody does

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override;
  static grpc_ssl_certificate_config_reload_status Fetch(void* self, grpc_ssl_server_certificate_config** config);

  const std::shared_ptr<const ServerIdentity> identity_;
  std::atomic<uint64_t> fetched_{0};  // the generation that libgrpc has
  grpc_server_credentials* credentials_;
};

}  // namespace outrigger::control_plane
