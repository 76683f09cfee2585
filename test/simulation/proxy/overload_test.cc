// Overload that comes and goes in simulated meshes whose connections break and whose processes run out of descriptors:
// calls may be refused, but none is answered wrongly, none hangs, and nothing stays behind.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "source/overload/state.h"
#include "test/simulation/proxy/hop.h"
#include "test/simulation/proxy/seeds.h"

namespace outrigger::simulation {
namespace {

using overload::Point;
using overload::TimerKind;

// What the overload managers of the proxies decide, drawn from the mesh's dice.
class Pressure {
 public:
  explicit Pressure(Hop& hop) : hop_(hop) {
    Prepare(hop.front());
    if (hop.two()) Prepare(hop.back());
  }
  void Tick() {
    SimulatedProxy& proxy = hop_.dice().OneIn(2) ? hop_.front() : hop_.back();
    overload::State& state = proxy.facts().overload;
    const double share = hop_.dice().OneIn(2) ? 0 : hop_.dice().OneIn(3) ? 1 : 0.2;
    switch (hop_.dice().Below(6)) {
      case 0:
      case 1:
        return state.Set(static_cast<Point>(hop_.dice().Below(overload::kPoints)), share);
      case 2:
        state.SetTimer(static_cast<TimerKind>(hop_.dice().Below(overload::kTimerKinds)), share);
        return Each(proxy, [](server::Worker& worker) { worker.LimitsScaled(); });
      case 3:
        return Each(proxy, [share](server::Worker& worker) { worker.SetAcceptingPaused(share == 1); });
      case 4:
        if (!hop_.dice().OneIn(8)) return;
        return Each(proxy, [&](server::Worker& worker) {
          worker.ResetHeavyStreams(16 * 1024, proxy.stats().Register<observe::ResetStreamsStats>("overload.reset."));
        });
      default:
        return Each(proxy, [](server::Worker& worker) { worker.TrimMemory(); });
    }
  }

 private:
  void Prepare(SimulatedProxy& proxy) {
    overload::State& state = proxy.facts().overload;
    for (size_t i = 0; i < overload::kPoints; ++i) {
      state.SetShedStats(static_cast<Point>(i),
                         proxy.stats().Register<observe::LoadShedStats>(absl::StrCat("overload.", i, ".")));
    }
    for (size_t i = 0; i < overload::kTimerKinds; ++i) {
      state.SetFloor(static_cast<TimerKind>(i), milliseconds(20), 1);
    }
  }
  template <class Do>
  static void Each(SimulatedProxy& proxy, Do what) {
    for (size_t i = 0; i < proxy.worker_count(); ++i) what(proxy.worker(i));
  }

  Hop& hop_;
};

TEST(SimulatedOverloadTest, NothingIsAnsweredWronglyHangsOrStaysBehind) {
  const Seeds seeds = SeedsToTry(30);
  int right = 0, refused = 0;
  TrySeeds(seeds, [&](uint64_t seed) -> std::string {
    Hop hop(seed, Hop::Plan::kHarsh);
    hop.world().faults().out_of_descriptors_one_in = 30;
    Pressure pressure(hop);
    hop.OnTick([&] { pressure.Tick(); });
    const std::vector<std::string> problems = hop.Run();
    right += hop.score().right;
    for (const auto& [what, n] : hop.score().failures) {
      if (what.rfind("503", 0) == 0) refused += n;
    }
    return problems.empty() ? "" : absl::StrCat(absl::StrJoin(problems, "; "), "\n", hop.Describe());
  });
  if (!seeds.many()) return;
  EXPECT_GT(right, 0);
  EXPECT_GT(refused, 0) << "overload must be felt";
}

}  // namespace
}  // namespace outrigger::simulation
