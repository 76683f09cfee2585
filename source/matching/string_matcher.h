// Thread: any (immutable after Create; Match may be called from all threads at once)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace re2 {
class RE2;
}

namespace outrigger::matching {

// Limits of a regular expression from configuration.
inline constexpr size_t kMaxRegexLength = 16 * 1024;  // characters of the pattern
inline constexpr int64_t kMaxRegexMemory = 8 << 20;   // bytes RE2 may use for one pattern
// Compiles for full matches; the error says what RE2 disliked.
absl::StatusOr<std::shared_ptr<const re2::RE2>> CompileRegex(absl::string_view pattern);
bool RegexFullMatch(const re2::RE2& regex, absl::string_view text);

// type.matcher.v3.StringMatcher. Cheap to copy when it is a regex (shared), otherwise copies one string.
class StringMatcher {
 public:
  enum class Kind : uint8_t { kAny, kExact, kPrefix, kSuffix, kContains, kRegex };

  StringMatcher() = default;  // matches everything
  // An empty prefix, suffix or contains is refused; an empty exact matches the empty string. ignore_case folds ASCII
  // letters; it has no effect on a regex (the API says so).
  static absl::StatusOr<StringMatcher> Create(Kind kind, absl::string_view pattern, bool ignore_case = false);
  static StringMatcher Exact(absl::string_view text);

  bool Match(absl::string_view text) const;
  Kind kind() const { return kind_; }
  const std::string& pattern() const { return pattern_; }
  bool ignore_case() const { return ignore_case_; }

 private:
  Kind kind_ = Kind::kAny;
  bool ignore_case_ = false;
  std::string pattern_;
  std::shared_ptr<const re2::RE2> regex_;
};

// type.matcher.v3.PathMatcher: a string matcher of the path before '?' and '#'.
class PathMatcher {
 public:
  explicit PathMatcher(StringMatcher path) : path_(std::move(path)) {}
  bool Match(absl::string_view path_with_query) const;

 private:
  StringMatcher path_;
};

// The path of a request target: all before the first '?' or '#'.
absl::string_view PathWithoutQuery(absl::string_view path_with_query);

// type.v3.Int64Range / DoubleRange: [start, end).
template <class N>
struct NumberRange {
  N start;
  N end;
  bool Contains(N n) const { return n >= start && n < end; }
};

// type.matcher.v3.ListStringMatcher: any of them.
class StringMatcherList {
 public:
  StringMatcherList() = default;
  explicit StringMatcherList(std::vector<StringMatcher> matchers) : matchers_(std::move(matchers)) {}
  bool Match(absl::string_view text) const {
    for (const StringMatcher& matcher : matchers_) {
      if (matcher.Match(text)) return true;
    }
    return false;
  }
  bool empty() const { return matchers_.empty(); }

 private:
  std::vector<StringMatcher> matchers_;
};

}  // namespace outrigger::matching
