// Upgrades and CONNECT through two proxies, over HTTP/1 and HTTP/2 in every combination: the first speaks to the
// client, the second to the server that takes the tunnel.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/loop.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"
#include "test/simulation/proxy/peer.h"

namespace outrigger::integration {
namespace {

using simulation::Call;
using simulation::TestClient;
using Peer = ScriptedBackend::Peer;

struct Way {
  bool client_http2, between_http2, connect;
  std::string ToString() const {
    return absl::StrCat(connect ? "CONNECT" : "websocket", client_http2 ? " from h2" : " from h1",
                        between_http2 ? " over h2" : " over h1");
  }
};

class TunnelTest : public testing::TestWithParam<int> {
 protected:
  TunnelTest()
      : way_{(GetParam() & 1) != 0, (GetParam() & 2) != 0, (GetParam() & 4) != 0},
        backend_([this](Peer& peer, int) { Serve(peer); }) {}
  ~TunnelTest() override { client_.reset(); }

  static std::string ReadHead(Peer& peer) {
    std::string head;
    while (!absl::StrContains(head, "\r\n\r\n")) {
      const std::string more = peer.ReadSome();
      if (more.empty()) return "";
      head += more;
    }
    return head;
  }
  void Serve(Peer& peer) {
    for (std::string head; !(head = ReadHead(peer)).empty();) {
      const bool connect = absl::StartsWith(head, "CONNECT a.example:25 HTTP/1.1\r\n");
      const bool upgrade =
          absl::StartsWith(head, "GET /chat HTTP/1.1\r\n") && absl::StrContains(head, "\r\nupgrade: websocket\r\n");
      if (refuse_ || (!connect && !upgrade)) {
        peer.Write("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
        continue;
      }
      peer.Write(connect
                     ? "HTTP/1.1 200 OK\r\n\r\nhello:"
                     : "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello:");
      for (std::string bytes; !(bytes = peer.ReadSome()).empty();) peer.Write(bytes);
      return;
    }
  }
  SmallProxy::Options Options(uint16_t to, bool to_http2) const {
    SmallProxy::Options options;
    options.backend_port = to;
    options.connect_route = way_.connect;
    options.hcm = [](filters::hcm::HcmConfig& hcm) {
      hcm.http2.allow_connect = true;
      hcm.upgrades.push_back({"websocket", true, nullptr});
      hcm.upgrades.push_back({"connect", true, nullptr});
    };
    options.cluster = [to_http2](model::ClusterConfig& cluster) {
      if (!to_http2) return;
      cluster.settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
      cluster.settings.Edit().http2.allow_connect = true;
    };
    return options;
  }
  TestClient::Exchange& Ask() {
    back_ = std::make_unique<SmallProxy>(Options(backend_.port(), false));
    front_ = std::make_unique<SmallProxy>(Options(back_->port(), way_.between_http2));
    TestClient::Options options;
    options.protocol = way_.client_http2 ? http::Protocol::kHttp2 : http::Protocol::kHttp11;
    client_ = std::make_unique<TestClient>(loop_, *net::Address::ParseIp("127.0.0.1", front_->port()), options);
    if (way_.client_http2 && !way_.connect) {  // extended CONNECT needs the peer's settings
      Call first;
      first.path = "/settings";
      const TestClient::Exchange& settled = client_->Send(first);
      EXPECT_TRUE(Until([&] { return settled.done(); }));
    }
    Call call;
    if (way_.connect) {
      call.method = "CONNECT";
      call.authority = "a.example:25";
    } else {
      call.path = "/chat";
      call.headers = {{"connection", "upgrade"}, {"upgrade", "websocket"}};
    }
    TestClient::Exchange& tunnel = client_->Send(call);
    EXPECT_TRUE(Until([&] { return tunnel.response().status != 0 || tunnel.done(); })) << tunnel.why();
    return tunnel;
  }
  bool Until(const std::function<bool()>& what) { return harness::RunUntil(loop_, what); }

  const Way way_;
  bool refuse_ = false;
  event::Dispatcher loop_{event::MakeEpollEngine()};
  ScriptedBackend backend_;
  std::unique_ptr<SmallProxy> back_, front_;
  std::unique_ptr<TestClient> client_;
};

TEST_P(TunnelTest, BytesPassBothWaysAndEachEndByItself) {
  TestClient::Exchange& tunnel = Ask();
  EXPECT_EQ(tunnel.response().status, way_.connect ? 200u : 101u) << way_.ToString();
  tunnel.SendText("ping", false);
  ASSERT_TRUE(Until([&] { return tunnel.response().text.size() >= 10 || tunnel.done(); })) << way_.ToString();
  EXPECT_EQ(tunnel.response().text, "hello:ping") << way_.ToString();
  tunnel.SendText("end", true);
  ASSERT_TRUE(Until([&] { return tunnel.done(); })) << way_.ToString();
  EXPECT_EQ(tunnel.response().text, "hello:pingend") << way_.ToString();
}

TEST_P(TunnelTest, ARefusalIsAnOrdinaryAnswer) {
  refuse_ = true;
  TestClient::Exchange& tunnel = Ask();
  EXPECT_EQ(tunnel.response().status, 403u) << way_.ToString();
  ASSERT_TRUE(Until([&] { return tunnel.done(); })) << way_.ToString();
  EXPECT_EQ(tunnel.response().text, "no") << way_.ToString();
  EXPECT_FALSE(tunnel.failed()) << way_.ToString() << tunnel.why();
}

// RFC 9113 8.5, 9110 9.3.6: whoever gets half of what was said must not take it for all.
TEST(CutTunnelTest, TheServerOfAStreamThatIsResetSeesAReset) {
  std::atomic<int> error{-1};
  ScriptedBackend backend([&](Peer& peer, int) {
    peer.Write("hello:");
    char bytes[64];
    ssize_t n;
    while ((n = recv(peer.fd(), bytes, sizeof(bytes), 0)) > 0) peer.Write(std::string(bytes, static_cast<size_t>(n)));
    error = n == 0 ? 0 : errno;
  });
  SmallProxy::Options options;
  options.backend_port = backend.port();
  options.connect_route = true;
  options.hcm = [](filters::hcm::HcmConfig& hcm) {
    hcm.http2.allow_connect = true;
    hcm.upgrades.push_back({"connect", true, nullptr});
  };
  options.route = [](model::ForwardAction& route) { route.upgrades.push_back({"connect", true, true}); };
  SmallProxy proxy(options);
  event::Dispatcher loop{event::MakeEpollEngine()};
  TestClient::Options http2;
  http2.protocol = http::Protocol::kHttp2;
  TestClient client(loop, *net::Address::ParseIp("127.0.0.1", proxy.port()), http2);
  Call call;
  call.method = "CONNECT";
  call.authority = "a.example:25";
  TestClient::Exchange& tunnel = client.Send(call);
  const auto echoed = [&](size_t n) {
    return harness::RunUntil(loop, [&] { return tunnel.response().text.size() >= n || tunnel.done(); });
  };
  ASSERT_TRUE(echoed(6)) << tunnel.why();
  tunnel.SendText("ping", false);
  ASSERT_TRUE(echoed(10)) << tunnel.why();
  tunnel.Cancel();
  ASSERT_TRUE(harness::RunUntil(loop, [&] { return error >= 0; }));
  EXPECT_EQ(error, ECONNRESET);
  // An end that was said on both sides is none.
  error = -1;
  TestClient::Exchange& whole = client.Send(call);
  ASSERT_TRUE(harness::RunUntil(loop, [&] { return whole.response().text.size() >= 6 || whole.done(); }));
  whole.SendText("", true);
  ASSERT_TRUE(harness::RunUntil(loop, [&] { return error >= 0 && whole.done(); }));
  EXPECT_EQ(error, 0);
  EXPECT_FALSE(whole.failed()) << whole.why();
}

INSTANTIATE_TEST_SUITE_P(Ways, TunnelTest, testing::Range(0, 8));

}  // namespace
}  // namespace outrigger::integration
