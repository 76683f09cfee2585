// Thread: test
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/http/h2/error_code.h"
#include "test/http/h2/pair.h"

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
inline std::string Block(const FieldList& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += Literal(name, value);
  return out;
}
inline std::string Headers(uint32_t stream, const FieldList& fields, bool end) {
  return Frame(1, kEndHeaders | (end ? kEndStream : 0), stream, Block(fields));
}
inline std::string Data(uint32_t stream, absl::string_view bytes, bool end) { return Frame(0, end ? kEndStream : 0, stream, bytes); }
inline std::string Settings(std::vector<std::pair<uint16_t, uint32_t>> entries = {}) {
  std::string payload;
  for (const auto& [id, value] : entries) payload += Number(id, 2) + Number(value, 4);
  return Frame(4, 0, 0, payload);
}
inline std::string Reset(uint32_t stream, ErrorCode code) { return Frame(3, 0, stream, Number(static_cast<uint32_t>(code), 4)); }
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

// A session of ours, and a peer that writes bytes.
struct Raw {
  CodecOptions options;
  Http2Options http2;
  CodecCounters counters;
  event::Dispatcher loop{event::MakeEpollEngine()};
  ServerApp server_app;
  ClientApp client_app;
  std::unique_ptr<net::Connection> connection;
  std::unique_ptr<Session> server;
  std::unique_ptr<ClientSession> client;
  std::unique_ptr<harness::End> peer;
  std::vector<std::unique_ptr<Exchange>> requests;

  void Open(bool as_server) {
    const auto [left, right] = harness::TcpPair(loop);
    connection = std::make_unique<net::Connection>(loop, left, std::make_unique<net::RawTransport>());
    if (as_server) {
      server = MakeHttp2Server(*connection, server_app, options, http2, counters);
      connection->SetHandler(server.get());
    } else {
      client = MakeHttp2Client(*connection, client_app, options, http2, counters);
      connection->SetHandler(client.get());
    }
    connection->Start();
    peer = std::make_unique<harness::End>(loop, right);
    Write(as_server ? kPreface + Settings() : Settings());
    OUTRIGGER_CHECK(Until([&] { return Count(4) == 2; }));  // its SETTINGS, and the ACK of ours
  }
  ~Raw() {
    if (connection != nullptr) connection->Close(net::Connection::CloseMode::kNow);
    if (peer != nullptr) (*peer)->Close(net::Connection::CloseMode::kNow);
    harness::Turns(loop, 2);
  }
  bool Until(const std::function<bool()>& done) { return harness::RunUntil(loop, done); }
  void Write(absl::string_view bytes) { (*peer)->Write(bytes); }
  Exchange& Start(const FieldList& fields, bool end) {
    requests.push_back(std::make_unique<Exchange>());
    Exchange& made = *requests.back();
    made.sender = client->NewStream(made);
    OUTRIGGER_CHECK(made.sender != nullptr);
    made.Send(fields, end);
    return made;
  }
  std::vector<SeenFrame> Seen() const {
    std::vector<SeenFrame> out;
    absl::string_view rest = peer->recorder.got;
    if (rest.substr(0, kPreface.size()) == kPreface) rest.remove_prefix(kPreface.size());
    while (rest.size() >= 9) {
      const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(rest[i])); };
      const size_t n = at(0) << 16 | at(1) << 8 | at(2);
      if (rest.size() < 9 + n) break;
      out.push_back({static_cast<uint8_t>(at(3)), static_cast<uint8_t>(at(4)), at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8),
                     std::string(rest.substr(9, n))});
      rest.remove_prefix(9 + n);
    }
    return out;
  }
  size_t Count(uint8_t type) const {
    size_t n = 0;
    for (const SeenFrame& frame : Seen()) n += frame.type == type ? 1 : 0;
    return n;
  }
  // The last frame of a type, or one with type 0xff.
  SeenFrame Last(uint8_t type) const {
    SeenFrame found{0xff, 0, 0, ""};
    for (const SeenFrame& frame : Seen()) {
      if (frame.type == type) found = frame;
    }
    return found;
  }
  bool closed() const { return server_app.closes + client_app.closes > 0; }
};

}  // namespace outrigger::http::h2
