#include "source/matching/query.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace outrigger::matching {
namespace {

constexpr size_t kMaxNameLength = 1024;  // the API's own limit

absl::Status CheckName(absl::string_view what, absl::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError(absl::StrCat("a ", what, " matcher needs a name"));
  if (name.size() > kMaxNameLength) {
    return absl::InvalidArgumentError(absl::StrCat("the name of a ", what, " matcher is longer than ", kMaxNameLength));
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view QueryOf(absl::string_view path_with_query) {
  const size_t start = path_with_query.find('?');
  if (start == absl::string_view::npos) return {};
  absl::string_view query = path_with_query.substr(start + 1);
  const size_t fragment = query.find('#');
  return fragment == absl::string_view::npos ? query : query.substr(0, fragment);
}

bool NextQueryParameter(absl::string_view* query, absl::string_view* name, absl::string_view* value) {
  while (!query->empty()) {
    const size_t end = query->find('&');
    absl::string_view one = query->substr(0, end);
    query->remove_prefix(end == absl::string_view::npos ? query->size() : end + 1);
    if (one.empty()) continue;
    const size_t equals = one.find('=');
    *name = one.substr(0, equals);
    *value = equals == absl::string_view::npos ? one.substr(one.size()) : one.substr(equals + 1);
    return true;
  }
  return false;
}

absl::string_view FindQueryParameter(absl::string_view query, absl::string_view name) {
  absl::string_view at, value;
  while (NextQueryParameter(&query, &at, &value)) {
    if (at == name) return value;
  }
  return {};
}

absl::string_view FindCookie(const http::HeaderMap& headers, absl::string_view name) {
  absl::string_view found;
  headers.ForEach([&](const http::HeaderMap::Entry& entry) {
    if (entry.known != http::KnownHeader::kCookie || found.data() != nullptr) return;
    absl::string_view rest = entry.value;
    while (!rest.empty()) {
      const size_t end = rest.find(';');
      absl::string_view one = absl::StripAsciiWhitespace(rest.substr(0, end));
      rest.remove_prefix(end == absl::string_view::npos ? rest.size() : end + 1);
      const size_t equals = one.find('=');
      if (equals == absl::string_view::npos || one.substr(0, equals) != name) continue;
      found = one.substr(equals + 1);
      if (found.size() >= 2 && found.front() == '"' && found.back() == '"') found = found.substr(1, found.size() - 2);
      return;
    }
  });
  return found;
}

absl::StatusOr<QueryParameterMatcher> QueryParameterMatcher::Present(std::string name, bool present) {
  if (absl::Status status = CheckName("query parameter", name); !status.ok()) return status;
  QueryParameterMatcher matcher;
  matcher.name_ = std::move(name);
  matcher.present_ = present;
  return matcher;
}

absl::StatusOr<QueryParameterMatcher> QueryParameterMatcher::Text(std::string name, StringMatcher text) {
  if (absl::Status status = CheckName("query parameter", name); !status.ok()) return status;
  QueryParameterMatcher matcher;
  matcher.name_ = std::move(name);
  matcher.by_presence_ = false;
  matcher.text_ = std::move(text);
  return matcher;
}

bool QueryParameterMatcher::Match(absl::string_view query) const {
  const absl::string_view value = FindQueryParameter(query, name_);
  if (by_presence_) return (value.data() != nullptr) == present_;
  return value.data() != nullptr && text_.Match(value);
}

absl::StatusOr<CookieMatcher> CookieMatcher::Create(std::string name, StringMatcher text, bool invert) {
  if (absl::Status status = CheckName("cookie", name); !status.ok()) return status;
  CookieMatcher matcher;
  matcher.name_ = std::move(name);
  matcher.text_ = std::move(text);
  matcher.invert_ = invert;
  return matcher;
}

bool CookieMatcher::Match(const http::HeaderMap& headers) const {
  const absl::string_view value = FindCookie(headers, name_);
  return (value.data() != nullptr && text_.Match(value)) != invert_;
}

}  // namespace outrigger::matching
