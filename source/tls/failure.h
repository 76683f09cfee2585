// Thread: any
#pragma once

#include <string>

#include "absl/strings/string_view.h"

// Why a handshake or a TLS stream failed, as the stable word of net::TransportFailure::code. One word per cause, so
// that stats, logs and operators can tell them apart.
namespace outrigger::tls {

namespace code {
inline constexpr char kCertificateExpired[] = "certificate_expired";
inline constexpr char kCertificateNotYetValid[] = "certificate_not_yet_valid";
inline constexpr char kUnknownCa[] = "unknown_ca";
inline constexpr char kSelfSigned[] = "self_signed";
inline constexpr char kSanMismatch[] = "san_mismatch";
inline constexpr char kNoCertificate[] = "no_certificate";
inline constexpr char kHashMismatch[] = "hash_mismatch";
inline constexpr char kRevoked[] = "revoked";
inline constexpr char kCrl[] = "crl_unusable";  // missing for an issuer, or expired
inline constexpr char kDepth[] = "chain_too_long";
inline constexpr char kPurpose[] = "wrong_purpose";  // key usage or extended key usage
inline constexpr char kWeakKey[] = "weak_key";
inline constexpr char kVerifyFailed[] = "certificate_verify_failed";  // any other reason
inline constexpr char kProtocolVersion[] = "protocol_version";
inline constexpr char kNoSharedCipher[] = "no_shared_cipher";
inline constexpr char kNoSharedAlpn[] = "no_shared_alpn";
inline constexpr char kHttpRequest[] = "http_request";  // plain HTTP sent to a TLS port
inline constexpr char kNotTls[] = "not_tls";            // some other garbage
inline constexpr char kPeerAlert[] = "peer_alert";      // the peer refused us; the text names its alert
inline constexpr char kUnexpectedEof[] = "unexpected_eof";
inline constexpr char kBadRecord[] = "bad_record";
inline constexpr char kFlood[] = "flood";                         // the peer makes us answer and does not read
inline constexpr char kHandshakeFailure[] = "handshake_failure";  // any other reason
inline constexpr char kReset[] = "connection_reset";
inline constexpr char kNoContext[] = "no_context";  // the transport was made without a usable context
}  // namespace code

struct Failure {
  const char* code = "";
  std::string text;
};

// Reads (and empties) this thread's OpenSSL error queue.
Failure TakeFailure(bool handshaking);
// What an X509_V_ERR_* number means.
const char* VerifyCode(int x509_error);
// "TLS_error:|<number>:SSL routines:OpenSSL:<REASON>:<detail>:TLS_error_end", the shape that Envoy's users grep for.
std::string FailureText(unsigned long openssl_error, absl::string_view reason, absl::string_view detail);

}  // namespace outrigger::tls
