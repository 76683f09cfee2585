// Bytes of a server. Byte 0: switches; byte 1: size of pieces; byte 2: the application's mood; the rest: frames after its SETTINGS.
#include "test/fuzz/h2/sessions.h"

namespace outrigger::http::h2 {
namespace {

struct Owner final : ClientSessionOwner {
  int closes = 0;
  void OnSessionReady() override {}
  void OnStreamClosed() override {}
  void OnGoAway() override {}
  void OnSessionClosed(const net::CloseInfo&) override { ++closes; }
};

void Send(FuzzExchange& exchange, ClientSession& session) {
  exchange.sender = session.NewStream(exchange);
  if (exchange.sender == nullptr) return;
  HeaderMap map(exchange.memory);
  map.Add(KnownHeader::kMethod, (exchange.mood & 2) != 0 ? "POST" : (exchange.mood & 4) != 0 ? "HEAD" : "GET");
  map.Add(KnownHeader::kScheme, "http");
  map.Add(KnownHeader::kAuthority, "a.test");
  map.Add(KnownHeader::kPath, "/");
  exchange.sender->SendHeaders(map, (exchange.mood & 2) == 0);
  if ((exchange.mood & 2) != 0) {
    Buffer body(absl::string_view("body of the request"));
    exchange.sender->SendBody(body, (exchange.mood & 8) != 0);
  }
}

void Run(const uint8_t* data, size_t size) {
  if (size < 3) return;
  event::Dispatcher& loop = FuzzLoop();
  CodecCounters counters;
  CodecOptions options;
  Http2Options http2;
  http2.stream_error_on_invalid_http_message = (data[0] & 1) != 0;
  options.max_header_count = 20;
  Owner owner;
  std::vector<std::unique_ptr<FuzzExchange>> exchanges;
  net::Connection connection(loop, -1, std::make_unique<MemoryTransport>(nullptr));
  std::unique_ptr<ClientSession> session = MakeHttp2Client(connection, owner, options, http2, counters);
  connection.SetHandler(session.get());
  session->OnConnected();
  for (int i = 0; i < 4; ++i) {
    exchanges.push_back(std::make_unique<FuzzExchange>());
    exchanges.back()->mood = static_cast<uint8_t>(data[2] + i);
    Send(*exchanges.back(), *session);
  }
  loop.RunOnce(Duration(0));
  std::string bytes;
  if ((data[0] & 128) == 0) bytes = std::string("\0\0\0\4\0\0\0\0\0", 9);
  bytes.append(reinterpret_cast<const char*>(data) + 3, size - 3);
  Feed(*session, connection, bytes, data[1]);
  if ((data[0] & 64) != 0) session->StartDrain(Duration(0));
  loop.RunOnce(Duration(0));
  connection.Close(net::Connection::CloseMode::kNow);
  loop.RunOnce(Duration(0));
  if (owner.closes != 1) __builtin_trap();
  session.reset();
  loop.RunOnce(Duration(0));
}

}  // namespace
}  // namespace outrigger::http::h2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  outrigger::http::h2::Run(data, size);
  return 0;
}
