// Thread: test
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/event/simulated_world.h"
#include "source/http/filter.h"
#include "source/http/stream.h"
#include "source/net/connection.h"
#include "source/observe/stats.h"
#include "source/observe/stats_reader.h"
#include "source/upstream/worker_context.h"

namespace outrigger::harness {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What went to the codec.
class ScriptedSender final : public http::StreamSender {
 public:
  Fields headers, trailers;
  std::string body;
  int interims = 0, pauses = 0, body_calls = 0;
  bool headers_sent = false, ended = false;
  bool was_reset = false;
  http::ResetReason reset_reason = http::ResetReason::kNone;
  http::Protocol spoken = http::Protocol::kHttp11;
  net::Connection* on = nullptr;

  std::string Header(absl::string_view name) const;  // "" if absent
  std::string status() const { return Header(":status"); }

  void SendInterim(const http::HeaderMap&) override { ++interims; }
  void SendHeaders(const http::HeaderMap& map, bool end) override;
  void SendBody(Buffer& data, bool end) override;
  void SendTrailers(const http::HeaderMap& map) override;
  void Reset(http::ResetReason reason) override {
    was_reset = true;
    reset_reason = reason;
  }
  void PauseReading() override { ++pauses; }
  void ResumeReading() override { --pauses; }
  net::Connection& connection() override { return *on; }
  http::Protocol protocol() const override { return spoken; }
  uint64_t wire_bytes_sent() const override { return body.size(); }
  uint64_t wire_bytes_received() const override { return 7; }
};

// What came to the end of the chain.
struct Arrived {
  bool headers = false, ended = false, done = false;
  std::string path, body;
  Fields fields;
  int header_calls = 0, body_calls = 0, trailers = 0, highs = 0, lows = 0;
};

// A true Stream and chain of filters between a scripted codec and a terminal filter, in virtual time. One stream per
// harness.
//
//   StreamHarness h;
//   h.Add(spec, "fault");
//   h.Request({{":method", "GET"}, {":path", "/"}}, true);  ...  h.Respond(200, "body");
class StreamHarness final : public http::StreamOwner {
 public:
  explicit StreamHarness(uint32_t buffer_limit = 1024, uint64_t seed = 1);
  ~StreamHarness() override;

  void Add(http::FilterSpec spec, std::string name);
  // Options, before Request.
  std::map<std::string, std::vector<const void*>> per_route;  // by filter name, least specific first
  std::map<std::string, bool> enabled;
  IpAddress client;     // the trusted client address
  bool refuse = false;  // OnRequestHeaders answers 404 itself
  std::function<void(http::Stream&, http::LocalReply&)> on_local_reply;
  std::function<void(http::Stream&)> on_route;  // sets the route: before the first filter, and at each match
  std::string missing_host;

  // From the codec.
  void Request(const Fields& fields, bool end);
  void Get(absl::string_view path = "/") {
    Request({{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", std::string(path)}}, true);
  }
  void Post(absl::string_view path = "/") {
    Request({{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", std::string(path)}}, false);
  }
  void Body(absl::string_view text, bool end);
  void Trailers(const Fields& fields);
  // From the terminal filter.
  void RespondHeaders(const Fields& fields, bool end);
  void RespondBody(absl::string_view text, bool end);
  void RespondTrailers(const Fields& fields);
  void Respond(uint32_t status, absl::string_view text);

  // A connection with these facts and no traffic.
  void SetConnection(net::ConnectionProperties properties, std::unique_ptr<net::Transport> transport = nullptr);

  http::Stream& stream() { return *stream_; }
  http::HeaderMap& NewMap(const Fields& fields);
  event::SimulatedWorld& world() { return world_; }
  upstream::WorkerContext& worker() { return *worker_; }
  observe::StatsRegistry& stats() { return stats_; }
  uint64_t Counter(absl::string_view name);  // 0 if there is none
  void EndStream();                          // destroys it, as its owner does at the end of a turn

  ScriptedSender sender;
  Arrived arrived;
  int completes = 0, done = 0, routes_matched = 0;
  observe::ResponseFlags flags;  // at the end
  std::string details;

  // http::StreamOwner
  bool OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) override;
  void OnRequestComplete(http::Stream&) override { ++completes; }
  void OnLocalReply(http::Stream& stream, http::LocalReply& reply, http::HeaderMap&) override {
    if (on_local_reply) on_local_reply(stream, reply);
  }
  void OnResponseHeaders(http::Stream&, http::HeaderMap&, bool) override {}
  void OnDone(http::Stream& stream) override;
  void MatchRoute(http::Stream& stream) override {
    ++routes_matched;
    if (on_route) on_route(stream);
  }
  absl::string_view MissingHost(http::Stream&) override { return missing_host; }
  net::Connection* downstream() override { return connection_.get(); }
  int PerRouteConfigs(const http::Stream&, absl::string_view filter, const void* out[4]) override;
  bool FilterEnabled(const http::Stream&, const http::FilterSpec& filter) override;

 private:
  event::SimulatedWorld world_;
  std::unique_ptr<event::Dispatcher> loop_;
  observe::StatsRegistry stats_;
  upstream::ProcessFacts facts_;
  std::unique_ptr<upstream::WorkerContext> worker_;
  std::unique_ptr<net::Connection> connection_;
  std::vector<http::FilterSpec> specs_;
  std::unique_ptr<http::FilterChainSpec> chain_;
  uint32_t buffer_limit_;
  std::unique_ptr<http::Stream> stream_;
};

}  // namespace outrigger::harness
