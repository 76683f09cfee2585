#include "source/schema/origin.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::schema {

std::string ResourceWord(absl::string_view type_url) {
  const size_t dot = type_url.rfind('.');
  if (dot == absl::string_view::npos || dot + 1 == type_url.size()) return std::string(type_url);
  std::string out;
  for (const char c : type_url.substr(dot + 1)) {
    if (absl::ascii_isupper(c) && !out.empty()) out.push_back(' ');
    out.push_back(absl::ascii_tolower(c));
  }
  return out;
}

std::string Origin::ToString() const {
  std::string out = absl::StrCat(ResourceWord(type), " \"", name, "\"");
  if (!version.empty()) absl::StrAppend(&out, " (version ", version, ")");
  if (!path.empty()) absl::StrAppend(&out, ": ", path);
  return out;
}

std::string NackDetail(const Origin& origin, absl::string_view errors) {
  std::string out;
  for (const absl::string_view line : absl::StrSplit(errors, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&out, out.empty() ? absl::StrCat(origin.ToString(), ": ") : "; ", line);
  }
  return out;
}

}  // namespace outrigger::schema
