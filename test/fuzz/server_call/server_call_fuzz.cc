// A caller's bytes for the server side of gRPC, over a true stream. Byte 0: switches; byte 1: size of pieces; then a
// line with the content type, one with the path, one with the timeout, one with the encoding; the rest: the request's
// body.
#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "source/grpc/server_call.h"
#include "test/harness/stream_harness.h"

namespace outrigger::grpc {
namespace {

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

class CallFilter final : public http::Filter {
 public:
  struct Config {
    const MethodTable* methods;
    size_t most;
  };
  CallFilter(const Config& config, http::Stream& stream) : call_(stream, *config.methods, config.most) {}
  http::FilterStatus OnRequestHeaders(http::Stream&, http::HeaderMap& headers, bool end) override {
    return call_.OnHeaders(headers, end);
  }
  http::FilterStatus OnRequestBody(http::Stream&, Buffer& body, bool end) override { return call_.OnBody(body, end); }
  http::FilterStatus OnRequestTrailers(http::Stream&, http::HeaderMap&) override { return call_.OnTrailers(); }
  void OnDownstreamBelowLow(http::Stream&) override { call_.OnDownstreamBelowLow(); }

 private:
  ServerCall call_;
};

// Says the message back; one that begins with "!" is refused with the rest as the reason.
Answer Echo(absl::string_view request) {
  Answer answer;
  if (!request.empty() && request[0] == '!') {
    answer.status = GrpcStatus::kAborted;
    answer.message = std::string(request.substr(1));
  } else {
    answer.bytes = std::string(request);
  }
  return answer;
}

const MethodTable& Methods() {
  static const MethodTable* methods = new MethodTable{{"/a.A/Unary", [] { return MakeUnary(Echo); }},
                                                      {"/a.A/Each", [] { return MakeAnswerToEach(Echo); }}};
  return *methods;
}

absl::string_view TakeLine(absl::string_view* text) {
  const size_t end = std::min(text->find('\n'), text->size());
  const absl::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return line;
}

// What went out is one well-formed answer: headers once, whole frames, a status if it ended.
void CheckAnswer(const harness::ScriptedSender& sender) {
  if (!sender.headers_sent || sender.status() != "200") return;
  const harness::Fields& last = sender.trailers.empty() ? sender.headers : sender.trailers;
  const bool has_status =
      std::any_of(last.begin(), last.end(), [](const auto& field) { return field.first == "grpc-status"; });
  Require(!sender.ended || has_status);
  for (const auto& [name, value] : last) {
    Require(std::all_of(value.begin(), value.end(), [](char c) { return static_cast<uint8_t>(c) >= 0x20; }));
  }
  size_t at = 0;
  while (at < sender.body.size()) {
    Require(sender.body.size() - at >= 5 && sender.body[at] == 0);
    size_t size = 0;
    for (size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<uint8_t>(sender.body[at + i]);
    Require(size <= sender.body.size() - at - 5);
    at += 5 + size;
  }
}

void Run(const uint8_t* data, size_t size) {
  if (size < 2 || size > 16 * 1024) return;
  const uint8_t switches = data[0], piece = data[1];
  absl::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  harness::Fields fields = {
      {":method", (switches & 1) != 0 ? "GET" : "POST"}, {":scheme", "http"}, {":authority", "h"}};
  fields.emplace_back("content-type", TakeLine(&text));
  fields.emplace_back(":path", TakeLine(&text));
  for (absl::string_view name : {"grpc-timeout", "grpc-encoding"}) {
    const absl::string_view value = TakeLine(&text);
    if (!value.empty()) fields.emplace_back(name, value);
  }
  harness::StreamHarness harness(1024);
  auto config =
      std::make_shared<CallFilter::Config>(CallFilter::Config{&Methods(), (switches & 2) != 0 ? 100u : 4096u});
  harness.Add(http::MakeFilterSpec<CallFilter>(std::move(config)), "call");
  const bool trailers = (switches & 4) != 0;
  harness.Request(fields, text.empty() && !trailers);
  while (!text.empty()) {
    const size_t n = std::min<size_t>(text.size(), piece == 0 ? text.size() : piece);
    if (harness.done > 0) break;
    if ((switches & 8) != 0) harness.stream().OnAboveWriteHigh();
    harness.Body(text.substr(0, n), n == text.size() && !trailers);
    if ((switches & 8) != 0 && harness.done == 0) harness.stream().OnBelowWriteLow();
    text.remove_prefix(n);
  }
  if (trailers && harness.done == 0) harness.Trailers({{"x", "y"}});
  if ((switches & 16) != 0) harness.world().RunFor(seconds(2));
  Require(harness.sender.pauses >= 0);
  CheckAnswer(harness.sender);
}

}  // namespace
}  // namespace outrigger::grpc

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  outrigger::grpc::Run(data, size);
  return 0;
}
