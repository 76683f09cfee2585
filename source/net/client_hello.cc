#include "source/net/client_hello.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace outrigger::net {
namespace {

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloMessage = 1;
constexpr size_t kRecordHeader = 5;
constexpr size_t kMessageHeader = 4;
constexpr size_t kMostRecord = 16384;  // RFC 8446 5.1
constexpr uint16_t kServerNameExtension = 0;
constexpr uint16_t kAlpnExtension = 16;
constexpr size_t kMostHostName = 255;

// Takes big-endian numbers and length-prefixed vectors off the front; false, and nothing taken, if they are not there.
class Cursor {
 public:
  explicit Cursor(absl::string_view bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  bool Number(int width, uint32_t* out) {
    if (rest_.size() < static_cast<size_t>(width)) return false;
    uint32_t value = 0;
    for (int i = 0; i < width; ++i) value = value << 8 | static_cast<uint8_t>(rest_[i]);
    rest_.remove_prefix(width);
    *out = value;
    return true;
  }
  bool Bytes(size_t n, absl::string_view* out) {
    if (rest_.size() < n) return false;
    *out = absl::string_view(rest_.data(), n);
    rest_.remove_prefix(n);
    return true;
  }
  bool Vector(int width, absl::string_view* out) {
    uint32_t n = 0;
    const absl::string_view before = rest_;
    if (Number(width, &n) && Bytes(n, out)) return true;
    rest_ = before;
    return false;
  }

 private:
  absl::string_view rest_;
};

bool ReadServerName(absl::string_view extension, ClientHello* out) {
  Cursor cursor(extension);
  absl::string_view list;
  if (!cursor.Vector(2, &list) || !cursor.empty() || list.empty()) return false;
  Cursor names(list);
  while (!names.empty()) {
    uint32_t type = 0;
    absl::string_view name;
    if (!names.Number(1, &type) || !names.Vector(2, &name)) return false;
    if (type != 0) continue;
    // RFC 6066 3: at most one name of a type; ASCII without a trailing dot.
    if (!out->server_name.empty() || name.empty() || name.size() > kMostHostName) return false;
    for (char c : name) {
      if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) return false;
    }
    out->server_name = absl::AsciiStrToLower(name);
  }
  return true;
}

bool ReadAlpn(absl::string_view extension, ClientHello* out) {
  Cursor cursor(extension);
  absl::string_view list;
  if (!cursor.Vector(2, &list) || !cursor.empty() || list.empty()) return false;
  Cursor protocols(list);
  while (!protocols.empty()) {
    absl::string_view protocol;
    if (!protocols.Vector(1, &protocol) || protocol.empty() || out->alpns.size() >= kMostAlpns) return false;
    out->alpns.emplace_back(protocol);
  }
  out->has_alpn = true;
  return true;
}

bool ReadExtensions(absl::string_view extensions, ClientHello* out) {
  bool had_name = false;
  Cursor cursor(extensions);
  while (!cursor.empty()) {
    uint32_t type = 0;
    absl::string_view body;
    if (!cursor.Number(2, &type) || !cursor.Vector(2, &body)) return false;
    if (type == kServerNameExtension) {
      if (had_name || !ReadServerName(body, out)) return false;  // RFC 8446 4.2: an extension comes once
      had_name = true;
    } else if (type == kAlpnExtension) {
      if (out->has_alpn || !ReadAlpn(body, out)) return false;
    }
  }
  return true;
}

bool ReadMessage(absl::string_view message, ClientHello* out) {
  Cursor cursor(message);
  uint32_t version = 0;
  absl::string_view random, session, ciphers, compression, extensions;
  if (!cursor.Number(2, &version) || version >> 8 != 3) return false;
  if (!cursor.Bytes(32, &random)) return false;
  if (!cursor.Vector(1, &session) || session.size() > 32) return false;
  if (!cursor.Vector(2, &ciphers) || ciphers.size() < 2 || ciphers.size() % 2 != 0) return false;
  if (!cursor.Vector(1, &compression) || compression.empty()) return false;
  if (cursor.empty()) return true;  // before TLS 1.3 extensions were optional
  if (!cursor.Vector(2, &extensions) || !cursor.empty()) return false;
  return ReadExtensions(extensions, out);
}

// Whether what is there of a record header and message type can begin a ClientHello.
bool LooksLikeHello(absl::string_view seen) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(seen[i]); };
  if (seen.size() > 0 && byte(0) != kHandshakeRecord) return false;
  if (seen.size() > 1 && byte(1) != 3) return false;
  if (seen.size() >= kRecordHeader) {
    const size_t length = size_t{byte(3)} << 8 | byte(4);
    if (length == 0 || length > kMostRecord) return false;
  }
  return seen.size() <= kRecordHeader || byte(kRecordHeader) == kClientHelloMessage;
}

}  // namespace

ClientHelloResult ParseClientHello(absl::string_view seen, size_t limit, ClientHello* out) {
  *out = ClientHello();
  if (!LooksLikeHello(seen)) return ClientHelloResult::kNotTls;
  if (seen.size() <= kRecordHeader) return ClientHelloResult::kNeedMore;  // a verdict on a prefix is final
  // A message in one record is read where it is; one in several is put together first.
  Cursor records(seen);
  std::string joined;
  absl::string_view message;
  size_t need = kMessageHeader;
  size_t used = 0;
  while (message.size() < need) {
    uint32_t type = 0, version = 0;
    absl::string_view record;
    Cursor at = records;
    if (!at.Number(1, &type)) break;
    if (type != kHandshakeRecord) return ClientHelloResult::kMalformed;
    if (at.Number(2, &version) && version >> 8 != 3) return ClientHelloResult::kMalformed;
    uint32_t length = 0;
    Cursor peek = at;
    if (!peek.Number(2, &length)) break;
    if (length == 0 || length > kMostRecord) return ClientHelloResult::kMalformed;
    if (used + kRecordHeader + length > limit) return ClientHelloResult::kTooLarge;
    if (!at.Vector(2, &record)) break;
    records = at;
    used += kRecordHeader + length;
    if (message.empty()) {
      message = record;
    } else {
      if (joined.empty()) joined.assign(message.data(), message.size());
      joined.append(record.data(), record.size());
      message = joined;
    }
    if (message.size() >= kMessageHeader) {
      uint32_t n = 0;
      Cursor header(message);
      if (!header.Number(1, &type) || type != kClientHelloMessage) return ClientHelloResult::kMalformed;
      header.Number(3, &n);
      need = kMessageHeader + n;
      if (need > limit) return ClientHelloResult::kTooLarge;
    }
  }
  if (message.size() < need) return seen.size() >= limit ? ClientHelloResult::kTooLarge : ClientHelloResult::kNeedMore;
  out->bytes = used;
  message = absl::string_view(message.data() + kMessageHeader, need - kMessageHeader);
  if (ReadMessage(message, out)) return ClientHelloResult::kFound;
  *out = ClientHello();
  return ClientHelloResult::kMalformed;
}

}  // namespace outrigger::net
