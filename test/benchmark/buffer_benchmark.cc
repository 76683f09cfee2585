#include <string>

#include "benchmark/benchmark.h"
#include "source/base/arena.h"
#include "source/base/buffer.h"

namespace outrigger {
namespace {

// One read of a request, parsed and drained: what an idle connection does per request.
void ReserveCommitDrain(benchmark::State& state) {
  for (auto _ : state) {
    Buffer buffer;
    size_t room = 0;
    benchmark::DoNotOptimize(buffer.Reserve(64 * 1024, &room));
    buffer.Commit(300);
    buffer.Drain(300);
  }
}
BENCHMARK(ReserveCommitDrain);

// A body piece on its way through: out of the read buffer, through two more, gone.
void MoveAPieceThroughThreeBuffers(benchmark::State& state) {
  Buffer in;
  const std::string chunk(16 * 1024, 'x');
  for (auto _ : state) {
    in.Append(chunk);
    Buffer filters;
    filters.MoveFrom(in, chunk.size());
    Buffer out;
    out.Append(static_cast<Buffer&&>(filters));
    out.Drain(out.size());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * chunk.size()));
}
BENCHMARK(MoveAPieceThroughThreeBuffers);

void AppendResponseHead(benchmark::State& state) {
  for (auto _ : state) {
    Buffer buffer;
    for (int i = 0; i < 20; ++i) buffer.Append("content-type: application/json\r\n");
    benchmark::DoNotOptimize(buffer.Front());
  }
}
BENCHMARK(AppendResponseHead);

void AcquireAndReleaseABlock(benchmark::State& state) {
  for (auto _ : state) ReleaseBlock(AcquireBlock(static_cast<uint32_t>(state.range(0))));
}
BENCHMARK(AcquireAndReleaseABlock)->Arg(4000)->Arg(16000)->Arg(128000);

void ArenaOfOneRequest(benchmark::State& state) {
  for (auto _ : state) {
    Arena arena;
    for (int i = 0; i < 20; ++i) benchmark::DoNotOptimize(arena.Copy("x-request-id: 0123456789"));
    benchmark::DoNotOptimize(arena.Allocate(2000));
  }
}
BENCHMARK(ArenaOfOneRequest);

}  // namespace
}  // namespace outrigger
