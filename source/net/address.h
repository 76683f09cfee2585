// Thread: any (immutable value)
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace outrigger::net {

// A socket address by value: IPv4, IPv6 or Unix (path or abstract). Comparable and hashable. Small, because every
// connection holds two: IP addresses are inline, a Unix name is one allocation. Never performs I/O: names are not
// resolved here.
class Address {
 public:
  enum class Kind : uint8_t { kNone, kIpv4, kIpv6, kUnix };

  Address() = default;
  Address(const Address& other) { *this = other; }
  Address& operator=(const Address& other);
  Address(Address&& other) noexcept { *this = std::move(other); }
  Address& operator=(Address&& other) noexcept {  // moved-from is kNone
    ip_ = other.ip_;
    unix_ = std::move(other.unix_);
    kind_ = std::exchange(other.kind_, Kind::kNone);
    return *this;
  }

  static absl::StatusOr<Address> ParseIp(absl::string_view ip, uint16_t port);  // "10.0.0.1", "::1"
  // "1.2.3.4:80", "[::1]:80", with or without "tcp://"; "unix:///path", "unix:@abstract"
  static absl::StatusOr<Address> ParseUrl(absl::string_view url);
  static absl::StatusOr<Address> UnixPath(absl::string_view path, uint32_t mode = 0);  // "@name": abstract
  // As the kernel says it. IPv4-mapped IPv6 addresses (a dual-stack listener's peers) become IPv4.
  static absl::StatusOr<Address> FromSockaddr(const sockaddr* address, socklen_t length);

  Kind kind() const { return kind_; }
  bool ip() const { return kind_ == Kind::kIpv4 || kind_ == Kind::kIpv6; }
  uint16_t port() const;  // 0 for Unix
  Address WithPort(uint16_t port) const;
  bool IsWildcard() const;  // 0.0.0.0 or ::
  bool IsLoopback() const;  // 127/8, ::1; not Unix
  uint32_t unix_mode() const { return unix_ == nullptr ? 0 : unix_->mode; }
  bool IsAbstractUnix() const { return kind_ == Kind::kUnix && unix_->name.sun_path[0] == 0; }
  const sockaddr* sockaddr_ptr() const;
  socklen_t sockaddr_length() const;
  int family() const;  // AF_UNSPEC for kNone
  // The 4 or 16 address bytes, network order ("" for Unix).
  absl::string_view ip_bytes() const;
  std::string ToString() const;  // "1.2.3.4:80", "[::1]:80", "/path", "@abstract"
  std::string IpString() const;  // without port

  friend bool operator==(const Address& a, const Address& b) { return a.kind_ == b.kind_ && a.Bytes() == b.Bytes(); }
  friend bool operator!=(const Address& a, const Address& b) { return !(a == b); }
  friend bool operator<(const Address& a, const Address& b);
  template <typename H>
  friend H AbslHashValue(H h, const Address& a) {
    return H::combine(std::move(h), a.Bytes());
  }

 private:
  struct UnixName {
    sockaddr_un name;
    socklen_t length;
    uint32_t mode;
  };
  absl::string_view Bytes() const {  // the sockaddr; padding is always zero
    return {reinterpret_cast<const char*>(sockaddr_ptr()), sockaddr_length()};
  }

  union {
    sockaddr_in v4;
    sockaddr_in6 v6;
  } ip_{.v6 = {}};
  Kind kind_ = Kind::kNone;
  std::unique_ptr<UnixName> unix_;  // kUnix only
};
static_assert(sizeof(Address) <= 40);

}  // namespace outrigger::net
