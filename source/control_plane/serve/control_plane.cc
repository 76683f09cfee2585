#include "source/control_plane/serve/control_plane.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace outrigger::control_plane {
namespace {

constexpr size_t kMostPemBytes = 1 << 20;

XdsServer::Options ServerOptionsOf(const ServeOptions& options) {
  XdsServer::Options out;
  out.ordering.make_before_break = options.make_before_break;
  out.policy.allow_unauthenticated_secrets = options.allow_unauthenticated_secrets;
  return out;
}

}  // namespace

ControlPlane::ControlPlane(event::Dispatcher& dispatcher, ServeOptions options)
    : dispatcher_(dispatcher), options_(std::move(options)), server_(dispatcher, ServerOptionsOf(options_)) {}

absl::Status ControlPlane::Start() {
  if (options_.allow_unauthenticated_secrets) {
    OUTRIGGER_LOG(kWarn, kControlPlane,
                  "private keys go to whoever asks on loopback (--insecure-allow-unauthenticated-secrets)");
  }
  if (!options_.resources.empty()) {
    folder_ = std::make_unique<ResourceFolder>(
        dispatcher_, options_.resources, [this](const absl::StatusOr<CatalogPtr>& catalog) { OnCatalog(catalog); });
  }
  Reload();
  absl::Status status = ListenPlain();
  if (status.ok()) status = ListenTls();
  return status;
}

void ControlPlane::Reload() {
  if (folder_ != nullptr) folder_->Load();
}

void ControlPlane::Stop() {
  for (const auto& listener : listeners_) listener->Stop();
}

void ControlPlane::OnCatalog(const absl::StatusOr<CatalogPtr>& catalog) {
  if (!catalog.ok()) {
    OUTRIGGER_LOG(kError, kControlPlane, "configuration refused; the last good one stays:\n",
                  catalog.status().message());
    return server_.ConfigRefused(std::string(catalog.status().message()));
  }
  server_.Publish(*catalog);
  OUTRIGGER_LOG(kInfo, kControlPlane, "configuration ", server_.counters().published, " published");
}

absl::Status ControlPlane::ListenOn(const GrpcListenOptions& options) {
  auto listener = GrpcServer::Listen(dispatcher_, server_, options);
  if (!listener.ok()) return listener.status();
  if ((*listener)->port() != 0) ports_.push_back((*listener)->port());
  OUTRIGGER_LOG(kInfo, kControlPlane, "listening on ", options.address, " port ", (*listener)->port(),
                options.certificate_pem.empty() ? "" : " with TLS");
  listeners_.push_back(*std::move(listener));
  return absl::OkStatus();
}

absl::Status ControlPlane::ListenPlain() {
  for (const std::string& address : options_.listen) {
    const absl::Status status = ListenOn({.address = address});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ControlPlane::ReadPem(const std::string& path) {
  if (path.empty()) return std::string();
  return dispatcher_.engine().ReadFile(path, kMostPemBytes);
}

absl::Status ControlPlane::ListenTls() {
  if (options_.tls_listen.empty()) return absl::OkStatus();
  auto certificate = ReadPem(options_.tls_certificate);
  if (!certificate.ok()) return certificate.status();
  auto key = ReadPem(options_.tls_key);
  if (!key.ok()) return key.status();
  auto roots = ReadPem(options_.tls_client_ca);
  if (!roots.ok()) return roots.status();
  for (const std::string& address : options_.tls_listen) {
    const absl::Status status = ListenOn({.address = address,
                                          .certificate_pem = *certificate,
                                          .key_pem = *key,
                                          .client_roots_pem = *roots,
                                          .require_client_certificate = options_.require_client_certificate});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace outrigger::control_plane
