#include "source/extension/matchers.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/matcher/v3/metadata.pb.h"
#include "envoy/type/matcher/v3/path.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "envoy/type/matcher/v3/value.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "google/protobuf/struct.pb.h"

namespace outrigger::extension {

namespace matcher_v3 = envoy::type::matcher::v3;
using matching::StringMatcher;

namespace {

// Errors of the matching room name no field: theirs is the one that was being compiled.
absl::Status Cause(absl::string_view field, const absl::Status& status) {
  return Under(field, Invalid(status.message()));
}

absl::StatusOr<StringMatcher> Create(absl::string_view field, StringMatcher::Kind kind, const std::string& pattern,
                                     bool ignore_case = false) {
  absl::StatusOr<StringMatcher> made = StringMatcher::Create(kind, pattern, ignore_case);
  if (!made.ok()) return Cause(field, made.status());
  return made;
}

}  // namespace

absl::StatusOr<StringMatcher> BuildStringMatcher(const matcher_v3::StringMatcher& matcher) {
  const bool fold = matcher.ignore_case();
  using Kind = StringMatcher::Kind;
  switch (matcher.match_pattern_case()) {
    case matcher_v3::StringMatcher::kExact:
      return Create("exact", Kind::kExact, matcher.exact(), fold);
    case matcher_v3::StringMatcher::kPrefix:
      return Create("prefix", Kind::kPrefix, matcher.prefix(), fold);
    case matcher_v3::StringMatcher::kSuffix:
      return Create("suffix", Kind::kSuffix, matcher.suffix(), fold);
    case matcher_v3::StringMatcher::kContains:
      return Create("contains", Kind::kContains, matcher.contains(), fold);
    case matcher_v3::StringMatcher::kSafeRegex:
      return Create("safe_regex.regex", Kind::kRegex, matcher.safe_regex().regex());
    default:
      return Invalid("this kind of string matcher is not supported");
  }
}

absl::StatusOr<matching::PathMatcher> BuildPathMatcher(const matcher_v3::PathMatcher& matcher) {
  if (matcher.rule_case() != matcher_v3::PathMatcher::kPath) return Invalid("a path matcher needs a path");
  absl::StatusOr<StringMatcher> path = BuildStringMatcher(matcher.path());
  if (!path.ok()) return Under("path", path.status());
  return matching::PathMatcher(*std::move(path));
}

absl::StatusOr<matching::HeaderMatcher> BuildHeaderMatcher(const envoy::config::route::v3::HeaderMatcher& matcher) {
  using Proto = envoy::config::route::v3::HeaderMatcher;
  matching::HeaderMatcher::Spec spec;
  spec.name = matcher.name();
  spec.invert = matcher.invert_match();
  spec.treat_missing_as_empty = matcher.treat_missing_header_as_empty();
  spec.kind = matching::HeaderMatcher::Kind::kString;
  absl::StatusOr<StringMatcher> text = StringMatcher();
  using Kind = StringMatcher::Kind;
  switch (matcher.header_match_specifier_case()) {
    case Proto::kExactMatch:
      text = Create("exact_match", Kind::kExact, matcher.exact_match());
      break;
    case Proto::kPrefixMatch:
      text = Create("prefix_match", Kind::kPrefix, matcher.prefix_match());
      break;
    case Proto::kSuffixMatch:
      text = Create("suffix_match", Kind::kSuffix, matcher.suffix_match());
      break;
    case Proto::kContainsMatch:
      text = Create("contains_match", Kind::kContains, matcher.contains_match());
      break;
    case Proto::kSafeRegexMatch:
      text = Create("safe_regex_match.regex", Kind::kRegex, matcher.safe_regex_match().regex());
      break;
    case Proto::kStringMatch:
      text = BuildStringMatcher(matcher.string_match());
      if (!text.ok()) return Under("string_match", text.status());
      break;
    case Proto::kRangeMatch:
      spec.kind = matching::HeaderMatcher::Kind::kRange;
      spec.range = {matcher.range_match().start(), matcher.range_match().end()};
      break;
    case Proto::kPresentMatch:
    case Proto::HEADER_MATCH_SPECIFIER_NOT_SET:
      spec.kind = matching::HeaderMatcher::Kind::kPresent;
      spec.present = matcher.header_match_specifier_case() != Proto::kPresentMatch || matcher.present_match();
      break;
    default:
      return Invalid("this kind of header matcher is not supported");
  }
  if (!text.ok()) return text.status();
  spec.text = *std::move(text);
  absl::StatusOr<matching::HeaderMatcher> made = matching::HeaderMatcher::Create(std::move(spec));
  if (!made.ok()) return Cause("name", made.status());
  return made;
}

absl::StatusOr<std::vector<matching::HeaderMatcher>> BuildHeaderMatchers(
    const google::protobuf::RepeatedPtrField<envoy::config::route::v3::HeaderMatcher>& matchers) {
  std::vector<matching::HeaderMatcher> made;
  for (int i = 0; i < matchers.size(); ++i) {
    absl::StatusOr<matching::HeaderMatcher> one = BuildHeaderMatcher(matchers[i]);
    if (!one.ok()) return Under("", static_cast<size_t>(i), one.status());
    made.push_back(*std::move(one));
  }
  return made;
}

namespace {

absl::StatusOr<matching::ValueMatcher> BuildNumber(const matcher_v3::DoubleMatcher& matcher) {
  switch (matcher.match_pattern_case()) {
    case matcher_v3::DoubleMatcher::kExact:
      return matching::ValueMatcher::NumberExact(matcher.exact());
    case matcher_v3::DoubleMatcher::kRange:
      return matching::ValueMatcher::NumberIn({matcher.range().start(), matcher.range().end()});
    default:
      return Under("double_match", Invalid("this kind of number matcher is not supported"));
  }
}

}  // namespace

absl::StatusOr<matching::ValueMatcher> BuildValueMatcher(const matcher_v3::ValueMatcher& matcher) {
  using Proto = matcher_v3::ValueMatcher;
  switch (matcher.match_pattern_case()) {
    case Proto::kNullMatch:
      return matching::ValueMatcher::Null();
    case Proto::kDoubleMatch:
      return BuildNumber(matcher.double_match());
    case Proto::kBoolMatch:
      return matching::ValueMatcher::Bool(matcher.bool_match());
    case Proto::kPresentMatch:
      return matching::ValueMatcher::Present(matcher.present_match());
    case Proto::kStringMatch: {
      absl::StatusOr<StringMatcher> text = BuildStringMatcher(matcher.string_match());
      if (!text.ok()) return Under("string_match", text.status());
      return matching::ValueMatcher::Text(*std::move(text));
    }
    case Proto::kListMatch: {
      if (!matcher.list_match().has_one_of()) return Under("list_match", Invalid("needs one_of"));
      absl::StatusOr<matching::ValueMatcher> element = BuildValueMatcher(matcher.list_match().one_of());
      if (!element.ok()) return Under("list_match.one_of", element.status());
      return matching::ValueMatcher::ListOneOf(*std::move(element));
    }
    case Proto::kOrMatch: {
      std::vector<matching::ValueMatcher> any_of;
      for (int i = 0; i < matcher.or_match().value_matchers_size(); ++i) {
        absl::StatusOr<matching::ValueMatcher> one = BuildValueMatcher(matcher.or_match().value_matchers(i));
        if (!one.ok()) return Under("or_match.value_matchers", static_cast<size_t>(i), one.status());
        any_of.push_back(*std::move(one));
      }
      return matching::ValueMatcher::Or(std::move(any_of));
    }
    default:
      return Invalid("this kind of value matcher is not supported");
  }
}

absl::StatusOr<matching::MetadataMatcher> BuildMetadataMatcher(const matcher_v3::MetadataMatcher& matcher) {
  std::vector<std::string> path;
  for (int i = 0; i < matcher.path_size(); ++i) {
    if (matcher.path(i).segment_case() != matcher_v3::MetadataMatcher::PathSegment::kKey) {
      return Under("path", static_cast<size_t>(i), Invalid("needs a key"));
    }
    path.push_back(matcher.path(i).key());
  }
  absl::StatusOr<matching::ValueMatcher> value = BuildValueMatcher(matcher.value());
  if (!value.ok()) return Under("value", value.status());
  absl::StatusOr<matching::MetadataMatcher> made =
      matching::MetadataMatcher::Create(matcher.filter(), std::move(path), *std::move(value), matcher.invert());
  if (!made.ok()) return Cause("path", made.status());
  return made;
}

absl::StatusOr<matching::CidrRange> BuildCidr(const envoy::config::core::v3::CidrRange& range) {
  // Without a length none of the bits count, as the API's default of zero says.
  absl::StatusOr<matching::CidrRange> made =
      matching::CidrRange::Create(range.address_prefix(), range.has_prefix_len() ? range.prefix_len().value() : 0);
  if (!made.ok()) return Cause("address_prefix", made.status());
  return made;
}

Value::Struct ToStruct(const google::protobuf::Struct& fields) {
  Value::Struct out;
  for (const auto& [key, value] : fields.fields()) out.emplace(key, ToValue(value));
  return out;
}

// As deep as the parser of configuration allows: bounded there.
Value ToValue(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return Value(value.number_value());
    case google::protobuf::Value::kStringValue:
      return Value(value.string_value());
    case google::protobuf::Value::kBoolValue:
      return Value(value.bool_value());
    case google::protobuf::Value::kStructValue:
      return Value(ToStruct(value.struct_value()));
    case google::protobuf::Value::kListValue: {
      Value::List list;
      for (const google::protobuf::Value& item : value.list_value().values()) list.push_back(ToValue(item));
      return Value(std::move(list));
    }
    default:
      return Value();
  }
}

Fraction ToFraction(const envoy::type::v3::FractionalPercent& percent) {
  Fraction fraction;
  fraction.numerator = percent.numerator();
  switch (percent.denominator()) {
    case envoy::type::v3::FractionalPercent::TEN_THOUSAND:
      fraction.denominator = 10'000;
      break;
    case envoy::type::v3::FractionalPercent::MILLION:
      fraction.denominator = 1'000'000;
      break;
    default:
      fraction.denominator = 100;
      break;
  }
  return fraction;
}

}  // namespace outrigger::extension
