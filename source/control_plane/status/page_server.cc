#include "source/control_plane/status/page_server.h"

#include <map>
#include <utility>

#include "source/control_plane/status/host_port.h"
#include "source/http/codec.h"
#include "source/net/listener.h"
#include "source/net/raw_transport.h"

namespace outrigger::control_plane {
namespace {

using http::KnownHeader;

// One request: answered at its end.
class Exchange final : public http::StreamReceiver, public event::Deferred {
 public:
  Exchange(http::StreamSender& sender, const PageServer::Handler& handler) : sender_(&sender), handler_(handler) {}

  Arena& arena() override { return arena_; }
  void OnInterim(http::HeaderMap&) override {}
  void OnHeaders(http::HeaderMap& headers, bool end) override {
    headers_ = &headers;
    if (end) Reply();
  }
  void OnBody(Buffer& body, bool end) override {
    body.Clear();
    if (end) Reply();
  }
  void OnTrailers(http::HeaderMap&) override { Reply(); }
  void OnReset(http::ResetReason, const char*) override { sender_ = nullptr; }
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}

 private:
  void Reply() {
    if (sender_ == nullptr) return;
    absl::string_view path = headers_->path();
    const size_t query = path.find('?');
    absl::string_view after;
    if (query != absl::string_view::npos) {
      after = path;
      after.remove_prefix(query + 1);
      path.remove_suffix(path.size() - query);
    }
    bool cross_site = false;
    headers_->ForEach([&](const http::HeaderMap::Entry& entry) {
      if (entry.name == "origin" || (entry.name == "sec-fetch-site" && entry.value == "cross-site")) cross_site = true;
    });
    const PageServer::Page page = handler_({headers_->method(), path, cross_site, after});
    http::HeaderMap headers(arena_);
    headers.SetStatus(page.status);
    headers.AddCopy(http::HeaderName("content-type"), page.content_type);
    headers.AddNumber(KnownHeader::kContentLength, page.body.size());
    headers.AddCopy(http::HeaderName("cache-control"), "no-store");
    headers.AddCopy(http::HeaderName("x-content-type-options"), "nosniff");
    http::StreamSender* sender = std::exchange(sender_, nullptr);
    const bool bare = headers_->method() == "HEAD" || page.body.empty();
    sender->SendHeaders(headers, bare);
    if (bare) return;
    Buffer body(page.body);
    sender->SendBody(body, true);
  }

  Arena arena_;
  http::StreamSender* sender_;  // null once answered or reset
  const PageServer::Handler& handler_;
  http::HeaderMap* headers_ = nullptr;
};

class Visitor;

class ListeningPageServer final : public PageServer, private net::TcpListener::Owner {
 public:
  ListeningPageServer(event::Dispatcher& dispatcher, std::shared_ptr<net::ListenSocket> socket, Handler handler)
      : dispatcher_(dispatcher),
        socket_(std::move(socket)),
        handler_(std::move(handler)),
        listener_(dispatcher, socket_, 0, 0, *this) {
    listener_.Start();
  }
  ~ListeningPageServer() override {
    stopping_ = true;
    listener_.Stop();
    visitors_.clear();
  }
  uint32_t port() const override { return socket_->address().port(); }

  void Remove(Visitor* visitor);
  const Handler& handler() const { return handler_; }
  http::CodecCounters& counters() { return counters_; }

 private:
  void OnAccepted(net::TcpListener& listener, net::AcceptedSocket socket) override;

  event::Dispatcher& dispatcher_;
  std::shared_ptr<net::ListenSocket> socket_;
  const Handler handler_;
  http::CodecCounters counters_;
  std::map<Visitor*, std::unique_ptr<event::Deferred>> visitors_;
  bool stopping_ = false;
  net::TcpListener listener_;
};

// One connection with its session.
class Visitor final : public http::ServerSessionOwner, public event::Deferred {
 public:
  Visitor(event::Dispatcher& dispatcher, net::AcceptedSocket socket, ListeningPageServer& server)
      : dispatcher_(dispatcher),
        server_(server),
        connection_(dispatcher, std::move(socket), std::make_unique<net::RawTransport>()),
        session_(http::MakeHttp1Server(connection_, *this, {}, {}, server.counters())),
        too_long_([this] { session_->CloseAll(http::ResetReason::kNone, {}); }) {
    connection_.SetHandler(session_.get());
    dispatcher_.Arm(too_long_, PageServer::kLongestConnection);
  }
  void Start() { connection_.Start(); }

 private:
  http::StreamReceiver& OnStream(http::StreamSender& sender) override {
    if (exchange_ != nullptr) dispatcher_.DestroyLater(std::move(exchange_));
    exchange_ = std::make_unique<Exchange>(sender, server_.handler());
    return *exchange_;
  }
  void OnCodecError(uint32_t, const char*) override {}
  void OnSessionIdle() override {}
  void OnSessionClosed(const net::CloseInfo&) override { server_.Remove(this); }

  event::Dispatcher& dispatcher_;
  ListeningPageServer& server_;
  net::Connection connection_;
  std::unique_ptr<Exchange> exchange_;  // the newest; HTTP/1 has one at a time
  std::unique_ptr<http::Session> session_;
  event::Timer too_long_;
};

void ListeningPageServer::Remove(Visitor* visitor) {
  const auto it = visitors_.find(visitor);
  if (stopping_ || it == visitors_.end()) return;
  dispatcher_.DestroyLater(std::move(it->second));
  visitors_.erase(it);
}

void ListeningPageServer::OnAccepted(net::TcpListener&, net::AcceptedSocket socket) {
  auto visitor = std::make_unique<Visitor>(dispatcher_, std::move(socket), *this);
  Visitor* raw = visitor.get();
  if (stopping_ || visitors_.size() >= kMostConnections) return;  // closes it
  visitors_.emplace(raw, std::move(visitor));
  raw->Start();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PageServer>> PageServer::Listen(event::Dispatcher& dispatcher, absl::string_view address,
                                                               Handler handler) {
  const auto at = ParseHostPort(address);
  if (!at.ok()) return at.status();
  net::ListenOptions options;
  options.reuse_port = false;
  auto socket = net::ListenSocket::Bind(dispatcher.engine(), *at, options, 1);
  if (!socket.ok()) return socket.status();
  const absl::Status listening = (*socket)->Listen();
  if (!listening.ok()) return listening;
  return std::unique_ptr<PageServer>(
      std::make_unique<ListeningPageServer>(dispatcher, *std::move(socket), std::move(handler)));
}

}  // namespace outrigger::control_plane
