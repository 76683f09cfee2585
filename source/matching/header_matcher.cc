#include "source/matching/header_matcher.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace outrigger::matching {

OwnedHeaderName::OwnedHeaderName(absl::string_view name) : text_(absl::AsciiStrToLower(name)) {
  if (text_ == "host") text_ = ":authority";
  known_ = http::LookupKnownHeader(text_);
}

absl::StatusOr<HeaderMatcher> HeaderMatcher::Create(Spec spec) {
  if (spec.name.empty()) return absl::InvalidArgumentError("a header matcher needs a name");
  HeaderMatcher matcher;
  matcher.name_ = OwnedHeaderName(spec.name);
  matcher.spec_ = std::move(spec);
  return matcher;
}

bool HeaderMatcher::MatchValue(absl::string_view value) const {
  if (spec_.kind == Kind::kString) return spec_.text.Match(value);
  int64_t number = 0;
  return absl::SimpleAtoi(value, &number) && spec_.range.Contains(number);
}

bool HeaderMatcher::Match(const http::HeaderMap& headers) const {
  const http::HeaderMap::Entry* found = headers.Find(name_.get());
  if (spec_.kind == Kind::kPresent) {
    const bool has = found != nullptr || spec_.treat_missing_as_empty;
    return (has == spec_.present) != spec_.invert;
  }
  if (found == nullptr) {
    if (!spec_.treat_missing_as_empty) return false;
    return MatchValue("") != spec_.invert;
  }
  return MatchValue(headers.GetJoined(name_.get())) != spec_.invert;
}

bool MatchAll(const std::vector<HeaderMatcher>& matchers, const http::HeaderMap& headers) {
  for (const HeaderMatcher& matcher : matchers) {
    if (!matcher.Match(headers)) return false;
  }
  return true;
}

}  // namespace outrigger::matching
