#include "source/http/h1/parser.h"

#include <cstring>

#include "absl/strings/match.h"
#include "source/http/authority.h"
#include "source/http/h1/fields.h"
#include "source/http/h1/limits.h"
#include "source/http/h1/scan.h"
#include "source/http/trailer_rules.h"

namespace outrigger::http::h1 {
namespace {

constexpr Refusal kBadStart{400, "http1.codec_error"};
constexpr Refusal kLongMethod{501, "http1.method_too_long"};  // RFC 9112 3.1
constexpr Refusal kBadUrl{400, "http1.invalid_url"};
constexpr Refusal kBadHost{400, "http1.invalid_host"};
constexpr Refusal kBadLength{400, "http1.invalid_content_length"};
constexpr Refusal kBadEncoding{400, "http1.invalid_transfer_encoding"};
constexpr Refusal kBothFramings{400, "http1.content_length_and_chunked_not_allowed"};
constexpr Refusal kBadVersion{505, "http1.unsupported_version"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "HTTP/" DIGIT "." DIGIT. Higher minor versions are read as 1.1 (RFC 9110 2.5); another major version is refused.
Refusal ParseVersion(absl::string_view text, bool* http10) {
  if (text.size() != 8 || memcmp(text.data(), "HTTP/", 5) != 0) return kBadStart;
  if (!IsDigit(text[5]) || text[6] != '.' || !IsDigit(text[7])) return kBadStart;
  if (text[5] != '1') return kBadVersion;
  *http10 = text[7] == '0';
  return Refusal();
}

Refusal ParseAbsoluteForm(absl::string_view target, const ParseContext& context, Head& out) {
  if (!context.http1.allow_absolute_url) return kBadUrl;
  const size_t colon = target.find("://");
  if (colon == absl::string_view::npos) return kBadUrl;
  const absl::string_view scheme = target.substr(0, colon);
  if (EqualsLower(scheme, "http")) {
    out.scheme = "http";
  } else if (EqualsLower(scheme, "https")) {
    out.scheme = "https";
  } else {
    return Refusal{400, "http1.invalid_scheme"};
  }
  const absl::string_view rest = target.substr(colon + 3);
  const size_t stop = rest.find_first_of("/?");
  out.authority = rest.substr(0, stop);
  if (stop != absl::string_view::npos) {
    out.path = rest.substr(stop);
    out.path_needs_slash = rest[stop] == '?';
  } else {
    out.path = out.method == "OPTIONS" ? "*" : "/";  // RFC 9112 3.2.4
  }
  Authority parts;
  return ParseAuthority(out.authority, &parts) ? Refusal() : kBadUrl;
}

// RFC 9112 3.2: the four forms, each only where it belongs.
Refusal ParseTarget(const ParseContext& context, Head& out) {
  const absl::string_view target = out.target;
  if (out.connect) {
    Authority parts;
    if (!ParseAuthority(target, &parts) || parts.port == 0) return kBadUrl;
    out.authority = target;
    return Refusal();
  }
  if (target[0] == '/') {
    out.path = target;
    return Refusal();
  }
  if (target == "*") {
    if (out.method != "OPTIONS") return kBadUrl;
    out.path = target;
    return Refusal();
  }
  return ParseAbsoluteForm(target, context, out);
}

// Whether the codings that Transfer-Encoding lists are `chunked` alone (RFC 9112 6.1, 7). A list that does not end with
// one chunked leaves the length open and is 400 (6.3); one that ends so after codings that we do not have is 501.
Refusal ReadCodings(const Head& head) {
  if (head.encoding_count == 1 && EqualsLower(head.encoding, "chunked")) return Refusal();
  bool chunked = false;
  for (const Field& field : head.fields) {
    if (field.known != KnownHeader::kTransferEncoding) continue;
    absl::string_view rest(head.block + field.value, field.value_size);
    for (;;) {
      const size_t comma = rest.find(',');
      const absl::string_view coding = TrimWhitespace(rest.substr(0, comma));
      // Nothing follows chunked, not even itself. Empty elements are no slip here but an attempt.
      if (chunked || !IsToken(coding)) return kBadEncoding;
      chunked = EqualsLower(coding, "chunked");
      if (comma == absl::string_view::npos) break;
      rest = rest.substr(comma + 1);
    }
  }
  return chunked ? Refusal{501, "http1.invalid_transfer_encoding"} : kBadEncoding;
}

// Reads Content-Length and Transfer-Encoding into has_content_length and `chunked`; refuses whatever could be read in
// two ways (RFC 9112 6.3).
Refusal ParseFraming(const ParseContext& context, Head& out, bool* chunked) {
  if (out.length_count > 1) return kBadLength;
  if (out.length_count == 1) {
    if (!ParseContentLength(out.length, &out.content_length)) return kBadLength;
    out.has_content_length = true;
  }
  if (out.encoding_count == 0) return Refusal();
  if (out.http10) return kBadEncoding;
  if (const Refusal refusal = ReadCodings(out)) return refusal;
  *chunked = true;
  if (!out.has_content_length) return Refusal();
  if (!context.http1.allow_chunked_length) return kBothFramings;
  out.has_content_length = false;
  out.close = true;  // whoever reads it the other way loses the connection with it (RFC 9112 6.1)
  for (Field& field : out.fields) {
    if (field.known == KnownHeader::kContentLength) field.drop = true;
  }
  return Refusal();
}

Refusal CheckHost(const ParseContext& context, Head& out) {
  if (out.host_count > 1) return kBadHost;
  if (out.host_count == 1) {
    Authority parts;
    if (!ParseAuthority(out.host, &parts)) {
      return out.host.empty() ? Refusal{400, "missing_host_header"} : kBadHost;
    }
  } else if (!out.http10) {
    return Refusal{400, "missing_host_header"};
  }
  if (!out.authority.empty()) return Refusal();  // the target's wins (RFC 9112 3.2.2)
  out.authority = out.host_count == 1 ? out.host : context.http1.default_host_for_http_10;
  return out.authority.empty() ? Refusal{400, "missing_host_header"} : Refusal();
}

void DropAll(Head& out, KnownHeader known) {
  for (Field& field : out.fields) {
    if (field.known == known) field.drop = true;
  }
}

// Whether a list of protocols names `protocol`.
bool ListsProtocol(absl::string_view list, absl::string_view protocol) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (absl::EqualsIgnoreCase(TrimWhitespace(list.substr(0, comma)), protocol)) return true;
    if (comma == absl::string_view::npos) break;
    list = list.substr(comma + 1);
  }
  return false;
}

// A 101 switches to what was asked for, nothing else (RFC 9110 7.8).
bool SwitchesToAsked(const Head& head, absl::string_view asked) {
  bool any = false;
  for (const Field& field : head.fields) {
    if (field.known != KnownHeader::kUpgrade) continue;
    absl::string_view rest(head.block + field.value, field.value_size);
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      const absl::string_view protocol = TrimWhitespace(rest.substr(0, comma));
      rest = comma == absl::string_view::npos ? absl::string_view() : rest.substr(comma + 1);
      if (protocol.empty()) continue;
      if (!ListsProtocol(asked, protocol)) return false;
      any = true;
    }
  }
  return any;
}

// What HTTP/1.0 has not: a request that says so nevertheless is read without it. Its connection lives on only if it
// asks and does not take us for a proxy of its choice (RFC 9112 9.3, C.2.2).
void ApplyHttp10(Head& out) {
  out.te_trailers = false;
  DropAll(out, KnownHeader::kExpect);  // RFC 9110 10.1.1
  if (!out.keep_alive || !out.scheme.empty()) out.close = true;
}

// The Upgrade field means something only with its connection option and from HTTP/1.1. h2c is not offered: that request
// is answered as if it had not asked (RFC 9113 3.1).
void DecideUpgrade(Head& out) {
  out.upgrade = out.connection_upgrade && out.upgrade_count > 0 && !out.http10 && !out.connect;
  if (!out.upgrade) return;
  if (out.upgrade_count == 1 && (out.upgrade_value.empty() || EqualsLower(out.upgrade_value, "h2c"))) {
    out.upgrade = false;
    return;
  }
  for (Field& field : out.fields) {
    if (field.known == KnownHeader::kUpgrade) field.drop = false;
  }
}

size_t LineSize(const char* block, size_t size) {
  const void* lf = memchr(block, '\n', size);
  return lf == nullptr ? 0 : static_cast<size_t>(static_cast<const char*>(lf) - block) + 1;
}

}  // namespace

bool ParseContentLength(absl::string_view text, uint64_t* out) {
  if (text.empty()) return false;
  uint64_t value = 0;
  for (char c : text) {
    if (!IsDigit(c)) return false;
    const uint64_t digit = static_cast<uint64_t>(c - '0');
    if (value > (kMaxContentLength - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

Refusal CheckRequestPrefix(absl::string_view prefix) {
  for (size_t i = 0; i < prefix.size() && i <= kMaxMethodBytes; ++i) {
    if (prefix[i] == ' ') return i == 0 ? kBadStart : Refusal();
    if (!IsTokenChar(prefix[i])) return kBadStart;
    if (i == kMaxMethodBytes) return kLongMethod;
  }
  return Refusal();
}

Refusal CheckStatusPrefix(absl::string_view prefix) {
  constexpr absl::string_view kStart = "HTTP/1.";
  for (size_t i = 0; i < prefix.size() && i < kStart.size(); ++i) {
    if (prefix[i] != kStart[i]) return kBadStart;
  }
  return Refusal();
}

Refusal ParseRequestLine(absl::string_view line, const ParseContext& context, Head& out) {
  if (const Refusal refusal = CheckRequestPrefix(line)) return refusal;
  const size_t space = line.find(' ');
  if (space == absl::string_view::npos) return kBadStart;
  out.method = line.substr(0, space);
  out.connect = out.method == "CONNECT";
  const char* const target = line.data() + space + 1;
  const char* const end = line.data() + line.size();
  const char* const stop = ScanTarget(target, end);
  // HTTP/0.9 has no version; a second space would make the target ambiguous.
  if (stop == end || *stop != ' ') return stop == target ? kBadStart : kBadUrl;
  if (stop == target) return kBadStart;
  out.target = absl::string_view(target, static_cast<size_t>(stop - target));
  const absl::string_view version(stop + 1, static_cast<size_t>(end - stop - 1));
  if (const Refusal refusal = ParseVersion(version, &out.http10)) return refusal;
  if (const Refusal refusal = ParseTarget(context, out)) return refusal;
  return HasBrokenEscape(out.path) ? kBadUrl : Refusal();
}

Refusal ParseStatusLine(absl::string_view line, Head& out) {
  if (const Refusal refusal = CheckStatusPrefix(line)) return refusal;
  // HTTP-version SP 3DIGIT [SP reason]; some servers leave the last space out with the reason.
  if (line.size() < 12 || line[8] != ' ') return kBadStart;
  if (const Refusal refusal = ParseVersion(line.substr(0, 8), &out.http10)) return refusal;
  uint32_t status = 0;
  for (int i = 9; i < 12; ++i) {
    if (!IsDigit(line[i])) return kBadStart;
    status = status * 10 + static_cast<uint32_t>(line[i] - '0');
  }
  if (status < 100 || status > 599) return kBadStart;
  if (line.size() > 12 && (line[12] != ' ' || !IsFieldValue(line.substr(13)))) return kBadStart;
  out.status = status;
  return Refusal();
}

Refusal ParseRequestHead(char* block, size_t size, const ParseContext& context, Head& out) {
  out.block = block;
  out.size = size;
  const size_t line = LineSize(block, size);
  if (line < 2 || block[line - 2] != '\r') {
    const Refusal refusal = CheckRequestPrefix(absl::string_view(block, line));  // the same, in whatever parts it came
    return refusal ? refusal : kBadStart;
  }
  Refusal refusal = ParseRequestLine(absl::string_view(block, line - 2), context, out);
  if (!refusal && out.http10 && !context.http1.accept_http_10) refusal = Refusal{426, "low_version"};
  if (!refusal) refusal = ParseFields(line, /*request=*/true, context, out);
  if (!refusal) refusal = DropHopByHop(out);
  bool chunked = false;
  if (!refusal) refusal = ParseFraming(context, out, &chunked);
  if (!refusal) refusal = CheckHost(context, out);
  if (refusal) return refusal;
  DropAll(out, KnownHeader::kHost);
  DecideUpgrade(out);
  if (out.http10) ApplyHttp10(out);
  if (chunked) {
    out.framing = Framing::kChunked;
  } else if (out.has_content_length && out.content_length > 0) {
    out.framing = Framing::kLength;
  }
  // What follows a CONNECT is the tunnel: a body has no meaning (RFC 9110 9.3.6).
  if (out.connect && chunked) return Refusal{400, "http1.transfer_encoding_not_allowed"};
  if (out.connect && out.framing != Framing::kNone) return Refusal{400, "http1.content_length_not_allowed"};
  out.expect_continue = out.expect_continue && !out.http10 && out.framing != Framing::kNone;
  return Refusal();
}

Refusal ParseResponseHead(char* block, size_t size, const RequestFacts& request, const ParseContext& context,
                          Head& out) {
  out.block = block;
  out.size = size;
  const size_t line = LineSize(block, size);
  if (line < 2 || block[line - 2] != '\r') return kBadStart;
  Refusal refusal = ParseStatusLine(absl::string_view(block, line - 2), out);
  if (!refusal) refusal = ParseFields(line, /*request=*/false, context, out);
  if (!refusal) refusal = DropHopByHop(out);
  if (refusal) return refusal;
  const bool tunnel = request.connect && out.status >= 200 && out.status < 300;
  if (tunnel) {  // both are meaningless here and ignored (RFC 9110 9.3.6)
    out.length_count = out.encoding_count = 0;
    DropAll(out, KnownHeader::kContentLength);
  }
  bool chunked = false;
  if (const Refusal bad = ParseFraming(context, out, &chunked)) return bad;
  const bool interim = out.status < 200;
  if (interim || out.status == 204) {
    if (chunked) return Refusal{502, "http1.transfer_encoding_not_allowed"};
    if (out.has_content_length && out.content_length > 0) return Refusal{502, "http1.content_length_not_allowed"};
    DropAll(out, KnownHeader::kContentLength);
  }
  if (out.status == 101) {
    DecideUpgrade(out);
    if (!out.upgrade || !SwitchesToAsked(out, request.upgrade)) return Refusal{502, "http1.unexpected_upgrade"};
  }
  // An HTTP/1.0 server may not understand a next chunked request: its connections are not used again.
  if (out.http10) out.close = true;
  if (interim || tunnel || request.head || out.status == 204 || out.status == 304) {
    out.framing = Framing::kNone;
  } else if (chunked) {
    out.framing = Framing::kChunked;
  } else if (out.has_content_length) {
    out.framing = out.content_length > 0 ? Framing::kLength : Framing::kNone;
  } else {
    out.framing = Framing::kUntilClose;
    out.close = true;
  }
  return Refusal();
}

Refusal ParseTrailers(char* block, size_t size, bool request, const ParseContext& context, Head& out) {
  out.block = block;
  out.size = size;
  if (const Refusal refusal = ParseFields(0, request, context, out)) return refusal;
  for (Field& field : out.fields) {
    switch (field.known) {
      case KnownHeader::kTransferEncoding:
      case KnownHeader::kContentLength:
      case KnownHeader::kHost:
        return Refusal{400, "http1.forbidden_trailer"};
      default:
        field.drop = IsHeaderOnly(field.known, absl::string_view(block + field.name, field.name_size));
        if (field.drop) ++context.counters.dropped_trailers;
    }
  }
  return Refusal();
}

}  // namespace outrigger::http::h1
