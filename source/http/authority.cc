#include "source/http/authority.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace outrigger::http {
namespace {

// unreserved / sub-delims without ",": RFC 3986 2.2, 2.3.
constexpr std::array<bool, 256> MakeHostTable() {
  std::array<bool, 256> table{};
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (char c : {'-', '.', '_', '~', '!', '$', '&', '\'', '(', ')', '*', '+', ';', '='})
    table[static_cast<uint8_t>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kHostTable = MakeHostTable();

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool IsIpv6(absl::string_view text) {
  char copy[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof(copy)) return false;
  for (char c : text) {
    if (!IsHex(c) && c != ':' && c != '.') return false;
  }
  memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  in6_addr parsed;
  return inet_pton(AF_INET6, copy, &parsed) == 1;
}

bool ParsePort(absl::string_view text, Authority* out) {
  if (text.size() > 5) return false;
  uint32_t port = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  if (port > 65535) return false;
  out->port = static_cast<uint16_t>(port);
  out->has_port = !text.empty();
  return true;
}

}  // namespace

bool ParseAuthority(absl::string_view text, Authority* out) {
  *out = Authority();
  size_t i = 0;
  if (!text.empty() && text[0] == '[') {
    const size_t close = text.find(']');
    if (close == absl::string_view::npos || !IsIpv6(absl::string_view(text.data() + 1, close - 1))) return false;
    i = close + 1;
  } else {
    while (i < text.size() && text[i] != ':') {
      if (text[i] == '%') {
        if (text.size() - i < 3 || !IsHex(text[i + 1]) || !IsHex(text[i + 2])) return false;
        i += 3;
      } else if (kHostTable[static_cast<uint8_t>(text[i])]) {
        ++i;
      } else {
        return false;
      }
    }
    if (i == 0) return false;
  }
  out->host = absl::string_view(text.data(), i);
  if (i == text.size()) return true;
  if (text[i] != ':') return false;
  return ParsePort(absl::string_view(text.data() + i + 1, text.size() - i - 1), out);
}

bool HasBrokenEscape(absl::string_view path) {
  const char* at = path.data();
  const char* const end = at + path.size();
  while (at < end && (at = static_cast<const char*>(memchr(at, '%', static_cast<size_t>(end - at)))) != nullptr) {
    if (memchr(path.data(), '?', static_cast<size_t>(at - path.data())) != nullptr) return false;
    if (end - at < 3 || !IsHex(at[1]) || !IsHex(at[2])) return true;
    at += 3;
  }
  return false;
}

bool IsValidPath(absl::string_view path) {
  if (path.empty() || path[0] != '/') return false;
  for (char c : path) {
    const uint8_t byte = static_cast<uint8_t>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '#') return false;
  }
  return !HasBrokenEscape(path);
}

}  // namespace outrigger::http
