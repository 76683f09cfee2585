#include "source/http/h2/huffman.h"

#include <cstdint>
#include <cstring>

namespace outrigger::http::h2 {
namespace {

constexpr int kSymbols = 257;  // the last one is EOS
constexpr int kLongest = 30;

// The code is canonical: these lengths say all of it. Within a length, codes rise with the symbol.
constexpr uint8_t kLength[kSymbols] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,
    7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,
    5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24,
    24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22,
    23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26,
    27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23,
    22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30};

constexpr int kFastBits = 9;

struct Tables {
  uint32_t code[kSymbols] = {};
  uint32_t first[kLongest + 2] = {};   // code of the first symbol of a length
  uint32_t offset[kLongest + 2] = {};  // where the symbols of a length begin in by_code
  uint16_t by_code[kSymbols] = {};
  // What the next kFastBits bits begin with: symbol, and its length (0: longer than that).
  uint8_t fast_symbol[1 << kFastBits] = {};
  uint8_t fast_length[1 << kFastBits] = {};

  constexpr Tables() {
    uint32_t next = 0;
    uint32_t n = 0;
    for (int length = 1; length <= kLongest; ++length) {
      next <<= 1;
      first[length] = next;
      offset[length] = n;
      for (int symbol = 0; symbol < kSymbols; ++symbol) {
        if (kLength[symbol] != length) continue;
        code[symbol] = next++;
        by_code[n++] = static_cast<uint16_t>(symbol);
      }
    }
    offset[kLongest + 1] = n;
    for (int symbol = 0; symbol < kSymbols; ++symbol) {
      const int length = kLength[symbol];
      if (length > kFastBits) continue;
      const uint32_t begin = code[symbol] << (kFastBits - length);
      for (uint32_t i = 0; i < (1u << (kFastBits - length)); ++i) {
        fast_symbol[begin + i] = static_cast<uint8_t>(symbol);
        fast_length[begin + i] = static_cast<uint8_t>(length);
      }
    }
  }
};
constexpr Tables kTables;

// Symbol and length of the code at the top of `window`, for codes longer than kFastBits.
uint32_t LongSymbol(uint32_t window, int* length) {
  for (*length = kFastBits + 1; *length < kLongest; ++*length) {
    const uint32_t count = kTables.offset[*length + 1] - kTables.offset[*length];
    const uint32_t at = (window >> (32 - *length)) - kTables.first[*length];
    if (at < count) return kTables.by_code[kTables.offset[*length] + at];
  }
  return kTables.by_code[kTables.offset[kLongest] + (window >> (32 - kLongest)) - kTables.first[kLongest]];
}

// The last bits, fewer than the longest code has, as if ones followed for ever: padding then reads as the beginning of
// EOS.
char* DecodeLast(uint64_t held, int bits, char* to) {
  held |= ~uint64_t{0} >> bits;
  while (bits > 0) {
    int length = kTables.fast_length[held >> (64 - kFastBits)];
    uint32_t symbol = kTables.fast_symbol[held >> (64 - kFastBits)];
    if (length == 0) symbol = LongSymbol(static_cast<uint32_t>(held >> 32), &length);
    if (length > bits) return bits < 8 && held == ~uint64_t{0} ? to : nullptr;
    if (symbol == kSymbols - 1) return nullptr;
    *to++ = static_cast<char>(symbol);
    held = held << length | ((uint64_t{1} << length) - 1);
    bits -= length;
  }
  return to;
}

}  // namespace

size_t HuffmanSize(absl::string_view text) {
  size_t bits = 0;
  for (const char c : text) bits += kLength[static_cast<uint8_t>(c)];
  return (bits + 7) / 8;
}

char* HuffmanEncode(absl::string_view text, char* to) {
  uint64_t held = 0;
  int bits = 0;
  for (const char c : text) {
    const int length = kLength[static_cast<uint8_t>(c)];
    held = held << length | kTables.code[static_cast<uint8_t>(c)];
    bits += length;
    while (bits >= 8) {
      bits -= 8;
      *to++ = static_cast<char>(held >> bits);
    }
  }
  if (bits > 0) *to++ = static_cast<char>(held << (8 - bits) | ((1u << (8 - bits)) - 1));
  return to;
}

char* HuffmanDecode(absl::string_view encoded, char* to) {
  const uint8_t* at = reinterpret_cast<const uint8_t*>(encoded.data());
  const uint8_t* const end = at + encoded.size();
  uint64_t held = 0;  // not decoded yet: its highest `bits` bits, zeros below
  int bits = 0;
  for (;;) {
    if (bits < 32) {
      if (end - at >= 4) {
        uint32_t next;
        memcpy(&next, at, sizeof(next));
        held |= uint64_t{__builtin_bswap32(next)} << (32 - bits);
        at += 4;
        bits += 32;
      } else {
        for (; at != end; bits += 8) held |= uint64_t{*at++} << (56 - bits);
        if (bits < kLongest) break;
      }
    }
    int length = kTables.fast_length[held >> (64 - kFastBits)];
    uint32_t symbol = kTables.fast_symbol[held >> (64 - kFastBits)];
    if (length == 0) [[unlikely]]
      symbol = LongSymbol(static_cast<uint32_t>(held >> 32), &length);
    if (symbol == kSymbols - 1) [[unlikely]]
      return nullptr;
    *to++ = static_cast<char>(symbol);
    held <<= length;
    bits -= length;
  }
  return DecodeLast(held, bits, to);
}

}  // namespace outrigger::http::h2
