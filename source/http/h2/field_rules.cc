#include "source/http/h2/field_rules.h"

#include <array>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "absl/strings/match.h"

namespace outrigger::http::h2 {
namespace {

enum : uint8_t { kName = 1, kMethod = 2, kScheme = 4 };

constexpr std::array<uint8_t, 256> MakeClasses() {
  std::array<uint8_t, 256> table{};
  for (int c = 'a'; c <= 'z'; ++c) table[c] = kName | kMethod | kScheme;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = kMethod | kScheme;
  for (int c = '0'; c <= '9'; ++c) table[c] = kName | kMethod | kScheme;
  for (const char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<uint8_t>(c)] = kName | kMethod;
  }
  for (const char c : {'+', '-', '.'}) table[static_cast<uint8_t>(c)] |= kScheme;
  return table;
}
constexpr std::array<uint8_t, 256> kClasses = MakeClasses();

bool ConsistsOf(absl::string_view text, uint8_t wanted) {
  uint8_t all = wanted;
  for (const char c : text) all &= kClasses[static_cast<uint8_t>(c)];
  return !text.empty() && all != 0;
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool IsValueByte(uint8_t c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; }

#if defined(__SSE2__)
bool SixteenAreFine(const char* p) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i top = _mm_set1_epi8(0x1f);
  const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(v, top), top);
  const __m128i tab = _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));
  return _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del)) == 0;
}
#endif

}  // namespace

bool IsFieldName(absl::string_view name) { return ConsistsOf(name, kName); }

bool IsFieldValue(absl::string_view value) {
  if (value.empty()) return true;
  if (IsBlank(value.front()) || IsBlank(value.back())) return false;
  const char* at = value.data();
  const char* const end = at + value.size();
#if defined(__SSE2__)
  if (value.size() >= 16) {
    for (; end - at >= 16; at += 16) {
      if (!SixteenAreFine(at)) return false;
    }
    return SixteenAreFine(end - 16);  // looks at some of them again
  }
#endif
  for (; at != end; ++at) {
    if (!IsValueByte(static_cast<uint8_t>(*at))) return false;
  }
  return true;
}

bool MessageRules::Allows(KnownHeader known, absl::string_view name, absl::string_view value, bool sound) {
  if (!sound) return false;
  if (known <= KnownHeader::kStatus) return AllowsPseudo(known, value);
  in_fields_ = true;
  if (known == KnownHeader::kTe) return absl::EqualsIgnoreCase(value, "trailers");
  return known != KnownHeader::kContentLength || kind_ == Kind::kTrailers || AllowsLength(value);
}

// Before all fields, each once, of its own kind of message.
bool MessageRules::AllowsPseudo(KnownHeader known, absl::string_view value) {
  const uint8_t bit = static_cast<uint8_t>(1u << static_cast<int>(known));
  if (in_fields_ || (seen_ & bit) != 0 || kind_ == Kind::kTrailers) return false;
  seen_ |= bit;
  if ((known == KnownHeader::kStatus) != (kind_ == Kind::kResponse)) return false;
  switch (known) {
    case KnownHeader::kMethod:
      connect_ = value == "CONNECT";
      return ConsistsOf(value, kMethod);
    case KnownHeader::kScheme:
      return ConsistsOf(value, kScheme);
    case KnownHeader::kStatus:
      if (value.size() != 3) return false;
      for (const char c : value) {
        if (c < '0' || c > '9') return false;
        status_ = static_cast<uint16_t>(status_ * 10 + (c - '0'));
      }
      return true;
    default:
      return true;
  }
}

bool MessageRules::AllowsLength(absl::string_view value) {
  if (content_length_ != kNone || value.empty() || value.size() > 18) return false;
  uint64_t length = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return false;
    length = length * 10 + static_cast<uint64_t>(c - '0');
  }
  if (kind_ == Kind::kResponse && (status_ < 200 || status_ == 204) && length > 0) return false;  // RFC 9110 8.6
  content_length_ = length;
  return true;
}

void MessageRules::EndBlock() {
  if (kind_ == Kind::kRequest) {
    if (connect_) content_length_ = kNone;  // says nothing about a tunnel
    final_ = true;
    return;
  }
  if (status_ < 200) {
    content_length_ = kNone;
    return;
  }
  final_ = true;
  if (connect_ && status_ < 300) content_length_ = kNone;
  if (head_ || status_ == 304) content_length_ = 0;  // of the body that this answer does not have
}

}  // namespace outrigger::http::h2
