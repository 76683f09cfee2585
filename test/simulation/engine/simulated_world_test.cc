#include "source/event/simulated_world.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace outrigger::event {
namespace {

TEST(SimulatedWorldTest, TimePassesOnlyWhenNobodyHasAnythingToDo) {
  SimulatedWorld world(1, FaultPlan::None());
  auto loop = world.MakeDispatcher();
  const MonotonicTime start = world.now();
  MonotonicTime fired;
  Timer timer([&] { fired = loop->now(); });
  loop->Arm(timer, hours(5));
  EXPECT_TRUE(world.RunUntil([&] { return !timer.armed(); }, hours(6)));
  EXPECT_EQ(fired, start + hours(5));
  const WallTime wall = world.wall_now();
  world.RunFor(seconds(10));
  EXPECT_EQ(world.wall_now() - wall, seconds(10));
  world.JumpWall(-hours(1));
  EXPECT_LT(world.wall_now(), wall);
  EXPECT_FALSE(world.Step()) << "nothing is left to happen";
}

TEST(SimulatedWorldTest, ALimitOfVirtualTimeEndsTheWait) {
  SimulatedWorld world(1);
  auto loop = world.MakeDispatcher();
  const MonotonicTime start = world.now();
  EXPECT_FALSE(world.RunUntil([] { return false; }, seconds(3)));
  EXPECT_EQ(world.now(), start + seconds(3));
}

TEST(SimulatedWorldTest, PostingAcrossLoopsNeedsNoThreadsAndKeepsEachPostersOrder) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SimulatedWorld world(seed);
    auto main = world.MakeDispatcher();
    main->RunOnce(Duration::zero());
    std::unique_ptr<Dispatcher> workers[3];
    for (auto& worker : workers) worker = world.MakeDispatcher();
    std::vector<int> seen[3];
    for (int w = 0; w < 3; ++w) {
      Dispatcher* worker = workers[w].get();
      worker->Post([&, w, worker] {
        EXPECT_TRUE(worker->OnLoopThread());
        EXPECT_FALSE(main->OnLoopThread()) << "another loop runs";
        for (int i = 0; i < 10; ++i) main->Post([&, w, i] { seen[w].push_back(i); });
      });
    }
    EXPECT_TRUE(world.RunUntil([&] { return seen[0].size() + seen[1].size() + seen[2].size() == 30; }, seconds(1)));
    for (const auto& mine : seen) {
      for (int i = 0; i < 10; ++i) EXPECT_EQ(mine[i], i);
    }
    EXPECT_TRUE(main->OnLoopThread()) << "nobody runs";
  }
}

TEST(SimulatedWorldTest, TheSeedDecidesWhoRunsFirst) {
  std::string orders;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SimulatedWorld world(seed);
    auto a = world.MakeDispatcher();
    auto b = world.MakeDispatcher();
    char first = 0;
    a->Post([&] { first = first == 0 ? 'a' : first; });
    b->Post([&] { first = first == 0 ? 'b' : first; });
    world.RunFor(seconds(1));
    orders += first;
  }
  EXPECT_NE(orders.find('a'), std::string::npos);
  EXPECT_NE(orders.find('b'), std::string::npos);
}

TEST(SimulatedWorldTest, NamesResolveByTableAndFamilyAndMayFail) {
  SimulatedWorld world(1);
  auto loop = world.MakeDispatcher();
  world.SetName("svc.test", {"10.0.0.1", "fd00::1", "10.0.0.2"}, seconds(7));
  ResolveAnswer answer;
  const auto resolve = [&](absl::string_view name, ResolveFamily family) {
    bool done = false;
    auto query = loop->engine().Resolve(name, family, [&](const ResolveAnswer& a) {
      answer = a;
      done = true;
    });
    EXPECT_FALSE(done);
    EXPECT_TRUE(world.RunUntil([&] { return done; }, seconds(1)));
    return answer.addresses;
  };
  using Addresses = std::vector<std::string>;
  EXPECT_EQ(resolve("svc.test", ResolveFamily::kV4Only), (Addresses{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(answer.ttl, seconds(7));
  EXPECT_EQ(resolve("svc.test", ResolveFamily::kAuto), (Addresses{"fd00::1"}));
  EXPECT_EQ(resolve("1.2.3.4", ResolveFamily::kAll), (Addresses{"1.2.3.4"}));
  EXPECT_TRUE(resolve("other.test", ResolveFamily::kAll).empty());
  EXPECT_EQ(answer.error, 4);
  world.faults().resolve_failure_one_in = 1;
  EXPECT_TRUE(resolve("svc.test", ResolveFamily::kAll).empty());
  EXPECT_NE(answer.error, 0);
  bool called = false;
  auto query = loop->engine().Resolve("svc.test", ResolveFamily::kAll, [&](const ResolveAnswer&) { called = true; });
  query.reset();
  world.RunFor(seconds(1));
  EXPECT_FALSE(called);
}

TEST(SimulatedWorldTest, RandomBitsFollowFromTheSeed) {
  const auto draw = [](uint64_t seed) {
    SimulatedWorld world(seed);
    auto loop = world.MakeDispatcher();
    char secret[8];
    loop->engine().SecureRandom(secret, sizeof(secret));
    return std::make_pair(loop->engine().RandomBits(), std::string(secret, sizeof(secret)));
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

TEST(SimulatedWorldTest, ADispatcherMadeElsewhereCanBeAttachedAndMayDieEarly) {
  SimulatedWorld world(1);
  bool ran = false;
  {
    Dispatcher loop(world.MakeEngine());
    world.Attach(loop);
    loop.Post([&] { ran = true; });
    EXPECT_TRUE(world.RunUntil([&] { return ran; }, seconds(1)));
    loop.Stop();
    ran = false;
    loop.Post([&] { ran = true; });
    world.RunFor(seconds(1));
    EXPECT_FALSE(ran) << "a stopped loop does not run";
  }
  EXPECT_FALSE(world.Step());
  EXPECT_EQ(world.open_sockets(), 0u);
}

}  // namespace
}  // namespace outrigger::event
