// Thread: any (immutable)
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/value.h"
#include "source/matching/string_matcher.h"

namespace outrigger::matching {

// Follows struct keys from `root`: the value itself for no keys, null if one is missing.
const Value* FindValue(const Value& root, const std::vector<std::string>& path);

// type.matcher.v3.ValueMatcher.
class ValueMatcher {
 public:
  static ValueMatcher Null();
  static ValueMatcher NumberExact(double n);
  static ValueMatcher NumberIn(NumberRange<double> range);
  static ValueMatcher Text(StringMatcher matcher);
  static ValueMatcher Bool(bool b);
  static ValueMatcher Present(bool present);
  static ValueMatcher ListOneOf(ValueMatcher element);
  static ValueMatcher Or(std::vector<ValueMatcher> any_of);

  bool Match(const Value* value) const;  // null (no such value): no match, Null() included

 private:
  enum class Kind : uint8_t { kNull, kNumber, kRange, kString, kBool, kPresent, kOneOf, kOr };
  Kind kind_ = Kind::kNull;
  bool flag_ = false;
  NumberRange<double> range_{0, 0};
  StringMatcher string_;
  std::vector<ValueMatcher> parts_;
};

// type.matcher.v3.MetadataMatcher: the value at a path in one namespace.
class MetadataMatcher {
 public:
  // `path` needs at least one key.
  static absl::StatusOr<MetadataMatcher> Create(std::string filter, std::vector<std::string> path, ValueMatcher value,
                                                bool invert);
  bool Match(const Metadata* metadata) const;  // null: no metadata at all

 private:
  MetadataMatcher(std::string filter, std::vector<std::string> path, ValueMatcher value, bool invert)
      : filter_(std::move(filter)), path_(std::move(path)), value_(std::move(value)), invert_(invert) {}
  std::string filter_;
  std::vector<std::string> path_;
  ValueMatcher value_;
  bool invert_;
};

}  // namespace outrigger::matching
