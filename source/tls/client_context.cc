#include "source/tls/client_context.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/tls/certificate.h"
#include "source/tls/certificate_reader.h"
#include "source/tls/server_context.h"
#include "source/tls/ssl_state.h"
#include "source/tls/trust.h"

namespace outrigger::tls {
namespace {

absl::Status At(absl::string_view where, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

}  // namespace

struct ClientCredentials::Parts {
  std::vector<Certificate> certificates;
  SslCtxPtr context;
};

ClientCredentials::ClientCredentials() : parts_(std::make_unique<Parts>()) {}
ClientCredentials::~ClientCredentials() = default;

absl::StatusOr<std::shared_ptr<const ClientCredentials>> ClientCredentials::Build(const ClientSpec& spec) {
  std::shared_ptr<ClientCredentials> out(new ClientCredentials);
  if (spec.certificates.size() > 1) {
    return absl::InvalidArgumentError("tls_certificates: a client has at most one");
  }
  absl::StatusOr<std::shared_ptr<const Trust>> trust = Trust::Build(spec.validation);
  if (!trust.ok()) return At("validation_context", trust.status());
  out->trust_ = *std::move(trust);
  out->id_ = ContentHash(spec);
  out->enforce_rsa_key_usage_ = spec.enforce_rsa_key_usage;
  out->parts_->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = out->parts_->context.get();
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for a TLS context");
  if (absl::Status s = ApplyParams(context, spec.params); !s.ok()) return At("tls_params", s);
  for (const CertificateSpec& certificate_spec : spec.certificates) {
    absl::StatusOr<Certificate> certificate = Certificate::Load(certificate_spec);
    if (!certificate.ok()) return At("tls_certificates[0]", certificate.status());
    if (!certificate->Install(context))
      return At("tls_certificates[0]", absl::InvalidArgumentError(TakeOpensslError()));
    out->certificate_infos_.push_back(certificate->info);
    out->parts_->certificates.push_back(*std::move(certificate));
  }
  absl::StatusOr<std::string> alpn = AlpnWire(spec.alpn);
  if (!alpn.ok()) return alpn.status();
  if (!alpn->empty()) {
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(alpn->data()),
                            static_cast<unsigned int>(alpn->size()));
  }
  SSL_CTX_set_verify(context, out->trust_->verifies() ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &VerifyPeer, nullptr);
  out->trust_->UseIn(context);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &KeepSession);
  return std::shared_ptr<const ClientCredentials>(std::move(out));
}

ssl_st* ClientCredentials::NewSsl() const { return SSL_new(parts_->context.get()); }

absl::StatusOr<std::shared_ptr<const ClientContext>> ClientContext::Build(const ClientSpec& spec) {
  absl::StatusOr<std::shared_ptr<const ClientCredentials>> credentials = ClientCredentials::Build(spec);
  if (!credentials.ok()) return credentials.status();
  return std::make_shared<const ClientContext>(spec, *std::move(credentials));
}

ClientContext::ClientContext(const ClientSpec& spec, std::shared_ptr<const ClientCredentials> credentials)
    : credentials_(std::move(credentials)),
      sni_(spec.sni),
      names_(spec.validation.san_matchers),
      alpn_(spec.alpn),
      trust_fingerprint_(TrustFingerprint(spec)),
      settings_hash_(SettingsHash(spec)),
      names_hash_(NamesHash(spec.validation.san_matchers)),
      max_session_keys_(spec.max_session_keys),
      auto_host_sni_(spec.auto_host_sni),
      auto_sni_san_validation_(spec.auto_sni_san_validation) {}

const std::vector<CertificateInfo>& ClientContext::authorities() const {
  return credentials_->trust().authority_infos();
}

bool ClientContext::verifies() const { return credentials_->trust().verifies(); }

std::vector<std::string> ClientContext::Warnings(WallTime now) const {
  std::vector<std::string> out = ExpiryWarnings(certificates(), now);
  for (std::string& text : ExpiryWarnings(authorities(), now)) out.push_back(std::move(text));
  return out;
}

}  // namespace outrigger::tls
