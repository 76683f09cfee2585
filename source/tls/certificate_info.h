// Thread: any (plain values)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "source/base/time.h"

namespace outrigger::tls {

// The names of a certificate's subject alternative name extension, in its order. Names with embedded NUL bytes are left
// out: they match nothing. IP addresses are in textual form.
struct AlternativeNameLists {
  std::vector<std::string> dns;
  std::vector<std::string> uri;
  std::vector<std::string> ip;
  std::vector<std::string> email;
};

// What /certs and the expiry gauges say about one loaded certificate.
struct CertificateInfo {
  std::string path;     // origin as configured: a file name, or "<inline>", or a secret's name
  std::string subject;  // RFC 2253
  std::string issuer;
  std::string serial;  // lowercase hex
  std::string sha256;  // lowercase hex of the DER form
  AlternativeNameLists names;
  WallTime not_before;
  WallTime not_after;

  bool ExpiredAt(WallTime now) const { return now > not_after; }
  // Whole days, as Envoy's days_until_expiration; 0 when expired.
  uint64_t DaysUntilExpiration(WallTime now) const {
    return ExpiredAt(now) ? 0 : static_cast<uint64_t>((not_after - now) / hours(24));
  }
};

}  // namespace outrigger::tls
