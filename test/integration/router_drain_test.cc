// The requests that cross the end of a connection: an idle HTTP/1 client of a proxy that drains, an HTTP/2 upstream
// that goes away.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "test/harness/loop.h"
#include "test/http/h2/frames.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/threaded_proxy.h"
#include "test/simulation/proxy/peer.h"

namespace outrigger::integration {
namespace {

using http::h2::Frame;
using http::h2::Number;
using http::h2::SeenFrame;
using http::h2::SplitFrames;
using simulation::Call;
using simulation::ProxyConfig;
using simulation::TestClient;
using Peer = ScriptedBackend::Peer;

class RouterDrainTest : public testing::Test {
 protected:
  ~RouterDrainTest() override { client_.reset(); }
  void Start(std::function<void(Peer&, int)> serve) {
    backend_ = std::make_unique<ScriptedBackend>(std::move(serve));
    cluster_.endpoints = {*net::Address::ParseIp("127.0.0.1", backend_->port())};
    listener_.hcm = [this, more = listener_.hcm](filters::hcm::HcmConfig& hcm) {
      hcm.access_logs.push_back(log_);
      if (more) more(hcm);
    };
    proxy_.config().SetCluster("backend", cluster_);
    proxy_.config().SetRoutes({route_});
    proxy_.config().SetListener(listener_);
    proxy_.Start();
    client_ = std::make_unique<TestClient>(loop_, proxy_.address(), client_options_);
  }
  const simulation::Incoming& Get(Call call = {}) {
    TestClient::Exchange& exchange = client_->Send(std::move(call));
    EXPECT_TRUE(Until([&] { return exchange.done(); }));
    EXPECT_FALSE(exchange.failed()) << exchange.why();
    return exchange.response();
  }
  bool Until(const std::function<bool()>& what) { return harness::RunUntil(loop_, what); }
  // When the worker has done what it was asked for before.
  void Barrier() {
    std::atomic<bool> done{false};
    proxy_.worker().dispatcher().Post([&] { done = true; });
    ASSERT_TRUE(Until([&] { return done.load(); }));
  }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  std::shared_ptr<LogRecorder> log_ = std::make_shared<LogRecorder>();
  std::unique_ptr<ScriptedBackend> backend_;
  ProxyConfig::Cluster cluster_;
  ProxyConfig::Route route_{"/", "backend", nullptr};
  ProxyConfig::Listener listener_;
  TestClient::Options client_options_;
  ThreadedProxy proxy_;
  std::unique_ptr<TestClient> client_;
};

void Ok(Peer& peer, int) {
  while (!peer.ReadRequest().empty()) peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

// --- HTTP/1 clients

TEST_F(RouterDrainTest, AnIdleConnectionThatDrainsAnswersItsNextRequestAndSaysClose) {
  listener_.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.drain_timeout = seconds(600); };
  Start(Ok);
  Get();
  proxy_.worker().Drain(nullptr, {seconds(600), false});
  Barrier();
  harness::Turns(loop_);
  ASSERT_FALSE(client_->closed()) << "a request may be on its way";
  const simulation::Incoming& response = Get();
  EXPECT_EQ(response.status, 200u);
  EXPECT_TRUE(client_->going_away()) << "connection: close";
  EXPECT_TRUE(Until([&] { return client_->closed(); }));
  EXPECT_EQ(proxy_.Stat("http.test.downstream_cx_drain_close"), 1);
}

TEST_F(RouterDrainTest, AConnectionThatSaidNothingYetIsAnsweredInTheDrainToo) {
  listener_.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.drain_timeout = seconds(600); };
  Start(Ok);
  ASSERT_TRUE(Until([&] { return proxy_.Stat("http.test.downstream_cx_active") == 1; }));
  proxy_.worker().Drain(nullptr, {seconds(600), false});
  Barrier();
  const simulation::Incoming& response = Get();
  EXPECT_EQ(response.status, 200u);
  EXPECT_TRUE(client_->going_away());
}

TEST_F(RouterDrainTest, AnIdleConnectionEndsWhenTheDrainTimeIsOver) {
  Start(Ok);
  Get();
  proxy_.worker().Drain(nullptr, {milliseconds(10), false});
  EXPECT_TRUE(Until([&] { return client_->closed(); }));
}

TEST_F(RouterDrainTest, AConnectionThatLivedLongEnoughWaitsForTheDrainTimeoutOnly) {
  listener_.hcm = [](filters::hcm::HcmConfig& hcm) {
    hcm.max_connection_duration = milliseconds(20);
    hcm.drain_timeout = milliseconds(30);
  };
  Start(Ok);
  Get();
  EXPECT_TRUE(Until([&] { return client_->closed(); }));
  EXPECT_EQ(proxy_.Stat("http.test.downstream_cx_max_duration_reached"), 1);
}

TEST_F(RouterDrainTest, AConnectionThatLivedLongEnoughAnswersTheRequestOnItsWay) {
  listener_.hcm = [](filters::hcm::HcmConfig& hcm) {
    hcm.max_connection_duration = milliseconds(300);
    hcm.drain_timeout = seconds(600);
  };
  Start(Ok);
  Get();
  ASSERT_TRUE(Until([&] { return proxy_.Stat("http.test.downstream_cx_max_duration_reached") == 1; }));
  EXPECT_EQ(Get().status, 200u);
  EXPECT_TRUE(client_->going_away());
}

TEST_F(RouterDrainTest, AnHttp1UpstreamThatSaysCloseIsCounted) {
  Start([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
  Get();
  Get();
  EXPECT_TRUE(Until([&] { return proxy_.Stat("cluster.backend.upstream_cx_close_notify") == 2; }));
}

// --- HTTP/2 upstreams, frame by frame

// Answers requests with 200 on a raw HTTP/2 connection, but the first `refused` connections say GOAWAY when they see a
// request: nothing was processed there.
struct GoingAway {
  int refused = 1;
  uint32_t code = 0;
  size_t bytes_before = 0;  // of the body, before GOAWAY
  std::atomic<int> answered{0};
  std::string body;  // of the request that was answered
  std::function<void(Peer&, int)> serve() {
    return [this](Peer& peer, int number) {
      peer.Write(http::h2::Settings({{4, 1 << 20}}) + Frame(8, 0, 0, Number(1 << 20, 4)));  // windows wide open
      std::string bytes, seen;  // of this connection: each is served by a thread of its own
      for (std::string more; !(more = peer.ReadSome()).empty();) {
        bytes += more;
        for (const SeenFrame& frame : SplitFrames(bytes, &bytes)) {
          if (frame.type == 4 && (frame.flags & 1) == 0) peer.Write(Frame(4, 1, 0, ""));
          const bool headers = frame.type == 1;
          if (frame.type == 0) seen += frame.payload;
          if ((headers || frame.type == 0) && number < refused && seen.size() >= bytes_before) {
            peer.Write(Frame(7, 0, 0, Number(0, 4) + Number(code, 4)));
            seen.clear();
          }
          if (number >= refused && (headers || frame.type == 0) && (frame.flags & 1) != 0) {
            body = seen;
            ++answered;
            peer.Write(Frame(1, 5, frame.stream, "\x88"));
          }
        }
      }
    };
  }
};

class RouterGoAwayTest : public RouterDrainTest {
 protected:
  RouterGoAwayTest() { cluster_.protocol = model::UpstreamProtocol::kHttp2; }
  GoingAway upstream_;
};

TEST_F(RouterGoAwayTest, ARequestAboveTheLastStreamIsSentAgainWithoutAPolicy) {
  Start(upstream_.serve());
  EXPECT_EQ(Get().status, 200u);
  const LogRecorder::Line line = log_->Take();
  EXPECT_EQ(line.flags, "-");
  EXPECT_EQ(upstream_.answered, 1);
  EXPECT_EQ(backend_->connections(), 2);
  EXPECT_EQ(proxy_.Stat("cluster.backend.upstream_rq_retry"), 1);
}

TEST_F(RouterGoAwayTest, AShortBodyIsSentAgainWithoutAPolicy) {
  upstream_.refused = 2;
  Start(upstream_.serve());
  Call call;
  call.method = "POST";
  call.body = {.size = 40'000, .chunk = 1000};
  EXPECT_EQ(Get(call).status, 200u);
  EXPECT_EQ(upstream_.body, simulation::Pattern(0, 0, 40'000));
}

TEST_F(RouterGoAwayTest, ALongBodyIsNotKeptForThat) {
  upstream_.bytes_before = 100'000;
  Start(upstream_.serve());
  Call call;
  call.method = "POST";
  call.body = {.size = 200'000, .chunk = 10'000};
  EXPECT_EQ(Get(call).status, 503u);
  const LogRecorder::Line line = log_->Take();
  EXPECT_EQ(line.flags, "UR");
  EXPECT_EQ(line.details, "upstream_reset_before_response_started{remote_refused_stream_reset}");
}

TEST_F(RouterGoAwayTest, ABodyThatIsKeptForThePolicyIsSentAgain) {
  route_.change = [](model::ForwardAction& forward) {
    auto policy = std::make_shared<model::RetryPolicy>();
    policy->on = model::kRetryRetriableStatusCodes;  // says nothing of resets
    policy->previous_hosts = true;
    forward.retry = policy;
  };
  upstream_.refused = 3;
  Start(upstream_.serve());
  Call call;
  call.method = "POST";
  call.body = {.size = 1000};
  EXPECT_EQ(Get(call).status, 200u);
  EXPECT_EQ(backend_->connections(), 4);
  EXPECT_TRUE(Until([&] { return proxy_.Stat("cluster.backend.upstream_cx_close_notify") == 3; }));
}

// Answers with 200, but the first streams, whatever their connection, with REFUSED_STREAM.
struct Refusing {
  int refused = 1;
  std::atomic<int> streams{0};
  std::function<void(Peer&, int)> serve() {
    return [this](Peer& peer, int) {
      peer.Write(http::h2::Settings());
      std::string bytes;
      uint32_t last_refused = 0;
      for (std::string more; !(more = peer.ReadSome()).empty();) {
        bytes += more;
        for (const SeenFrame& frame : SplitFrames(bytes, &bytes)) {
          if (frame.type == 4 && (frame.flags & 1) == 0) peer.Write(Frame(4, 1, 0, ""));
          if (frame.type == 1 && streams++ < refused) {
            last_refused = frame.stream;
            peer.Write(Frame(3, 0, frame.stream, Number(7, 4)));
          }
          const bool end = (frame.type == 0 || frame.type == 1) && (frame.flags & 1) != 0;
          if (end && frame.stream > last_refused) peer.Write(Frame(1, 5, frame.stream, "\x88"));
        }
      }
    };
  }
};

class RouterRefusedTest : public RouterDrainTest {
 protected:
  RouterRefusedTest() { cluster_.protocol = model::UpstreamProtocol::kHttp2; }
  static Call Post() {
    Call call;
    call.method = "POST";
    call.body = {.size = 1000};
    return call;
  }
  Refusing upstream_;
};

TEST_F(RouterRefusedTest, ARefusedRequestIsSentAgainWithoutAPolicy) {
  upstream_.refused = 3;
  Start(upstream_.serve());
  EXPECT_EQ(Get(Post()).status, 200u);
  EXPECT_EQ(log_->Take().flags, "-");
  EXPECT_EQ(upstream_.streams, 4);
  EXPECT_EQ(proxy_.Stat("cluster.backend.upstream_rq_retry"), 3);
}

TEST_F(RouterRefusedTest, AnUpstreamThatGoesOnRefusingIsBelieved) {
  upstream_.refused = 1000;
  Start(upstream_.serve());
  EXPECT_EQ(Get(Post()).status, 503u);
  EXPECT_EQ(log_->Take().flags, "UR");
  EXPECT_EQ(upstream_.streams, 4);
}

TEST_F(RouterRefusedTest, APolicyForRefusedStreamsSaysHowOften) {
  route_.change = [](model::ForwardAction& forward) {
    auto policy = std::make_shared<model::RetryPolicy>();
    policy->on = model::kRetryRefusedStream;
    policy->retries = 1;
    policy->back_off_base = milliseconds(1);
    forward.retry = policy;
  };
  upstream_.refused = 1000;
  Start(upstream_.serve());
  EXPECT_EQ(Get(Post()).status, 503u);
  EXPECT_EQ(upstream_.streams, 2);
}

TEST_F(RouterGoAwayTest, AnUpstreamThatNeverStaysIsGivenUp) {
  upstream_.refused = 1000;
  Start(upstream_.serve());
  EXPECT_EQ(Get().status, 503u);
  EXPECT_EQ(log_->Take().flags, "UR");
  EXPECT_EQ(backend_->connections(), 4);  // the first, and three more
}

}  // namespace
}  // namespace outrigger::integration
