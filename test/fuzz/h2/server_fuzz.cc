// Bytes of a client. Byte 0: switches; byte 1: size of pieces; byte 2: the application's mood; the rest: frames after the preface.
#include "test/fuzz/h2/sessions.h"

namespace outrigger::http::h2 {
namespace {

struct Owner final : ServerSessionOwner {
  std::vector<std::unique_ptr<FuzzExchange>> exchanges;
  uint8_t mood = 0;
  int closes = 0;
  StreamReceiver& OnStream(StreamSender& sender) override {
    exchanges.push_back(std::make_unique<FuzzExchange>());
    exchanges.back()->sender = &sender;
    exchanges.back()->server = true;
    exchanges.back()->mood = static_cast<uint8_t>(mood + exchanges.size() - 1);
    return *exchanges.back();
  }
  void OnCodecError(uint32_t, const char* detail) override {
    if (detail == nullptr) __builtin_trap();
  }
  void OnSessionIdle() override {}
  void OnSessionClosed(const net::CloseInfo&) override { ++closes; }
};

void Run(const uint8_t* data, size_t size) {
  if (size < 3) return;
  event::Dispatcher& loop = FuzzLoop();
  CodecCounters counters;
  CodecOptions options;
  Http2Options http2;
  http2.stream_error_on_invalid_http_message = (data[0] & 1) != 0;
  http2.allow_connect = (data[0] & 2) != 0;
  options.max_header_count = 20;
  options.headers_with_underscores = static_cast<CodecOptions::Underscores>((data[0] >> 2) % 3);
  Owner owner;
  owner.mood = data[2];
  net::Connection connection(loop, -1, std::make_unique<MemoryTransport>(nullptr));
  std::unique_ptr<Session> session = MakeHttp2Server(connection, owner, options, http2, counters);
  connection.SetHandler(session.get());
  std::string bytes;
  if ((data[0] & 128) == 0) bytes = std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  bytes.append(reinterpret_cast<const char*>(data) + 3, size - 3);
  Feed(*session, connection, bytes, data[1]);
  for (auto& exchange : owner.exchanges) {
    if (exchange->sender != nullptr && (exchange->mood & 1) != 0 && !exchange->end_seen && connection.handler() != nullptr && session->active_streams() > 0) {
      exchange->Reset(ResetReason::kLocalReset);
    }
  }
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
