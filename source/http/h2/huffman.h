// Thread: any
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace outrigger::http::h2 {

// The Huffman code of HPACK (RFC 7541 appendix B).
size_t HuffmanSize(absl::string_view text);             // bytes that HuffmanEncode writes
char* HuffmanEncode(absl::string_view text, char* to);  // past the last byte written

// Bytes that HuffmanDecode may write for so many encoded ones.
inline size_t HuffmanMost(size_t encoded) { return encoded * 8 / 5 + 1; }
// Past the last byte written, or null: no code of ours, EOS, or padding that is longer than 7 bits or not all ones.
char* HuffmanDecode(absl::string_view encoded, char* to);

}  // namespace outrigger::http::h2
