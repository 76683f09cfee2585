// Thread: test
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/http/stream.h"
#include "test/harness/stream_harness.h"

namespace outrigger::http {

using harness::Fields;
using harness::StreamHarness;

// A filter whose hooks do what the test says, and note what they saw: "rh" request headers, "rb:BYTES", "rt", "sh"
// response, ...; "$" is the end.
struct Script {
  std::string name;
  std::string* log = nullptr;
  std::function<FilterStatus(Stream&, HeaderMap&)> request_headers, request_trailers, response_headers,
      response_trailers, interim;
  std::function<FilterStatus(Stream&, Buffer&, bool)> request_body, response_body;
  std::function<void(Stream&)> done;
  Filter* self = nullptr;

  void Note(absl::string_view what, bool end) const { absl::StrAppend(log, name, ".", what, end ? "$ " : " "); }
};

class Scripted : public Filter {
 public:
  struct Config {
    Script* script;
  };
  Scripted(const Config& config, Stream&) : s_(*config.script) { s_.self = this; }
  FilterStatus OnRequestHeaders(Stream& stream, HeaderMap& headers, bool end) override {
    return Head("rh", end, s_.request_headers, stream, headers);
  }
  FilterStatus OnRequestBody(Stream& stream, Buffer& body, bool end) override {
    return Body("rb:", end, s_.request_body, stream, body);
  }
  FilterStatus OnRequestTrailers(Stream& stream, HeaderMap& trailers) override {
    return Head("rt", false, s_.request_trailers, stream, trailers);
  }
  FilterStatus OnResponseInterim(Stream& stream, HeaderMap& headers) override {
    return s_.interim ? s_.interim(stream, headers) : FilterStatus::kContinue;
  }
  FilterStatus OnResponseHeaders(Stream& stream, HeaderMap& headers, bool end) override {
    return Head("sh", end, s_.response_headers, stream, headers);
  }
  FilterStatus OnResponseBody(Stream& stream, Buffer& body, bool end) override {
    return Body("sb:", end, s_.response_body, stream, body);
  }
  FilterStatus OnResponseTrailers(Stream& stream, HeaderMap& trailers) override {
    return Head("st", false, s_.response_trailers, stream, trailers);
  }
  void OnDone(Stream& stream) override {
    s_.Note("done", false);
    if (s_.done) s_.done(stream);
  }

 private:
  FilterStatus Head(absl::string_view what, bool end, const std::function<FilterStatus(Stream&, HeaderMap&)>& hook,
                    Stream& stream, HeaderMap& fields) {
    s_.Note(what, end);
    return hook ? hook(stream, fields) : FilterStatus::kContinue;
  }
  FilterStatus Body(absl::string_view what, bool end, const std::function<FilterStatus(Stream&, Buffer&, bool)>& hook,
                    Stream& stream, Buffer& body) {
    s_.Note(absl::StrCat(what, body.ToString()), end);
    return hook ? hook(stream, body, end) : FilterStatus::kContinue;
  }
  Script& s_;
};

// Hears headers alone: what it holds later is held without asking it.
class HeadersOnly : public Filter {
 public:
  using Config = Scripted::Config;
  HeadersOnly(const Config& config, Stream&) : s_(*config.script) { s_.self = this; }
  FilterStatus OnRequestHeaders(Stream& stream, HeaderMap& headers, bool) override {
    return s_.request_headers ? s_.request_headers(stream, headers) : FilterStatus::kContinue;
  }
  FilterStatus OnResponseHeaders(Stream& stream, HeaderMap& headers, bool) override {
    return s_.response_headers ? s_.response_headers(stream, headers) : FilterStatus::kContinue;
  }

 private:
  Script& s_;
};

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    a_.name = "a";
    b_.name = "b";
    a_.log = b_.log = &log_;
  }
  template <class F = Scripted>
  void Add(Script& script) {
    h_.Add(MakeFilterSpec<F>(std::make_shared<typename F::Config>(typename F::Config{&script})), script.name);
  }
  void AddBoth() {
    Add(a_);
    Add(b_);
  }
  static auto Pause() {
    return [](Stream&, HeaderMap&) { return FilterStatus::kPause; };
  }
  static auto Always(FilterStatus status) {
    return [status](Stream&, Buffer&, bool) { return status; };
  }

  StreamHarness h_{16};
  Script a_, b_;
  std::string log_;
};

}  // namespace outrigger::http
