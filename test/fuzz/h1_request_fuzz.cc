#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "source/base/arena.h"
#include "source/http/h1/parser.h"
#include "source/http/h1/serializer.h"
#include "test/http/h1/message_trace.h"

// Any bytes as requests: every splitting gives the same trace, and what is accepted can be forwarded and reads back the
// same. The first byte chooses options.
namespace outrigger::http::h1 {
namespace {

[[noreturn]] void Wrong(const std::string& what) {
  fprintf(stderr, "%s\n", what.c_str());
  abort();
}

TraceOptions Choose(uint8_t bits) {
  TraceOptions options;
  options.http1.accept_http_10 = (bits & 1) != 0;
  if ((bits & 2) != 0) options.http1.default_host_for_http_10 = "default";
  options.http1.enable_trailers = (bits & 4) != 0;
  options.http1.allow_chunked_length = (bits & 8) != 0;
  options.http1.preserve_case = (bits & 16) != 0;
  options.codec.headers_with_underscores = static_cast<CodecOptions::Underscores>((bits >> 5) % 3);
  if ((bits & 128) != 0) options.codec.max_header_bytes = 200;
  return options;
}

std::string Parse(const std::string& wire, const TraceOptions& options, std::string* forwarded) {
  CodecCounters counters;
  const ParseContext context{options.codec, options.http1, counters};
  Decoder decoder(Decoder::Kind::kRequest);
  Buffer in(wire);
  Head head;
  std::string spelled;
  if (decoder.ReadHead(in, RequestFacts(), context, head, &spelled) != Decoder::Step::kHead) return "";
  Arena arena;
  HeaderMap map(arena);
  BuildRequestHeaders(head, options.http1.preserve_case ? spelled.data() : nullptr, "http", map);
  Buffer out;
  WriteRequestHead(map, PlanRequest(map, head.framing == Framing::kNone && !head.upgrade), Http1Options(), out);
  *forwarded = out.ToString();
  std::string said(head.method);
  for (absl::string_view part : {map.authority(), map.path()}) said += std::string("|") + std::string(part);
  map.ForEach([&](const HeaderMap::Entry& entry) {
    if (entry.name[0] == ':' || entry.known == KnownHeader::kConnection) return;
    if (entry.known == KnownHeader::kTe || entry.known == KnownHeader::kContentLength) return;
    said += "\n" + std::string(entry.name) + "=" + std::string(entry.value);
  });
  return said;
}

}  // namespace
}  // namespace outrigger::http::h1

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::http::h1;
  if (size == 0 || size > 4096) return 0;
  const TraceOptions options = Choose(data[0]);
  const std::string wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string trace = TraceEveryWay(Decoder::Kind::kRequest, wire, options);
  if (trace.rfind("(split)", 0) == 0) Wrong(trace);
  std::string forwarded, again;
  const std::string said = Parse(wire, options, &forwarded);
  if (said.empty()) return 0;
  if (forwarded.empty()) Wrong("accepted but not sendable: " + said);
  TraceOptions strict;
  strict.codec.max_header_bytes = 1 << 20;
  strict.codec.max_header_count = 1000;
  if (Parse(forwarded, strict, &again) != said) Wrong("reads back differently: " + said + "\n" + forwarded);
  return 0;
}
