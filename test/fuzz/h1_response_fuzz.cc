#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "test/http/h1/message_trace.h"

// Any bytes as responses: every splitting gives the same trace. The first byte says what was asked, and options.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::http::h1;
  if (size == 0 || size > 4096) return 0;
  TraceOptions options;
  options.request.head = (data[0] & 1) != 0;
  options.request.connect = (data[0] & 2) != 0;
  if ((data[0] & 4) != 0) options.request.upgrade = "websocket";
  options.http1.enable_trailers = (data[0] & 8) != 0;
  options.http1.preserve_case = (data[0] & 16) != 0;
  if ((data[0] & 128) != 0) options.codec.max_header_bytes = 200;
  const std::string wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string trace = TraceEveryWay(Decoder::Kind::kResponse, wire, options);
  if (trace.rfind("(split)", 0) == 0) {
    fprintf(stderr, "%s\n", trace.c_str());
    abort();
  }
  return 0;
}
