// Thread: any (plain values; config/ fills them from protobuf)
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "source/base/time.h"
#include "source/matching/string_matcher.h"

namespace outrigger::tls {

// Key material: overwritten before its memory is given back. Copies are allowed and wiped likewise.
class Secret {
 public:
  Secret() = default;
  explicit Secret(absl::string_view bytes) : bytes_(bytes) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.Wipe(); }
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      Wipe();
      bytes_ = other.bytes_;
    }
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      Wipe();
      bytes_ = std::move(other.bytes_);
      other.Wipe();
    }
    return *this;
  }
  ~Secret() { Wipe(); }
  absl::string_view view() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  void Wipe();
  std::string bytes_;
};

// TlsCertificate.
struct CertificateSpec {
  std::string chain_pem;  // leaf first
  Secret key_pem;
  Secret password;
  std::string ocsp_staple;  // not used yet
  std::string origin;       // what /certs shows: a path, "<inline>", a secret's name
};

enum class SanKind : uint8_t { kEmail = 1, kDns = 2, kUri = 3, kIp = 4 };  // numbers as SubjectAltNameMatcher.SanType

// One entry of match_typed_subject_alt_names. An exact DNS matcher is compared without case and is also met by a
// certificate's wildcard of one whole label ("*.example.com", RFC 6125 6.4.3).
struct SanMatcher {
  SanKind kind = SanKind::kDns;
  matching::StringMatcher matcher;
};

// CertificateValidationContext. Empty: the peer's certificate, if any, is not verified.
struct ValidationSpec {
  std::string trusted_ca_pem;
  std::string crl_pem;
  std::vector<SanMatcher> san_matchers;         // any one suffices; empty: every name
  std::vector<std::string> certificate_hashes;  // hex SHA-256 of the DER form, colons allowed
  std::vector<std::string> spki_hashes;         // base64 SHA-256 of the SubjectPublicKeyInfo; any pin of either kind
  bool only_leaf_crl = false;
  bool allow_expired_certificate = false;
  bool accept_untrusted = false;              // ACCEPT_UNTRUSTED: verified, noted, never refused
  absl::optional<uint32_t> max_verify_depth;  // certificates between leaf and root
  std::string origin;

  bool verifies() const { return !trusted_ca_pem.empty() || !certificate_hashes.empty() || !spki_hashes.empty(); }
};

enum class ProtocolVersion : uint8_t { kAuto = 0, kTls10 = 1, kTls11 = 2, kTls12 = 3, kTls13 = 4 };

// TlsParameters. Empty lists: the defaults.
struct ParamsSpec {
  ProtocolVersion min_version = ProtocolVersion::kAuto;  // kAuto: 1.2
  ProtocolVersion max_version = ProtocolVersion::kAuto;  // kAuto: 1.3
  std::vector<std::string> cipher_suites;  // up to TLS 1.2, in BoringSSL's list syntax; those of 1.3 are always on
  std::vector<std::string> ecdh_curves;
  std::vector<std::string> signature_algorithms;
};

// DownstreamTlsContext.
struct ServerSpec {
  ParamsSpec params;
  std::vector<CertificateSpec> certificates;
  ValidationSpec validation;
  std::vector<std::string> alpn;  // in our order of preference
  bool require_client_certificate = false;
  bool disable_stateless_resumption = false;
  bool disable_stateful_resumption = false;
  bool full_scan_certs_on_sni_mismatch = false;
  bool prefer_client_ciphers = false;
  Duration session_timeout{0};      // 0: two hours (OpenSSL's own default is five minutes)
  std::vector<Secret> ticket_keys;  // 80 bytes each: the first makes tickets, all open them
};

// UpstreamTlsContext.
struct ClientSpec {
  ParamsSpec params;
  std::vector<CertificateSpec> certificates;  // at most one
  ValidationSpec validation;
  std::vector<std::string> alpn;
  std::string sni;
  bool auto_host_sni = false;            // the caller passes the upstream host name with each connection
  bool auto_sni_san_validation = false;  // the name sent as SNI must be among the certificate's DNS names
  bool allow_renegotiation = false;      // never done; there is none in TLS 1.3
  bool enforce_rsa_key_usage = false;
  uint32_t max_session_keys = 1;  // sessions kept per (endpoint, name); 0: no resumption
};

std::string SanText(const SanMatcher& san);  // for messages: URI exact "spiffe://..."
// Raw SHA-256 over the canonical form.
std::string NamesHash(const std::vector<SanMatcher>& names);
std::string ContentHash(const ServerSpec& spec);   // everything
std::string SettingsHash(const ServerSpec& spec);  // all but certificates: a renewal keeps it
std::string ContentHash(const ClientSpec& spec);   // all but sni and expected names: what a context depends on
std::string SettingsHash(const ClientSpec& spec);  // all but certificates, with sni and names
// What decides who is trusted: validation settings and (server) whether a client must show a certificate.
std::string TrustFingerprint(const ValidationSpec& spec, bool require_peer_certificate);
std::string TrustFingerprint(const ServerSpec& spec);
std::string TrustFingerprint(const ClientSpec& spec);
// Whether a peer that `before` accepted might be refused by `after`: then established connections drain (law 9).
// Errs on the side of true.
bool TightensTrust(const ServerSpec& before, const ServerSpec& after);
bool TightensTrust(const ClientSpec& before, const ClientSpec& after);

}  // namespace outrigger::tls
