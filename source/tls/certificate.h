// Thread: main builds; any reads (immutable)
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/tls/certificate_info.h"
#include "source/tls/openssl_ptr.h"
#include "source/tls/spec.h"

namespace outrigger::tls {

// One of our own certificates with its key: parsed, and checked that they belong together.
struct Certificate {
  X509Ptr leaf;
  std::vector<X509Ptr> intermediates;
  PkeyPtr key;
  bool ecdsa = false;  // otherwise RSA
  CertificateInfo info;

  // Accepted: ECDSA on P-256, P-384, P-521; RSA of at least 2048 bits. Expiry is not an error (see CertificateInfo).
  static absl::StatusOr<Certificate> Load(const CertificateSpec& spec);
  // Gives it to a context or to one connection's state.
  bool Install(SSL_CTX* context) const;
  bool Install(SSL* ssl) const;
};

// Applies versions, ciphers, curves, signature algorithms and our fixed options (no renegotiation, no compression).
absl::Status ApplyParams(SSL_CTX* context, const ParamsSpec& params);
// The wire form of an ALPN list; at most 255 bytes a name, 64 KiB together.
absl::StatusOr<std::string> AlpnWire(const std::vector<std::string>& names);

}  // namespace outrigger::tls
