// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace outrigger::http {

// The parts of `host [":" port]` (RFC 3986 3.2 without userinfo), as Host, :authority and CONNECT targets carry it.
struct Authority {
  absl::string_view host;  // as written; an IPv6 literal with its brackets
  uint16_t port = 0;       // 0 if there is none, or an empty one
  bool has_port = false;   // a non-empty port was given
};

// Both codecs judge Host and :authority by this one rule: a non-empty registered name, IPv4 address or bracketed IPv6
// address, then at most one port of decimal digits up to 65535. Userinfo, white space, zone identifiers and commas (a
// joined list) are refused.
bool ParseAuthority(absl::string_view text, Authority* out);

// A "%" without two hex digits in the path (before "?"): decoders disagree about what it means, so it is refused rather
// than passed on. In a query browsers send it raw.
bool HasBrokenEscape(absl::string_view path);

// The path-and-query of an origin-form target: "/" first, visible ASCII only, no fragment, no broken escape. Characters
// such as "|" or "{" are outside RFC 3986 but browsers send them raw in queries, so they pass unchanged; bytes that
// could end a line or a token never do.
bool IsValidPath(absl::string_view path);

}  // namespace outrigger::http
