#include "source/overload/watch.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/event/simulated_files.h"
#include "source/event/simulated_world.h"
#include "source/observe/stats_reader.h"

namespace outrigger::overload {
namespace {

class OverloadWatchTest : public testing::Test {
 protected:
  Sources sources() {
    return {dispatcher_.get(), [this] { return connections_; }};
  }
  void Put(absl::string_view path, absl::string_view text) { world_.files().Put(path, text); }
  double PressureOf(const MonitorSpec& spec) {
    const auto pressure = MakeMonitor(spec, sources())->Pressure();
    return pressure.ok() ? *pressure : -1;
  }
  void Make(OverloadSpec spec) {
    Effects effects;
    effects.pause_accepting = [this](bool paused) { events_.push_back(paused ? "pause" : "resume"); };
    effects.limits_scaled = [this] { events_.push_back("scaled"); };
    effects.reset_streams = [this](uint64_t least) { events_.push_back(absl::StrCat("reset ", least)); };
    effects.trim = [this] { events_.push_back("trim"); };
    watch_ = std::make_unique<Watch>(std::move(spec), sources(), stats_, state_, std::move(effects));
    watch_->Start();
  }
  // What the monitor "file" says from the next round on.
  void Inject(double pressure) { Put("/pressure", absl::StrCat(pressure, "\n")); }
  std::vector<std::string> Round() {
    events_.clear();
    world_.RunFor(milliseconds(1001));
    return events_;
  }
  static OverloadSpec SpecOf(ActionSpec action) {
    OverloadSpec spec;
    spec.monitors.push_back({"file", InjectedFile{"/pressure"}});
    spec.actions.push_back(std::move(action));
    return spec;
  }
  static Triggers At(double from, double to) { return {TriggerSpec{0, from, to}}; }
  int64_t Stat(absl::string_view name) {
    for (const auto& number : stats_.Read().numbers) {
      if (number.name == name) return number.value;
    }
    return -1;
  }

  event::SimulatedWorld world_{3, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
  observe::StatsRegistry stats_;
  State state_;
  uint64_t connections_ = 0;
  std::vector<std::string> events_;
  std::unique_ptr<Watch> watch_;
};

using Strings = std::vector<std::string>;

TEST_F(OverloadWatchTest, AControlGroupsMemoryIsReadInBothVersions) {
  const MonitorSpec plain{"m", CgroupMemory{}}, limited{"m", CgroupMemory{500}};
  EXPECT_EQ(PressureOf(plain), -1) << "no such files";
  Put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "300\n");
  Put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
  EXPECT_DOUBLE_EQ(PressureOf(plain), 0.3);
  Put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_DOUBLE_EQ(PressureOf(plain), 0) << "no limit";
  EXPECT_DOUBLE_EQ(PressureOf(limited), 0.6);
  Put("/sys/fs/cgroup/memory.current", "100");
  Put("/sys/fs/cgroup/memory.max", "400");
  EXPECT_DOUBLE_EQ(PressureOf(plain), 0.25);
  Put("/sys/fs/cgroup/memory.max", "max");
  EXPECT_DOUBLE_EQ(PressureOf(plain), 0);
  EXPECT_DOUBLE_EQ(PressureOf(limited), 0.2);
  Put("/proc/self/cgroup", "0::/pod/7\n");
  Put("/sys/fs/cgroup/pod/7/memory.current", "90");
  Put("/sys/fs/cgroup/pod/7/memory.max", "100");
  EXPECT_DOUBLE_EQ(PressureOf(plain), 0.9) << "its own group, where the mount shows all of them";
}

TEST_F(OverloadWatchTest, TheHostsProcessorsAreBusyByTheirShareOfTime) {
  Put("/proc/stat", "cpu  100 0 100 800 0 0 0\ncpu0 100 0 100 800 0 0 0\n");
  const auto monitor = MakeMonitor({"cpu", CpuUse{}}, sources());
  double pressure = 0;
  for (int i = 1; i <= 200; ++i) {  // half of it works from now on
    Put("/proc/stat", absl::StrCat("cpu  ", 100 + 5 * i, " 0 100 ", 800 + 5 * i, " 0 0 0\n"));
    const auto read = monitor->Pressure();
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_GE(*read, pressure) << "grows smoothly";
    EXPECT_LE(*read, pressure + 0.05) << "one reading is no trend";
    pressure = *read;
  }
  EXPECT_NEAR(pressure, 0.5, 0.01);
  EXPECT_DOUBLE_EQ(monitor->Pressure().value_or(-1), pressure) << "a second reading within a tick says nothing new";
  Put("/proc/stat", "cpu  1 0 1 8 0 0 0\n");
  EXPECT_FALSE(monitor->Pressure().ok()) << "time that runs backwards is no reading";
}

TEST_F(OverloadWatchTest, AContainersProcessorsAreItsQuota) {
  Put("/proc/stat", "cpu  1 0 1 8\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\n");
  Put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  Put("/sys/fs/cgroup/cpu.stat", "usage_usec 0\nuser_usec 0\n");
  const auto monitor = MakeMonitor({"cpu", CpuUse{true}}, sources());
  event::Timer tick([] {});
  double pressure = 0;
  for (int i = 1; i <= 200; ++i) {       // one processor's work of the two it may have
    dispatcher_->Arm(tick, seconds(1));  // something to wait for
    world_.RunUntil([&] { return !tick.armed(); }, seconds(2));
    Put("/sys/fs/cgroup/cpu.stat", absl::StrCat("usage_usec ", i * 1'000'000, "\n"));
    const auto read = monitor->Pressure();
    ASSERT_TRUE(read.ok()) << read.status();
    pressure = *read;
  }
  EXPECT_NEAR(pressure, 0.5, 0.05);
}

TEST_F(OverloadWatchTest, ConnectionsAreComparedWithTheirLimit) {
  connections_ = 3;
  EXPECT_DOUBLE_EQ(PressureOf({"c", Connections{4}}), 0.75);
}

TEST_F(OverloadWatchTest, AnActionFollowsThePressureRoundByRound) {
  Inject(0);
  Make(SpecOf(
      {"envoy.overload_actions.stop_accepting_requests", ActionKind::kPoint, Point::kRejectRequest, At(0.5, 0.9)}));
  EXPECT_EQ(Stat("overload.file.pressure"), 0);
  Inject(0.7);
  Round();
  EXPECT_NEAR(state_.share(Point::kRejectRequest), 0.5, 0.001);
  EXPECT_EQ(Stat("overload.file.pressure"), 70);
  EXPECT_EQ(Stat("overload.envoy.overload_actions.stop_accepting_requests.scale_percent"), 50);
  EXPECT_EQ(Stat("overload.envoy.overload_actions.stop_accepting_requests.active"), 0);
  Inject(0.95);
  Round();
  EXPECT_EQ(state_.share(Point::kRejectRequest), 1);
  EXPECT_EQ(Stat("overload.envoy.overload_actions.stop_accepting_requests.active"), 1);
  Inject(0.1);
  Round();
  EXPECT_EQ(state_.share(Point::kRejectRequest), 0);
}

TEST_F(OverloadWatchTest, WhatCannotBeReadKeepsItsPressureAndIsCounted) {
  Inject(1);
  Make(SpecOf({"envoy.overload_actions.stop_accepting_requests", ActionKind::kPoint, Point::kRejectRequest, At(1, 1)}));
  Put("/pressure", "much");
  Round();
  Put("/pressure", "1.5");
  Round();
  EXPECT_EQ(state_.share(Point::kRejectRequest), 1);
  EXPECT_EQ(Stat("overload.file.failed_updates"), 2);
}

TEST_F(OverloadWatchTest, AcceptingStopsAtSaturationAndGoesOnBelow) {
  Inject(0);
  Make(SpecOf({"a", ActionKind::kStopAccepting, Point{}, At(0.5, 0.9)}));
  Inject(0.8);
  EXPECT_EQ(Round(), Strings{});
  Inject(0.9);
  EXPECT_EQ(Round(), Strings{"pause"});
  EXPECT_EQ(Round(), Strings{});
  Inject(0.8);
  EXPECT_EQ(Round(), Strings{"resume"});
}

TEST_F(OverloadWatchTest, ConnectionsLookAtTheirLimitsOnlyWhenThoseChange) {
  Inject(0);
  OverloadSpec spec = SpecOf({"a", ActionKind::kReduceTimeouts, Point{}, At(0.5, 0.9)});
  spec.timers.push_back({TimerKind::kConnectionIdle, seconds(2), 1, {}});
  spec.timers.push_back({TimerKind::kStreamIdle, seconds(2), 1, At(0.8, 0.8)});
  Make(std::move(spec));
  Inject(0.72);
  EXPECT_EQ(Round(), Strings{"scaled"});
  EXPECT_EQ(state_.Shorten(TimerKind::kStreamIdle, seconds(10)), seconds(10)) << "it has a trigger of its own";
  EXPECT_NEAR(std::chrono::duration<double>(state_.Shorten(TimerKind::kConnectionIdle, seconds(12))).count(), 6.5,
              0.01);
  Inject(0.7201);
  EXPECT_EQ(Round(), Strings{});
  Inject(0.8);
  EXPECT_EQ(Round(), Strings{"scaled"});
  EXPECT_EQ(state_.Shorten(TimerKind::kStreamIdle, seconds(10)), seconds(2));
}

TEST_F(OverloadWatchTest, TheNearerToSaturationTheSmallerAreTheStreamsThatGo) {
  Inject(0.4);
  OverloadSpec spec = SpecOf({"a", ActionKind::kResetStreams, Point{}, At(0.5, 0.9)});
  spec.smallest_power = 20;
  Make(std::move(spec));
  EXPECT_EQ(Round(), Strings{});
  Inject(0.51);
  EXPECT_EQ(Round(), Strings{absl::StrCat("reset ", 128 << 20)});
  EXPECT_EQ(Round(), Strings{absl::StrCat("reset ", 128 << 20)}) << "each round, as long as it lasts";
  Inject(0.701);
  EXPECT_EQ(Round(), Strings{absl::StrCat("reset ", 8 << 20)});
  Inject(1);
  EXPECT_EQ(Round(), Strings{absl::StrCat("reset ", 1 << 20)});
}

TEST_F(OverloadWatchTest, TheHeapIsShrunkAtItsOwnInterval) {
  Inject(1);
  OverloadSpec spec = SpecOf({"a", ActionKind::kShrinkHeap, Point{}, At(1, 1)});
  spec.shrink_interval = seconds(3);
  Make(std::move(spec));
  EXPECT_EQ(events_, Strings{"trim"}) << "as soon as it begins";
  int trims = 0;
  for (int i = 0; i < 9; ++i) trims += static_cast<int>(Round().size());
  EXPECT_EQ(trims, 3);
  Inject(0);
  Round();
  EXPECT_EQ(Round(), Strings{});
}

}  // namespace
}  // namespace outrigger::overload
