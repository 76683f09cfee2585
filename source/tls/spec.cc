#include "source/tls/spec.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "source/tls/certificate_reader.h"

namespace outrigger::tls {
namespace {

// A canonical byte string of fields: each value with its length, so that no two specs share one form.
class Canonical {
 public:
  Canonical& Add(absl::string_view value) {
    absl::StrAppend(&bytes_, value.size(), ":", value);
    return *this;
  }
  Canonical& Add(const char* value) { return Add(absl::string_view(value)); }
  Canonical& Add(uint64_t value) {
    absl::StrAppend(&bytes_, "#", value, ";");
    return *this;
  }
  Canonical& Add(const std::vector<std::string>& values) {
    Add(uint64_t{values.size()});
    for (const std::string& value : values) Add(value);
    return *this;
  }
  std::string Hash() {
    std::string hash = Sha256(bytes_);
    OPENSSL_cleanse(bytes_.data(), bytes_.size());  // it may hold keys
    return hash;
  }

 private:
  std::string bytes_;
};

std::string NamesKey(const SanMatcher& san) {
  return absl::StrCat(static_cast<int>(san.kind), ":", static_cast<int>(san.matcher.kind()), ":",
                      san.matcher.ignore_case() ? 1 : 0, ":", san.matcher.pattern());
}

void AddNames(Canonical& out, const std::vector<SanMatcher>& names) {
  out.Add(uint64_t{names.size()});
  for (const SanMatcher& name : names) out.Add(NamesKey(name));
}

void AddValidation(Canonical& out, const ValidationSpec& spec) {
  out.Add(spec.trusted_ca_pem).Add(spec.crl_pem).Add(spec.certificate_hashes).Add(spec.spki_hashes);
  out.Add(uint64_t{spec.only_leaf_crl}).Add(uint64_t{spec.allow_expired_certificate});
  out.Add(uint64_t{spec.accept_untrusted});
  out.Add(spec.max_verify_depth.has_value() ? uint64_t{*spec.max_verify_depth} + 1 : 0);
}

void AddParams(Canonical& out, const ParamsSpec& params) {
  out.Add(static_cast<uint64_t>(params.min_version)).Add(static_cast<uint64_t>(params.max_version));
  out.Add(params.cipher_suites).Add(params.ecdh_curves).Add(params.signature_algorithms);
}

void AddCertificates(Canonical& out, const std::vector<CertificateSpec>& certificates) {
  out.Add(uint64_t{certificates.size()});
  for (const CertificateSpec& certificate : certificates) {
    out.Add(certificate.chain_pem).Add(certificate.key_pem.view()).Add(certificate.password.view());
    out.Add(certificate.ocsp_staple);
  }
}

void AddSettings(Canonical& out, const ServerSpec& spec) {
  out.Add("server");
  AddParams(out, spec.params);
  AddValidation(out, spec.validation);
  AddNames(out, spec.validation.san_matchers);
  out.Add(spec.alpn).Add(uint64_t{spec.require_client_certificate});
  out.Add(uint64_t{spec.disable_stateless_resumption}).Add(uint64_t{spec.disable_stateful_resumption});
  out.Add(uint64_t{spec.full_scan_certs_on_sni_mismatch}).Add(uint64_t{spec.prefer_client_ciphers});
  out.Add(static_cast<uint64_t>(spec.session_timeout.count())).Add(uint64_t{spec.ticket_keys.size()});
  for (const Secret& key : spec.ticket_keys) out.Add(key.view());
}

void AddShared(Canonical& out, const ClientSpec& spec) {
  out.Add("client");
  AddParams(out, spec.params);
  AddValidation(out, spec.validation);
  out.Add(spec.alpn).Add(uint64_t{spec.enforce_rsa_key_usage});
}

using Set = std::set<std::string>;

Set NameSet(const ValidationSpec& spec) {
  Set out;
  for (const SanMatcher& san : spec.san_matchers) out.insert(NamesKey(san));
  return out;
}

// Pins as a set: hex without colons in one case, and base64 as it is.
Set PinSet(const ValidationSpec& spec) {
  Set out;
  for (const auto& pin : spec.certificate_hashes) {
    out.insert("c" + absl::AsciiStrToLower(absl::StrReplaceAll(pin, {{":", ""}})));
  }
  for (const auto& pin : spec.spki_hashes) out.insert("s" + pin);
  return out;
}

// Whether `after` as a list of alternatives ("empty: everything") refuses something that `before` took.
bool Narrower(const Set& before, const Set& after) {
  if (after.empty()) return false;
  return before.empty() || !std::includes(after.begin(), after.end(), before.begin(), before.end());
}

bool CasNarrower(const std::string& before, const std::string& after) {
  if (before == after || after.empty()) return false;
  auto old_cas = ReadPemCertificates(before);
  auto new_cas = ReadPemCertificates(after);
  if (!old_cas.ok() || !new_cas.ok()) return true;
  Set old_set;
  Set new_set;
  for (const auto& ca : *old_cas) old_set.insert(DigestOfDer(ca.get()));
  for (const auto& ca : *new_cas) new_set.insert(DigestOfDer(ca.get()));
  return Narrower(old_set, new_set);
}

bool ValidationTightens(const ValidationSpec& before, const ValidationSpec& after) {
  if (after.accept_untrusted) return false;
  if (before.accept_untrusted && (after.verifies() || !after.san_matchers.empty())) return true;
  if (CasNarrower(before.trusted_ca_pem, after.trusted_ca_pem)) return true;
  if (Narrower(NameSet(before), NameSet(after)) || Narrower(PinSet(before), PinSet(after))) return true;
  if (!after.crl_pem.empty() && after.crl_pem != before.crl_pem) return true;
  if (!after.crl_pem.empty() && before.only_leaf_crl && !after.only_leaf_crl) return true;
  if (before.allow_expired_certificate && !after.allow_expired_certificate && after.verifies()) return true;
  constexpr uint32_t kUnlimited = ~0U;
  return after.max_verify_depth.value_or(kUnlimited) < before.max_verify_depth.value_or(kUnlimited);
}

}  // namespace

void Secret::Wipe() {
  if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

std::string SanText(const SanMatcher& san) {
  static constexpr const char* kKinds[] = {"?", "email", "DNS", "URI", "IP"};
  static constexpr const char* kHow[] = {"any", "exact", "prefix", "suffix", "contains", "regex"};
  const auto how = static_cast<size_t>(san.matcher.kind());
  return absl::StrCat(kKinds[static_cast<size_t>(san.kind) % 5], " ", how < 6 ? kHow[how] : "?", " \"",
                      san.matcher.pattern(), "\"");
}

std::string NamesHash(const std::vector<SanMatcher>& names) {
  Canonical out;
  AddNames(out, names);
  return out.Hash();
}

std::string ContentHash(const ServerSpec& spec) {
  Canonical out;
  AddSettings(out, spec);
  AddCertificates(out, spec.certificates);
  return out.Hash();
}

std::string SettingsHash(const ServerSpec& spec) {
  Canonical out;
  AddSettings(out, spec);
  return out.Hash();
}

std::string ContentHash(const ClientSpec& spec) {
  Canonical out;
  AddShared(out, spec);
  AddCertificates(out, spec.certificates);
  return out.Hash();
}

std::string SettingsHash(const ClientSpec& spec) {
  Canonical out;
  AddShared(out, spec);
  AddNames(out, spec.validation.san_matchers);
  out.Add(spec.sni).Add(uint64_t{spec.auto_host_sni}).Add(uint64_t{spec.auto_sni_san_validation});
  out.Add(uint64_t{spec.max_session_keys});
  return out.Hash();
}

std::string TrustFingerprint(const ValidationSpec& spec, bool require_peer_certificate) {
  Canonical out;
  AddValidation(out, spec);
  AddNames(out, spec.san_matchers);
  out.Add(uint64_t{require_peer_certificate});
  return out.Hash();
}

std::string TrustFingerprint(const ServerSpec& spec) {
  return TrustFingerprint(spec.validation, spec.require_client_certificate);
}

std::string TrustFingerprint(const ClientSpec& spec) {
  Canonical out;
  AddValidation(out, spec.validation);
  AddNames(out, spec.validation.san_matchers);
  out.Add(uint64_t{spec.auto_sni_san_validation}).Add(spec.auto_sni_san_validation ? spec.sni : "");
  out.Add(uint64_t{spec.enforce_rsa_key_usage});
  return out.Hash();
}

bool TightensTrust(const ServerSpec& before, const ServerSpec& after) {
  if (!before.require_client_certificate && after.require_client_certificate) return true;
  return ValidationTightens(before.validation, after.validation);
}

bool TightensTrust(const ClientSpec& before, const ClientSpec& after) {
  if (after.auto_sni_san_validation && (!before.auto_sni_san_validation || before.sni != after.sni)) return true;
  if (!before.enforce_rsa_key_usage && after.enforce_rsa_key_usage) return true;
  return ValidationTightens(before.validation, after.validation);
}

}  // namespace outrigger::tls
