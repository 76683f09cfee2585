// Thread: any (immutable; the header map is the caller's)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/http/header_map.h"
#include "source/matching/string_matcher.h"

namespace outrigger::matching {

// A header name from configuration, owned and lower-cased once. HeaderName views need their text to stay: this gives
// it.
class OwnedHeaderName {
 public:
  OwnedHeaderName() = default;
  explicit OwnedHeaderName(absl::string_view name);
  // "Host" from configuration means the :authority pseudo-header here too, as in Envoy.
  http::HeaderName get() const {
    return known_ == http::KnownHeader::kOther ? http::HeaderName(absl::string_view(text_)) : http::HeaderName(known_);
  }
  absl::string_view text() const { return text_; }

 private:
  http::KnownHeader known_ = http::KnownHeader::kOther;
  std::string text_;
};

// config.route.v3.HeaderMatcher. Several values of one name are matched as one, joined with ",".
class HeaderMatcher {
 public:
  enum class Kind : uint8_t { kPresent, kString, kRange };
  struct Spec {
    std::string name;
    Kind kind = Kind::kPresent;
    bool present = true;           // kPresent
    StringMatcher text;            // kString
    NumberRange<int64_t> range{};  // kRange
    bool invert = false;
    bool treat_missing_as_empty = false;
  };
  static absl::StatusOr<HeaderMatcher> Create(Spec spec);

  // A missing header does not match, inverted or not, unless it is treated as empty (or the matcher is about presence).
  bool Match(const http::HeaderMap& headers) const;

 private:
  bool MatchValue(absl::string_view value) const;
  Spec spec_;
  OwnedHeaderName name_;
};

bool MatchAll(const std::vector<HeaderMatcher>& matchers, const http::HeaderMap& headers);

}  // namespace outrigger::matching
