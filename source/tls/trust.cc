#include "source/tls/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "source/tls/certificate_reader.h"
#include "source/tls/failure.h"

namespace outrigger::tls {
namespace {

constexpr int kMaxDepth = 100;
constexpr size_t kMaxNamesInText = 5;

const std::vector<std::string>& ListOf(const AlternativeNameLists& names, SanKind kind) {
  switch (kind) {
    case SanKind::kEmail:
      return names.email;
    case SanKind::kUri:
      return names.uri;
    case SanKind::kIp:
      return names.ip;
    case SanKind::kDns:
      break;
  }
  return names.dns;
}

void AppendNames(const char* label, const std::vector<std::string>& names, std::string* out) {
  for (size_t i = 0; i < names.size() && i < kMaxNamesInText; ++i) {
    // A peer chose these bytes: escaped, and cut.
    absl::StrAppend(out, out->empty() ? "" : ", ", label, " ",
                    absl::CHexEscape(absl::string_view(names[i].data(), std::min<size_t>(names[i].size(), 128))));
  }
  if (names.size() > kMaxNamesInText) absl::StrAppend(out, ", ...");
}

std::string Describe(const AlternativeNameLists& names) {
  std::string out;
  AppendNames("URI", names.uri, &out);
  AppendNames("DNS", names.dns, &out);
  AppendNames("IP", names.ip, &out);
  AppendNames("email", names.email, &out);
  return out.empty() ? "no names" : out;
}

std::string Describe(const std::vector<SanMatcher>& matchers) {
  std::string out;
  for (size_t i = 0; i < matchers.size() && i < kMaxNamesInText; ++i) {
    absl::StrAppend(&out, i == 0 ? "" : " or ", SanText(matchers[i]));
  }
  if (matchers.size() > kMaxNamesInText) absl::StrAppend(&out, " or ...");
  return out;
}

int IgnoreExpiry(int ok, X509_STORE_CTX* context) {
  return ok == 1 || X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_HAS_EXPIRED ? 1 : 0;
}

bool Contains(const std::vector<std::string>& pins, const std::string& digest) {
  return std::find(pins.begin(), pins.end(), digest) != pins.end();
}

}  // namespace

bool DnsNameMatches(absl::string_view certificate_name, absl::string_view host) {
  if (host.empty()) return false;
  if (absl::EqualsIgnoreCase(certificate_name, host)) return true;
  if (!absl::StartsWith(certificate_name, "*.")) return false;
  const size_t dot = host.find('.');
  if (dot == absl::string_view::npos || dot == 0) return false;
  const absl::string_view suffix = certificate_name.substr(1);  // ".example.com"
  // "*.com" would cover every name of a registry.
  if (suffix.find('.', 1) == absl::string_view::npos) return false;
  return absl::EqualsIgnoreCase(suffix, host.substr(dot));
}

bool NamesMatch(const AlternativeNameLists& names, const SanMatcher& matcher) {
  const bool exact_dns =
      matcher.kind == SanKind::kDns && matcher.matcher.kind() == matching::StringMatcher::Kind::kExact;
  for (const std::string& name : ListOf(names, matcher.kind)) {
    if (exact_dns ? DnsNameMatches(name, matcher.matcher.pattern()) : matcher.matcher.Match(name)) return true;
  }
  return false;
}

absl::StatusOr<std::shared_ptr<const Trust>> Trust::Build(const ValidationSpec& spec) {
  auto trust = std::make_shared<Trust>();
  trust->allow_expired_ = spec.allow_expired_certificate;
  trust->accept_untrusted_ = spec.accept_untrusted;
  if (spec.max_verify_depth.has_value()) {
    if (*spec.max_verify_depth > static_cast<uint32_t>(kMaxDepth)) {
      return absl::InvalidArgumentError(absl::StrCat("max_verify_depth: at most ", kMaxDepth));
    }
    trust->max_depth_ = static_cast<int>(*spec.max_verify_depth);
  }
  if (!spec.trusted_ca_pem.empty()) {
    if (absl::Status s = trust->LoadAuthorities(spec); !s.ok()) return s;
  } else if (!spec.san_matchers.empty()) {
    return absl::InvalidArgumentError(
        "match_typed_subject_alt_names: checking names without trusted_ca is not safe: anyone can claim any name");
  }
  if (!spec.crl_pem.empty()) {
    if (absl::Status s = trust->LoadRevocation(spec); !s.ok()) return s;
  }
  if (absl::Status s = trust->LoadPins(spec); !s.ok()) return s;
  return std::shared_ptr<const Trust>(std::move(trust));
}

void Trust::UseIn(SSL_CTX* context) const {
  if (store_ != nullptr) SSL_CTX_set1_cert_store(context, store_.get());
}

absl::Status Trust::LoadAuthorities(const ValidationSpec& spec) {
  absl::StatusOr<std::vector<X509Ptr>> authorities = ReadPemCertificates(spec.trusted_ca_pem);
  if (!authorities.ok())
    return absl::InvalidArgumentError(absl::StrCat("trusted_ca: ", authorities.status().message()));
  store_.reset(X509_STORE_new());
  for (X509Ptr& authority : *authorities) {
    if (X509_STORE_add_cert(store_.get(), authority.get()) != 1) {
      return absl::InvalidArgumentError(absl::StrCat("trusted_ca: ", TakeOpensslError()));
    }
    authority_infos_.push_back(ReadInfo(authority.get(), spec.origin));
    authorities_.push_back(std::move(authority));
  }
  // An intermediate authority alone may be the anchor, as in Envoy.
  flags_ = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;
  return absl::OkStatus();
}

absl::Status Trust::LoadRevocation(const ValidationSpec& spec) {
  if (store_ == nullptr) return absl::InvalidArgumentError("crl: needs trusted_ca");
  if (spec.crl_pem.size() > kMaxPemBytes) return absl::InvalidArgumentError("crl: is too large");
  BioPtr in = ReadBio(spec.crl_pem);
  size_t count = 0;
  ERR_clear_error();
  while (count < kMaxPemObjects) {
    X509CrlPtr crl(PEM_read_bio_X509_CRL(in.get(), nullptr, nullptr, nullptr));
    if (crl == nullptr) break;
    if (X509_STORE_add_crl(store_.get(), crl.get()) != 1) {
      return absl::InvalidArgumentError(absl::StrCat("crl: ", TakeOpensslError()));
    }
    ++count;
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return absl::InvalidArgumentError(absl::StrCat("crl: list ", count + 1, " is broken: ", TakeOpensslError()));
  }
  ERR_clear_error();
  if (count == 0) return absl::InvalidArgumentError("crl: has no PEM block \"X509 CRL\"");
  flags_ |= X509_V_FLAG_CRL_CHECK;
  if (!spec.only_leaf_crl) flags_ |= X509_V_FLAG_CRL_CHECK_ALL;
  return absl::OkStatus();
}

absl::Status Trust::LoadPins(const ValidationSpec& spec) {
  for (const std::string& pin : spec.certificate_hashes) {
    const std::string hex = absl::StrReplaceAll(pin, {{":", ""}});
    if (hex.size() != 64 ||
        !std::all_of(hex.begin(), hex.end(), [](unsigned char c) { return absl::ascii_isxdigit(c); })) {
      return absl::InvalidArgumentError(absl::StrCat("verify_certificate_hash: \"", pin, "\" is not a SHA-256 in hex"));
    }
    certificate_pins_.push_back(absl::HexStringToBytes(hex));
  }
  for (const std::string& pin : spec.spki_hashes) {
    std::string bytes;
    if (!absl::Base64Unescape(pin, &bytes) || bytes.size() != 32) {
      return absl::InvalidArgumentError(
          absl::StrCat("verify_certificate_spki: \"", pin, "\" is not a SHA-256 in base64"));
    }
    spki_pins_.push_back(std::move(bytes));
  }
  return absl::OkStatus();
}

bool Trust::VerifyChain(X509_STORE_CTX* context, WallTime now, Verdict* verdict) const {
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_flags(param, flags_);
  X509_VERIFY_PARAM_set_time(param, std::chrono::duration_cast<seconds>(now.time_since_epoch()).count());
  if (max_depth_ >= 0) X509_VERIFY_PARAM_set_depth(param, max_depth_);
  if (allow_expired_) X509_STORE_CTX_set_verify_cb(context, &IgnoreExpiry);
  if (X509_verify_cert(context) == 1) {
    X509_STORE_CTX_set_error(context, X509_V_OK);  // IgnoreExpiry leaves its error behind
    return true;
  }
  verdict->x509_error = X509_STORE_CTX_get_error(context);
  if (verdict->x509_error == X509_V_OK) verdict->x509_error = X509_V_ERR_UNSPECIFIED;
  verdict->code = VerifyCode(verdict->x509_error);
  verdict->detail = absl::StrCat("verify cert failed: ", X509_verify_cert_error_string(verdict->x509_error), " (depth ",
                                 X509_STORE_CTX_get_error_depth(context), ")");
  return false;
}

bool Trust::VerifyNames(const X509* leaf, const NameExpectation& names, Verdict* verdict) const {
  const bool any = names.matchers == nullptr || names.matchers->empty() || (names.dns_only && !names.dns.empty());
  if (any && names.dns.empty()) return true;
  const AlternativeNameLists present = ReadAlternativeNames(leaf);
  const bool dns_good = names.dns.empty() || std::any_of(present.dns.begin(), present.dns.end(), [&](const auto& name) {
                          return DnsNameMatches(name, names.dns);
                        });
  const bool good = any || std::any_of(names.matchers->begin(), names.matchers->end(),
                                       [&](const SanMatcher& matcher) { return NamesMatch(present, matcher); });
  if (dns_good && good) return true;
  verdict->code = code::kSanMismatch;
  verdict->x509_error = X509_V_ERR_HOSTNAME_MISMATCH;
  verdict->detail =
      absl::StrCat("verify SAN list: certificate has ", Describe(present), "; expected ",
                   dns_good ? Describe(*names.matchers) : absl::StrCat("DNS ", absl::CHexEscape(names.dns)));
  return false;
}

bool Trust::VerifyPins(const X509* leaf, Verdict* verdict) const {
  if (certificate_pins_.empty() && spki_pins_.empty()) return true;
  if (!certificate_pins_.empty() && Contains(certificate_pins_, DigestOfDer(leaf))) return true;
  if (!spki_pins_.empty() && Contains(spki_pins_, DigestOfSpki(leaf))) return true;
  verdict->code = code::kHashMismatch;
  verdict->x509_error = X509_V_ERR_CERT_REJECTED;
  verdict->detail = absl::StrCat("verify cert hash: no pin matches sha256 ", FingerprintHex(leaf, EVP_sha256()));
  return false;
}

Trust::Verdict Trust::Verify(X509_STORE_CTX* context, const NameExpectation& names, WallTime now) const {
  Verdict verdict;
  const X509* leaf = X509_STORE_CTX_get0_cert(context);
  if (!verifies() || leaf == nullptr) {
    verdict.accepted = true;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return verdict;
  }
  bool good = store_ == nullptr || VerifyChain(context, now, &verdict);
  good = good && (store_ == nullptr || VerifyNames(leaf, names, &verdict)) && VerifyPins(leaf, &verdict);
  verdict.validated = good;
  verdict.accepted = good || accept_untrusted_;
  // ACCEPT_UNTRUSTED leaves the error: it becomes the session's verify result, which tells a resumed connection.
  X509_STORE_CTX_set_error(context, good ? X509_V_OK : verdict.x509_error);
  return verdict;
}

}  // namespace outrigger::tls
