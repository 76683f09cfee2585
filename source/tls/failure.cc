#include "source/tls/failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace outrigger::tls {
namespace {

// OpenSSL numbers a received alert n as 1000 + n (see "SSL_R_SSLV3_ALERT_*", "SSL_R_TLSV1_ALERT_*").
constexpr int kFirstAlertReason = SSL_AD_REASON_OFFSET;
constexpr int kLastAlertReason = SSL_AD_REASON_OFFSET + 255;

const char* ReasonCode(int reason, bool handshaking) {
  if (reason >= kFirstAlertReason && reason <= kLastAlertReason) return code::kPeerAlert;
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return code::kHttpRequest;
    case SSL_R_WRONG_VERSION_NUMBER:
      return handshaking ? code::kNotTls : code::kBadRecord;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return code::kProtocolVersion;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      return code::kNoSharedCipher;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return code::kNoSharedAlpn;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return code::kNoCertificate;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return code::kVerifyFailed;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return code::kUnexpectedEof;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_DATA_LENGTH_TOO_LONG:
      return handshaking ? code::kNotTls : code::kBadRecord;
    default:
      return handshaking ? code::kHandshakeFailure : code::kBadRecord;
  }
}

}  // namespace

const char* VerifyCode(int x509_error) {
  switch (x509_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return code::kCertificateExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return code::kCertificateNotYetValid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return code::kSelfSigned;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return code::kUnknownCa;
    case X509_V_ERR_CERT_REVOKED:
      return code::kRevoked;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      return code::kCrl;
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return code::kDepth;
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_INVALID_CA:
      return code::kPurpose;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return code::kWeakKey;
    default:
      return code::kVerifyFailed;
  }
}

std::string FailureText(unsigned long openssl_error, absl::string_view reason, absl::string_view detail) {
  const std::string word = absl::AsciiStrToUpper(absl::StrReplaceAll(reason, {{" ", "_"}, {"/", "_"}}));
  return absl::StrCat("TLS_error:|", openssl_error, ":SSL routines:OpenSSL:", word, detail.empty() ? "" : ":", detail,
                      ":TLS_error_end");
}

Failure TakeFailure(bool handshaking) {
  // The first entry is the cause; what follows are its consequences.
  unsigned long first = 0;
  while (const unsigned long error = ERR_get_error()) {
    if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
      if (first == 0 || ERR_GET_LIB(first) != ERR_LIB_SSL) first = error;
    } else if (first == 0) {
      first = error;
    }
  }
  if (first == 0) return {handshaking ? code::kHandshakeFailure : code::kBadRecord, "TLS_error:unknown"};
  const char* reason = ERR_reason_error_string(first);
  return {ERR_GET_LIB(first) == ERR_LIB_SSL ? ReasonCode(ERR_GET_REASON(first), handshaking)
                                            : (handshaking ? code::kHandshakeFailure : code::kBadRecord),
          FailureText(first, reason != nullptr ? reason : "unknown", "")};
}

}  // namespace outrigger::tls
