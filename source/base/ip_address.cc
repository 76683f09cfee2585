#include "source/base/ip_address.h"

#include <arpa/inet.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "source/base/ip_text.h"

namespace outrigger {

IpAddress ParseIpOrNone(absl::string_view text) {
  IpAddress out;
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof(copy) || text.find('\0') != absl::string_view::npos) return out;
  memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  if (inet_pton(AF_INET, copy, out.bytes) == 1) {
    out.family = IpAddress::Family::kIpv4;
    return out;
  }
  memset(out.bytes, 0, sizeof(out.bytes));
  if (inet_pton(AF_INET6, copy, out.bytes) == 1) {
    out.family = IpAddress::Family::kIpv6;
  } else {
    memset(out.bytes, 0, sizeof(out.bytes));
  }
  return out;
}

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  const IpAddress out = ParseIpOrNone(text);
  if (out.family != Family::kNone) return out;
  return absl::InvalidArgumentError(absl::StrCat("\"", text.substr(0, 64), "\" is not an IP address"));
}

IpAddress IpAddress::FromBytes(absl::string_view raw) {
  IpAddress out;
  if (raw.size() != 4 && raw.size() != 16) return out;
  out.family = raw.size() == 4 ? Family::kIpv4 : Family::kIpv6;
  memcpy(out.bytes, raw.data(), raw.size());
  return out;
}

IpAddress IpAddress::Masked(int prefix_length) const {
  IpAddress out = *this;
  for (int i = 0; i < 16; ++i) {
    const int keep = prefix_length - i * 8;
    if (keep <= 0) {
      out.bytes[i] = 0;
    } else if (keep < 8) {
      out.bytes[i] &= static_cast<uint8_t>(0xff << (8 - keep));
    }
  }
  return out;
}

IpAddress IpAddress::Unmapped() const {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (family != Family::kIpv6 || memcmp(bytes, kMapped, sizeof(kMapped)) != 0) return *this;
  IpAddress out;
  out.family = Family::kIpv4;
  memcpy(out.bytes, bytes + 12, 4);
  return out;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  if (family == Family::kNone) return "";
  const char* printed = inet_ntop(family == Family::kIpv4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
  return printed == nullptr ? "" : printed;
}

}  // namespace outrigger
