#include <benchmark/benchmark.h>

#include "source/base/random.h"
#include "source/upstream/load_balancer.h"

namespace outrigger::upstream {
namespace {

// `n` endpoints in one priority; weighted: 1 to 8.
struct Bench final : ActiveRequests {
  model::LbConfig config;
  model::EndpointSet set;
  LoadBalancer balancer;
  Random random{1};

  Bench(model::LbPolicy policy, size_t n, bool weighted, uint32_t localities = 0) {
    config.policy = policy;
    config.locality_weighted = localities > 0;
    set.priorities.resize(1);
    model::PrioritySet& to = set.priorities[0];
    to.localities.resize(localities);
    for (auto& locality : to.localities) locality.weight = 1 + static_cast<uint32_t>(random.Below(4));
    for (uint32_t i = 0; i < n; ++i) {
      to.Add({.record = model::MakeEndpointRecord(i + 1, net::Address()), .weight = weighted ? 1 + i % 8 : 1},
             localities > 0 ? i % localities : 0);
    }
    balancer.Build(config, set, *this, 1);
  }
  uint32_t At(const model::Endpoint&) const override { return 0; }
};

void Pick(benchmark::State& state, model::LbPolicy policy, bool weighted, uint32_t localities = 0) {
  Bench bench(policy, static_cast<size_t>(state.range(0)), weighted, localities);
  for (auto _ : state) benchmark::DoNotOptimize(bench.balancer.Pick(bench.random.Next()));
}
void Build(benchmark::State& state) {
  Bench bench(model::LbPolicy::kRoundRobin, static_cast<size_t>(state.range(0)), true);
  for (auto _ : state) bench.balancer.Build(bench.config, bench.set, bench, 1);
}

BENCHMARK_CAPTURE(Pick, round_robin, model::LbPolicy::kRoundRobin, false)->Arg(3)->Arg(10000);
BENCHMARK_CAPTURE(Pick, weighted_round_robin, model::LbPolicy::kRoundRobin, true)->Arg(3)->Arg(10000);
BENCHMARK_CAPTURE(Pick, least_request, model::LbPolicy::kLeastRequest, false)->Arg(3)->Arg(10000);
BENCHMARK_CAPTURE(Pick, weighted_least_request, model::LbPolicy::kLeastRequest, true)->Arg(3)->Arg(10000);
BENCHMARK_CAPTURE(Pick, random, model::LbPolicy::kRandom, false)->Arg(3)->Arg(10000);
BENCHMARK_CAPTURE(Pick, weighted_random, model::LbPolicy::kRandom, true)->Arg(3)->Arg(10000);
BENCHMARK_CAPTURE(Pick, localities, model::LbPolicy::kRoundRobin, false, 3)->Arg(30)->Arg(10000);
BENCHMARK(Build)->Arg(3)->Arg(10000);

}  // namespace
}  // namespace outrigger::upstream
