#include "source/tls/handshake_record.h"

#include "source/tls/failure.h"

namespace outrigger::tls {
namespace {

const char* CurveName(int nid) {
  switch (nid) {
    case NID_X25519:
      return "X25519";
    case NID_X9_62_prime256v1:
      return "P-256";
    case NID_secp384r1:
      return "P-384";
    case NID_secp521r1:
      return "P-521";
    default:
      return "other";
  }
}

const char* SignatureName(int key_type, int digest) {
  const int size = digest == NID_sha256 ? 0 : digest == NID_sha384 ? 1 : digest == NID_sha512 ? 2 : -1;
  if (size < 0) return "other";
  static constexpr const char* kEcdsa[] = {"ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384",
                                           "ecdsa_secp521r1_sha512"};
  static constexpr const char* kPss[] = {"rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"};
  static constexpr const char* kPkcs1[] = {"rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512"};
  switch (key_type) {
    case EVP_PKEY_EC:
      return kEcdsa[size];
    case EVP_PKEY_RSA_PSS:
      return kPss[size];
    case EVP_PKEY_RSA:
      return kPkcs1[size];
    default:
      return "other";
  }
}

}  // namespace

void RecordHandshake(const SSL* ssl, TlsStats& stats) {
  SSL* mutable_ssl = const_cast<SSL*>(ssl);
  ++stats.handshake;
  if (SSL_session_reused(mutable_ssl) == 1) ++stats.session_reused;
  if (SSL_get0_peer_certificate(ssl) == nullptr) ++stats.no_certificate;
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl); cipher != nullptr) {
    ++stats.ciphers[IndexOf(CipherNames(), SSL_CIPHER_get_name(cipher))];
  }
  ++stats.versions[IndexOf(VersionNames(), SSL_get_version(ssl))];
  if (const long group = SSL_get_negotiated_group(mutable_ssl); group > 0) {
    ++stats.curves[IndexOf(CurveNames(), CurveName(static_cast<int>(group)))];
  }
  int type = 0;
  int digest = 0;
  if (SSL_get_peer_signature_type_nid(ssl, &type) == 1 && SSL_get_peer_signature_nid(mutable_ssl, &digest) == 1) {
    ++stats.sigalgs[IndexOf(SignatureNames(), SignatureName(type, digest))];
  }
}

void RecordFailure(const char* why, bool refused, TlsStats& stats) {
  const absl::string_view word = why;
  if (word == code::kNoCertificate) {
    ++stats.fail_verify_no_cert;
  } else if (!refused) {
    ++stats.connection_error;
  } else if (word == code::kSanMismatch) {
    ++stats.fail_verify_san;
  } else if (word == code::kHashMismatch) {
    ++stats.fail_verify_cert_hash;
  } else {
    ++stats.fail_verify_error;
    if (word == code::kPurpose) ++stats.was_key_usage_invalid;
  }
}

}  // namespace outrigger::tls
