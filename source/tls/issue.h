// Thread: any
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/time.h"

// Makes keys, certificates and signing requests: for the control plane's authority and for tests. Time and serial come
// from the caller; key material comes from OpenSSL's generator. All results are PEM. Errors say which input was wrong.
namespace outrigger::tls {

enum class KeyKind : uint8_t { kEcdsaP256, kEcdsaP384, kRsa2048, kRsa1024 /* tests of refusals only */ };

absl::StatusOr<std::string> MakeKey(KeyKind kind);  // PKCS#8 PEM, not encrypted

struct SubjectNames {
  std::string common_name;
  std::string organization;
  std::vector<std::string> dns;
  std::vector<std::string> uri;
  std::vector<std::string> ip;  // textual
  std::vector<std::string> email;
  bool empty_san() const { return dns.empty() && uri.empty() && ip.empty() && email.empty(); }
};

struct IssueOptions {
  SubjectNames names;
  WallTime not_before;
  WallTime not_after;
  std::string serial;  // 1 to 20 bytes, big-endian; from the caller's randomness; the top bit is cleared
  bool authority = false;
  int path_length = -1;  // authorities: how many further authorities may follow; -1: any number
  bool client_auth = true;
  bool server_auth = true;
};

struct KeyAndCertificate {
  std::string key_pem;
  std::string certificate_pem;
};

// Self-signed with a new key of `kind`.
absl::StatusOr<KeyAndCertificate> MakeSelfSigned(KeyKind kind, const IssueOptions& options);
// As above with a key that exists (a root that is renewed keeps its key).
absl::StatusOr<std::string> SelfSign(absl::string_view key_pem, const IssueOptions& options);
// Signed by an authority, with a new key of `kind`.
absl::StatusOr<KeyAndCertificate> Issue(const KeyAndCertificate& authority, KeyKind kind, const IssueOptions& options);

// Whether the chain (leaf first) and the key can be read and the key is the leaf's.
absl::Status CheckPair(const KeyAndCertificate& pair);

// A certificate signing request (PKCS#10) for the key.
absl::StatusOr<std::string> MakeRequest(absl::string_view key_pem, const SubjectNames& names);
// Checks the request's own signature and returns the names it asks for. Whether it may have them is the caller's to
// decide. At most 64 KiB and 100 names.
absl::StatusOr<SubjectNames> ParseRequest(absl::string_view request_pem);
// Signs the request's key with `options.names` (not the request's).
absl::StatusOr<std::string> SignRequest(const KeyAndCertificate& authority, absl::string_view request_pem,
                                        const IssueOptions& options);
// A revocation list that names the serials of these certificates.
absl::StatusOr<std::string> MakeRevocationList(const KeyAndCertificate& authority,
                                               const std::vector<std::string>& revoked_certificates_pem,
                                               WallTime this_update, WallTime next_update);

}  // namespace outrigger::tls
