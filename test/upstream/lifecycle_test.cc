// Updates, drains, limits shared between workers, retries, TCP.
#include <gtest/gtest.h>

#include <thread>

#include "test/upstream/harness.h"

namespace outrigger::upstream {
namespace {

using http::ResetReason;

TEST(UpstreamLifecycleTest, AnEndpointThatLeavesFinishesItsRequestsAndCloses) {
  World world;
  FakeUpstream old_server(*world.loop, false), new_server(*world.loop, false);
  world.Start(SetOf({Record(old_server.address(), 1)}));
  Wish running;
  world.Ask(running);
  ASSERT_TRUE(world.Until([&] { return old_server.requests() == 1; }));
  world.context->Publish(world.Snapshot(SetOf({Record(new_server.address(), 2)}), world.config));
  Wish next;
  world.Ask(next);
  ASSERT_TRUE(world.Until([&] { return new_server.requests() == 1; }));
  EXPECT_EQ(old_server.open(), 1u);
  old_server.served[0]->app.exchanges[0]->Send({{":status", "200"}, {"content-length", "0"}}, true);
  ASSERT_TRUE(world.Until([&] { return running.exchange.done() && old_server.open() == 0; }));
  EXPECT_EQ(running.exchange.resets, 0);
}

TEST(UpstreamLifecycleTest, ChangedConnectionSettingsRetireConnections) {
  World world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  auto endpoints = SetOf({Record(server.address(), 1)});
  world.Start(endpoints);
  Wish first, second, third;
  world.Ask(first);
  ASSERT_TRUE(world.Until([&] { return first.exchange.done(); }));
  auto same = std::make_shared<model::ClusterConfig>(*world.config);
  same->settings.Edit().connect_timeout = seconds(1);
  world.context->Publish(world.Snapshot(endpoints, same));
  world.Ask(second);
  ASSERT_TRUE(world.Until([&] { return second.exchange.done(); }));
  EXPECT_EQ(server.served.size(), 1u);
  auto changed = std::make_shared<model::ClusterConfig>(*world.config);
  changed->connection_hash = 7;
  world.context->Publish(world.Snapshot(endpoints, changed));
  world.Ask(third);
  ASSERT_TRUE(world.Until([&] { return third.exchange.done(); }));
  EXPECT_EQ(server.served.size(), 2u);
  EXPECT_EQ(server.open(), 1u);
}

TEST(UpstreamLifecycleTest, WhoWaitsForAConnectionSurvivesAChangeOfSettings) {
  World world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  auto endpoints = SetOf({Record(server.address(), 1)});
  world.Start(endpoints);
  Wish waiting;
  world.Ask(waiting);
  auto changed = std::make_shared<model::ClusterConfig>(*world.config);
  changed->connection_hash = 7;
  world.context->Publish(world.Snapshot(endpoints, changed));
  ASSERT_TRUE(world.Until([&] { return waiting.done(); }));
  EXPECT_EQ(waiting.failed, 0);
}

TEST(UpstreamLifecycleTest, ARemovedClusterFinishesAndIsFreedOnlyWhenNoSnapshotKnowsIt) {
  World world;
  FakeUpstream server(*world.loop, false);
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish running;
  world.Ask(running);
  ASSERT_TRUE(world.Until([&] { return server.requests() == 1; }));
  model::SnapshotPin pin = world.context->Pin();
  world.context->Publish(world.Snapshot(nullptr, nullptr));
  EXPECT_EQ(world.context->Cluster(world.slot), nullptr);
  EXPECT_EQ(world.released, 0);
  const auto alive = [&] {
    int n = 0;
    world.context->ForEachCluster([&](WorkerCluster&) { ++n; });
    return n;
  };
  server.served[0]->app.exchanges[0]->Send({{":status", "200"}, {"content-length", "0"}}, true);
  ASSERT_TRUE(world.Until([&] { return running.exchange.done() && server.open() == 0; }));
  harness::Turns(*world.loop);
  EXPECT_EQ(alive(), 1);
  pin = model::SnapshotPin();
  EXPECT_EQ(world.released, 1);
  EXPECT_EQ(alive(), 0);
}

TEST(UpstreamLifecycleTest, AnUnhealthyEndpointIsLeftAndItsConnectionsRetired) {
  World world;
  FakeUpstream sick(*world.loop, false), well(*world.loop, false);
  sick.Echo();
  well.Echo();
  auto record = Record(sick.address(), 1);
  auto set = SetOf({record, Record(well.address(), 2)});
  auto epoch = std::make_shared<std::atomic<uint64_t>>(0);
  set->health_epoch = epoch;
  world.Start(set);
  for (int i = 0; i < 4; ++i) {
    Wish wish;
    world.Ask(wish);
    ASSERT_TRUE(world.Until([&] { return wish.exchange.done(); }));
  }
  EXPECT_EQ(sick.requests(), 2u);
  record->flags = model::kEdsUnhealthy;
  ++*epoch;
  for (int i = 0; i < 4; ++i) {
    Wish wish;
    world.Ask(wish);
    ASSERT_TRUE(world.Until([&] { return wish.exchange.done(); }));
  }
  EXPECT_EQ(sick.requests(), 2u);
  ASSERT_TRUE(world.Until([&] { return sick.open() == 0; }));
}

TEST(UpstreamLifecycleTest, AnIdleConnectionIsClosedInTime) {
  World world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  world.config->settings.Edit().idle_timeout = milliseconds(20);
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish wish;
  world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return wish.exchange.done() && server.open() == 0; }));
  EXPECT_EQ(world.stats().upstream_cx_idle_timeout.value(), 1u);
  EXPECT_EQ(world.stats().upstream_cx_destroy_local.value(), 1u);
  EXPECT_EQ(world.stats().upstream_cx_active.value(), 0);
}

TEST(UpstreamLifecycleTest, AConnectionIsRetiredAtItsLongestLife) {
  World world;
  FakeUpstream server(*world.loop, true);
  world.config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
  world.config->settings.Edit().max_connection_duration = milliseconds(20);
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish running, next;
  world.Ask(running);
  ASSERT_TRUE(world.Until([&] { return world.stats().upstream_cx_max_duration_reached.value() == 1; }));
  world.Ask(next);
  ASSERT_TRUE(world.Until([&] { return server.requests() == 2; }));
  EXPECT_EQ(server.served.size(), 2u);
  EXPECT_EQ(running.exchange.resets, 0);
}

TEST(UpstreamLifecycleTest, GoawayMovesNewRequestsToAnotherConnection) {
  World world;
  FakeUpstream server(*world.loop, true);
  world.config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish running;
  world.Ask(running);
  ASSERT_TRUE(world.Until([&] { return server.requests() == 1; }));
  server.served[0]->session->StartDrain(milliseconds(1));
  ASSERT_TRUE(world.Until([&] {
    Wish probe;
    world.Ask(probe);
    return server.served.size() == 2;
  }));
  server.served[0]->app.exchanges[0]->Send({{":status", "200"}}, true);
  ASSERT_TRUE(world.Until([&] { return running.exchange.done(); }));
  EXPECT_EQ(running.exchange.resets, 0);
  ASSERT_TRUE(world.Until([&] { return server.served[0]->app.closes == 1; }));
}

TEST(UpstreamLifecycleTest, AConnectionCutUnderARequestResetsItAndIsCounted) {
  World world;
  FakeUpstream server(*world.loop, false);
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish wish;
  world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return server.requests() == 1; }));
  server.CloseAll();
  ASSERT_TRUE(world.Until([&] { return wish.exchange.resets == 1; }));
  EXPECT_EQ(wish.exchange.reason, ResetReason::kConnectionTermination);
  ASSERT_TRUE(world.Until([&] { return world.stats().upstream_cx_active.value() == 0; }));
  EXPECT_EQ(world.stats().upstream_rq_active.value(), 0);
  EXPECT_EQ(world.stats().upstream_cx_destroy_with_active_rq.value(), 1u);
}

TEST(UpstreamLifecycleTest, LimitsHoldForAllWorkersTogether) {
  auto limits = Limits(1024, 1024, 1);
  World one;
  World two(one.loop);
  FakeUpstream server(*one.loop, true);
  for (World* world : {&one, &two}) {
    world->config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
    world->config->circuit_breakers->Put(0, limits);
    world->Start(SetOf({Record(server.address(), 1)}));
  }
  Wish first, second, third;
  one.Ask(first);
  ASSERT_TRUE(one.Until([&] { return server.requests() == 1; }));
  two.Ask(second);
  ASSERT_TRUE(one.Until([&] { return second.failed == 1; }));
  EXPECT_EQ(second.reason, ResetReason::kOverflow);
  server.served[0]->app.exchanges[0]->Send({{":status", "200"}}, true);
  ASSERT_TRUE(one.Until([&] { return first.exchange.done() && one.stats().upstream_rq_active.value() == 0; }));
  two.Ask(third);
  ASSERT_TRUE(one.Until([&] { return third.ready == 1; }));
}

TEST(UpstreamLifecycleTest, RetriesHaveALimitAndABudget) {
  World world;
  auto limits = Limits(1024, 1024, 1024, 1);
  world.config->circuit_breakers->Put(0, limits);
  auto budget = Limits(1024, 1024, 1024, 1);
  budget->retry_budget_percent = 20.0;
  budget->retry_budget_min_concurrency = 2;
  world.config->circuit_breakers->Put(1, budget);
  world.Start(SetOf({}));
  WorkerCluster& cluster = world.cluster();
  const auto priority = model::RoutingPriority::kDefault, high = model::RoutingPriority::kHigh;
  EXPECT_TRUE(cluster.TryRetry(priority));
  EXPECT_FALSE(cluster.TryRetry(priority));
  cluster.RetryDone(priority);
  EXPECT_TRUE(cluster.TryRetry(priority));
  cluster.RetryDone(priority);
  EXPECT_TRUE(cluster.TryRetry(high));
  EXPECT_TRUE(cluster.TryRetry(high));
  EXPECT_FALSE(cluster.TryRetry(high));
  cluster.RetryDone(high);
  cluster.RetryDone(high);
}

TEST(UpstreamLifecycleTest, WithoutEndpointsNothingIsPicked) {
  World world;
  world.Start(SetOf({}));
  EXPECT_FALSE(static_cast<bool>(world.cluster().Pick({})));
  EXPECT_FALSE(world.cluster().has_healthy_endpoints());
}

struct Tunnel final : TcpRequest {
  std::unique_ptr<net::Connection> connection;
  harness::Recorder recorder;
  int failed = 0;
  http::ResetReason reason = ResetReason::kNone;
  void OnTcpReady(std::unique_ptr<net::Connection> given, const ConnectionFacts&) override {
    connection = std::move(given);
    connection->SetHandler(&recorder);
  }
  void OnTcpFailed(const PoolFailure& failure) override {
    ++failed;
    reason = failure.reason;
  }
};

TEST(UpstreamLifecycleTest, ATcpRequestGetsAConnectionOfItsOwn) {
  World world;
  FakeUpstream server(*world.loop, false);
  world.config->circuit_breakers->Put(0, Limits(1, 1024, 1024));
  world.Start(SetOf({Record(server.address(), 1)}));
  Tunnel tunnel, refused;
  world.cluster().Request(world.cluster().Pick({}), tunnel, {});
  ASSERT_TRUE(world.Until([&] { return tunnel.connection != nullptr; }));
  EXPECT_EQ(world.stats().upstream_cx_active.value(), 1);
  world.cluster().Request(world.cluster().Pick({}), refused, {});
  EXPECT_EQ(refused.reason, ResetReason::kOverflow);
  tunnel.connection->Write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  ASSERT_TRUE(world.Until([&] { return server.requests() == 1; }));
  tunnel.connection->Close(net::Connection::CloseMode::kNow);
  tunnel.Cancel();
  EXPECT_EQ(world.stats().upstream_cx_active.value(), 0);
  EXPECT_GT(world.stats().upstream_cx_tx_bytes_total.value(), 10u);
}

TEST(UpstreamLifecycleTest, ACancelledTcpRequestGivesItsPlaceBack) {
  World world;
  FakeUpstream server(*world.loop, false);
  world.config->circuit_breakers->Put(0, Limits(1, 1, 1));
  world.Start(SetOf({Record(server.address(), 1)}));
  {
    Tunnel gone;
    world.cluster().Request(world.cluster().Pick({}), gone, {});
  }
  Tunnel tunnel;
  world.cluster().Request(world.cluster().Pick({}), tunnel, {});
  ASSERT_TRUE(world.Until([&] { return tunnel.connection != nullptr; }));
  EXPECT_EQ(world.stats().upstream_rq_pending_active.value(), 0);
}

// Whatever moment a request is given up at, the counts come back to zero and the next request works.
TEST(UpstreamLifecycleTest, GivingUpAtAnyMomentLeavesNothingBehind) {
  for (const bool http2 : {false, true}) {
    for (int turns = 0; turns < 12; ++turns) {
      World world;
      FakeUpstream server(*world.loop, http2);
      if (http2) world.config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
      world.config->circuit_breakers->Put(0, Limits(4, 4, 4));
      world.Start(SetOf({Record(server.address(), 1)}));
      server.Echo();
      {
        Wish wishes[3];
        for (Wish& wish : wishes) world.Ask(wish);
        harness::Turns(*world.loop, turns);
      }
      Wish last;
      world.Ask(last);
      ASSERT_TRUE(world.Until([&] { return last.done(); })) << http2 << turns;
      EXPECT_EQ(last.failed, 0);
      ASSERT_TRUE(world.Until([&] { return world.stats().upstream_rq_active.value() == 0; }));
      EXPECT_EQ(world.stats().upstream_rq_pending_active.value(), 0);
    }
  }
}

TEST(UpstreamLifecycleTest, ARequestFromInsideAFailureIsANewOne) {
  World world;
  net::Address nobody;
  {
    FakeUpstream gone(*world.loop, false);
    nobody = gone.address();
  }
  world.Start(SetOf({Record(nobody, 1)}));
  Wish first, again;
  first.on_failed = [&](Wish&) { world.Ask(again); };
  world.Ask(first);
  ASSERT_TRUE(world.Until([&] { return again.failed == 1; }));
  EXPECT_EQ(world.stats().upstream_cx_total.value(), 2u);
}

TEST(UpstreamLifecycleTest, TheDownstreamsProtocolIsUsedWhereConfigured) {
  World world;
  FakeUpstream server(*world.loop, true);
  server.Echo();
  world.config->settings.Edit().protocol = model::UpstreamProtocol::kUseDownstream;
  world.Start(SetOf({Record(server.address(), 1)}));
  Wish wish;
  StreamOptions options;
  options.downstream_protocol = http::Protocol::kHttp2;
  world.Ask(wish, options);
  ASSERT_TRUE(world.Until([&] { return wish.done(); }));
  EXPECT_EQ(wish.facts.protocol, http::Protocol::kHttp2);
}

TEST(UpstreamLifecycleTest, PerHostConnectionsAreLimitedOverAllPools) {
  World world;
  FakeUpstream server(*world.loop, false);
  auto record = Record(server.address(), 1);
  record->LimitConnections(2);
  world.config->settings.Edit().per_host_max_connections = 2;
  world.Start(SetOf({record}));
  Wish wishes[3];
  for (Wish& wish : wishes) world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return server.requests() == 2; }));
  harness::Turns(*world.loop);
  EXPECT_EQ(server.served.size(), 2u);
  EXPECT_GE(world.stats().upstream_cx_overflow.value(), 1u);
}

}  // namespace
}  // namespace outrigger::upstream
