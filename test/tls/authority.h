// Thread: any
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/tls/issue.h"
#include "source/tls/spec.h"

namespace outrigger::tls {

// A certificate authority for tests. Everything is valid from a day before `now` to a day after, unless said otherwise.
class TestAuthority {
 public:
  explicit TestAuthority(WallTime now, absl::string_view name = "test authority");

  CertificateSpec Leaf(SubjectNames names, KeyKind kind = KeyKind::kEcdsaP256);
  CertificateSpec Leaf(const IssueOptions& options, KeyKind kind = KeyKind::kEcdsaP256);
  CertificateSpec Dns(const std::string& name, KeyKind kind = KeyKind::kEcdsaP256);
  CertificateSpec Uri(const std::string& uri);
  IssueOptions Options(SubjectNames names);
  TestAuthority Intermediate(absl::string_view name);

  const std::string& pem() const { return ca_.certificate_pem; }
  const KeyAndCertificate& ca() const { return ca_; }
  // Trusts this authority; names: expected URI SANs (exact).
  ValidationSpec Trusting(const std::vector<std::string>& uris = {}) const;

 private:
  TestAuthority(WallTime now, KeyAndCertificate ca, std::string chain)
      : now_(now), ca_(std::move(ca)), chain_(std::move(chain)) {}
  std::string Serial();

  WallTime now_;
  KeyAndCertificate ca_;
  std::string chain_;  // appended to leaves
  uint32_t serial_ = 1;
};

SanMatcher San(SanKind kind, matching::StringMatcher::Kind how, absl::string_view pattern, bool ignore_case = false);

}  // namespace outrigger::tls
