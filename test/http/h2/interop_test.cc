// A server session with independent clients: nghttp and h2load over loopback.
#include <cstdio>
#include <thread>

#include "gtest/gtest.h"
#include "test/http/h2/pair.h"

namespace outrigger::http::h2 {
namespace {

// Accepts on a port of its own until Stop().
class Server final : public event::IoHandler {
 public:
  Server() {
    event::Engine& engine = loop_.engine();
    const net::Address any = *net::Address::ParseIp("127.0.0.1", 0);
    fd_ = static_cast<int>(engine.Socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    OUTRIGGER_CHECK(engine.Bind(fd_, any.sockaddr_ptr(), any.sockaddr_length()) == 0);
    OUTRIGGER_CHECK(engine.Listen(fd_, 64) == 0);
    OUTRIGGER_CHECK(engine.LocalAddress(fd_, &bound, &length) >= 0);
    port_ = net::Address::FromSockaddr(reinterpret_cast<sockaddr*>(&bound), length)->port();
    engine.Register(fd_, this);
    app_.on_stream = [](Exchange& exchange) {
      exchange.on_end = [](Exchange& e) {
        e.Send({{":status", "200"}, {"x-path", e.Get(":path")}}, false);
        e.SendBody(std::string(20000, 'o') + e.body, true);
      };
    };
  }
  void OnReady(uint32_t) override {
    for (;;) {
      sockaddr_storage peer{};
      socklen_t n = sizeof(peer);
      const event::IoResult fd = loop_.engine().Accept(fd_, &peer, &n);
      if (fd < 0) return;
      connections_.push_back(
          std::make_unique<net::Connection>(loop_, static_cast<int>(fd), std::make_unique<net::RawTransport>()));
      sessions_.push_back(MakeHttp2Server(*connections_.back(), app_, {}, {}, counters_));
      connections_.back()->SetHandler(sessions_.back().get());
      connections_.back()->Start();
    }
  }
  // Runs a command while the loop turns; its output.
  std::string Run(const std::string& command) {
    std::string out;
    std::thread client([&] {
      FILE* pipe = popen((command + " 2>&1").c_str(), "r");
      char piece[4096];
      for (size_t n = 0; (n = fread(piece, 1, sizeof(piece), pipe)) > 0;) out.append(piece, n);
      pclose(pipe);
      loop_.Stop();
    });
    loop_.Run();
    client.join();
    return out;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  const ServerApp& app() const { return app_; }

 private:
  event::Dispatcher loop_{event::MakeEpollEngine()};
  int fd_ = -1;
  uint32_t port_ = 0;
  ServerApp app_;
  CodecCounters counters_;
  std::vector<std::unique_ptr<net::Connection>> connections_;
  std::vector<std::unique_ptr<Session>> sessions_;
};

TEST(H2InteropTest, NghttpGetsItsPages) {
  Server server;
  const std::string out = server.Run("nghttp -v -m 20 " + server.url() + "/page?x=1");
  EXPECT_NE(out.find("x-path: /page?x=1"), std::string::npos) << out.substr(0, 2000);
  EXPECT_NE(out.find(":status: 200"), std::string::npos);
  EXPECT_EQ(server.app().exchanges.size(), 20u);
  EXPECT_EQ(server.app().codec_errors, 0);
}

TEST(H2InteropTest, H2loadSeesEveryRequestSucceed) {
  Server server;
  const std::string out = server.Run("h2load -n 2000 -c 4 -m 50 " + server.url() + "/");
  EXPECT_NE(out.find("2000 succeeded, 0 failed, 0 errored"), std::string::npos) << out;
  EXPECT_EQ(server.app().codec_errors, 0);
}

}  // namespace
}  // namespace outrigger::http::h2
