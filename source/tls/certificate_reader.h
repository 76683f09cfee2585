// Thread: any
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/tls/certificate_info.h"
#include "source/tls/openssl_ptr.h"

// Reads facts out of OpenSSL's certificate objects. Inputs may be a peer's: nothing here fails, unknown is "".
namespace outrigger::tls {

inline constexpr size_t kMaxPemBytes = 4 * 1024 * 1024;
inline constexpr size_t kMaxPemObjects = 2000;

AlternativeNameLists ReadAlternativeNames(const GENERAL_NAMES* names);
AlternativeNameLists ReadAlternativeNames(const X509* certificate);
std::string NameEntry(const X509_NAME* name, int nid);  // the first entry of that kind
std::string NameText(const X509_NAME* name);            // RFC 2253
std::string SerialHex(const X509* certificate);
std::string FingerprintHex(const X509* certificate, const EVP_MD* digest);
std::string DigestOfDer(const X509* certificate);   // SHA-256, raw
std::string DigestOfSpki(const X509* certificate);  // SHA-256 of the SubjectPublicKeyInfo, raw
std::string PemOf(X509* certificate);
std::string UrlEncodePem(absl::string_view pem);  // as XFCC's Cert: all but unreserved characters
WallTime TimeOf(const ASN1_TIME* time);           // the epoch if it cannot be read
CertificateInfo ReadInfo(const X509* certificate, absl::string_view path);

// All certificates of a PEM text, in order. Other text between the blocks is ignored, a broken block is an error that
// says which one, and so is a text without any.
absl::StatusOr<std::vector<X509Ptr>> ReadPemCertificates(absl::string_view pem);

}  // namespace outrigger::tls
