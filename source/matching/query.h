// Thread: any (immutable)
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/http/header_map.h"
#include "source/matching/string_matcher.h"

namespace outrigger::matching {

// The query of a request target without its '?' ("" if there is none; a fragment is not part of it).
absl::string_view QueryOf(absl::string_view path_with_query);
// Walks "a=1&b&c=" left to right. Names and values are verbatim, not percent-decoded. False at the end.
bool NextQueryParameter(absl::string_view* query, absl::string_view* name, absl::string_view* value);
// The first value of a parameter, or a null view; present without '=' is the empty, non-null view.
absl::string_view FindQueryParameter(absl::string_view query, absl::string_view name);

// The value of a cookie in the Cookie headers (first match; quotes around it removed), or a null view.
absl::string_view FindCookie(const http::HeaderMap& headers, absl::string_view name);

// config.route.v3.QueryParameterMatcher.
class QueryParameterMatcher {
 public:
  static absl::StatusOr<QueryParameterMatcher> Present(std::string name, bool present = true);
  static absl::StatusOr<QueryParameterMatcher> Text(std::string name, StringMatcher matcher);
  bool Match(absl::string_view query) const;

 private:
  std::string name_;
  bool by_presence_ = true;
  bool present_ = true;
  StringMatcher text_;
};

// config.route.v3.CookieMatcher. A missing cookie does not match, unless inverted.
class CookieMatcher {
 public:
  static absl::StatusOr<CookieMatcher> Create(std::string name, StringMatcher matcher, bool invert);
  bool Match(const http::HeaderMap& headers) const;

 private:
  std::string name_;
  StringMatcher text_;
  bool invert_ = false;
};

}  // namespace outrigger::matching
