// Header blocks of one connection for our HPACK decoder and for nghttp2's: the same fields, or refused by both; then
// what came is encoded by us and must come back. Byte 0 chooses the table's size; each block has its length in one byte
// before it.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/http/h2/hpack_decoder.h"
#include "source/http/h2/huffman.h"

namespace outrigger::http::h2 {
namespace {

struct Block {
  bool broken = false;
  std::vector<std::pair<std::string, std::string>> fields;
};

Block Ours(HpackDecoder& decoder, absl::string_view text) {
  Block out;
  HpackDecoder::Field field;
  decoder.Begin(text);
  for (;;) {
    const HpackDecoder::Outcome outcome = decoder.Next(&field);
    if (outcome == HpackDecoder::Outcome::kEnd) break;
    if (outcome == HpackDecoder::Outcome::kBroken) {
      out.broken = true;
      break;
    }
    if (field.known != KnownHeader::kOther && KnownHeaderName(field.known) != field.name) __builtin_trap();
    out.fields.emplace_back(field.name, field.value);
  }
  decoder.Finish();
  return out;
}

Block Theirs(nghttp2_hd_inflater* inflater, absl::string_view text) {
  Block out;
  const uint8_t* at = reinterpret_cast<const uint8_t*>(text.data());
  size_t left = text.size();
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t n = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, left, 1);
    if (n < 0) {
      out.broken = true;
      return out;
    }
    at += n;
    left -= static_cast<size_t>(n);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      out.fields.emplace_back(std::string(reinterpret_cast<char*>(field.name), field.namelen),
                              std::string(reinterpret_cast<char*>(field.value), field.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater);
  return out;
}

void HuffmanComesBack(absl::string_view text) {
  std::string coded(HuffmanSize(text), '\0');
  if (HuffmanEncode(text, &coded[0]) != coded.data() + coded.size()) __builtin_trap();
  std::string back(HuffmanMost(coded.size()), '\0');
  const char* const end = HuffmanDecode(coded, &back[0]);
  if (end == nullptr || absl::string_view(back.data(), static_cast<size_t>(end - back.data())) != text)
    __builtin_trap();
}

void Run(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return;
  static constexpr uint32_t kSizes[] = {4096, 0, 64, 256};
  const uint32_t limit = kSizes[data[0] % 4];
  HpackDecoder decoder;
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_inflate_new(&inflater) != 0) return;
  decoder.SetLimit(limit);
  nghttp2_hd_inflate_change_table_size(inflater, limit);
  for (size_t at = 1; at < size;) {
    const size_t length = std::min<size_t>(data[at], size - at - 1);
    const absl::string_view text(reinterpret_cast<const char*>(data) + at + 1, length);
    at += 1 + length;
    const Block ours = Ours(decoder, text), theirs = Theirs(inflater, text);
    if (ours.broken != theirs.broken || (!ours.broken && ours.fields != theirs.fields)) {
      fprintf(stderr, "ours %s with %zu fields, nghttp2 %s with %zu\n", ours.broken ? "broken" : "read",
              ours.fields.size(), theirs.broken ? "broken" : "read", theirs.fields.size());
      abort();
    }
    if (ours.broken) break;
    for (const auto& [name, value] : ours.fields) HuffmanComesBack(value);
  }
  nghttp2_hd_inflate_del(inflater);
}

}  // namespace
}  // namespace outrigger::http::h2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  outrigger::http::h2::Run(data, size);
  return 0;
}
