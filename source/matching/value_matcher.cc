#include "source/matching/value_matcher.h"

#include "absl/status/status.h"

namespace outrigger::matching {

const Value* FindValue(const Value& root, const std::vector<std::string>& path) {
  const Value* at = &root;
  for (const std::string& key : path) {
    at = at->Find(key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

ValueMatcher ValueMatcher::Null() { return ValueMatcher(); }

ValueMatcher ValueMatcher::NumberExact(double n) {
  ValueMatcher m;
  m.kind_ = Kind::kNumber;
  m.range_.start = n;
  return m;
}

ValueMatcher ValueMatcher::NumberIn(NumberRange<double> range) {
  ValueMatcher m;
  m.kind_ = Kind::kRange;
  m.range_ = range;
  return m;
}

ValueMatcher ValueMatcher::Text(StringMatcher matcher) {
  ValueMatcher m;
  m.kind_ = Kind::kString;
  m.string_ = std::move(matcher);
  return m;
}

ValueMatcher ValueMatcher::Bool(bool b) {
  ValueMatcher m;
  m.kind_ = Kind::kBool;
  m.flag_ = b;
  return m;
}

ValueMatcher ValueMatcher::Present(bool present) {
  ValueMatcher m;
  m.kind_ = Kind::kPresent;
  m.flag_ = present;
  return m;
}

ValueMatcher ValueMatcher::ListOneOf(ValueMatcher element) {
  ValueMatcher m;
  m.kind_ = Kind::kOneOf;
  m.parts_.push_back(std::move(element));
  return m;
}

ValueMatcher ValueMatcher::Or(std::vector<ValueMatcher> any_of) {
  ValueMatcher m;
  m.kind_ = Kind::kOr;
  m.parts_ = std::move(any_of);
  return m;
}

bool ValueMatcher::Match(const Value* value) const {
  if (value == nullptr) return false;
  switch (kind_) {
    case Kind::kNull:
      return value->is_null();
    case Kind::kNumber:
      return value->as_number() != nullptr && *value->as_number() == range_.start;
    case Kind::kRange:
      return value->as_number() != nullptr && range_.Contains(*value->as_number());
    case Kind::kString:
      return value->as_string() != nullptr && string_.Match(*value->as_string());
    case Kind::kBool:
      return value->as_bool() != nullptr && *value->as_bool() == flag_;
    case Kind::kPresent:
      return flag_;
    case Kind::kOneOf:
      if (value->as_list() == nullptr) return false;
      for (const Value& item : *value->as_list()) {
        if (parts_[0].Match(&item)) return true;
      }
      return false;
    case Kind::kOr:
      for (const ValueMatcher& part : parts_) {
        if (part.Match(value)) return true;
      }
      return false;
  }
  return false;
}

absl::StatusOr<MetadataMatcher> MetadataMatcher::Create(std::string filter, std::vector<std::string> path,
                                                        ValueMatcher value, bool invert) {
  if (filter.empty()) return absl::InvalidArgumentError("a metadata matcher needs a filter name");
  if (path.empty()) return absl::InvalidArgumentError("a metadata matcher needs a path");
  return MetadataMatcher(std::move(filter), std::move(path), std::move(value), invert);
}

bool MetadataMatcher::Match(const Metadata* metadata) const {
  const Value* found = nullptr;
  if (metadata != nullptr) {
    const auto at = metadata->find(filter_);
    if (at != metadata->end()) found = FindValue(at->second, path_);
  }
  return value_.Match(found) != invert_;
}

}  // namespace outrigger::matching
