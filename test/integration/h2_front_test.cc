// HTTP/2 clients of a proxy on real sockets: many streams, trailers, gRPC's local replies, the ways a connection ends,
// tunnels.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/harness/loop.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/threaded_proxy.h"
#include "test/simulation/proxy/peer.h"

namespace outrigger::integration {
namespace {

using simulation::Call;
using simulation::ProxyConfig;
using simulation::TestClient;
using simulation::TestServer;

class H2FrontTest : public testing::Test {
 protected:
  H2FrontTest() {
    TestServer::Options options;
    options.protocol = http::Protocol::kHttp2;
    options.answer = [this](const simulation::Incoming& request) {
      simulation::Reply reply;
      reply.delay = delay_;
      reply.body.size = 5000;
      if (!request.Get("x-body-seed").empty()) reply.body.trailers = {{"x-end", "down"}};
      return reply;
    };
    server_ = std::make_unique<TestServer>(loop_, *net::Address::ParseIp("127.0.0.1", 0), options);
    cluster_.endpoints = {server_->address()};
    cluster_.protocol = model::UpstreamProtocol::kHttp2;
  }
  ~H2FrontTest() override { client_.reset(); }
  void Start() {
    listener_.hcm = [this, more = listener_.hcm](filters::hcm::HcmConfig& hcm) {
      hcm.access_logs.push_back(log_);
      if (more) more(hcm);
    };
    proxy_.config().SetCluster("backend", cluster_);
    proxy_.config().SetRoutes({{"/nowhere", "unknown", nullptr}, {"/", "backend", nullptr}});
    proxy_.config().SetListener(listener_);
    proxy_.Start();
    Connect();
  }
  void Connect() {
    TestClient::Options options;
    options.protocol = http::Protocol::kHttp2;
    client_ = std::make_unique<TestClient>(loop_, proxy_.address(), options);
  }
  bool Until(const std::function<bool()>& what) { return harness::RunUntil(loop_, what); }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  std::shared_ptr<LogRecorder> log_ = std::make_shared<LogRecorder>();
  Duration delay_{0};
  std::unique_ptr<TestServer> server_;
  ProxyConfig::Cluster cluster_;
  ProxyConfig::Listener listener_;
  ThreadedProxy proxy_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(H2FrontTest, CarriesManyStreamsAtOnceWithTrailersBothWays) {
  delay_ = milliseconds(20);
  Start();
  std::vector<TestClient::Exchange*> calls;
  for (uint64_t i = 0; i < 200; ++i) {
    Call call;
    call.method = "POST";
    call.body = {.size = 3000, .seed = i, .chunk = 700, .trailers = {{"x-end", "up"}}};
    calls.push_back(&client_->Send(call));
  }
  ASSERT_TRUE(Until([&] {
    for (const auto* call : calls) {
      if (!call->done()) return false;
    }
    return true;
  }));
  for (const auto* call : calls) {
    ASSERT_EQ(call->response().status, 200u);
    EXPECT_EQ(call->response().size, 5000u);
    EXPECT_TRUE(call->response().matches);
    EXPECT_EQ(call->response().Trailer("x-end"), "down");
    EXPECT_EQ(call->response().Get("x-got-trailer"), "up");
    EXPECT_EQ(call->response().Get("x-got-right"), "1");
  }
  EXPECT_EQ(proxy_.Stat("http.test.downstream_cx_total"), 1);
}

TEST_F(H2FrontTest, AnswersGrpcItselfWithTrailersOnly) {
  Start();
  Call call;
  call.method = "POST";
  call.path = "/nowhere/Method";
  call.headers = {{"content-type", "application/grpc"}, {"te", "trailers"}};
  const TestClient::Exchange& made = client_->Send(call);
  ASSERT_TRUE(Until([&] { return made.done(); }));
  EXPECT_EQ(made.response().status, 200u);
  EXPECT_EQ(made.response().Get("grpc-status"), "14");
  EXPECT_EQ(made.response().Get("content-type"), "application/grpc");
  EXPECT_EQ(made.response().size, 0u);
  EXPECT_EQ(log_->Take().flags, "NC");
}

TEST_F(H2FrontTest, AResetStreamLeavesTheOthersAlone) {
  delay_ = milliseconds(50);
  Start();
  TestClient::Exchange& gone = client_->Send({});
  const TestClient::Exchange& other = client_->Send({});
  ASSERT_TRUE(Until([&] { return server_->requests() == 2; }));
  gone.Cancel();
  ASSERT_TRUE(Until([&] { return other.done(); }));
  EXPECT_EQ(other.response().status, 200u);
  const LogRecorder::Line line = log_->Take();
  EXPECT_EQ(line.flags, "DR");
  EXPECT_EQ(line.details, "http2.remote_reset");
  ASSERT_TRUE(Until([&] { return proxy_.Stat("http.test.downstream_rq_rx_reset") == 1; }));
}

TEST_F(H2FrontTest, DrainsWithGoAwayAndServesWhatRuns) {
  delay_ = milliseconds(200);
  listener_.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.drain_timeout = milliseconds(20); };
  Start();
  const TestClient::Exchange& running = client_->Send({});
  ASSERT_TRUE(Until([&] { return server_->requests() == 1; }));
  proxy_.worker().Drain(nullptr, {seconds(10), false});
  ASSERT_TRUE(Until([&] { return client_->going_away(); }));
  EXPECT_FALSE(running.done());
  ASSERT_TRUE(Until([&] { return running.done() && client_->closed(); }));
  EXPECT_EQ(running.response().status, 200u);
  EXPECT_TRUE(running.response().matches);
}

TEST_F(H2FrontTest, AGradualDrainSendsNoGoAwayAtOnceButAtTheLatestBeforeItsEnd) {
  listener_.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.drain_timeout = milliseconds(20); };
  Start();
  proxy_.worker().Drain(nullptr, {seconds(36000), true});
  for (int i = 0; i < 3; ++i) {
    const TestClient::Exchange& one = client_->Send({});
    ASSERT_TRUE(Until([&] { return one.done(); }));
    EXPECT_EQ(one.response().status, 200u);
  }
  EXPECT_FALSE(client_->going_away());
  proxy_.worker().Drain(nullptr, {milliseconds(500), true});
  ASSERT_TRUE(Until([&] { return client_->going_away(); }));
  ASSERT_TRUE(Until([&] { return client_->closed(); }));
}

TEST_F(H2FrontTest, RenewsConnectionsAfterTheirMostRequests) {
  listener_.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.max_requests_per_connection = 5; };
  Start();
  for (int i = 0; i < 12; ++i) {
    if (!client_->usable()) {
      ASSERT_TRUE(Until([&] { return client_->closed(); }));
      Connect();
    }
    const TestClient::Exchange& call = client_->Send({});
    ASSERT_TRUE(Until([&] { return call.done(); }));
    ASSERT_EQ(call.response().status, 200u) << call.why();
    harness::Turns(loop_);
  }
  EXPECT_GE(proxy_.Stat("http.test.downstream_cx_max_requests_reached"), 2);
}

TEST_F(H2FrontTest, TunnelsWebSocketsFromExtendedConnect) {
  ScriptedBackend backend([](ScriptedBackend::Peer& peer, int) {
    for (;;) {
      const std::string head = peer.ReadRequest();
      if (head.empty()) return;
      if (head.find("upgrade: websocket\r\n") != std::string::npos) break;
      peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
    peer.Write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    peer.Write("echo:" + peer.ReadSome());
    peer.WaitForEnd();
  });
  cluster_.endpoints = {*net::Address::ParseIp("127.0.0.1", backend.port())};
  cluster_.protocol = model::UpstreamProtocol::kHttp1;
  listener_.hcm = [](filters::hcm::HcmConfig& hcm) {
    hcm.http2.allow_connect = true;
    hcm.upgrades.push_back({"websocket", true, nullptr});
  };
  Start();
  const TestClient::Exchange& first = client_->Send({});  // then the proxy's settings are known
  ASSERT_TRUE(Until([&] { return first.done(); }));
  Call call;
  call.path = "/chat";
  call.headers = {{"connection", "upgrade"}, {"upgrade", "websocket"}};
  TestClient::Exchange& tunnel = client_->Send(call);
  ASSERT_TRUE(Until([&] { return tunnel.response().status != 0 || tunnel.done(); })) << tunnel.why();
  EXPECT_EQ(tunnel.response().status, 101u);
  tunnel.SendText("ping", false);
  ASSERT_TRUE(Until([&] { return tunnel.response().text.size() >= 9 || tunnel.done(); }));
  EXPECT_EQ(tunnel.response().text, "echo:ping");
}

}  // namespace
}  // namespace outrigger::integration
