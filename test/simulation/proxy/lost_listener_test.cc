// A listener goes while somebody is connecting: what it had last still answers who was let in (law 9).
#include "gtest/gtest.h"
#include "test/simulation/proxy/hop.h"

namespace outrigger::simulation {
namespace {

class LostListenerTest : public testing::Test {
 protected:
  LostListenerTest() {
    TestServer::Options options;
    options.answer = [](const Incoming&) { return Reply(); };
    server_ = std::make_unique<TestServer>(*server_loop_, *net::Address::ParseIp("10.0.0.4", 8000), options);
    ProxyConfig::Cluster cluster;
    cluster.endpoints = {server_->address()};
    proxy_.config().SetCluster("servers", cluster);
    proxy_.config().SetRoutes({{"/", "servers", nullptr}});
    tls::ServerSpec spec;
    spec.certificates.push_back(authority_.Dns("lost.test"));
    context_ = *tls::ServerContext::Build(spec);
  }
  ~LostListenerTest() override {
    client_.reset();
    proxy_.Stop();
    world_.RunUntil([this] { return proxy_.stopped(); }, minutes(1));
  }
  void Listen(bool tls, const std::string& via) {
    ProxyConfig::Listener listener;
    if (tls) listener.tls = context_;
    listener.hcm = [via](filters::hcm::HcmConfig& hcm) { hcm.via = via; };
    proxy_.config().SetListener(listener);
  }
  void Lose() {
    proxy_.config().RemoveListener();
    proxy_.config().RemoveRoutes();
    proxy_.Publish();
  }
  TestClient::Exchange& Ask(bool tls) {
    TestClient::Options options;
    if (tls) {
      tls::ClientSpec spec;
      spec.validation = authority_.Trusting();
      spec.sni = "lost.test";
      options.tls = *tls::ClientContext::Build(spec);
    }
    client_ = std::make_unique<TestClient>(*client_loop_, proxy_.address(), options);
    return client_->Send({});
  }
  void ExpectAnswered(TestClient::Exchange& exchange, const std::string& via) {
    ASSERT_TRUE(world_.RunUntil([&] { return exchange.done(); }, seconds(20)));
    EXPECT_FALSE(exchange.failed()) << exchange.why();
    EXPECT_EQ(exchange.response().status, 200u);
    EXPECT_EQ(exchange.response().Get("via"), via);
  }
  size_t connections() { return proxy_.worker(0).FindListener(0)->connection_count(); }

  tls::SeededRandom seeded_{1};
  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  ClockOf clock_{world_};
  tls::TestAuthority authority_{world_.wall_now()};
  std::unique_ptr<event::Dispatcher> server_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.4"}));
  std::unique_ptr<event::Dispatcher> client_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.1"}));
  std::unique_ptr<TestServer> server_;
  SimulatedProxy proxy_{world_, world_.AddHost({"10.0.0.2"}), "10.0.0.2", 15000, 1};
  std::shared_ptr<const tls::ServerContext> context_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(LostListenerTest, WhoWaitsToBeAcceptedIsAnsweredByWhatItHadLast) {
  Listen(false, "one");
  proxy_.Start();
  world_.RunFor(milliseconds(10));
  proxy_.worker(0).SetAcceptingPaused(true);
  world_.RunFor(milliseconds(10));
  TestClient::Exchange& exchange = Ask(false);
  world_.RunFor(milliseconds(10));
  ASSERT_EQ(connections(), 0u);
  Lose();
  ExpectAnswered(exchange, "one");
}

TEST_F(LostListenerTest, WhoShakesHandsIsAnsweredByWhatItHadLast) {
  Listen(true, "one");
  proxy_.Start();
  TestClient::Exchange& exchange = Ask(true);
  ASSERT_TRUE(world_.RunUntil([this] { return proxy_.worker(0).FindListener(0) != nullptr && connections() == 1; },
                              seconds(1)));
  Listen(true, "two");
  proxy_.Publish();
  Lose();
  ExpectAnswered(exchange, "two");
}

// Whom one worker accepts another is to have, and a listener goes meanwhile: in each order of their turns.
TEST(HandedOverTest, WhoWasAcceptedBeforeTheListenerWentIsAnswered) {
  int served = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    event::SimulatedWorld world(seed, event::FaultPlan::None());
    const auto server_loop = world.MakeDispatcher(world.AddHost({"10.0.0.4"}));
    const auto client_loop = world.MakeDispatcher(world.AddHost({"10.0.0.1"}));
    TestServer::Options answers;
    answers.answer = [](const Incoming&) { return Reply(); };
    TestServer server(*server_loop, *net::Address::ParseIp("10.0.0.4", 8000), answers);
    SimulatedProxy proxy(world, world.AddHost({"10.0.0.2"}), "10.0.0.2", 15000, 2);
    ProxyConfig::Cluster cluster;
    cluster.endpoints = {server.address()};
    proxy.config().SetCluster("servers", cluster);
    proxy.config().SetRoutes({{"/", "servers", nullptr}});
    ProxyConfig::Listener listener;
    listener.listener = [](model::Listener& made) { made.exact_balance = true; };
    proxy.config().SetListener(listener);
    proxy.Start();
    world.RunFor(milliseconds(10));

    std::vector<std::unique_ptr<TestClient>> clients;
    std::vector<TestClient::Exchange*> exchanges;
    for (int i = 0; i < 6; ++i) {
      clients.push_back(std::make_unique<TestClient>(*client_loop, proxy.address(), TestClient::Options()));
      exchanges.push_back(&clients.back()->Send({}));
      world.RunFor(microseconds(20 * (seed % 10)));
    }
    proxy.config().RemoveListener();
    proxy.config().RemoveRoutes();
    proxy.Publish();
    world.RunFor(seconds(20));
    for (const TestClient::Exchange* exchange : exchanges) {
      if (!exchange->done()) continue;  // still in the queue of the socket
      EXPECT_FALSE(exchange->failed()) << "seed " << seed << ": " << exchange->why();
      ++served;
    }
    clients.clear();
    proxy.Stop();
    world.RunUntil([&] { return proxy.stopped(); }, minutes(1));
  }
  EXPECT_GT(served, 300);
}

}  // namespace
}  // namespace outrigger::simulation
