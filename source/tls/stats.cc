#include "source/tls/stats.h"

namespace outrigger::tls {
namespace {

constexpr const char* kCiphers[] = {"TLS_AES_128_GCM_SHA256",
                                    "TLS_AES_256_GCM_SHA384",
                                    "TLS_CHACHA20_POLY1305_SHA256",
                                    "ECDHE-ECDSA-AES128-GCM-SHA256",
                                    "ECDHE-RSA-AES128-GCM-SHA256",
                                    "ECDHE-ECDSA-AES256-GCM-SHA384",
                                    "ECDHE-RSA-AES256-GCM-SHA384",
                                    "ECDHE-ECDSA-CHACHA20-POLY1305",
                                    "ECDHE-RSA-CHACHA20-POLY1305",
                                    "ECDHE-RSA-AES128-SHA",
                                    "AES128-GCM-SHA256",
                                    "AES256-GCM-SHA384",
                                    "other"};
constexpr const char* kVersions[] = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "other"};
constexpr const char* kCurves[] = {"X25519", "P-256", "P-384", "P-521", "other"};
constexpr const char* kSignatures[] = {"ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384",
                                       "ecdsa_secp521r1_sha512", "rsa_pss_rsae_sha256",
                                       "rsa_pss_rsae_sha384",    "rsa_pss_rsae_sha512",
                                       "rsa_pkcs1_sha256",       "rsa_pkcs1_sha384",
                                       "rsa_pkcs1_sha512",       "other"};
static_assert(std::size(kCiphers) <= TlsStats::kTable && std::size(kSignatures) <= TlsStats::kTable);

}  // namespace

absl::Span<const char* const> CipherNames() { return kCiphers; }
absl::Span<const char* const> VersionNames() { return kVersions; }
absl::Span<const char* const> CurveNames() { return kCurves; }
absl::Span<const char* const> SignatureNames() { return kSignatures; }

size_t IndexOf(absl::Span<const char* const> names, absl::string_view name) {
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    if (name == names[i]) return i;
  }
  return names.size() - 1;
}

}  // namespace outrigger::tls
