#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/net/raw_transport.h"
#include "source/tls/tls_transport.h"
#include "test/simulation/proxy/header_fields.h"
#include "test/simulation/proxy/peer.h"

namespace outrigger::simulation {

using http::HeaderMap;
using http::ResetReason;

class TestServer::Exchange final : public http::StreamReceiver, public event::Deferred {
 public:
  Exchange(Connection& connection, http::StreamSender& sender) : connection_(connection), sender_(&sender) {}
  ~Exchange() override {
    if (body_ != nullptr) body_->Stop();
  }
  Arena& arena() override { return arena_; }
  void OnInterim(HeaderMap&) override {}
  void OnHeaders(HeaderMap& headers, bool end) override;
  void OnBody(Buffer& body, bool end) override {
    request_.Take(body);
    if (end) Whole();
  }
  void OnTrailers(HeaderMap& trailers) override {
    request_.trailers = Copy(trailers);
    Whole();
  }
  void OnReset(ResetReason reason, const char* detail) override;
  void OnAboveWriteHigh() override {
    blocked_ = true;
    if (body_ != nullptr) body_->Block();
  }
  void OnBelowWriteLow() override {
    blocked_ = false;
    if (body_ != nullptr) body_->Unblock();
  }
  void Forget() {  // the connection is gone
    sender_ = nullptr;
    if (body_ != nullptr) body_->Stop();
    answer_.Disarm();
  }

 private:
  void Whole();
  void Decide();
  void Answer();
  void FinishIfDone();
  void Leave();

  Connection& connection_;
  http::StreamSender* sender_;
  Arena arena_;
  Incoming request_;
  Reply reply_;
  std::unique_ptr<BodySender> body_;
  bool decided_ = false, blocked_ = false, left_ = false;
  event::Timer answer_{[this] { Answer(); }};
};

class TestServer::Connection final : public http::ServerSessionOwner,
                                     public event::Deferred,
                                     public net::ConnectionHandler {
 public:
  Connection(TestServer& server, std::unique_ptr<net::Connection> connection)
      : server_(server), connection_(std::move(connection)) {
    connection_->SetHandler(this);
    connection_->Start();
  }
  ~Connection() override {
    for (Exchange* exchange : exchanges_) {
      exchange->Forget();
      delete exchange;
    }
  }
  void OnConnected() override {
    const Options& options = server_.options_;
    session_ = options.protocol == http::Protocol::kHttp2
                   ? http::MakeHttp2Server(*connection_, *this, codec_, options.http2, counters_)
                   : http::MakeHttp1Server(*connection_, *this, codec_, http1_, counters_);
    connection_->SetHandler(session_.get());
    session_->OnConnected();
    ArmIdle();
  }
  void OnData(Buffer& input, bool) override { input.Clear(); }
  void OnClosed(const net::CloseInfo& why) override {
    if (session_ == nullptr) OnSessionClosed(why);
  }
  void Dump(DumpWriter&) const override {}
  http::StreamReceiver& OnStream(http::StreamSender& sender) override {
    idle_.Disarm();
    ++server_.requests_;
    ++requests_;
    auto* made = new Exchange(*this, sender);
    exchanges_.push_back(made);
    if (server_.options_.requests_per_connection != 0 && requests_ >= server_.options_.requests_per_connection) {
      session_->StartDrain(milliseconds(100));
    }
    return *made;
  }
  void OnCodecError(uint32_t, const char*) override {}
  void OnSessionIdle() override { ArmIdle(); }
  void OnSessionClosed(const net::CloseInfo&) override {
    idle_.Disarm();
    std::erase(server_.connections_, this);
    event::Dispatcher& dispatcher = server_.dispatcher_;
    if (session_ != nullptr) dispatcher.DestroyLater(std::move(session_));
    dispatcher.DestroyLater(std::unique_ptr<event::Deferred>(this));
  }
  void Drop(Exchange* exchange) {
    std::erase(exchanges_, exchange);
    server_.dispatcher_.DestroyLater(std::unique_ptr<event::Deferred>(exchange));
  }
  void ArmIdle() {
    if (server_.options_.idle_close > Duration::zero()) server_.dispatcher_.Arm(idle_, server_.options_.idle_close);
  }
  TestServer& server() { return server_; }
  net::Connection& connection() { return *connection_; }

 private:
  TestServer& server_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<http::Session> session_;
  http::CodecOptions codec_;
  http::Http1Options http1_{.enable_trailers = true};
  http::CodecCounters counters_;
  std::vector<Exchange*> exchanges_;
  uint32_t requests_ = 0;
  event::Timer idle_{[this] { connection_->Close(net::Connection::CloseMode::kFlush); }};
};

void TestServer::Exchange::OnHeaders(HeaderMap& headers, bool end) {
  request_.headers = Copy(headers);
  uint64_t seed = 0;
  if (absl::SimpleAtoi(request_.Get("x-body-seed"), &seed)) request_.seed = seed;
  request_.ended = end;
  Decide();
  if (!reply_.early && !end) return;
  request_.ended = end;
  if (end) return Whole();
  Answer();
}

void TestServer::Exchange::Decide() { reply_ = connection_.server().options_.answer(request_); }

void TestServer::Exchange::Whole() {
  request_.ended = true;
  if (decided_) return FinishIfDone();
  Decide();
  if (reply_.delay > Duration::zero()) {
    connection_.server().dispatcher_.Arm(answer_, reply_.delay);
  } else {
    Answer();
  }
}

void TestServer::Exchange::Answer() {
  if (sender_ == nullptr || std::exchange(decided_, true)) return;
  if (reply_.fault == Reply::Fault::kNever) return;
  if (reply_.fault == Reply::Fault::kResetStream) {
    sender_->Reset(ResetReason::kLocalReset);
    return Leave();
  }
  if (reply_.fault == Reply::Fault::kAbortConnection) {
    return connection_.connection().Close(net::Connection::CloseMode::kReset);
  }
  HeaderMap headers(arena_);
  headers.SetStatus(reply_.status);
  Fill(headers, reply_.headers);
  Fill(headers, {{"x-got-bytes", absl::StrCat(request_.size)},
                 {"x-got-right", request_.matches ? "1" : "0"},
                 {"x-got-trailer", request_.Trailer("x-end")}});
  body_ = std::make_unique<BodySender>(connection_.server().dispatcher_, reply_.body);
  if (body_->nothing()) {
    sender_->SendHeaders(headers, true);
  } else {
    sender_->SendHeaders(headers, false);
    if (reply_.fault == Reply::Fault::kCutBody) {
      Buffer some(Pattern(reply_.body.seed, 0, reply_.body.size / 2));
      sender_->SendBody(some, false);
      return connection_.connection().Close(net::Connection::CloseMode::kFlush);
    }
    if (blocked_) body_->Block();
    body_->OnDone([this] { FinishIfDone(); });
    body_->Start(*sender_, arena_);
  }
  FinishIfDone();
}

void TestServer::Exchange::FinishIfDone() {
  if (left_ || body_ == nullptr || !request_.ended) return;
  if (body_->done() || body_->nothing()) Leave();
}

void TestServer::Exchange::OnReset(ResetReason, const char*) { Leave(); }

void TestServer::Exchange::Leave() {
  if (std::exchange(left_, true)) return;
  Forget();
  connection_.Drop(this);
}

TestServer::TestServer(event::Dispatcher& dispatcher, const net::Address& address, Options options)
    : dispatcher_(dispatcher), options_(std::move(options)) {
  auto bound = net::ListenSocket::Bind(dispatcher.engine(), address, {}, 1);
  OUTRIGGER_CHECK(bound.ok());
  socket_ = *bound;
  OUTRIGGER_CHECK(socket_->Listen().ok());
  listener_ =
      std::make_unique<net::TcpListener>(dispatcher_, socket_, 0, 0, static_cast<net::TcpListener::Owner&>(*this));
  listener_->Start();
}

TestServer::~TestServer() {
  StopListening();
  CloseConnections();
}

void TestServer::StopListening() {
  if (listener_ == nullptr) return;
  listener_->Stop();
  listener_.reset();
}

void TestServer::CloseConnections() {
  while (!connections_.empty()) connections_.back()->connection().Close(net::Connection::CloseMode::kNow);
}

void TestServer::OnAccepted(net::TcpListener&, net::AcceptedSocket socket) {
  ++accepted_;
  std::unique_ptr<net::Transport> transport;
  if (options_.tls != nullptr) {
    transport = tls::MakeServerTransport({.context = options_.tls});
  } else {
    transport = std::make_unique<net::RawTransport>();
  }
  connections_.push_back(
      new Connection(*this, std::make_unique<net::Connection>(dispatcher_, std::move(socket), std::move(transport))));
}

}  // namespace outrigger::simulation
