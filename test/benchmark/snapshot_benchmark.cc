// What a stream pays to hold the configuration, and what one changed cluster of many costs.
#include <benchmark/benchmark.h>

#include "absl/strings/str_cat.h"
#include "test/upstream/harness.h"

namespace outrigger::upstream {
namespace {

void Pin(benchmark::State& state) {
  World world;
  world.Start(SetOf({}));
  for (auto _ : state) {
    const model::SnapshotPin pin = world.context->Pin();
    benchmark::DoNotOptimize(&pin->get());
  }
}

// The next version, published to a worker and the one before freed.
void Publish(benchmark::State& state) {
  World world;
  model::Snapshot next;
  for (uint32_t i = 0; i < static_cast<uint32_t>(state.range(0)); ++i) {
    auto cluster = std::make_shared<model::Cluster>(model::Cluster{{i, 1}, world.config, SetOf({})});
    next.clusters.Set(i, std::move(cluster));
  }
  world.Start(SetOf({}));
  world.context->Publish(std::make_shared<model::Snapshot>(next));
  const auto endpoints = SetOf({});
  uint32_t at = 0;
  for (auto _ : state) {
    at = (at + 7919) % static_cast<uint32_t>(state.range(0));
    next.generation++;
    next.clusters.Set(at, std::make_shared<model::Cluster>(model::Cluster{{at, 1}, world.config, endpoints}));
    world.context->Publish(std::make_shared<model::Snapshot>(next));
  }
}

void Find(benchmark::State& state) {
  model::PersistentVector<int> vector;
  const auto size = static_cast<uint32_t>(state.range(0));
  for (uint32_t i = 0; i < size; ++i) vector.Set(i, std::make_shared<const int>(1));
  uint32_t at = 0;
  for (auto _ : state) {
    at = (at + 7919) % size;
    benchmark::DoNotOptimize(vector.Get(at));
  }
}

BENCHMARK(Pin);
BENCHMARK(Publish)->Arg(100)->Arg(10000);
BENCHMARK(Find)->Arg(4)->Arg(10000);

}  // namespace
}  // namespace outrigger::upstream
