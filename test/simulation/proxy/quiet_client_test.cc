// Clients that connect and say nothing, or no more: how long they may, how many of them, and when a drain ends them.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "source/observe/stats_reader.h"
#include "test/simulation/proxy/hop.h"

namespace outrigger::simulation {
namespace {

// A listener filter that wants more than anybody sends here.
class Curious final : public net::ListenerFilter {
 public:
  Verdict OnAccept(event::Engine&, net::AcceptedSocket&) override { return Verdict::kNeedMore; }
  Verdict OnBytes(absl::string_view seen, bool, net::AcceptedSocket&, size_t*) override {
    return seen.empty() ? Verdict::kNeedMore : Verdict::kContinue;
  }
  size_t max_bytes() const override { return 1; }
};

class QuietClientTest : public testing::Test {
 protected:
  QuietClientTest() {
    TestServer::Options options;
    options.answer = [](const Incoming&) { return Reply(); };
    server_ = std::make_unique<TestServer>(*server_loop_, *net::Address::ParseIp("10.0.0.4", 8000), options);
    ProxyConfig::Cluster cluster;
    cluster.endpoints = {server_->address()};
    proxy_.config().SetCluster("servers", cluster);
    proxy_.config().SetRoutes({{"/", "servers", nullptr}});
  }
  ~QuietClientTest() override {
    clients_.clear();
    proxy_.Stop();
    world_.RunUntil([this] { return proxy_.stopped(); }, minutes(1));
  }
  void UseTls() {
    tls::ServerSpec spec;
    spec.certificates.push_back(authority_.Dns("quiet.test"));
    listener_.tls = *tls::ServerContext::Build(spec);
  }
  void UseCuriousFilter() {
    listener_.listener = [more = listener_.listener](model::Listener& listener) {
      if (more) more(listener);
      listener.listener_filters.emplace_back().make = [](const void*, upstream::WorkerContext&) {
        return std::unique_ptr<net::ListenerFilter>(std::make_unique<Curious>());
      };
    };
  }
  void LimitHandshakes(uint64_t most) {
    listener_.listener = [most](model::Listener& listener) { listener.handshake_limit = most; };
  }
  void Start() {
    proxy_.config().SetListener(listener_);
    proxy_.Start();
    world_.RunFor(milliseconds(10));
  }
  TestClient& Connect(bool tls = false) {
    TestClient::Options options;
    options.connect_timeout = hours(1);
    if (tls) {
      tls::ClientSpec spec;
      spec.validation = authority_.Trusting();
      spec.sni = "quiet.test";
      options.tls = *tls::ClientContext::Build(spec);
    }
    clients_.push_back(std::make_unique<TestClient>(*client_loop_, proxy_.address(), options));
    world_.RunFor(milliseconds(20));
    return *clients_.back();
  }
  void ExpectServed(TestClient& client) {
    TestClient::Exchange& exchange = client.Send({});
    ASSERT_TRUE(world_.RunUntil([&] { return exchange.done(); }, seconds(5)));
    EXPECT_FALSE(exchange.failed()) << exchange.why();
    EXPECT_EQ(exchange.response().status, 200u);
  }
  void Drain(Duration time, bool gradual) { proxy_.worker(0).Drain(nullptr, {time, gradual}); }
  size_t open() const {
    return static_cast<size_t>(
        std::count_if(clients_.begin(), clients_.end(), [](const auto& client) { return !client->closed(); }));
  }
  // A counter or gauge by its full name; -1: there is none.
  int64_t Stat(absl::string_view name) {
    for (const auto& number : proxy_.stats().Read().numbers) {
      if (number.name == name) return number.value;
    }
    return -1;
  }

  tls::SeededRandom seeded_{1};
  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  ClockOf clock_{world_};
  tls::TestAuthority authority_{world_.wall_now()};
  std::unique_ptr<event::Dispatcher> server_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.4"}));
  std::unique_ptr<event::Dispatcher> client_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.1"}));
  std::unique_ptr<TestServer> server_;
  SimulatedProxy proxy_{world_, world_.AddHost({"10.0.0.2"}), "10.0.0.2", 15000, 1};
  ProxyConfig::Listener listener_;
  std::vector<std::unique_ptr<TestClient>> clients_;
};

// --- How long

TEST_F(QuietClientTest, WhoSaysNothingAtAllIsClosedAfterAMinute) {
  Start();
  TestClient& client = Connect();
  world_.RunFor(seconds(59));
  EXPECT_FALSE(client.closed());
  world_.RunFor(seconds(2));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Stat("http.test.downstream_cx_first_byte_timeout"), 1);
  EXPECT_EQ(Stat("http.test.downstream_cx_idle_timeout"), 0);
}

TEST_F(QuietClientTest, AHandshakeSaysNothingOfARequest) {
  UseTls();
  Start();
  TestClient& client = Connect(true);
  world_.RunFor(seconds(59));
  EXPECT_FALSE(client.closed());
  world_.RunFor(seconds(2));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Stat("http.test.downstream_cx_first_byte_timeout"), 1);
  EXPECT_EQ(Stat("listener.test.downstream_cx_transport_socket_connect_timeout"), 0);
}

TEST_F(QuietClientTest, WhoHasAskedOnceIsOnlyIdle) {
  Start();
  TestClient& client = Connect();
  ExpectServed(client);
  world_.RunFor(minutes(30));
  EXPECT_FALSE(client.closed());
  ExpectServed(client);
  EXPECT_EQ(Stat("http.test.downstream_cx_first_byte_timeout"), 0);
}

TEST_F(QuietClientTest, ZeroLetsThemSayNothingUntilTheyAreIdle) {
  listener_.listener = [](model::Listener& listener) { listener.first_byte_timeout = Duration::zero(); };
  Start();
  TestClient& client = Connect();
  world_.RunFor(minutes(59));
  EXPECT_FALSE(client.closed());
  world_.RunFor(minutes(2));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Stat("http.test.downstream_cx_idle_timeout"), 1);
}

TEST_F(QuietClientTest, AHandshakeThatDoesNotBeginEndsWithoutConfigurationToo) {
  UseTls();
  Start();
  TestClient& client = Connect(false);
  world_.RunFor(seconds(59));
  EXPECT_FALSE(client.closed());
  EXPECT_EQ(Stat("listener.test.downstream_cx_handshakes_active"), 1);
  world_.RunFor(seconds(2));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Stat("listener.test.downstream_cx_transport_socket_connect_timeout"), 1);
  EXPECT_EQ(Stat("listener.test.downstream_cx_handshakes_active"), 0);
}

TEST_F(QuietClientTest, AListenerFilterWaitsAsLongAsItsListenerSays) {
  UseCuriousFilter();
  Start();
  TestClient& client = Connect();
  world_.RunFor(seconds(14));
  EXPECT_FALSE(client.closed());
  world_.RunFor(seconds(2));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Stat("listener.test.downstream_pre_cx_timeout"), 1);
}

TEST_F(QuietClientTest, APrefaceThatStallsIsNoRequest) {
  Start();
  TestClient& client = Connect();
  client.connection().Write("PRI * HTTP/2.0\r\n");
  world_.RunFor(seconds(9));
  EXPECT_FALSE(client.closed());
  world_.RunFor(seconds(3));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Stat("http.test.downstream_rq_header_timeout"), 1);
}

// --- How many

TEST_F(QuietClientTest, TheOldestHandshakeMakesRoomForWhoBehaves) {
  UseTls();
  LimitHandshakes(3);
  Start();
  for (int i = 0; i < 3; ++i) Connect(false);
  EXPECT_EQ(Stat("listener.test.downstream_cx_handshakes_active"), 3);
  EXPECT_EQ(open(), 3u);
  ExpectServed(Connect(true));
  EXPECT_TRUE(clients_[0]->closed());
  EXPECT_EQ(open(), 3u);
  EXPECT_EQ(Stat("listener.test.downstream_cx_handshake_overflow"), 1);
  EXPECT_EQ(Stat("listener.test.downstream_cx_handshakes_active"), 2);
  // Whoever is through is not counted any more.
  ExpectServed(Connect(true));
  ExpectServed(*clients_[3]);
  EXPECT_EQ(Stat("listener.test.downstream_cx_handshake_overflow"), 1);
}

TEST_F(QuietClientTest, AFloodOfSilentHandshakesKeepsNobodyOut) {
  UseTls();
  LimitHandshakes(10);
  Start();
  TestClient& early = Connect(true);
  ExpectServed(early);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 8; ++i) Connect(false);
    ExpectServed(Connect(true));
  }
  EXPECT_EQ(Stat("listener.test.downstream_cx_handshakes_active"), 9);  // the last polite one is through
  EXPECT_GE(Stat("listener.test.downstream_cx_handshake_overflow"), 150);
  ExpectServed(early);
}

TEST_F(QuietClientTest, TheOldestInListenerFiltersMakesRoom) {
  LimitHandshakes(3);
  UseCuriousFilter();
  Start();
  for (int i = 0; i < 3; ++i) Connect();
  EXPECT_EQ(Stat("listener.test.downstream_pre_cx_active"), 3);
  ExpectServed(Connect());
  EXPECT_TRUE(clients_[0]->closed());
  EXPECT_EQ(open(), 3u);
  EXPECT_EQ(Stat("listener.test.downstream_pre_cx_overflow"), 1);
  EXPECT_EQ(Stat("listener.test.downstream_pre_cx_active"), 2);
}

// --- Drain

TEST_F(QuietClientTest, AGradualDrainEndsIdleClientsOneAfterTheOther) {
  Start();
  for (int i = 0; i < 40; ++i) ExpectServed(Connect());
  world_.RunFor(minutes(5));
  Drain(seconds(600), true);
  world_.RunFor(seconds(59));
  EXPECT_EQ(open(), 40u) << "who was asked first may still have something to say";
  world_.RunFor(seconds(141));
  EXPECT_GT(open(), 20u);
  EXPECT_LT(open(), 40u);
  world_.RunFor(seconds(200));
  EXPECT_GT(open(), 4u);
  EXPECT_LT(open(), 30u);
  world_.RunFor(seconds(180));
  EXPECT_EQ(open(), 0u) << "before the drain time is over";
  EXPECT_EQ(Stat("http.test.downstream_cx_drain_close"), 40);
}

TEST_F(QuietClientTest, WhoAsksInAGradualDrainIsAnswered) {
  Start();
  for (int i = 0; i < 10; ++i) ExpectServed(Connect());
  Drain(seconds(600), true);
  int answered = 0;
  for (int i = 0; i < 300; ++i) {  // every two seconds, each
    for (const auto& client : clients_) {
      if (client->closed()) continue;
      ExpectServed(*client);
      ++answered;
    }
    world_.RunFor(seconds(2));
  }
  EXPECT_EQ(open(), 0u);
  EXPECT_GT(answered, 300);
}

TEST_F(QuietClientTest, ADrainAtOnceEndsIdleClientsAfterTheDrainTimeout) {
  Start();
  ExpectServed(Connect());
  Connect();  // says nothing
  Drain(seconds(600), false);
  world_.RunFor(seconds(4));
  EXPECT_EQ(open(), 2u) << "a request may be on its way";
  world_.RunFor(seconds(3));
  EXPECT_EQ(open(), 0u);
}

TEST_F(QuietClientTest, AHeadThatHasBegunIsAwaitedInTheDrain) {
  Start();
  TestClient& client = Connect();
  Drain(seconds(600), false);
  world_.RunFor(seconds(1));
  client.connection().Write("GET / HTTP/1.1\r\n");
  world_.RunFor(seconds(20));
  EXPECT_FALSE(client.closed());
  client.connection().Write("host: a\r\n\r\n");
  world_.RunFor(seconds(1));
  EXPECT_EQ(Stat("http.test.downstream_rq_2xx"), 1);
  EXPECT_TRUE(client.closed());
}

TEST_F(QuietClientTest, AChainThatChangedLetsItsIdleClientsGo) {
  Start();
  for (int i = 0; i < 10; ++i) ExpectServed(Connect());
  listener_.chain = [](model::FilterChain& chain) { chain.connection_hash = 7; };
  proxy_.config().SetListener(listener_);
  proxy_.Publish();
  world_.RunFor(seconds(4));
  EXPECT_EQ(open(), 10u);
  world_.RunFor(seconds(4));
  EXPECT_EQ(open(), 0u);
}

}  // namespace
}  // namespace outrigger::simulation
