#include <string>

#include "benchmark/benchmark.h"
#include "source/base/arena.h"
#include "source/http/h1/decoder.h"
#include "source/http/h1/parser.h"
#include "source/http/h1/serializer.h"

namespace outrigger::http::h1 {
namespace {

constexpr absl::string_view kBrowser =
    "GET /articles/2024/05/how-things-work?utm_source=feed&utm_medium=rss HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://www.example.com/articles\r\n"
    "DNT: 1\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes; _id=GA1.2.1234567890.1714500000\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Cache-Control: max-age=0\r\n\r\n";
constexpr absl::string_view kGrpcLike =
    "POST /helloworld.Greeter/SayHello HTTP/1.1\r\n"
    "host: greeter.default.svc.cluster.local:50051\r\n"
    "content-type: application/grpc+proto\r\n"
    "te: trailers\r\n"
    "grpc-accept-encoding: identity,deflate,gzip\r\n"
    "grpc-timeout: 5000000u\r\n"
    "user-agent: grpc-c++/1.51.1 grpc-c/29.0.0 (linux; chttp2)\r\n"
    "x-request-id: 5f0c6d2e-8f5a-4a5b-9d0e-0a1b2c3d4e5f\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
constexpr absl::string_view kApi =
    "GET /v1/users/42 HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "User-Agent: curl/7.88.1\r\n"
    "Accept: */*\r\n\r\n";

absl::string_view Message(int64_t i) { return i == 0 ? kBrowser : i == 1 ? kGrpcLike : kApi; }
void Label(benchmark::State& state) {
  constexpr const char* kNames[] = {"browser", "grpc_like", "api"};
  state.SetLabel(kNames[state.range(0)]);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * Message(state.range(0)).size());
}

// From bytes in a connection's input to a HeaderMap in a stream's arena. The copy into the input is part of it (a socket read
// otherwise).
void ParseRequest(benchmark::State& state) {
  const absl::string_view wire = Message(state.range(0));
  CodecOptions codec;
  Http1Options http1;
  CodecCounters counters;
  const ParseContext context{codec, http1, counters};
  Decoder decoder(Decoder::Kind::kRequest);
  Buffer in;
  Arena arena;
  for (auto _ : state) {
    in.Append(wire);
    Head head;
    if (decoder.ReadHead(in, RequestFacts(), context, head, nullptr) != Decoder::Step::kHead) {
      state.SkipWithError("refused");
      return;
    }
    HeaderMap* map = arena.New<HeaderMap>(arena);
    BuildRequestHeaders(head, nullptr, "http", *map);
    benchmark::DoNotOptimize(map->size());
    decoder.TakeHead(in, head, Framing::kNone, 0);
    arena.Reset();
  }
  Label(state);
}
BENCHMARK(ParseRequest)->DenseRange(0, 2);

void SerialiseRequest(benchmark::State& state) {
  CodecOptions codec;
  Http1Options http1;
  CodecCounters counters;
  const ParseContext context{codec, http1, counters};
  Decoder decoder(Decoder::Kind::kRequest);
  Buffer in(Message(state.range(0)));
  Arena arena;
  Head head;
  if (decoder.ReadHead(in, RequestFacts(), context, head, nullptr) != Decoder::Step::kHead) {
    state.SkipWithError("refused");
    return;
  }
  HeaderMap map(arena);
  BuildRequestHeaders(head, nullptr, "http", map);
  Buffer out;
  for (auto _ : state) {
    benchmark::DoNotOptimize(WriteRequestHead(map, PlanRequest(map, true), http1, out));
    out.Drain(out.size());
  }
  Label(state);
}
BENCHMARK(SerialiseRequest)->DenseRange(0, 2);

}  // namespace
}  // namespace outrigger::http::h1
