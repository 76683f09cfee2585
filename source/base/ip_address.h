// Thread: any (value)
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace outrigger {

// An IP address without a port: family and bytes in network order. What address matchers take and sockets' addresses
// convert to. Unused bytes are zero, so comparing all sixteen is right.
struct IpAddress {
  enum class Family : uint8_t { kNone, kIpv4, kIpv6 };

  Family family = Family::kNone;
  uint8_t bytes[16] = {};

  // "10.0.0.1" or "::1", nothing around it (no brackets, zone or port).
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);
  // 4 or 16 raw bytes in network order; any other length gives kNone.
  static IpAddress FromBytes(absl::string_view raw);

  int bit_length() const { return family == Family::kIpv4 ? 32 : family == Family::kIpv6 ? 128 : 0; }
  absl::string_view view() const {
    return {reinterpret_cast<const char*>(bytes), static_cast<size_t>(bit_length() / 8)};
  }
  bool bit(int i) const { return (bytes[i >> 3] >> (7 - (i & 7)) & 1) != 0; }
  IpAddress Masked(int prefix_length) const;  // bits from prefix_length on cleared
  // ::ffff:a.b.c.d as a.b.c.d, anything else unchanged.
  IpAddress Unmapped() const;
  std::string ToString() const;  // "" for kNone

  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.family == b.family && memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
  }
  friend bool operator!=(const IpAddress& a, const IpAddress& b) { return !(a == b); }
  friend bool operator<(const IpAddress& a, const IpAddress& b) {
    if (a.family != b.family) return a.family < b.family;
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) < 0;
  }
};

}  // namespace outrigger
