// One line of the default format, from the record to the sink.
#include <benchmark/benchmark.h>

#include "source/base/arena.h"
#include "source/model/access_log.h"
#include "source/observe/stats.h"
#include "test/harness/stream_harness.h"

namespace outrigger {
namespace {

class Nowhere final : public observe::AccessLogSink {
 public:
  void Write(observe::WorkerStats&, absl::string_view line) override { bytes += line.size(); }
  size_t bytes = 0;
};

void Log(benchmark::State& state, absl::string_view format) {
  harness::StreamHarness harness;
  const auto text = matching::TextFormat::Create(format.empty() ? matching::DefaultAccessLogFormat() : format);
  if (!text.ok()) return state.SkipWithError("the format");
  auto sink = std::make_shared<Nowhere>();
  const model::FormattedAccessLog log({}, model::BodyFormat(*text), sink);
  Arena arena;
  http::HeaderMap request(arena), response(arena);
  request.Add(http::KnownHeader::kMethod, "GET");
  request.Add(http::KnownHeader::kAuthority, "backend.example.com");
  request.Add(http::KnownHeader::kPath, "/api/items/4711?full=1");
  request.Add(http::KnownHeader::kUserAgent, "client/1.0");
  response.Add(http::KnownHeader::kStatus, "200");
  http::StreamInfo info;
  info.start_wall = harness.worker().dispatcher().wall_now();
  info.start = harness.worker().dispatcher().now();
  info.done = info.last_response_byte = info.start + milliseconds(12);
  info.bytes_sent = 12345;
  info.response_code = 200;
  info.details = "via_upstream";
  http::AccessLogRecord record;
  record.info = &info;
  record.request = &request;
  record.response = &response;
  record.dispatcher = &harness.worker().dispatcher();
  for (auto _ : state) log.Log(harness.worker().stats(), record);
  benchmark::DoNotOptimize(sink->bytes);
}

BENCHMARK_CAPTURE(Log, default_format, "");
BENCHMARK_CAPTURE(Log, five_commands, "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %BYTES_SENT% %DURATION%\n");

}  // namespace
}  // namespace outrigger
