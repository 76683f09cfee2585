// Thread: main builds; Verify any (immutable)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/time.h"
#include "source/tls/certificate_info.h"
#include "source/tls/openssl_ptr.h"
#include "source/tls/spec.h"

namespace outrigger::tls {

// The names that a peer's certificate must carry: any of `matchers` (empty: every name), and the DNS name `dns` if set.
struct NameExpectation {
  const std::vector<SanMatcher>* matchers = nullptr;
  absl::string_view dns;
  bool dns_only = false;  // `dns` instead of the matchers (auto_sni_san_validation), not as well (auto_san_validation)
};

bool NamesMatch(const AlternativeNameLists& names, const SanMatcher& matcher);
// A certificate's DNS name ("*.example.com" covers one label) against a host name; ASCII case does not matter.
bool DnsNameMatches(absl::string_view certificate_name, absl::string_view host);

// Whom we believe: authorities, revocation lists, pins. Immutable and shared by connections of all workers.
class Trust final {
 public:
  static absl::StatusOr<std::shared_ptr<const Trust>> Build(const ValidationSpec& spec);

  struct Verdict {
    bool accepted = false;
    bool validated = false;  // chain, names and pins really were checked and good
    const char* code = "";   // see failure.h; "" when nothing was wrong
    int x509_error = 0;      // decides the alert that the peer gets
    std::string detail;
  };
  // Judges the peer's certificate inside OpenSSL's verify callback. `now`: validity is measured against the Engine's
  // wall clock, not the system's.
  Verdict Verify(X509_STORE_CTX* context, const NameExpectation& names, WallTime now) const;

  // Gives OpenSSL the store that Verify's context argument is made from.
  void UseIn(SSL_CTX* context) const;
  // Whether there is anything to verify at all.
  bool verifies() const { return store_ != nullptr || !certificate_pins_.empty() || !spki_pins_.empty(); }
  bool allow_expired() const { return allow_expired_; }
  bool accept_untrusted() const { return accept_untrusted_; }
  const std::vector<X509Ptr>& authorities() const { return authorities_; }
  const std::vector<CertificateInfo>& authority_infos() const { return authority_infos_; }

 private:
  absl::Status LoadAuthorities(const ValidationSpec& spec);
  absl::Status LoadRevocation(const ValidationSpec& spec);
  absl::Status LoadPins(const ValidationSpec& spec);
  bool VerifyChain(X509_STORE_CTX* context, WallTime now, Verdict* verdict) const;
  bool VerifyNames(const X509* leaf, const NameExpectation& names, Verdict* verdict) const;
  bool VerifyPins(const X509* leaf, Verdict* verdict) const;

  X509StorePtr store_;
  std::vector<X509Ptr> authorities_;
  std::vector<CertificateInfo> authority_infos_;
  std::vector<std::string> certificate_pins_;  // raw SHA-256
  std::vector<std::string> spki_pins_;
  unsigned long flags_ = 0;
  int max_depth_ = -1;
  bool allow_expired_ = false;
  bool accept_untrusted_ = false;
};

}  // namespace outrigger::tls
