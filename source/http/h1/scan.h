// Thread: any
#pragma once

#include <array>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "absl/strings/string_view.h"

// Character classes of RFC 9110 5.6.2 and 5.5 as tables, and scans over them, sixteen bytes at a time where the machine
// can (SSE2: every x86-64). The scans stop at the first byte outside the class; they read and write only [p, end).
namespace outrigger::http::h1 {

// The lower-case form of a token character; 0 for what may not be in a token.
constexpr std::array<char, 256> MakeLowerTokenTable() {
  std::array<char, 256> table{};
  for (int c = 'a'; c <= 'z'; ++c) table[c] = static_cast<char>(c);
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = static_cast<char>(c - 'A' + 'a');
  for (int c = '0'; c <= '9'; ++c) table[c] = static_cast<char>(c);
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<uint8_t>(c)] = c;
  }
  return table;
}
inline constexpr std::array<char, 256> kLowerToken = MakeLowerTokenTable();

inline bool IsTokenChar(char c) { return kLowerToken[static_cast<uint8_t>(c)] != 0; }
inline char LowerChar(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
// `lower` must be lower case.
inline bool EqualsLower(absl::string_view text, absl::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (LowerChar(text[i]) != lower[i]) return false;
  }
  return true;
}
inline absl::string_view TrimWhitespace(absl::string_view text) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  while (begin < end && (*begin == ' ' || *begin == '\t')) ++begin;
  while (end > begin && (end[-1] == ' ' || end[-1] == '\t')) --end;
  return absl::string_view(begin, static_cast<size_t>(end - begin));
}

inline bool IsValueByte(uint8_t c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; }
inline bool IsTargetByte(uint8_t c) { return c > 0x20 && c < 0x7f && c != '#'; }

// The scans a byte at a time: what every machine has, what is left over of a vector, and what the test holds the
// vectors against.
namespace portable {
inline char* LowerToken(char* p, const char* end) {
  for (; p < end; ++p) {
    const char lower = kLowerToken[static_cast<uint8_t>(*p)];
    if (lower == 0) break;
    *p = lower;
  }
  return p;
}
inline const char* ScanToken(const char* p, const char* end) {
  while (p < end && IsTokenChar(*p)) ++p;
  return p;
}
inline const char* ScanValue(const char* p, const char* end) {
  while (p < end && IsValueByte(static_cast<uint8_t>(*p))) ++p;
  return p;
}
inline const char* ScanTarget(const char* p, const char* end) {
  while (p < end && IsTargetByte(static_cast<uint8_t>(*p))) ++p;
  return p;
}
inline const char* FindLinePair(const char* p, const char* end) {
  for (; end - p >= 2; ++p) {
    if (*p == '\n' && (p[1] == '\n' || p[1] == '\r')) return p;
  }
  return nullptr;
}
}  // namespace portable

#if defined(__SSE2__)
// Masks of sixteen bytes. Thirty-two (AVX2) were measured with h1_benchmark and gained nothing: 743 ns for 760 on a
// browser's head, 455 for 430 on gRPC's. Fields are short.
namespace internal {
inline __m128i Load(const char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline __m128i Is(__m128i v, char c) { return _mm_cmpeq_epi8(v, _mm_set1_epi8(c)); }
inline __m128i Between(__m128i v, char first, char last) {  // of ASCII
  return _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8(static_cast<char>(first - 1))),
                       _mm_cmplt_epi8(v, _mm_set1_epi8(static_cast<char>(last + 1))));
}
inline uint32_t Bits(__m128i v) { return static_cast<uint32_t>(_mm_movemask_epi8(v)); }

inline uint32_t BadValueMask(const char* p) {
  const __m128i v = Load(p);
  const __m128i top = _mm_set1_epi8(0x1f);
  const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(v, top), top);
  return Bits(_mm_or_si128(_mm_andnot_si128(Is(v, '\t'), control), Is(v, 0x7f)));
}
inline uint32_t BadTargetMask(const char* p) {
  const __m128i v = Load(p);
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(v, space), space);
  const __m128i high = _mm_cmpeq_epi8(_mm_min_epu8(v, del), del);
  return Bits(_mm_or_si128(_mm_or_si128(low, high), Is(v, '#')));
}
// LF before LF or CR; reads p[16], too.
inline uint32_t LinePairMask(const char* p) {
  const __m128i next = Load(p + 1);
  return Bits(_mm_and_si128(Is(Load(p), '\n'), _mm_or_si128(Is(next, '\n'), Is(next, '\r'))));
}
// Lower-cases in place the letters before the first byte that is neither a letter nor '-'; returns how many bytes those
// are. Most names are made of nothing else.
inline uint32_t LowerSixteen(char* p) {
  const __m128i v = Load(p);
  const __m128i upper = Between(v, 'A', 'Z');
  const __m128i lower = _mm_or_si128(v, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
  const uint32_t other = Bits(_mm_or_si128(Between(lower, 'a', 'z'), Is(v, '-'))) ^ 0xffff;
  const uint32_t plain = other == 0 ? 16 : static_cast<uint32_t>(__builtin_ctz(other));
  if ((Bits(upper) & ((1u << plain) - 1)) == 0) return plain;  // as it is
  const __m128i place = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m128i before = _mm_cmplt_epi8(place, _mm_set1_epi8(static_cast<char>(plain)));
  const __m128i changed = _mm_and_si128(_mm_and_si128(upper, before), _mm_set1_epi8(0x20));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_or_si128(v, changed));
  return plain;
}
inline uint32_t PlainSixteen(const char* p) {
  const __m128i v = Load(p);
  const __m128i lower = _mm_or_si128(v, _mm_and_si128(Between(v, 'A', 'Z'), _mm_set1_epi8(0x20)));
  const uint32_t other = Bits(_mm_or_si128(Between(lower, 'a', 'z'), Is(v, '-'))) ^ 0xffff;
  return other == 0 ? 16 : static_cast<uint32_t>(__builtin_ctz(other));
}
}  // namespace internal
#endif

// Lower-cases token characters in place; returns the first byte that is none, or `end`.
inline char* LowerToken(char* p, const char* end) {
#if defined(__SSE2__)
  while (end - p >= 16) {
    const uint32_t plain = internal::LowerSixteen(p);
    p += plain;
    if (plain == 16) continue;
    const char lower = kLowerToken[static_cast<uint8_t>(*p)];  // a digit, perhaps
    if (lower == 0) return p;
    ++p;  // what is no letter is its own lower case
  }
#endif
  return portable::LowerToken(p, end);
}

// The first byte that is no token character, or `end`.
inline const char* ScanToken(const char* p, const char* end) {
#if defined(__SSE2__)
  while (end - p >= 16) {
    const uint32_t plain = internal::PlainSixteen(p);
    p += plain;
    if (plain == 16) continue;
    if (!IsTokenChar(*p)) return p;
    ++p;
  }
#endif
  return portable::ScanToken(p, end);
}
inline bool IsToken(absl::string_view text) {
  const char* const end = text.data() + text.size();
  return !text.empty() && ScanToken(text.data(), end) == end;
}

// The first byte that may not be in a field value (a control other than HTAB, or DEL), or `end`.
inline const char* ScanValue(const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const uint32_t bad = internal::BadValueMask(p);
    if (bad != 0) return p + __builtin_ctz(bad);
  }
#endif
  return portable::ScanValue(p, end);
}

// The first byte that may not be in a request target, or `end`.
inline const char* ScanTarget(const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const uint32_t bad = internal::BadTargetMask(p);
    if (bad != 0) return p + __builtin_ctz(bad);
  }
#endif
  return portable::ScanTarget(p, end);
}

// The first LF of [p, end) that LF or CR follows there: an empty line may begin behind it. Null if there is none.
// [begin, p) can be read, too.
inline const char* FindLinePair(const char* begin, const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p > 16; p += 16) {
    const uint32_t pairs = internal::LinePairMask(p);
    if (pairs != 0) return p + __builtin_ctz(pairs);
  }
  if (end - begin > 16 && end - p >= 2) {  // the rest, with bytes that were looked at already
    const char* const last = end - 17;
    const uint32_t pairs = internal::LinePairMask(last) >> (p - last);
    return pairs == 0 ? nullptr : p + __builtin_ctz(pairs);
  }
#endif
  return portable::FindLinePair(p, end);
}

inline bool IsFieldValue(absl::string_view text) {
  const char* end = text.data() + text.size();
  return ScanValue(text.data(), end) == end;
}

}  // namespace outrigger::http::h1
