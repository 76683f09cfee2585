// Thread: main builds; any uses (immutable)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/tls/certificate_info.h"
#include "source/tls/spec.h"

struct ssl_st;

namespace outrigger::tls {

class Trust;

// What all connections of a filter chain share as TLS servers: certificates, validation, resumption. A renewed
// certificate makes a new context; connections keep the one they began with. Made through ContextStore, which returns
// the same object for the same content.
//
// Resumption: tickets are bound to what decides trust and to ALPN (the session id context), so none survives a change
// of trust, and one is ignored once the client certificate inside it expired.
class ServerContext final {
 public:
  static constexpr int kMaxCachedSessions = 1024;  // stateful ones, of TLS 1.2 clients without tickets
  static constexpr size_t kMaxCertificates = 100;

  // Errors name the field: "tls_certificates[1]: private_key: does not belong to ...".
  static absl::StatusOr<std::shared_ptr<const ServerContext>> Build(const ServerSpec& spec);
  ~ServerContext();
  ServerContext(const ServerContext&) = delete;

  const std::vector<CertificateInfo>& certificates() const { return certificate_infos_; }
  const std::vector<CertificateInfo>& authorities() const;
  // Sentences about certificates that are expired or not yet valid: worth a warning, not a refusal.
  std::vector<std::string> Warnings(WallTime now) const;
  bool require_client_certificate() const { return require_client_certificate_; }
  const std::string& trust_fingerprint() const { return trust_fingerprint_; }
  const std::string& settings_hash() const { return settings_hash_; }
  const std::vector<std::string>& alpn() const { return alpn_; }

  // For TlsTransport. The caller owns the result (null if memory ran out).
  ssl_st* NewSsl() const;
  const Trust& trust() const { return *trust_; }
  const std::vector<SanMatcher>& names() const { return names_; }
  // Which certificates answer this server name: indexes, an ECDSA one and an RSA one at most, best first. Tests too.
  std::vector<size_t> CertificatesFor(absl::string_view server_name) const;

 private:
  friend struct ServerCallbacks;
  struct Parts;
  ServerContext();
  absl::Status LoadCertificates(const ServerSpec& spec);
  absl::Status SetUp(const ServerSpec& spec);
  void SetUpResumption(const ServerSpec& spec);

  std::unique_ptr<Parts> parts_;
  std::shared_ptr<const Trust> trust_;
  std::vector<SanMatcher> names_;
  std::vector<CertificateInfo> certificate_infos_;
  std::vector<std::string> alpn_;
  std::string trust_fingerprint_;
  std::string settings_hash_;
  bool require_client_certificate_ = false;
  bool full_scan_ = false;
};

std::vector<std::string> ExpiryWarnings(const std::vector<CertificateInfo>& infos, WallTime now);

}  // namespace outrigger::tls
