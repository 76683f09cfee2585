// Thread: any (immutable)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/ip_address.h"

namespace outrigger::matching {

// config.core.v3.CidrRange: an address and how many leading bits count. Host bits are cleared, as Envoy does.
class CidrRange {
 public:
  static absl::StatusOr<CidrRange> Create(absl::string_view address, uint32_t prefix_length);
  static absl::StatusOr<CidrRange> Parse(absl::string_view text);  // "10.0.0.0/8"; no slash: the whole address

  bool Contains(const IpAddress& address) const;
  const IpAddress& address() const { return address_; }
  int prefix_length() const { return prefix_length_; }
  std::string ToString() const;

 private:
  IpAddress address_;
  int prefix_length_ = 0;
};

// Many ranges: a lookup is a binary search, whatever their number. Overlapping ranges are merged.
class CidrSet {
 public:
  CidrSet() = default;
  explicit CidrSet(const std::vector<CidrRange>& ranges);
  bool Contains(const IpAddress& address) const;
  bool empty() const { return spans_.empty(); }

 private:
  struct Span {
    IpAddress first;
    IpAddress last;
  };
  std::vector<Span> spans_;  // sorted, disjoint
};

}  // namespace outrigger::matching
