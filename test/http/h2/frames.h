// Thread: any
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/http/h2/error_code.h"

namespace outrigger::http::h2 {

// Frames written by hand.
inline std::string Number(uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}
inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, absl::string_view payload) {
  std::string out = Number(payload.size(), 3);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out + Number(stream, 4) + std::string(payload);
}
constexpr uint8_t kEndStream = 1, kEndHeaders = 4;
// HPACK without tables or Huffman: literal, never indexed, new name.
inline std::string Literal(absl::string_view name, absl::string_view value) {
  const auto text = [](absl::string_view s) {
    std::string out;
    if (s.size() < 127) {
      out.push_back(static_cast<char>(s.size()));
    } else {
      out.push_back(127);
      size_t rest = s.size() - 127;
      for (; rest >= 128; rest /= 128) out.push_back(static_cast<char>(128 + rest % 128));
      out.push_back(static_cast<char>(rest));
    }
    return out + std::string(s);
  };
  return std::string(1, 0x10) + text(name) + text(value);
}
using Fields = std::vector<std::pair<std::string, std::string>>;
inline std::string Block(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += Literal(name, value);
  return out;
}
inline std::string Headers(uint32_t stream, const Fields& fields, bool end) {
  return Frame(1, kEndHeaders | (end ? kEndStream : 0), stream, Block(fields));
}
inline std::string Data(uint32_t stream, absl::string_view bytes, bool end) {
  return Frame(0, end ? kEndStream : 0, stream, bytes);
}
inline std::string Settings(std::vector<std::pair<uint16_t, uint32_t>> entries = {}) {
  std::string payload;
  for (const auto& [id, value] : entries) payload += Number(id, 2) + Number(value, 4);
  return Frame(4, 0, 0, payload);
}
inline std::string Reset(uint32_t stream, ErrorCode code) {
  return Frame(3, 0, stream, Number(static_cast<uint32_t>(code), 4));
}
inline const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct SeenFrame {
  uint8_t type, flags;
  uint32_t stream;
  std::string payload;
  uint32_t code() const {  // of RST_STREAM and GOAWAY
    const size_t at = type == 7 ? 4 : 0;
    uint32_t value = 0;
    for (size_t i = at; i < at + 4 && i < payload.size(); ++i) value = value << 8 | static_cast<uint8_t>(payload[i]);
    return value;
  }
};

// The whole frames of what a peer sent; a client's preface is left out. *incomplete: the bytes of the frame that is not
// whole yet.
inline std::vector<SeenFrame> SplitFrames(absl::string_view bytes, std::string* incomplete = nullptr) {
  std::vector<SeenFrame> out;
  absl::string_view rest = bytes;
  if (rest.substr(0, kPreface.size()) == kPreface) rest.remove_prefix(kPreface.size());
  while (rest.size() >= 9) {
    const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(rest[i])); };
    const size_t n = at(0) << 16 | at(1) << 8 | at(2);
    if (rest.size() < 9 + n) break;
    out.push_back({static_cast<uint8_t>(at(3)), static_cast<uint8_t>(at(4)),
                   at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8), std::string(rest.substr(9, n))});
    rest.remove_prefix(9 + n);
  }
  if (incomplete != nullptr) *incomplete = std::string(rest);
  return out;
}

}  // namespace outrigger::http::h2
