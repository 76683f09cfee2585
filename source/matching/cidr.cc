#include "source/matching/cidr.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace outrigger::matching {

absl::StatusOr<CidrRange> CidrRange::Create(absl::string_view address, uint32_t prefix_length) {
  absl::StatusOr<IpAddress> parsed = IpAddress::Parse(address);
  if (!parsed.ok()) return parsed.status();
  if (prefix_length > static_cast<uint32_t>(parsed->bit_length())) {
    return absl::InvalidArgumentError(
        absl::StrCat("prefix length ", prefix_length, " of ", address, " is more than ", parsed->bit_length()));
  }
  CidrRange range;
  range.prefix_length_ = static_cast<int>(prefix_length);
  range.address_ = parsed->Masked(range.prefix_length_);
  return range;
}

absl::StatusOr<CidrRange> CidrRange::Parse(absl::string_view text) {
  const size_t slash = text.find('/');
  if (slash == absl::string_view::npos) {
    absl::StatusOr<IpAddress> parsed = IpAddress::Parse(text);
    if (!parsed.ok()) return parsed.status();
    return Create(text, static_cast<uint32_t>(parsed->bit_length()));
  }
  uint32_t length = 0;
  if (!absl::SimpleAtoi(text.substr(slash + 1), &length)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text.substr(0, 64), "\" has no valid prefix length"));
  }
  return Create(text.substr(0, slash), length);
}

bool CidrRange::Contains(const IpAddress& address) const {
  if (address.family != address_.family) return false;
  const int whole = prefix_length_ / 8;
  if (memcmp(address.bytes, address_.bytes, static_cast<size_t>(whole)) != 0) return false;
  const int rest = prefix_length_ % 8;
  return rest == 0 || ((address.bytes[whole] ^ address_.bytes[whole]) >> (8 - rest)) == 0;
}

std::string CidrRange::ToString() const { return absl::StrCat(address_.ToString(), "/", prefix_length_); }

CidrSet::CidrSet(const std::vector<CidrRange>& ranges) {
  std::vector<Span> spans;
  spans.reserve(ranges.size());
  for (const CidrRange& range : ranges) {
    Span span{range.address(), range.address()};
    for (int i = range.prefix_length(); i < span.last.bit_length(); ++i) {
      span.last.bytes[i >> 3] |= static_cast<uint8_t>(0x80 >> (i & 7));
    }
    spans.push_back(span);
  }
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.first < b.first; });
  for (const Span& span : spans) {
    // Two prefixes are nested or disjoint, so only containment needs merging.
    if (!spans_.empty() && spans_.back().first.family == span.first.family && !(spans_.back().last < span.first)) {
      if (spans_.back().last < span.last) spans_.back().last = span.last;
      continue;
    }
    spans_.push_back(span);
  }
}

bool CidrSet::Contains(const IpAddress& address) const {
  auto after = std::upper_bound(spans_.begin(), spans_.end(), address,
                                [](const IpAddress& a, const Span& span) { return a < span.first; });
  if (after == spans_.begin()) return false;
  const Span& span = *(after - 1);
  return span.first.family == address.family && !(span.last < address);
}

}  // namespace outrigger::matching
