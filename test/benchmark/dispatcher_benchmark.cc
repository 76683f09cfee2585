#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "benchmark/benchmark.h"
#include "source/base/shared_limit.h"
#include "source/event/dispatcher.h"

namespace outrigger::event {
namespace {

void EmptyTurn(benchmark::State& state) {
  Dispatcher dispatcher(MakeEpollEngine());
  for (auto _ : state) dispatcher.RunOnce(Duration::zero());
}
BENCHMARK(EmptyTurn);

void PostToOneself(benchmark::State& state) {
  Dispatcher dispatcher(MakeEpollEngine());
  int ran = 0;
  for (auto _ : state) {
    dispatcher.Post([&ran] { ++ran; });
    dispatcher.RunOnce(Duration::zero());
  }
  benchmark::DoNotOptimize(ran);
}
BENCHMARK(PostToOneself);

// There and back between two threads that wait for each other: the price of a wake.
void PostRoundTrip(benchmark::State& state) {
  Dispatcher here(MakeEpollEngine());
  Dispatcher there(MakeEpollEngine());
  std::thread thread([&] { there.Run(); });
  for (auto _ : state) {
    bool back = false;
    there.Post([&] { here.Post([&] { back = true; }); });
    while (!back) here.RunOnce(seconds(1));
  }
  there.Stop();
  thread.join();
}
BENCHMARK(PostRoundTrip)->UseRealTime();

struct Echo : IoHandler {
  Echo(Engine& engine, int fd) : engine(engine), fd(fd) { engine.Register(fd, this); }
  ~Echo() override { engine.Close(fd); }
  void OnReady(uint32_t bits) override {
    if ((bits & kReadable) == 0) return;
    char bytes[512];
    iovec piece{bytes, sizeof(bytes)};
    const IoResult n = engine.Readv(fd, &piece, 1);
    if (n <= 0) return;
    ++turns;
    piece.iov_len = static_cast<size_t>(n);
    engine.Writev(fd, &piece, 1);
  }
  Engine& engine;
  int fd;
  int64_t turns = 0;
};

// Two sockets on one loop that throw 300 bytes to each other: one wait, one read, one write each time.
void SocketPingPong(benchmark::State& state) {
  Dispatcher dispatcher(MakeEpollEngine());
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) return;
  Echo a(dispatcher.engine(), pair[0]);
  Echo b(dispatcher.engine(), pair[1]);
  char first[300] = {};
  const iovec piece{first, sizeof(first)};
  dispatcher.engine().Writev(pair[0], &piece, 1);
  for (auto _ : state) dispatcher.RunOnce(seconds(1));
  state.counters["throws"] = static_cast<double>(a.turns + b.turns);
}
BENCHMARK(SocketPingPong);

void LeaseFarFromTheLimit(benchmark::State& state) {
  SharedLimit limit(1 << 20);
  SharedLimit::Lease lease(limit);
  for (auto _ : state) {
    benchmark::DoNotOptimize(lease.TryAcquire());
    lease.Release();
  }
}
BENCHMARK(LeaseFarFromTheLimit);

void LeaseAtASmallLimit(benchmark::State& state) {
  SharedLimit limit(10);
  SharedLimit::Lease lease(limit);
  for (auto _ : state) {
    benchmark::DoNotOptimize(lease.TryAcquire());
    lease.Release();
  }
}
BENCHMARK(LeaseAtASmallLimit);

}  // namespace
}  // namespace outrigger::event
