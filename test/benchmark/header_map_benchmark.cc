// A request's fields: filled in, asked for, changed.
#include "benchmark/benchmark.h"
#include "source/http/header_map.h"

namespace outrigger::http {
namespace {

void Fill(HeaderMap& headers) {
  headers.Add(KnownHeader::kMethod, "GET");
  headers.Add(KnownHeader::kScheme, "http");
  headers.Add(KnownHeader::kAuthority, "service.test");
  headers.Add(KnownHeader::kPath, "/a/usual/path?with=query");
  headers.Add(KnownHeader::kUserAgent, "benchmark/1.0");
  headers.Add(KnownHeader::kAccept, "*/*");
  headers.Add(HeaderName("x-own-field"), "value of its own");
}

void FillOne(benchmark::State& state) {
  Arena arena;
  for (auto _ : state) {
    HeaderMap headers(arena);
    Fill(headers);
    benchmark::DoNotOptimize(headers.size());
    arena.Reset();
  }
}
BENCHMARK(FillOne);

void AskForTen(benchmark::State& state) {
  Arena arena;
  HeaderMap headers(arena);
  Fill(headers);
  for (auto _ : state) {
    for (const KnownHeader known :
         {KnownHeader::kMethod, KnownHeader::kPath, KnownHeader::kAuthority, KnownHeader::kConnection, KnownHeader::kTe,
          KnownHeader::kUpgrade, KnownHeader::kXRequestId, KnownHeader::kContentLength, KnownHeader::kVia}) {
      benchmark::DoNotOptimize(headers.Get(known));
    }
    benchmark::DoNotOptimize(headers.Get(HeaderName("x-own-field")));
  }
}
BENCHMARK(AskForTen);

void SetAndRemove(benchmark::State& state) {
  Arena arena;
  for (auto _ : state) {
    HeaderMap headers(arena);
    Fill(headers);
    headers.Set(KnownHeader::kPath, "/another");
    headers.Remove(KnownHeader::kAccept);
    headers.Remove(KnownHeader::kXEnvoyInternal);
    headers.AddNumber(KnownHeader::kContentLength, 12345);
    arena.Reset();
  }
}
BENCHMARK(SetAndRemove);

}  // namespace
}  // namespace outrigger::http
