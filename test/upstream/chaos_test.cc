// Requests, cancellations, resets, updates and every network fault, in the simulated world: nothing is left behind.
#include <gtest/gtest.h>

#include <vector>

#include "source/event/simulated_world.h"
#include "test/upstream/harness.h"

namespace outrigger::upstream {
namespace {

struct Chaos {
  Chaos(uint64_t seed, bool with_http2)
      : simulated(seed, event::FaultPlan::Harsh()),
        random(seed),
        loop(simulated.MakeDispatcher()),
        world(loop.get()),
        http2(with_http2),
        limits(Limits(3, 4, 6)) {
    for (auto& server : servers) {
      server = std::make_unique<FakeUpstream>(*loop, http2);
      server->on_stream = [this](Exchange& exchange) {
        exchange.on_end = [this](Exchange& e) {
          if (random.OneIn(5)) return e.sender->Reset(http::ResetReason::kLocalReset);
          if (!random.OneIn(4)) e.Send({{":status", "200"}, {"content-length", "0"}}, true);
        };
      };
    }
    if (http2) world.config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
    world.config->settings.Edit().http2.max_concurrent_streams = 3;
    world.config->settings.Edit().idle_timeout = milliseconds(30);
    world.config->settings.Edit().connect_timeout = milliseconds(200);
    world.config->circuit_breakers->Put(0, limits);
    for (size_t i = 0; i < 3; ++i) records.push_back(Record(servers[i]->address(), i + 1));
    world.Start(Some());
  }
  ~Chaos() {
    wishes.clear();
    world.context.reset();
    for (auto& server : servers) server.reset();
  }
  std::shared_ptr<model::EndpointSet> Some() {
    std::vector<model::EndpointRef> some;
    for (const auto& record : records) {
      if (random.OneIn(2)) some.push_back(record);
    }
    return SetOf(some.empty() ? records : some);
  }
  void Act() {
    switch (random.Below(12)) {
      case 0: {
        auto config = std::make_shared<model::ClusterConfig>(*world.config);
        config->connection_hash = random.Below(2);
        config->settings.Edit().max_requests_per_connection = static_cast<uint32_t>(random.Below(4));
        return world.context->Publish(world.Snapshot(Some(), config));
      }
      case 1:
        return servers[random.Below(3)]->CloseAll();
      case 2:
        return world.context->DrainUpstream();
      case 3:
      case 4:
      case 5:
        if (!wishes.empty()) wishes.erase(wishes.begin() + static_cast<std::ptrdiff_t>(random.Below(wishes.size())));
        return;
      case 6:
        if (http2 && !servers[0]->served.empty()) servers[0]->served.back()->session->StartDrain(milliseconds(5));
        return;
      default:
        wishes.push_back(std::make_unique<Wish>());
        return world.Ask(*wishes.back());
    }
  }

  event::SimulatedWorld simulated;
  Random random;
  std::unique_ptr<event::Dispatcher> loop;
  World world;
  const bool http2;
  std::shared_ptr<model::CircuitBreaker> limits;
  std::unique_ptr<FakeUpstream> servers[3];
  std::vector<model::EndpointRef> records;
  std::vector<std::unique_ptr<Wish>> wishes;
};

void RunChaos(uint64_t seed, bool http2) {
  Chaos chaos(seed, http2);
  for (int i = 0; i < 300; ++i) {
    chaos.Act();
    for (uint64_t steps = chaos.random.Below(8); steps > 0; --steps) chaos.simulated.Step();
    ASSERT_LE(chaos.world.stats().upstream_rq_active.value(), 6);
    ASSERT_GE(chaos.world.stats().upstream_rq_active.value(), 0);
    ASSERT_LE(chaos.world.stats().upstream_rq_pending_active.value(), 4);
  }
  chaos.wishes.clear();
  chaos.simulated.faults() = event::FaultPlan::None();
  chaos.world.context->Publish(chaos.world.Snapshot(nullptr, nullptr));
  const observe::ClusterStats& stats = chaos.world.stats();
  ASSERT_TRUE(chaos.simulated.RunUntil([&] { return stats.upstream_cx_active.value() == 0; }, minutes(5))) << seed;
  chaos.simulated.RunFor(seconds(1));
  EXPECT_EQ(stats.upstream_rq_active.value(), 0) << seed;
  EXPECT_EQ(stats.upstream_rq_pending_active.value(), 0) << seed;
  EXPECT_EQ(stats.upstream_cx_total.value(), stats.upstream_cx_destroy.value()) << seed;
  int clusters = 0;
  chaos.world.context->ForEachCluster([&](WorkerCluster&) { ++clusters; });
  EXPECT_EQ(clusters, 0) << seed;
  EXPECT_EQ(chaos.limits->max_requests.taken(), 0u) << seed;
  EXPECT_EQ(chaos.limits->max_connections.taken(), 0u) << seed;
  EXPECT_EQ(chaos.limits->max_pending.taken(), 0u) << seed;
}

TEST(UpstreamChaosTest, Http1LeavesNothingBehind) {
  for (uint64_t seed = 0; seed < 40 && !testing::Test::HasFailure(); ++seed) RunChaos(seed, false);
}
TEST(UpstreamChaosTest, Http2LeavesNothingBehind) {
  for (uint64_t seed = 0; seed < 40 && !testing::Test::HasFailure(); ++seed) RunChaos(seed, true);
}

}  // namespace
}  // namespace outrigger::upstream
