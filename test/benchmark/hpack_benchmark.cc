// HPACK alone: a usual request's header block, written and read, when it repeats and when its path is new each time.
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "source/http/h2/hpack_decoder.h"
#include "source/http/h2/hpack_encoder.h"
#include "source/http/h2/huffman.h"

namespace outrigger::http::h2 {
namespace {

void Fill(HeaderMap& headers, absl::string_view path) {
  headers.Add(KnownHeader::kMethod, "GET");
  headers.Add(KnownHeader::kScheme, "http");
  headers.Add(KnownHeader::kAuthority, "service.test");
  headers.Add(KnownHeader::kPath, path);
  headers.Add(KnownHeader::kUserAgent, "benchmark/1.0");
  headers.Add(KnownHeader::kAccept, "*/*");
  headers.Add(HeaderName("x-own-field"), "value of its own");
  headers.Add(KnownHeader::kXRequestId, "2b0b3c4e-5c1f-4a39-9f0e-0d6b2b6f7f10");
  headers.Add(KnownHeader::kXForwardedProto, "http");
}

void Encode(benchmark::State& state, bool new_paths) {
  HpackEncoder encoder(4096);
  std::vector<std::string> paths;
  for (int i = 0; i < 1024; ++i) paths.push_back("/a/usual/path/" + std::to_string(new_paths ? i : 0));
  Arena arena;
  Bytes block;
  size_t i = 0;
  for (auto _ : state) {
    HeaderMap headers(arena);
    Fill(headers, paths[i++ % paths.size()]);
    encoder.Encode(headers, true, block);
    benchmark::DoNotOptimize(block.data());
    block.Commit(-block.size());
    arena.Reset();
  }
}
BENCHMARK_CAPTURE(Encode, repeated, false);
BENCHMARK_CAPTURE(Encode, new_paths, true);

void Decode(benchmark::State& state) {
  HpackEncoder encoder(4096);
  HpackDecoder decoder;
  std::string block;
  for (int i = 0; i < 4; ++i) {  // the last one names what the table has
    Arena arena;
    HeaderMap headers(arena);
    Fill(headers, "/a/usual/path");
    Bytes bytes;
    encoder.Encode(headers, true, bytes);
    block = std::string(bytes.view());
    decoder.Begin(block);
    HpackDecoder::Field field;
    while (decoder.Next(&field) == HpackDecoder::Outcome::kField) {
    }
  }
  for (auto _ : state) {
    decoder.Begin(block);
    HpackDecoder::Field field;
    while (decoder.Next(&field) == HpackDecoder::Outcome::kField) benchmark::DoNotOptimize(field);
    decoder.Finish();
  }
}
BENCHMARK(Decode);

void HuffmanText(benchmark::State& state) {
  const std::string text = "/a/usual/path?with=a&query=of-some-length";
  std::string coded(HuffmanSize(text), '\0');
  HuffmanEncode(text, coded.data());
  std::string back(HuffmanMost(coded.size()), '\0');
  for (auto _ : state) benchmark::DoNotOptimize(HuffmanDecode(coded, back.data()));
}
BENCHMARK(HuffmanText);

}  // namespace
}  // namespace outrigger::http::h2
