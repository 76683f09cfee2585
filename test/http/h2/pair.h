// Thread: test
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "source/http/codec.h"
#include "source/net/connection.h"
#include "source/net/raw_transport.h"
#include "test/harness/loop.h"
#include "test/harness/recorder.h"

namespace outrigger::http::h2 {

// Hears one message and keeps it.
struct Exchange final : StreamReceiver {
  Arena memory;
  StreamSender* sender = nullptr;
  HeaderMap* headers = nullptr;
  HeaderMap* trailer_map = nullptr;
  std::vector<uint32_t> interims;
  std::string body;
  Buffer kept;
  bool keep_slices = false;
  int bodies = 0, ends = 0, highs = 0, lows = 0, resets = 0;
  ResetReason reason = ResetReason::kNone;
  std::string detail;
  std::function<void(Exchange&)> on_headers, on_body, on_end, on_reset, on_low;

  Arena& arena() override { return memory; }
  void OnInterim(HeaderMap& map) override { interims.push_back(map.status()); }
  void OnHeaders(HeaderMap& map, bool end) override {
    headers = &map;
    if (end) ++ends;
    if (on_headers) on_headers(*this);
    if (end && on_end) on_end(*this);
  }
  void OnBody(Buffer& bytes, bool end) override {
    ++bodies;
    if (keep_slices) {
      kept.Append(std::move(bytes));
    } else {
      body += bytes.ToString();
      bytes.Clear();
    }
    if (end) ++ends;
    if (on_body) on_body(*this);
    if (end && on_end) on_end(*this);
  }
  void OnTrailers(HeaderMap& map) override {
    trailer_map = &map;
    ++ends;
    if (on_end) on_end(*this);
  }
  void OnReset(ResetReason why, const char* text) override {
    ++resets;
    reason = why;
    detail = text;
    if (on_reset) on_reset(*this);
  }
  void OnAboveWriteHigh() override { ++highs; }
  void OnBelowWriteLow() override {
    ++lows;
    if (on_low) on_low(*this);
  }
  bool done() const { return ends > 0 || resets > 0; }

  void Send(std::vector<std::pair<std::string, std::string>> fields, bool end) {
    HeaderMap map(memory);
    for (const auto& [name, value] : fields) map.AddCopy(HeaderName(memory.Copy(name)), value);
    sender->SendHeaders(map, end);
  }
  void SendBody(absl::string_view text, bool end) {
    Buffer bytes(text);
    sender->SendBody(bytes, end);
  }
  void SendTrailers(std::vector<std::pair<std::string, std::string>> fields) {
    HeaderMap map(memory);
    for (const auto& [name, value] : fields) map.AddCopy(HeaderName(memory.Copy(name)), value);
    sender->SendTrailers(map);
  }
  std::string Get(absl::string_view name) const {
    return headers == nullptr ? "" : std::string(headers->Get(HeaderName(name)));
  }
};

struct ServerApp final : ServerSessionOwner {
  std::vector<std::unique_ptr<Exchange>> exchanges;
  std::function<void(Exchange&)> on_stream;
  int codec_errors = 0, idles = 0, closes = 0;
  std::string error;
  net::CloseInfo closed;

  StreamReceiver& OnStream(StreamSender& sender) override {
    exchanges.push_back(std::make_unique<Exchange>());
    exchanges.back()->sender = &sender;
    if (on_stream) on_stream(*exchanges.back());
    return *exchanges.back();
  }
  void OnCodecError(uint32_t, const char* detail) override {
    ++codec_errors;
    error = detail;
  }
  void OnSessionIdle() override { ++idles; }
  void OnSessionClosed(const net::CloseInfo& why) override {
    ++closes;
    closed = why;
  }
};

struct ClientApp final : ClientSessionOwner {
  int ready = 0, stream_closes = 0, goaways = 0, closes = 0, limit_changes = 0;
  net::CloseInfo closed;
  void OnSessionReady() override { ++ready; }
  void OnStreamClosed() override { ++stream_closes; }
  void OnGoAway() override { ++goaways; }
  void OnSessionClosed(const net::CloseInfo& why) override {
    ++closes;
    closed = why;
  }
  void OnStreamLimitChanged() override { ++limit_changes; }
};

using FieldList = std::vector<std::pair<std::string, std::string>>;
inline FieldList Get(std::string path = "/") {
  return {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", std::move(path)}};
}
inline FieldList Post(std::string path = "/") {
  return {{":method", "POST"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", std::move(path)}};
}

// A server session and a client session over a loopback connection, on one loop.
struct Pair {
  CodecOptions server_options, client_options;
  Http2Options server_http2, client_http2;
  CodecCounters server_counters, client_counters;
  std::unique_ptr<event::Dispatcher> own_loop = std::make_unique<event::Dispatcher>(event::MakeEpollEngine());
  event::Dispatcher& loop = *own_loop;
  ServerApp server_app;
  ClientApp client_app;
  std::unique_ptr<net::Connection> server_connection, client_connection;
  std::unique_ptr<Session> server;
  std::unique_ptr<ClientSession> client;
  std::vector<std::unique_ptr<Exchange>> requests;

  void Open() {
    const auto [left, right] = harness::TcpPair(loop);
    client_connection = std::make_unique<net::Connection>(loop, left, std::make_unique<net::RawTransport>());
    server_connection = std::make_unique<net::Connection>(loop, right, std::make_unique<net::RawTransport>());
    server = MakeHttp2Server(*server_connection, server_app, server_options, server_http2, server_counters);
    client = MakeHttp2Client(*client_connection, client_app, client_options, client_http2, client_counters);
    server_connection->SetHandler(server.get());
    client_connection->SetHandler(client.get());
    server_connection->Start();
    client_connection->Start();
    OUTRIGGER_CHECK(Until([&] { return client_app.ready == 1 && client_app.limit_changes == 1; }));
  }
  ~Pair() {
    if (client_connection != nullptr) client_connection->Close(net::Connection::CloseMode::kNow);
    if (server_connection != nullptr) server_connection->Close(net::Connection::CloseMode::kNow);
    harness::Turns(loop, 2);
  }
  bool Until(const std::function<bool()>& done) { return harness::RunUntil(loop, done); }
  Exchange& Start(const FieldList& fields, bool end) {
    requests.push_back(std::make_unique<Exchange>());
    Exchange& made = *requests.back();
    made.sender = client->NewStream(made);
    OUTRIGGER_CHECK(made.sender != nullptr);
    made.Send(fields, end);
    return made;
  }
  Exchange& served(size_t i = 0) { return *server_app.exchanges[i]; }
  // Every request is answered with `status` and `body` when it is complete.
  void Echo() {
    server_app.on_stream = [](Exchange& exchange) {
      exchange.on_end = [](Exchange& e) {
        e.Send({{":status", "200"}}, e.body.empty());
        if (!e.body.empty()) e.SendBody(e.body, true);
      };
    };
  }
};

}  // namespace outrigger::http::h2
