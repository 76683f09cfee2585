#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "source/base/random.h"
#include "source/event/dispatcher.h"

namespace outrigger::event {
namespace {

// Re-arming one timer among many, as a connection does with its idle timer.
void RearmAmong(benchmark::State& state) {
  Dispatcher dispatcher(MakeEpollEngine());
  Random random(1);
  std::vector<std::unique_ptr<Timer>> timers;
  for (int64_t i = 0; i < state.range(0); ++i) {
    timers.push_back(std::make_unique<Timer>([] {}));
    dispatcher.Arm(*timers.back(), hours(1) + microseconds(random.Below(1'000'000)));
  }
  size_t i = 0;
  for (auto _ : state) {
    dispatcher.Arm(*timers[i], hours(1) + microseconds(random.Below(1'000'000)));
    if (++i == timers.size()) i = 0;
  }
}
BENCHMARK(RearmAmong)->Arg(10)->Arg(1000)->Arg(100000);

void ArmAndDisarmAmong(benchmark::State& state) {
  Dispatcher dispatcher(MakeEpollEngine());
  Random random(1);
  std::vector<std::unique_ptr<Timer>> timers;
  for (int64_t i = 0; i < state.range(0); ++i) {
    timers.push_back(std::make_unique<Timer>([] {}));
    dispatcher.Arm(*timers.back(), seconds(15));
  }
  Timer timer([] {});
  for (auto _ : state) {
    dispatcher.Arm(timer, seconds(15));
    timer.Disarm();
  }
}
BENCHMARK(ArmAndDisarmAmong)->Arg(10)->Arg(1000)->Arg(100000);

}  // namespace
}  // namespace outrigger::event
