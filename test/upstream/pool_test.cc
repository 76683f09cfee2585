#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "test/upstream/harness.h"

namespace outrigger::upstream {
namespace {

using http::ResetReason;

TEST(PoolTest, AnHttp1ConnectionIsReusedForTheNextRequest) {
  World world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish first, second;
  world.Ask(first);
  ASSERT_TRUE(world.Until([&] { return first.exchange.done(); }));
  world.Ask(second);
  EXPECT_EQ(second.ready, 1);  // at once, from inside Request
  ASSERT_TRUE(world.Until([&] { return second.exchange.done(); }));
  EXPECT_FALSE(first.facts.reused);
  EXPECT_TRUE(second.facts.reused);
  EXPECT_EQ(server.served.size(), 1u);
  EXPECT_EQ(world.stats().upstream_cx_total.value(), 1u);
  EXPECT_EQ(world.stats().upstream_cx_http1_total.value(), 1u);
  EXPECT_EQ(world.stats().upstream_rq_total.value(), 2u);
  EXPECT_EQ(world.stats().upstream_rq_pending_total.value(), 1u);
  EXPECT_EQ(world.stats().upstream_rq_active.value(), 0);
  EXPECT_EQ(world.stats().upstream_cx_active.value(), 1);
}

TEST(PoolTest, NamesThatClientsChooseDoNotUseUpThePools) {
  World world;
  world.config->settings.Edit().auto_sni = true;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  world.Start(SetOf({Record(server.address(), 1)}));
  for (int i = 0; i < 600; ++i) {
    Wish wish;
    world.Ask(wish, {.authority = absl::StrCat("host-", i, ".example")});
    ASSERT_TRUE(world.Until([&] { return wish.done(); }));
    ASSERT_EQ(wish.failed, 0) << i;
  }
  EXPECT_EQ(world.stats().upstream_cx_pool_overflow.value(), 0u);
  EXPECT_LE(world.stats().upstream_cx_active.value(), 300) << "idle ones made room";
}

TEST(PoolTest, ConcurrentHttp1RequestsHaveAConnectionEach) {
  World world;
  FakeUpstream server(*world.loop, false);
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish wishes[3];
  for (Wish& wish : wishes) world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return server.requests() == 3; }));
  EXPECT_EQ(server.served.size(), 3u);
  for (Wish& wish : wishes) wish.exchange.sender->Reset(ResetReason::kLocalReset);
  ASSERT_TRUE(world.Until([&] { return world.stats().upstream_cx_active.value() == 0; }));
  EXPECT_EQ(world.stats().upstream_rq_active.value(), 0);
}

TEST(PoolTest, ConnectionsAreOpenedSomeAtATime) {
  World world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  world.Start(SetOf({Record(server.address(), 1)}));
  {
    std::vector<Wish> cancelled(300);
    for (Wish& wish : cancelled) world.Ask(wish);
    EXPECT_EQ(world.stats().upstream_cx_total.value(), 128u);
  }
  std::vector<Wish> wishes(40);
  for (Wish& wish : wishes) world.Ask(wish);
  EXPECT_EQ(world.stats().upstream_cx_total.value(), 128u) << "those that are being made serve whoever waits";
  ASSERT_TRUE(world.Until([&] { return std::all_of(wishes.begin(), wishes.end(), [](Wish& w) { return w.done(); }); }));
  EXPECT_LE(world.stats().upstream_cx_total.value(), 128u);
  for (const Wish& wish : wishes) EXPECT_EQ(wish.failed, 0);
}

TEST(PoolTest, Http2RequestsShareOneConnection) {
  World world;
  FakeUpstream server(*world.loop, true);
  world.config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish wishes[5];
  for (Wish& wish : wishes) world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return server.requests() == 5; }));
  EXPECT_EQ(server.served.size(), 1u);
  EXPECT_EQ(world.stats().upstream_rq_active.value(), 5);
  for (auto& exchange : server.served[0]->app.exchanges) exchange->Send({{":status", "200"}}, true);
  ASSERT_TRUE(world.Until([&] { return world.stats().upstream_rq_active.value() == 0; }));
  for (Wish& wish : wishes) EXPECT_TRUE(wish.exchange.done());
}

TEST(PoolTest, AFullHttp2ConnectionIsJoinedByAnother) {
  World world;
  FakeUpstream server(*world.loop, true);
  world.config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
  world.config->settings.Edit().http2.max_concurrent_streams = 2;
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish wishes[5];
  for (Wish& wish : wishes) world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return server.requests() == 5; }));
  EXPECT_EQ(server.served.size(), 3u);
}

TEST(PoolTest, ASourceAddressThatIsNotOursIsCounted) {
  World world;
  FakeUpstream server(*world.loop, false);
  world.config->settings.Edit().bind_to = *net::Address::ParseIp("192.0.2.1", 0);
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish wish;
  world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return wish.failed == 1; }));
  EXPECT_EQ(wish.reason, ResetReason::kConnectFailure);
  EXPECT_GE(world.stats().bind_errors.value(), 1u);
  EXPECT_EQ(world.stats().bind_errors.value(), world.stats().upstream_cx_connect_fail.value());
}

TEST(PoolTest, ARefusedConnectionFailsWhoWaitsWithTheReason) {
  World world;
  net::Address nobody;
  {
    FakeUpstream gone(*world.loop, false);
    nobody = gone.address();
  }
  world.Start(SetOf({Record(nobody, 1)}));
  Wish wishes[2];
  for (Wish& wish : wishes) world.Ask(wish);
  EXPECT_EQ(wishes[0].failed, 0);
  ASSERT_TRUE(world.Until([&] { return wishes[0].failed == 1 && wishes[1].failed == 1; }));
  EXPECT_EQ(wishes[0].reason, ResetReason::kConnectFailure);
  EXPECT_EQ(wishes[0].transport_failure, "delayed connect error: Connection refused");
  EXPECT_GE(world.stats().upstream_cx_connect_fail.value(), 1u);
  EXPECT_EQ(world.stats().upstream_rq_pending_failure_eject.value(), 2u);
  EXPECT_EQ(world.stats().upstream_rq_pending_active.value(), 0);
}

TEST(PoolTest, ACancelledWaitIsNotHeardOf) {
  World world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  world.Start(SetOf({Record(server.address(), 1)}));
  auto gone = std::make_unique<Wish>();
  Wish cancelled, stays;
  world.Ask(*gone);
  world.Ask(cancelled);
  world.Ask(stays);
  gone.reset();
  cancelled.Cancel();
  cancelled.Cancel();
  ASSERT_TRUE(world.Until([&] { return stays.exchange.done(); }));
  EXPECT_EQ(cancelled.ready + cancelled.failed, 0);
  EXPECT_EQ(world.stats().upstream_rq_pending_active.value(), 0);
}

TEST(PoolTest, TheRequestLimitOfOneMeansOneAndTheNextIsRefusedAtOnce) {
  World world;
  FakeUpstream server(*world.loop, false);
  world.config->circuit_breakers->Put(0, Limits(1024, 1024, 1));
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish first, second, third;
  world.Ask(first);
  ASSERT_TRUE(world.Until([&] { return server.requests() == 1; }));
  world.Ask(second);
  ASSERT_TRUE(world.Until([&] { return second.failed == 1; }));
  EXPECT_EQ(second.reason, ResetReason::kOverflow);
  EXPECT_EQ(world.stats().upstream_rq_pending_overflow.value(), 1u);
  server.served[0]->app.exchanges[0]->Send({{":status", "200"}, {"content-length", "0"}}, true);
  ASSERT_TRUE(world.Until([&] { return first.exchange.done(); }));
  world.Ask(third);
  ASSERT_TRUE(world.Until([&] { return third.ready == 1; }));
}

TEST(PoolTest, RequestsBeyondTheConnectionLimitWaitForAFreeConnection) {
  World world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  world.config->circuit_breakers->Put(0, Limits(1, 1, 1024));
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish first, second, third;
  world.Ask(first);
  ASSERT_TRUE(world.Until([&] { return first.ready == 1; }));
  world.Ask(second);
  world.Ask(third);  // one may wait, not two
  EXPECT_EQ(third.failed, 1);
  EXPECT_EQ(third.reason, ResetReason::kOverflow);
  ASSERT_TRUE(world.Until([&] { return second.exchange.done(); }));
  EXPECT_TRUE(first.exchange.done());
  EXPECT_EQ(server.served.size(), 1u);
  EXPECT_EQ(world.stats().upstream_cx_overflow.value(), 1u);
}

TEST(PoolTest, AConnectionIsClosedAfterItsMostRequests) {
  World world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  world.config->settings.Edit().max_requests_per_connection = 2;
  world.Start(SetOf({Record(server.address(), 1)}));
  for (int i = 0; i < 3; ++i) {
    Wish wish;
    world.Ask(wish);
    ASSERT_TRUE(world.Until([&] { return wish.exchange.done(); }));
  }
  EXPECT_EQ(server.served.size(), 2u);
  EXPECT_EQ(world.stats().upstream_cx_max_requests.value(), 1u);
}

TEST(PoolTest, ADedicatedConnectionIsNotUsedAgain) {
  World world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish upgrade, next;
  world.Ask(upgrade, {.dedicated = true});
  ASSERT_TRUE(world.Until([&] { return upgrade.exchange.done(); }));
  world.Ask(next);
  ASSERT_TRUE(world.Until([&] { return next.exchange.done(); }));
  EXPECT_EQ(server.served.size(), 2u);
}

// A response and, in the same segment, bytes that look like another one: the request that waits must not get them.
TEST(PoolTest, BytesBehindAResponseAreNotTheNextRequestsAnswer) {
  World world;
  auto socket = *net::ListenSocket::Bind(world.loop->engine(), *net::Address::ParseIp("127.0.0.1", 0), {}, 1);
  ASSERT_TRUE(socket->Listen().ok());
  struct Liar final : net::TcpListener::Owner {
    event::Dispatcher* loop;
    std::vector<std::unique_ptr<harness::Recorder>> recorders;
    std::vector<std::unique_ptr<net::Connection>> connections;
    void OnAccepted(net::TcpListener&, net::AcceptedSocket accepted) override {
      recorders.push_back(std::make_unique<harness::Recorder>());
      connections.push_back(
          std::make_unique<net::Connection>(*loop, std::move(accepted), std::make_unique<net::RawTransport>()));
      connections.back()->SetHandler(recorders.back().get());
      connections.back()->Start();
    }
  } liar;
  liar.loop = world.loop;
  net::TcpListener listener(*world.loop, socket, 0, 0, liar);
  listener.Start();
  world.config->circuit_breakers->Put(0, Limits(1, 8, 8));
  world.Start(SetOf({Record(socket->address(), 1)}));
  Wish first, second;
  world.Ask(first);
  world.Ask(second);  // waits: one connection
  ASSERT_TRUE(world.Until([&] { return !liar.recorders.empty() && !liar.recorders[0]->got.empty(); }));
  liar.connections[0]->Write(
      "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 418 Poison\r\ncontent-length: 0\r\n\r\n");
  ASSERT_TRUE(world.Until([&] { return first.exchange.done() && liar.recorders.size() == 2; }));
  ASSERT_TRUE(world.Until([&] { return !liar.recorders[1]->got.empty(); }));
  EXPECT_FALSE(second.exchange.done());
  liar.connections[1]->Write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  ASSERT_TRUE(world.Until([&] { return second.exchange.done(); }));
  EXPECT_EQ(second.exchange.Get(":status"), "200");
  listener.Stop();
  for (auto& connection : liar.connections) connection->Close(net::Connection::CloseMode::kNow);
}

}  // namespace
}  // namespace outrigger::upstream
