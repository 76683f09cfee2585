// A stream taken from the pool (HTTP/2) of an endpoint with a connection that is up, and given back unused.
#include <benchmark/benchmark.h>

#include "test/upstream/harness.h"

namespace outrigger::upstream {
namespace {

void Checkout(benchmark::State& state) {
  World world;
  FakeUpstream server(*world.loop, true);
  server.Echo();
  world.config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
  world.Start(SetOf({Record(server.address(), 1)}));
  {
    Wish first;
    world.Ask(first);
    if (!world.Until([&] { return first.done(); }) || first.failed > 0) return state.SkipWithError("no connection");
  }
  for (auto _ : state) {
    {
      Wish wish;
      wish.send = false;
      world.Ask(wish);
      if (wish.ready != 1) return state.SkipWithError("not at once");
    }
    world.loop->RunOnce(Duration::zero());
  }
}

BENCHMARK(Checkout);

}  // namespace
}  // namespace outrigger::upstream
