#include "source/control_plane/xds_server/renewable_credentials.h"

#include <grpc/grpc.h>

#include <utility>

namespace outrigger::control_plane {

RenewableCredentials::RenewableCredentials(std::shared_ptr<const ServerIdentity> identity,
                                           bool require_client_certificate)
    : identity_(std::move(identity)) {
  const auto ask = !identity_->asks_clients()   ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                   : require_client_certificate ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                                : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
  credentials_ = grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(ask, &Fetch, this));
}

RenewableCredentials::~RenewableCredentials() { grpc_server_credentials_release(credentials_); }

int RenewableCredentials::AddPortToServer(const std::string& address, grpc_server* server) {
  return grpc_server_add_http2_port(server, address.c_str(), credentials_);
}

grpc_ssl_certificate_config_reload_status RenewableCredentials::Fetch(void* self,
                                                                      grpc_ssl_server_certificate_config** config) {
  auto& credentials = *static_cast<RenewableCredentials*>(self);
  uint64_t generation = credentials.fetched_.load();
  ServerIdentity::Pem pem;
  if (!credentials.identity_->GetNewer(generation, pem)) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const grpc_ssl_pem_key_cert_pair pair{pem.key.c_str(), pem.certificate.c_str()};
  // libgrpc insists on roots when it renews, and looks at them only if clients are asked for certificates.
  const std::string& roots = pem.client_roots.empty() ? pem.certificate : pem.client_roots;
  *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
  if (*config == nullptr) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
  credentials.fetched_.store(generation);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

}  // namespace outrigger::control_plane
