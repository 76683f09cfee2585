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

// The heavy part of a client context: OpenSSL's context with certificate, key and authorities. Thousands of clusters of
// a mesh differ in SNI and expected names only, and share one of these through ContextStore.
class ClientCredentials final {
 public:
  static absl::StatusOr<std::shared_ptr<const ClientCredentials>> Build(const ClientSpec& spec);
  ~ClientCredentials();
  ClientCredentials(const ClientCredentials&) = delete;

  const std::vector<CertificateInfo>& certificates() const { return certificate_infos_; }
  const Trust& trust() const { return *trust_; }
  bool enforce_rsa_key_usage() const { return enforce_rsa_key_usage_; }
  const std::string& id() const { return id_; }  // content hash
  ssl_st* NewSsl() const;

 private:
  struct Parts;
  ClientCredentials();
  std::unique_ptr<Parts> parts_;
  std::shared_ptr<const Trust> trust_;
  std::vector<CertificateInfo> certificate_infos_;
  std::string id_;
  bool enforce_rsa_key_usage_ = false;
};

// What the connections of a cluster (one transport socket of it) share as TLS clients.
class ClientContext final {
 public:
  // As ContextStore::Client, but shares with nobody: tests and tools.
  static absl::StatusOr<std::shared_ptr<const ClientContext>> Build(const ClientSpec& spec);
  ClientContext(const ClientSpec& spec, std::shared_ptr<const ClientCredentials> credentials);

  const ClientCredentials& credentials() const { return *credentials_; }
  const std::vector<CertificateInfo>& certificates() const { return credentials_->certificates(); }
  const std::vector<CertificateInfo>& authorities() const;
  std::vector<std::string> Warnings(WallTime now) const;
  const std::string& sni() const { return sni_; }
  bool auto_host_sni() const { return auto_host_sni_; }
  bool auto_sni_san_validation() const { return auto_sni_san_validation_; }
  const std::vector<SanMatcher>& names() const { return names_; }
  const std::vector<std::string>& alpn() const { return alpn_; }
  uint32_t max_session_keys() const { return max_session_keys_; }
  const std::string& trust_fingerprint() const { return trust_fingerprint_; }
  const std::string& settings_hash() const { return settings_hash_; }
  const std::string& names_hash() const { return names_hash_; }
  bool verifies() const;

 private:
  std::shared_ptr<const ClientCredentials> credentials_;
  std::string sni_;
  std::vector<SanMatcher> names_;
  std::vector<std::string> alpn_;
  std::string trust_fingerprint_;
  std::string settings_hash_;
  std::string names_hash_;
  uint32_t max_session_keys_;
  bool auto_host_sni_;
  bool auto_sni_san_validation_;
};

}  // namespace outrigger::tls
