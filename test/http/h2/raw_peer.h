// Thread: test
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "test/http/h2/frames.h"
#include "test/http/h2/pair.h"

namespace outrigger::http::h2 {

// A session of ours, and a peer that writes bytes.
struct Raw {
  CodecOptions options;
  Http2Options http2;
  CodecCounters counters;
  event::Dispatcher loop{event::MakeEpollEngine()};
  ServerApp server_app;
  ClientApp client_app;
  std::unique_ptr<net::Connection> connection;
  std::unique_ptr<Session> server;
  std::unique_ptr<ClientSession> client;
  std::unique_ptr<harness::End> peer;
  std::vector<std::unique_ptr<Exchange>> requests;

  void Open(bool as_server) {
    const auto [left, right] = harness::TcpPair(loop);
    connection = std::make_unique<net::Connection>(loop, left, std::make_unique<net::RawTransport>());
    if (as_server) {
      server = MakeHttp2Server(*connection, server_app, options, http2, counters);
      connection->SetHandler(server.get());
    } else {
      client = MakeHttp2Client(*connection, client_app, options, http2, counters);
      connection->SetHandler(client.get());
    }
    connection->Start();
    peer = std::make_unique<harness::End>(loop, right);
    Write(as_server ? kPreface + Settings() : Settings());
    OUTRIGGER_CHECK(Until([&] { return Count(4) == 2; }));  // its SETTINGS, and the ACK of ours
  }
  ~Raw() {
    if (connection != nullptr) connection->Close(net::Connection::CloseMode::kNow);
    if (peer != nullptr) (*peer)->Close(net::Connection::CloseMode::kNow);
    harness::Turns(loop, 2);
  }
  bool Until(const std::function<bool()>& done) { return harness::RunUntil(loop, done); }
  void Write(absl::string_view bytes) { (*peer)->Write(bytes); }
  Exchange& Start(const FieldList& fields, bool end) {
    requests.push_back(std::make_unique<Exchange>());
    Exchange& made = *requests.back();
    made.sender = client->NewStream(made);
    OUTRIGGER_CHECK(made.sender != nullptr);
    made.Send(fields, end);
    return made;
  }
  std::vector<SeenFrame> Seen() const { return SplitFrames(peer->recorder.got); }
  size_t Count(uint8_t type) const {
    size_t n = 0;
    for (const SeenFrame& frame : Seen()) n += frame.type == type ? 1 : 0;
    return n;
  }
  // The last frame of a type, or one with type 0xff.
  SeenFrame Last(uint8_t type) const {
    SeenFrame found{0xff, 0, 0, ""};
    for (const SeenFrame& frame : Seen()) {
      if (frame.type == type) found = frame;
    }
    return found;
  }
  bool closed() const { return server_app.closes + client_app.closes > 0; }
};

}  // namespace outrigger::http::h2
