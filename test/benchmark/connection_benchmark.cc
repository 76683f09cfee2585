// What a Connection adds to the system calls of a small exchange, and body throughput, over loopback in one loop. The
// bare variant makes the same four socket calls and waits by hand.
#include <memory>
#include <string>
#include <utility>

#include "benchmark/benchmark.h"
#include "source/net/connection.h"
#include "source/net/raw_transport.h"
#include "test/harness/recorder.h"

namespace outrigger::net {
namespace {

class Echo final : public ConnectionHandler {
 public:
  explicit Echo(Connection& connection) : connection_(connection) { connection.SetHandler(this); }
  void OnData(Buffer& input, bool) override {
    ++seen;
    if (echo) connection_.Write(std::move(input));
    input.Clear();
  }
  void OnClosed(const CloseInfo&) override {}
  void Dump(DumpWriter&) const override {}
  bool echo = false;
  int seen = 0;

 private:
  Connection& connection_;
};

struct Pair {
  event::Dispatcher loop{event::MakeEpollEngine()};
  std::unique_ptr<Connection> a, b;
  std::unique_ptr<Echo> at_a, at_b;
  Pair() {
    const auto [left, right] = harness::TcpPair(loop);
    a = std::make_unique<Connection>(loop, left, std::make_unique<RawTransport>());
    b = std::make_unique<Connection>(loop, right, std::make_unique<RawTransport>());
    at_a = std::make_unique<Echo>(*a);
    at_b = std::make_unique<Echo>(*b);
    a->Start();
    b->Start();
    harness::Turns(loop);
  }
};

void BM_SmallExchange(benchmark::State& state) {
  Pair pair;
  pair.at_b->echo = true;
  const std::string request(200, 'r');
  int want = 0;
  for (auto _ : state) {
    pair.a->Write(request);
    ++want;
    while (pair.at_a->seen < want) pair.loop.RunOnce(seconds(1));
  }
}
BENCHMARK(BM_SmallExchange);

void BM_BareExchange(benchmark::State& state) {
  event::Dispatcher loop{event::MakeEpollEngine()};
  event::Engine& engine = loop.engine();
  const auto [left, right] = harness::TcpPair(loop);
  struct Nothing final : event::IoHandler {
    void OnReady(uint32_t) override {}
  } nothing;
  engine.Register(left, &nothing);
  engine.Register(right, &nothing);
  std::string bytes(200, 'r');
  iovec at{bytes.data(), bytes.size()};
  for (auto _ : state) {
    for (const auto& [from, to] : {std::pair(left, right), std::pair(right, left)}) {
      engine.Writev(from, &at, 1);
      engine.Wait(seconds(1));
      engine.Deliver();
      while (engine.Readv(to, &at, 1) < 0) {
      }
    }
  }
  engine.Close(left);
  engine.Close(right);
}
BENCHMARK(BM_BareExchange);

void BM_Body(benchmark::State& state) {
  Pair pair;
  const std::string body(static_cast<size_t>(state.range(0)), 'b');
  pair.a->SetWriteLimits(0);
  for (auto _ : state) {
    const uint64_t want = pair.b->stats().bytes_read + body.size();
    pair.a->Write(body);
    while (pair.b->stats().bytes_read < want) pair.loop.RunOnce(seconds(1));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Body)->Arg(64 * 1024)->Arg(1024 * 1024);

}  // namespace
}  // namespace outrigger::net
