#include "source/http/trailer_rules.h"

#include <algorithm>
#include <iterator>

namespace outrigger::http {

bool IsHeaderOnly(KnownHeader known, absl::string_view lower) {
  switch (known) {
    case KnownHeader::kConnection:
    case KnownHeader::kKeepAlive:
    case KnownHeader::kProxyConnection:
    case KnownHeader::kUpgrade:
    case KnownHeader::kTe:
    case KnownHeader::kTrailer:
    case KnownHeader::kHttp2Settings:
    case KnownHeader::kExpect:
    case KnownHeader::kRange:
    case KnownHeader::kAuthorization:
    case KnownHeader::kProxyAuthenticate:
    case KnownHeader::kProxyAuthorization:
    case KnownHeader::kCookie:
    case KnownHeader::kSetCookie:
    case KnownHeader::kContentType:
    case KnownHeader::kContentEncoding:
    case KnownHeader::kCacheControl:
    case KnownHeader::kDate:
    case KnownHeader::kLocation:
    case KnownHeader::kRetryAfter:
    case KnownHeader::kForwarded:
    case KnownHeader::kXForwardedFor:
    case KnownHeader::kXForwardedProto:
    case KnownHeader::kXForwardedHost:
    case KnownHeader::kXForwardedClientCert:
      return true;
    case KnownHeader::kOther:
      break;
    default:
      return false;
  }
  constexpr absl::string_view kOthers[] = {
      "age",          "content-range",       "expires", "if-match", "if-modified-since", "if-none-match",    "if-range",
      "max-forwards", "if-unmodified-since", "pragma",  "vary",     "warning",           "www-authenticate",
  };
  return std::find(std::begin(kOthers), std::end(kOthers), lower) != std::end(kOthers);
}

}  // namespace outrigger::http
