// Thread: test
#pragma once

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "source/base/bug.h"
#include "source/net/connection.h"
#include "source/net/raw_transport.h"
#include "test/harness/loop.h"

namespace outrigger::harness {

// A handler that keeps what it hears. `on_data` may replace the default of taking everything.
class Recorder final : public net::ConnectionHandler {
 public:
  std::function<void(Buffer&, bool)> on_data;
  std::function<void()> on_connected, on_closed, on_low;
  std::string got;
  int connected = 0, ends = 0, calls = 0, highs = 0, lows = 0, closes = 0;
  std::optional<net::CloseInfo> closed;

  void OnConnected() override {
    ++connected;
    if (on_connected) on_connected();
  }
  void OnData(Buffer& input, bool end) override {
    ++calls;
    ends += end ? 1 : 0;
    if (on_data) return on_data(input, end);
    got += input.ToString();
    input.Clear();
  }
  void OnAboveWriteHigh() override { ++highs; }
  void OnBelowWriteLow() override {
    ++lows;
    if (on_low) on_low();
  }
  void OnClosed(const net::CloseInfo& why) override {
    ++closes;
    closed = why;
    if (on_closed) on_closed();
  }
  void Dump(DumpWriter& out) const override { out.Field("recorder", got.size()); }
};

// A connected pair of loopback TCP descriptors, made through the loop's engine.
inline std::pair<int, int> TcpPair(event::Dispatcher& loop) {
  event::Engine& engine = loop.engine();
  const net::Address any = *net::Address::ParseIp("127.0.0.1", 0);
  const int listener = static_cast<int>(engine.Socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  OUTRIGGER_CHECK(engine.Bind(listener, any.sockaddr_ptr(), any.sockaddr_length()) == 0);
  OUTRIGGER_CHECK(engine.Listen(listener, 4) == 0);
  OUTRIGGER_CHECK(engine.LocalAddress(listener, &bound, &length) >= 0);
  const int client = static_cast<int>(engine.Socket(AF_INET, SOCK_STREAM, 0));
  const event::IoResult started = engine.Connect(client, reinterpret_cast<sockaddr*>(&bound), length);
  OUTRIGGER_CHECK(started == 0 || started == -EINPROGRESS);
  int server = -1;
  OUTRIGGER_CHECK(RunUntil(loop, [&] {
    sockaddr_storage peer{};
    socklen_t n = sizeof(peer);
    server = static_cast<int>(engine.Accept(listener, &peer, &n));
    return server >= 0;
  }));
  engine.Close(listener);
  return {client, server};
}

// One end: a plain connection and who listens to it.
struct End {
  Recorder recorder;
  std::unique_ptr<net::Connection> connection;

  End(event::Dispatcher& loop, int fd)
      : connection(std::make_unique<net::Connection>(loop, fd, std::make_unique<net::RawTransport>())) {
    connection->SetHandler(&recorder);
    connection->Start();
  }
  net::Connection* operator->() { return connection.get(); }
};

}  // namespace outrigger::harness
