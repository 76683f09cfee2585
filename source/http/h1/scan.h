// Thread: any
#pragma once

#include <array>
#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "absl/strings/string_view.h"

// Character classes of RFC 9110 5.6.2 and 5.5 as tables, and vector scans over them. The scans stop at the first byte
// outside the class; they read only [p, end).
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

namespace internal {
#if defined(__AVX2__)
inline constexpr int kStep = 32;
inline uint32_t BadValueMask(const char* p) {
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i top = _mm256_set1_epi8(0x1f);
  const __m256i control = _mm256_cmpeq_epi8(_mm256_max_epu8(v, top), top);
  const __m256i tab = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\t'));
  const __m256i del = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(0x7f));
  return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_or_si256(_mm256_andnot_si256(tab, control), del)));
}
inline uint32_t BadTargetMask(const char* p) {
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i space = _mm256_set1_epi8(0x20);
  const __m256i del = _mm256_set1_epi8(0x7f);
  const __m256i low = _mm256_cmpeq_epi8(_mm256_max_epu8(v, space), space);
  const __m256i high = _mm256_cmpeq_epi8(_mm256_min_epu8(v, del), del);
  const __m256i hash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('#'));
  return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(low, high), hash)));
}
#elif defined(__SSE2__)
inline constexpr int kStep = 16;
inline uint32_t BadValueMask(const char* p) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i top = _mm_set1_epi8(0x1f);
  const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(v, top), top);
  const __m128i tab = _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del)));
}
inline uint32_t BadTargetMask(const char* p) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(v, space), space);
  const __m128i high = _mm_cmpeq_epi8(_mm_min_epu8(v, del), del);
  const __m128i hash = _mm_cmpeq_epi8(v, _mm_set1_epi8('#'));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, high), hash)));
}
#endif
#if defined(__SSE2__)
// Of sixteen bytes, those that are neither a lower-case letter nor '-': what most names are made of.
inline uint32_t NotPlainNameMask(const char* p) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i letter =
      _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8('a' - 1)), _mm_cmplt_epi8(v, _mm_set1_epi8('z' + 1)));
  const __m128i plain = _mm_or_si128(letter, _mm_cmpeq_epi8(v, _mm_set1_epi8('-')));
  return static_cast<uint32_t>(_mm_movemask_epi8(plain)) ^ 0xffff;
}
#endif
}  // namespace internal

// Past what can be skipped at once of a name's usual bytes, which are their own lower case.
inline const char* SkipPlainName(const char* p, const char* end) {
#if defined(__SSE2__)
  while (end - p >= 16) {
    const uint32_t other = internal::NotPlainNameMask(p);
    if (other != 0) return p + __builtin_ctz(other);
    p += 16;
  }
#endif
  return p;
}

inline bool IsToken(absl::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  while ((p = SkipPlainName(p, end)) < end) {
    if (!IsTokenChar(*p++)) return false;
  }
  return !text.empty();
}

// Lower-cases token characters in place; returns the first byte that is none, or `end`.
inline char* LowerToken(char* p, const char* end) {
  for (;;) {
    p += SkipPlainName(p, end) - p;
    if (p == end) return p;
    const char lower = kLowerToken[static_cast<uint8_t>(*p)];
    if (lower == 0) return p;
    *p++ = lower;
  }
}

// The first byte that may not be in a field value (a control other than HTAB, or DEL), or `end`.
inline const char* ScanValue(const char* p, const char* end) {
#if defined(__SSE2__)
  while (end - p >= internal::kStep) {
    const uint32_t bad = internal::BadValueMask(p);
    if (bad != 0) return p + __builtin_ctz(bad);
    p += internal::kStep;
  }
#endif
  while (p < end && IsValueByte(static_cast<uint8_t>(*p))) ++p;
  return p;
}

// The first byte that may not be in a request target, or `end`.
inline const char* ScanTarget(const char* p, const char* end) {
#if defined(__SSE2__)
  while (end - p >= internal::kStep) {
    const uint32_t bad = internal::BadTargetMask(p);
    if (bad != 0) return p + __builtin_ctz(bad);
    p += internal::kStep;
  }
#endif
  while (p < end && IsTargetByte(static_cast<uint8_t>(*p))) ++p;
  return p;
}

inline bool IsFieldValue(absl::string_view text) {
  const char* end = text.data() + text.size();
  return ScanValue(text.data(), end) == end;
}

}  // namespace outrigger::http::h1
