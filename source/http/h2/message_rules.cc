#include "source/http/h2/message_rules.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "source/http/trailer_rules.h"

namespace outrigger::http::h2 {
namespace {

constexpr char kMessaging[] = "http2.violation.of.messaging.rule";
constexpr char kAuthority[] = "http2.invalid_authority";
constexpr char kPath[] = "http2.invalid_path";

bool IsHostChar(char c) {
  // reg-name of RFC 3986: unreserved, pct-encoded, sub-delims. Nothing that a later reader could take for a delimiter.
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         (c != '\0' && absl::string_view("-._~%!$&'()*+,;=").find(c) != absl::string_view::npos);
}

bool IsPort(absl::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  return port <= 65535;
}

// Connection-specific fields (8.2.2).
const char* CheckFields(const HeaderMap& headers) {
  for (const KnownHeader name : {KnownHeader::kConnection, KnownHeader::kKeepAlive, KnownHeader::kProxyConnection,
                                 KnownHeader::kTransferEncoding, KnownHeader::kUpgrade}) {
    if (headers.Has(name)) return kMessaging;
  }
  const HeaderMap::Entry* te = headers.Find(KnownHeader::kTe);
  if (te != nullptr && !absl::EqualsIgnoreCase(te->value, "trailers")) return kMessaging;
  return nullptr;
}

void JoinCookies(HeaderMap& headers) {  // 8.2.3
  size_t crumbs = 0;
  size_t bytes = 0;
  headers.ForEach([&](const HeaderMap::Entry& entry) {
    if (entry.known != KnownHeader::kCookie) return;
    ++crumbs;
    bytes += entry.value.size() + 2;
  });
  if (crumbs < 2) return;
  char* joined = static_cast<char*>(headers.arena().Allocate(bytes, 1));
  char* at = joined;
  headers.ForEach([&](const HeaderMap::Entry& entry) {
    if (entry.known != KnownHeader::kCookie) return;
    if (at != joined) {
      *at++ = ';';
      *at++ = ' ';
    }
    entry.value.copy(at, entry.value.size());
    at += entry.value.size();
  });
  headers.Set(KnownHeader::kCookie, absl::string_view(joined, static_cast<size_t>(at - joined)));
}

const char* FoldHost(HeaderMap& headers) {  // 8.3.1
  const HeaderMap::Entry* host = headers.Find(KnownHeader::kHost);
  if (host == nullptr) return nullptr;
  if (headers.Count(KnownHeader::kHost) > 1) return kAuthority;
  const HeaderMap::Entry* authority = headers.Find(KnownHeader::kAuthority);
  if (authority == nullptr) {
    const absl::string_view value = host->value;
    headers.Add(KnownHeader::kAuthority, value);
  } else if (!absl::EqualsIgnoreCase(authority->value, host->value)) {
    return kAuthority;
  }
  headers.Remove(KnownHeader::kHost);
  return nullptr;
}

bool IsPath(absl::string_view path, absl::string_view method) {
  if (path == "*") return method == "OPTIONS";
  if (path.empty() || path[0] != '/') return false;
  for (const char c : path) {
    const unsigned char u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7f || u == '#') return false;  // a fragment is never sent (RFC 3986 3.5)
  }
  return true;
}

bool HasToken(absl::string_view list, absl::string_view token) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const absl::string_view item = list.substr(0, comma);
    if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(item), token)) return true;
    if (comma == absl::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

bool Once(const HeaderMap& headers, KnownHeader name) { return headers.Count(name) == 1; }

}  // namespace

bool IsAuthority(absl::string_view text, bool port_required) {
  if (text.empty()) return false;
  absl::string_view rest = text;
  if (text[0] == '[') {
    const size_t close = text.find(']');
    if (close == absl::string_view::npos || close < 3) return false;
    for (size_t i = 1; i < close; ++i) {
      const unsigned char c = static_cast<unsigned char>(text[i]);
      if (!absl::ascii_isxdigit(c) && c != ':' && c != '.') return false;
    }
    rest.remove_prefix(close + 1);
  } else {
    size_t n = 0;
    while (n < text.size() && IsHostChar(text[n])) ++n;
    if (n == 0) return false;
    rest.remove_prefix(n);
  }
  if (rest.empty()) return !port_required;
  if (rest[0] != ':') return false;
  rest.remove_prefix(1);
  return IsPort(rest);
}

const char* CheckRequest(HeaderMap& headers, bool extended_connect) {
  if (const char* broken = CheckFields(headers)) return broken;
  if (!Once(headers, KnownHeader::kMethod) || headers.Has(KnownHeader::kStatus)) return kMessaging;
  const absl::string_view method = headers.method();
  const bool has_protocol = headers.Has(KnownHeader::kProtocol);
  if (method == "CONNECT" && !has_protocol) {  // 8.5: :method and :authority, nothing else
    if (headers.Has(KnownHeader::kPath) || headers.Has(KnownHeader::kScheme)) return kMessaging;
    if (!Once(headers, KnownHeader::kAuthority) || !IsAuthority(headers.authority(), true)) return kAuthority;
    if (const char* broken = FoldHost(headers)) return broken;
    JoinCookies(headers);
    return nullptr;
  }
  if (has_protocol && (!extended_connect || method != "CONNECT" || headers.Get(KnownHeader::kProtocol).empty()))
    return kMessaging;
  if (!Once(headers, KnownHeader::kScheme) || headers.scheme().empty()) return kMessaging;
  if (!Once(headers, KnownHeader::kPath)) return kMessaging;
  if (!IsPath(headers.path(), method)) return kPath;
  if (const char* broken = FoldHost(headers)) return broken;
  if (!Once(headers, KnownHeader::kAuthority) || !IsAuthority(headers.authority(), false)) return kAuthority;
  JoinCookies(headers);
  return nullptr;
}

const char* CheckResponse(HeaderMap& headers) {
  if (const char* broken = CheckFields(headers)) return broken;
  const uint32_t status = headers.status();
  if (!Once(headers, KnownHeader::kStatus) || status < 100 || status > 599) return kMessaging;
  if (status == 101) return kMessaging;  // 8.6: no 101 in HTTP/2
  if (headers.Has(KnownHeader::kMethod) || headers.Has(KnownHeader::kPath)) return kMessaging;
  return nullptr;
}

const char* CheckTrailers(HeaderMap& trailers, uint64_t* dropped) {
  if (const char* broken = CheckFields(trailers)) return broken;
  const char* broken = nullptr;
  trailers.ForEach([&](const HeaderMap::Entry& entry) {
    if (entry.name.empty() || entry.name[0] == ':') broken = kMessaging;
    // Framing and routing are decided by the header section alone (RFC 9110 6.5.1).
    if (entry.known == KnownHeader::kContentLength || entry.known == KnownHeader::kHost) broken = kMessaging;
  });
  if (broken == nullptr) {
    *dropped += trailers.RemoveIf([](const HeaderMap::Entry& entry) { return IsHeaderOnly(entry.known, entry.name); });
  }
  return broken;
}

void ShowUpgradeRequest(HeaderMap& headers) {
  const absl::string_view protocol = headers.Get(KnownHeader::kProtocol);
  headers.Remove(KnownHeader::kProtocol);
  headers.Set(KnownHeader::kMethod, "GET");
  headers.Set(KnownHeader::kConnection, "upgrade");
  headers.Set(KnownHeader::kUpgrade, protocol);
}

bool IsUpgradeRequest(const HeaderMap& headers) {
  if (!headers.Has(KnownHeader::kUpgrade) || headers.method() == "CONNECT") return false;
  bool found = false;
  headers.ForEach([&](const HeaderMap::Entry& entry) {
    if (entry.known == KnownHeader::kConnection && HasToken(entry.value, "upgrade")) found = true;
  });
  return found;
}

void ShowUpgradeResponse(HeaderMap& headers, absl::string_view protocol) {
  headers.SetStatus(101);
  headers.Set(KnownHeader::kConnection, "upgrade");
  headers.Set(KnownHeader::kUpgrade, protocol);
  headers.Remove(KnownHeader::kContentLength);
}

}  // namespace outrigger::http::h2
