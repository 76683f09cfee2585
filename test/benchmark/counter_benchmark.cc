#include "benchmark/benchmark.h"
#include "source/observe/schemas/cluster.h"
#include "source/observe/stats.h"

namespace outrigger::observe {
namespace {

struct Fixture {
  StatsRegistry registry;
  StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");
  WorkerStats& worker = registry.AddWorker("worker_0");
};

void CounterInc(benchmark::State& state) {
  Fixture fixture;
  ClusterStats& stats = fixture.worker.Get(fixture.scope);
  for (auto _ : state) stats.upstream_rq_total.Inc();
}
BENCHMARK(CounterInc);

void FindBlockAndInc(benchmark::State& state) {
  Fixture fixture;
  for (auto _ : state) fixture.worker.Get(fixture.scope).upstream_rq_total.Inc();
}
BENCHMARK(FindBlockAndInc);

void GaugeUpAndDown(benchmark::State& state) {
  Fixture fixture;
  ClusterStats& stats = fixture.worker.Get(fixture.scope);
  for (auto _ : state) {
    stats.upstream_rq_active.Inc();
    stats.upstream_rq_active.Dec();
  }
}
BENCHMARK(GaugeUpAndDown);

void CodeInc(benchmark::State& state) {
  Fixture fixture;
  ClusterStats& stats = fixture.worker.Get(fixture.scope);
  uint32_t status = 200;
  for (auto _ : state) {
    benchmark::DoNotOptimize(status);
    stats.upstream_rq.Inc(status);
  }
}
BENCHMARK(CodeInc);

void HistogramRecord(benchmark::State& state) {
  Fixture fixture;
  ClusterStats& stats = fixture.worker.Get(fixture.scope);
  uint64_t value = 1;
  for (auto _ : state) {
    stats.upstream_rq_time.Record(value);
    value = value * 5 % 100003;
  }
}
BENCHMARK(HistogramRecord);

void DynamicInc(benchmark::State& state) {
  Fixture fixture;
  for (auto _ : state) fixture.worker.Dynamic(fixture.scope, "zone.a.b.upstream_rq_200").Inc();
}
BENCHMARK(DynamicInc);

}  // namespace
}  // namespace outrigger::observe
