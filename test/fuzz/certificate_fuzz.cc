// What configuration and enrolling workloads hand in: certificate chains, authorities, revocation lists, signing
// requests. One input feeds all the readers.
#include <cstddef>
#include <cstdint>

#include "source/tls/certificate_reader.h"
#include "source/tls/issue.h"
#include "source/tls/trust.h"

namespace tls = outrigger::tls;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto certificates = tls::ReadPemCertificates(text); certificates.ok()) {
    for (const auto& certificate : *certificates) {
      const tls::CertificateInfo info = tls::ReadInfo(certificate.get(), "fuzz");
      (void)tls::UrlEncodePem(tls::PemOf(certificate.get()));
      (void)tls::DigestOfSpki(certificate.get());
      for (const std::string& name : info.names.dns) (void)tls::DnsNameMatches(name, "a.b.example");
    }
  }
  (void)tls::ParseRequest(text);
  tls::ValidationSpec spec;
  spec.trusted_ca_pem = std::string(text);
  spec.crl_pem = std::string(text);
  (void)tls::Trust::Build(spec);
  return 0;
}
