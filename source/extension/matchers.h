// Thread: any (pure functions, used while configuration is built)
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "source/base/value.h"
#include "source/extension/fault.h"
#include "source/matching/cidr.h"
#include "source/matching/header_matcher.h"
#include "source/matching/string_matcher.h"
#include "source/matching/value_matcher.h"

namespace envoy::config::core::v3 {
class CidrRange;
}
namespace envoy::config::route::v3 {
class HeaderMatcher;
}
namespace envoy::type::matcher::v3 {
class MetadataMatcher;
class PathMatcher;
class StringMatcher;
class ValueMatcher;
}  // namespace envoy::type::matcher::v3
namespace envoy::type::v3 {
class FractionalPercent;
}
namespace google::protobuf {
class Struct;
class Value;
}  // namespace google::protobuf

// The matchers of the API, compiled. Whatever is not implemented is refused, never ignored.
namespace outrigger::extension {

absl::StatusOr<matching::StringMatcher> BuildStringMatcher(const envoy::type::matcher::v3::StringMatcher& matcher);
absl::StatusOr<matching::PathMatcher> BuildPathMatcher(const envoy::type::matcher::v3::PathMatcher& matcher);
absl::StatusOr<matching::HeaderMatcher> BuildHeaderMatcher(const envoy::config::route::v3::HeaderMatcher& matcher);
absl::StatusOr<std::vector<matching::HeaderMatcher>> BuildHeaderMatchers(
    const google::protobuf::RepeatedPtrField<envoy::config::route::v3::HeaderMatcher>& matchers);
absl::StatusOr<matching::ValueMatcher> BuildValueMatcher(const envoy::type::matcher::v3::ValueMatcher& matcher);
absl::StatusOr<matching::MetadataMatcher> BuildMetadataMatcher(
    const envoy::type::matcher::v3::MetadataMatcher& matcher);
absl::StatusOr<matching::CidrRange> BuildCidr(const envoy::config::core::v3::CidrRange& range);

Value ToValue(const google::protobuf::Value& value);
Value::Struct ToStruct(const google::protobuf::Struct& fields);

// type.v3.FractionalPercent. Above the denominator it means always.
struct Fraction {
  uint32_t numerator = 0;
  uint32_t denominator = 100;
  bool never() const { return numerator == 0; }
  // `random`: uniform 64 bits.
  bool Hit(uint64_t random) const { return random % denominator < numerator; }
};
Fraction ToFraction(const envoy::type::v3::FractionalPercent& percent);

}  // namespace outrigger::extension
