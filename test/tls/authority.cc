#include "test/tls/authority.h"

#include "source/base/bug.h"

namespace outrigger::tls {
namespace {

template <class T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) fprintf(stderr, "%s\n", value.status().ToString().c_str());
  OUTRIGGER_CHECK(value.ok());
  return *std::move(value);
}

}  // namespace

TestAuthority::TestAuthority(WallTime now, absl::string_view name) : now_(now) {
  IssueOptions options = Options({.common_name = std::string(name)});
  options.authority = true;
  ca_ = Must(MakeSelfSigned(KeyKind::kEcdsaP256, options));
}

std::string TestAuthority::Serial() {
  const uint32_t n = serial_++;
  return {'\x01', static_cast<char>(n >> 8), static_cast<char>(n)};
}

IssueOptions TestAuthority::Options(SubjectNames names) {
  IssueOptions options;
  options.names = std::move(names);
  options.not_before = now_ - hours(24);
  options.not_after = now_ + hours(24);
  options.serial = Serial();
  return options;
}

CertificateSpec TestAuthority::Leaf(const IssueOptions& options, KeyKind kind) {
  const KeyAndCertificate made = Must(Issue(ca_, kind, options));
  CertificateSpec spec;
  spec.chain_pem = made.certificate_pem + chain_;
  spec.key_pem = Secret(made.key_pem);
  spec.origin = "<inline>";
  return spec;
}

CertificateSpec TestAuthority::Leaf(SubjectNames names, KeyKind kind) { return Leaf(Options(std::move(names)), kind); }
CertificateSpec TestAuthority::Dns(const std::string& name, KeyKind kind) {
  return Leaf(SubjectNames{.common_name = name, .dns = {name}}, kind);
}
CertificateSpec TestAuthority::Uri(const std::string& uri) { return Leaf(SubjectNames{.uri = {uri}}); }

TestAuthority TestAuthority::Intermediate(absl::string_view name) {
  IssueOptions options = Options({.common_name = std::string(name)});
  options.authority = true;
  KeyAndCertificate made = Must(Issue(ca_, KeyKind::kEcdsaP256, options));
  std::string chain = made.certificate_pem + chain_;
  return TestAuthority(now_, std::move(made), std::move(chain));
}

ValidationSpec TestAuthority::Trusting(const std::vector<std::string>& uris) const {
  ValidationSpec spec;
  spec.trusted_ca_pem = pem();
  spec.origin = "ca.pem";
  for (const std::string& uri : uris) {
    spec.san_matchers.push_back(San(SanKind::kUri, matching::StringMatcher::Kind::kExact, uri));
  }
  return spec;
}

SanMatcher San(SanKind kind, matching::StringMatcher::Kind how, absl::string_view pattern, bool ignore_case) {
  return {kind, Must(matching::StringMatcher::Create(how, pattern, ignore_case))};
}

}  // namespace outrigger::tls
