#include "source/http/h2/message_rules.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "source/http/authority.h"
#include "source/http/trailer_rules.h"

namespace outrigger::http::h2 {
namespace {

constexpr char kMessaging[] = "http2.violation.of.messaging.rule";
constexpr char kAuthority[] = "http2.invalid_authority";
constexpr char kPath[] = "http2.invalid_path";
constexpr char kScheme[] = "http2.invalid_scheme";

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
  bool never_indexed = false;
  headers.ForEach([&](const HeaderMap::Entry& entry) {
    if (entry.known != KnownHeader::kCookie) return;
    ++crumbs;
    never_indexed = never_indexed || entry.never_indexed;
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
  headers.Find(KnownHeader::kCookie)->never_indexed = never_indexed;
}

uint16_t DefaultPort(absl::string_view scheme) {
  if (absl::EqualsIgnoreCase(scheme, "https")) return 443;
  return absl::EqualsIgnoreCase(scheme, "http") ? 80 : 0;
}

// Both name the same host and port (RFC 9113 8.3.1: compared as normalised).
bool SameAuthority(const Authority& a, const Authority& b, absl::string_view scheme) {
  const auto port = [&](const Authority& of) { return of.has_port ? of.port : DefaultPort(scheme); };
  return absl::EqualsIgnoreCase(a.host, b.host) && port(a) == port(b);
}

// One authority, from :authority or Host (8.3.1); what both say must be the same.
const char* FoldHost(HeaderMap& headers, bool port_required) {
  if (headers.Count(KnownHeader::kHost) > 1 || headers.Count(KnownHeader::kAuthority) > 1) return kAuthority;
  const HeaderMap::Entry* host = headers.Find(KnownHeader::kHost);
  if (!headers.Has(KnownHeader::kAuthority) && host != nullptr && !port_required) {
    const absl::string_view value = host->value;
    headers.Add(KnownHeader::kAuthority, value);
    host = headers.Find(KnownHeader::kHost);
  }
  Authority authority;
  if (!ParseAuthority(headers.authority(), &authority) || (port_required && !authority.has_port)) return kAuthority;
  if (host == nullptr) return nullptr;
  Authority said;
  if (!ParseAuthority(host->value, &said) || !SameAuthority(authority, said, headers.scheme())) return kAuthority;
  headers.Remove(KnownHeader::kHost);
  return nullptr;
}

bool IsPath(absl::string_view path, absl::string_view method) {
  return path == "*" ? method == "OPTIONS" : IsValidPath(path);
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

const char* CheckRequest(HeaderMap& headers, bool extended_connect) {
  if (const char* broken = CheckFields(headers)) return broken;
  if (!Once(headers, KnownHeader::kMethod) || headers.Has(KnownHeader::kStatus)) return kMessaging;
  const absl::string_view method = headers.method();
  const bool has_protocol = headers.Has(KnownHeader::kProtocol);
  if (method == "CONNECT" && !has_protocol) {  // 8.5: :method and :authority, nothing else
    if (headers.Has(KnownHeader::kPath) || headers.Has(KnownHeader::kScheme)) return kMessaging;
    if (const char* broken = FoldHost(headers, true)) return broken;
    JoinCookies(headers);
    return nullptr;
  }
  if (has_protocol && (!extended_connect || method != "CONNECT" || headers.Get(KnownHeader::kProtocol).empty()))
    return kMessaging;
  if (!Once(headers, KnownHeader::kScheme)) return kMessaging;
  // Others have no meaning for a gateway to HTTP servers, and a hop behind us would take them for one of these two.
  if (DefaultPort(headers.scheme()) == 0) return kScheme;
  if (!Once(headers, KnownHeader::kPath)) return kMessaging;
  if (!IsPath(headers.path(), method)) return kPath;
  if (const char* broken = FoldHost(headers, false)) return broken;
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
