#include "source/matching/string_matcher.h"

#include <re2/re2.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace outrigger::matching {
namespace {

char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool ContainsFolded(absl::string_view text, absl::string_view lower) {
  const auto same = [](char a, char b) { return Fold(a) == b; };
  return std::search(text.begin(), text.end(), lower.begin(), lower.end(), same) != text.end();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const re2::RE2>> CompileRegex(absl::string_view pattern) {
  if (pattern.empty()) return absl::InvalidArgumentError("the regular expression is empty");
  if (pattern.size() > kMaxRegexLength) {
    return absl::InvalidArgumentError(absl::StrCat("the regular expression is longer than ", kMaxRegexLength));
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxRegexMemory);
  auto regex = std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!regex->ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the regular expression \"", pattern, "\" is bad: ", regex->error()));
  }
  return regex;
}

bool RegexFullMatch(const re2::RE2& regex, absl::string_view text) {
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), regex);
}

absl::StatusOr<StringMatcher> StringMatcher::Create(Kind kind, absl::string_view pattern, bool ignore_case) {
  StringMatcher matcher;
  matcher.kind_ = kind;
  matcher.ignore_case_ = ignore_case;
  matcher.pattern_ = std::string(pattern);
  switch (kind) {
    case Kind::kAny:
    case Kind::kExact:
      break;
    case Kind::kPrefix:
    case Kind::kSuffix:
    case Kind::kContains:
      if (pattern.empty()) return absl::InvalidArgumentError("a prefix, suffix or contains matcher must not be empty");
      break;
    case Kind::kRegex: {
      absl::StatusOr<std::shared_ptr<const re2::RE2>> regex = CompileRegex(pattern);
      if (!regex.ok()) return regex.status();
      matcher.regex_ = *std::move(regex);
      break;
    }
  }
  if (ignore_case && kind != Kind::kRegex) {
    std::transform(matcher.pattern_.begin(), matcher.pattern_.end(), matcher.pattern_.begin(), Fold);
  }
  return matcher;
}

StringMatcher StringMatcher::Exact(absl::string_view text) {
  StringMatcher matcher;
  matcher.kind_ = Kind::kExact;
  matcher.pattern_ = std::string(text);
  return matcher;
}

bool StringMatcher::Match(absl::string_view text) const {
  switch (kind_) {
    case Kind::kAny:
      return true;
    case Kind::kExact:
      return ignore_case_ ? absl::EqualsIgnoreCase(text, pattern_) : text == pattern_;
    case Kind::kPrefix:
      return ignore_case_ ? absl::StartsWithIgnoreCase(text, pattern_) : absl::StartsWith(text, pattern_);
    case Kind::kSuffix:
      return ignore_case_ ? absl::EndsWithIgnoreCase(text, pattern_) : absl::EndsWith(text, pattern_);
    case Kind::kContains:
      return ignore_case_ ? ContainsFolded(text, pattern_) : absl::StrContains(text, pattern_);
    case Kind::kRegex:
      return RegexFullMatch(*regex_, text);
  }
  return false;
}

absl::string_view PathWithoutQuery(absl::string_view path_with_query) {
  const size_t end = path_with_query.find_first_of("?#");
  return end == absl::string_view::npos ? path_with_query : path_with_query.substr(0, end);
}

bool PathMatcher::Match(absl::string_view path_with_query) const {
  return path_.Match(PathWithoutQuery(path_with_query));
}

}  // namespace outrigger::matching
