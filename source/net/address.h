// Thread: any (immutable value)
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace outrigger::net {

// A socket address by value: IPv4, IPv6 or Unix (path or abstract). Comparable and hashable; cheap to copy except long Unix paths.
class Address {
 public:
  enum class Kind : uint8_t { kNone, kIpv4, kIpv6, kUnix };

  Address() = default;
  static absl::StatusOr<Address> ParseIp(absl::string_view ip, uint16_t port);  // "10.0.0.1", "::1"
  static absl::StatusOr<Address> ParseUrl(absl::string_view url);               // "1.2.3.4:80", "[::1]:80", "unix:///path", "unix:@abstract"
  static absl::StatusOr<Address> UnixPath(absl::string_view path, uint32_t mode = 0);  // "@name": abstract
  static absl::StatusOr<Address> FromSockaddr(const sockaddr* address, socklen_t length);

  Kind kind() const { return kind_; }
  bool ip() const { return kind_ == Kind::kIpv4 || kind_ == Kind::kIpv6; }
  uint16_t port() const;
  Address WithPort(uint16_t port) const;
  bool IsWildcard() const;
  bool IsLoopback() const;
  uint32_t unix_mode() const { return mode_; }
  const sockaddr* sockaddr_ptr() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t sockaddr_length() const { return length_; }
  int family() const { return storage_.ss_family; }
  // The 4 or 16 address bytes, network order ("" for Unix).
  absl::string_view ip_bytes() const;
  std::string ToString() const;    // "1.2.3.4:80", "[::1]:80", "/path", "@abstract"
  std::string IpString() const;    // without port

  friend bool operator==(const Address& a, const Address& b);
  friend bool operator<(const Address& a, const Address& b);
  template <typename H>
  friend H AbslHashValue(H h, const Address& a) {
    return H::combine(std::move(h), absl::string_view(reinterpret_cast<const char*>(&a.storage_), a.length_));
  }

 private:
  Kind kind_ = Kind::kNone;
  uint32_t mode_ = 0;
  socklen_t length_ = 0;
  sockaddr_storage storage_{};
};

}  // namespace outrigger::net
