#include "examples/mesh/http_server.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "source/http/codec.h"
#include "source/net/raw_transport.h"

namespace outrigger::examples {
namespace {

using http::KnownHeader;

// One request: collects it, answers at its end.
class Request final : public http::StreamReceiver, public event::Deferred {
 public:
  Request(http::StreamSender& sender, const Identity& identity) : sender_(&sender), identity_(identity) {}

  Arena& arena() override { return arena_; }
  void OnInterim(http::HeaderMap&) override {}
  void OnHeaders(http::HeaderMap& headers, bool end) override {
    headers_ = &headers;
    if (end) Reply();
  }
  void OnBody(Buffer& body, bool end) override {
    if (body_.size() + body.size() > HttpServer::kMostBody) {
      body.Clear();
      too_large_ = true;
    } else {
      body_.Append(std::move(body));
    }
    if (end) Reply();
  }
  void OnTrailers(http::HeaderMap&) override { Reply(); }
  void OnReset(http::ResetReason, const char*) override { sender_ = nullptr; }
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}

 private:
  uint32_t Status() const {
    if (too_large_) return 413;
    absl::string_view path = headers_->path();
    uint32_t status = 0;
    if (absl::StartsWith(path, "/status/")) {
      path.remove_prefix(8);
      if (absl::SimpleAtoi(path, &status) && status >= 200 && status < 600) return status;
    }
    return 200;
  }
  std::string Text() {
    Seen seen;
    seen.method = headers_->method();
    seen.path = headers_->path();
    seen.forwarded_client_cert = headers_->GetJoined(KnownHeader::kXForwardedClientCert);
    seen.body = body_.Linearize(body_.size());
    headers_->ForEach([&](const http::HeaderMap::Entry& entry) {
      if (entry.known == KnownHeader::kAuthority) seen.headers.emplace_back("host", entry.value);
      if (absl::StartsWith(entry.name, "x-")) seen.headers.emplace_back(entry.name, entry.value);
    });
    return Answer(identity_, seen);
  }
  void Reply() {
    if (sender_ == nullptr) return;
    const uint32_t status = Status();
    const bool bodiless = status == 204 || status == 304;
    const std::string text = bodiless ? std::string() : Text();
    http::HeaderMap headers(arena_);
    headers.SetStatus(status);
    headers.Add(KnownHeader::kContentType, "application/json");
    if (!bodiless) headers.AddNumber(KnownHeader::kContentLength, text.size());
    headers.AddCopy(http::HeaderName("x-service-version"), identity_.version);
    const bool head = headers_->method() == "HEAD" || bodiless;
    http::StreamSender* sender = std::exchange(sender_, nullptr);
    sender->SendHeaders(headers, head);
    if (head) return;
    Buffer body(text);
    sender->SendBody(body, true);
  }

  Arena arena_;
  http::StreamSender* sender_;  // null once answered or reset
  const Identity& identity_;
  http::HeaderMap* headers_ = nullptr;
  Buffer body_;
  bool too_large_ = false;
};

// One connection with its session; frees itself at the end of the turn in which it closed.
class Client final : public http::ServerSessionOwner, public event::Deferred {
 public:
  static void Serve(event::Dispatcher& dispatcher, net::AcceptedSocket socket, const Identity& identity,
                    http::CodecCounters& counters) {
    auto* client = new Client(dispatcher, std::move(socket), identity, counters);
    client->connection_.Start();
  }

 private:
  Client(event::Dispatcher& dispatcher, net::AcceptedSocket socket, const Identity& identity,
         http::CodecCounters& counters)
      : dispatcher_(dispatcher),
        identity_(identity),
        connection_(dispatcher, std::move(socket), std::make_unique<net::RawTransport>()),
        session_(http::MakeHttp1Server(connection_, *this, {}, {}, counters)) {
    connection_.SetHandler(session_.get());
  }
  http::StreamReceiver& OnStream(http::StreamSender& sender) override {
    if (request_ != nullptr) dispatcher_.DestroyLater(std::move(request_));
    request_ = std::make_unique<Request>(sender, identity_);
    return *request_;
  }
  void OnCodecError(uint32_t, const char*) override {}
  void OnSessionIdle() override {}
  void OnSessionClosed(const net::CloseInfo&) override {
    dispatcher_.DestroyLater(std::unique_ptr<event::Deferred>(this));
  }

  event::Dispatcher& dispatcher_;
  const Identity& identity_;
  net::Connection connection_;
  std::unique_ptr<http::Session> session_;
  std::unique_ptr<Request> request_;  // the newest; HTTP/1 has one at a time
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(event::Dispatcher& dispatcher, absl::string_view address,
                                                              uint32_t port, Identity identity) {
  const auto at = net::Address::ParseIp(address, port);
  if (!at.ok()) return at.status();
  net::ListenOptions options;
  options.reuse_port = false;
  absl::StatusOr<std::shared_ptr<net::ListenSocket>> socket =
      net::ListenSocket::Bind(dispatcher.engine(), *at, options, 1);
  if (!socket.ok()) return socket.status();
  if (absl::Status status = (*socket)->Listen(); !status.ok()) return status;
  auto server = std::unique_ptr<HttpServer>(new HttpServer(dispatcher, *std::move(socket), std::move(identity)));
  server->listener_.Start();
  return server;
}

HttpServer::HttpServer(event::Dispatcher& dispatcher, std::shared_ptr<net::ListenSocket> socket, Identity identity)
    : dispatcher_(dispatcher),
      socket_(std::move(socket)),
      identity_(std::move(identity)),
      listener_(dispatcher, socket_, 0, 0, *this) {}

HttpServer::~HttpServer() { listener_.Stop(); }

uint32_t HttpServer::port() const { return socket_->address().port(); }

void HttpServer::OnAccepted(net::TcpListener&, net::AcceptedSocket socket) {
  Client::Serve(dispatcher_, std::move(socket), identity_, counters_);
}

}  // namespace outrigger::examples
