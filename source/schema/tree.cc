#include "source/schema/tree.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace outrigger::schema {

const Node* Node::Find(absl::string_view key) const {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].text == key) return &items[i];
  }
  return nullptr;
}

namespace {

// The bytes of the character that starts at text[at], or 0 if none does (RFC 3629: no surrogates, no overlong forms).
size_t CharacterLength(absl::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> uint32_t { return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : 0; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint32_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool beyond = first == 0xF4 && byte(1) > 0x8F;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

uint32_t LineOf(absl::string_view text, size_t at) {
  return 1 + static_cast<uint32_t>(std::count(text.begin(), text.begin() + std::min(at, text.size()), '\n'));
}

}  // namespace

size_t ValidUtf8Prefix(absl::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = CharacterLength(text, at);
    if (length == 0) return at;
    at += length;
  }
  return at;
}

bool CheckText(absl::string_view text, const TreeLimits& limits, TreeError& error) {
  if (text.size() > limits.max_bytes) {
    error = {0, absl::StrCat("the text has ", text.size(), " bytes, more than the limit of ", limits.max_bytes)};
    return false;
  }
  const size_t nul = text.find('\0');
  if (nul != absl::string_view::npos) {
    error = {LineOf(text, nul), "a NUL byte is not text"};
    return false;
  }
  const size_t valid = ValidUtf8Prefix(text);
  if (valid != text.size()) {
    error = {LineOf(text, valid), "not valid UTF-8"};
    return false;
  }
  return true;
}

PlainKind ClassifyPlain(absl::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return PlainKind::kNull;
  for (const char* word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
    if (text == word) return PlainKind::kBool;
  }
  absl::string_view rest = text;
  if (rest[0] == '-' || rest[0] == '+') rest.remove_prefix(1);
  if (AllDigits(rest)) return PlainKind::kInteger;
  if ((absl::ConsumePrefix(&rest, "0x") || absl::ConsumePrefix(&rest, "0X")) && !rest.empty()) {
    return std::all_of(rest.begin(), rest.end(), absl::ascii_isxdigit) ? PlainKind::kInteger : PlainKind::kWord;
  }
  if (absl::EqualsIgnoreCase(rest, ".inf") || absl::EqualsIgnoreCase(text, ".nan")) return PlainKind::kNumber;
  size_t at = 0;
  size_t digits = 0;
  const auto skip_digits = [&] {
    for (; at < rest.size() && absl::ascii_isdigit(rest[at]); ++at) ++digits;
  };
  skip_digits();
  if (at < rest.size() && rest[at] == '.') {
    ++at;
    skip_digits();
  }
  if (digits == 0) return PlainKind::kWord;
  if (at < rest.size() && (rest[at] == 'e' || rest[at] == 'E')) {
    ++at;
    if (at < rest.size() && (rest[at] == '-' || rest[at] == '+')) ++at;
    digits = 0;
    skip_digits();
    if (digits == 0) return PlainKind::kWord;
  }
  return at == rest.size() ? PlainKind::kNumber : PlainKind::kWord;
}

}  // namespace outrigger::schema
