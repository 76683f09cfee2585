// Thread: test
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "source/http/h1/server_session.h"
#include "test/http/h2/pair.h"

namespace outrigger::http::h1 {

using h2::Exchange;
using h2::ServerApp;
using net::CloseReason;

inline constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// A raw peer on one end of a loopback connection, a server session on the other.
class ServerSessionTest : public testing::Test {
 protected:
  void Open() {
    const auto [left, right] = harness::TcpPair(loop_);
    peer_ = std::make_unique<harness::End>(loop_, left);
    connection_ = std::make_unique<net::Connection>(loop_, right, std::make_unique<net::RawTransport>());
    session_ = MakeHttp1Server(*connection_, app_, options_, http1_, counters_);
    connection_->SetHandler(session_.get());
    connection_->Start();
    harness::Turns(loop_);
  }
  ~ServerSessionTest() override {
    if (connection_ != nullptr) connection_->Close(net::Connection::CloseMode::kNow);
    if (peer_ != nullptr) peer_->connection->Close(net::Connection::CloseMode::kNow);
    harness::Turns(loop_, 2);
  }
  bool Until(const std::function<bool()>& done) { return harness::RunUntil(loop_, done); }
  void Say(absl::string_view text) {
    (*peer_)->Write(text);
    harness::Turns(loop_, 6);
  }
  Exchange& served(size_t i = 0) { return *app_.exchanges[i]; }
  size_t count() const { return app_.exchanges.size(); }
  const std::string& got() const { return peer_->recorder.got; }
  // Each complete request is answered at once with its path.
  void AnswerAll() {
    app_.on_stream = [](Exchange& exchange) {
      exchange.on_end = [](Exchange& e) {
        const std::string path = e.Get(":path");
        e.Send({{":status", "200"}, {"content-length", absl::StrCat(path.size())}}, false);
        e.SendBody(path, true);
      };
    };
  }
  static std::string Answer(absl::string_view path) {
    return absl::StrCat("HTTP/1.1 200 OK\r\ncontent-length: ", path.size(), "\r\n\r\n", path);
  }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  CodecOptions options_;
  Http1Options http1_;
  CodecCounters counters_;
  ServerApp app_;
  std::unique_ptr<harness::End> peer_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<Session> session_;
};

}  // namespace outrigger::http::h1
