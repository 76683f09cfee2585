// The service behind the proxy of tools/push-test: answers on every address of the loopback network, says on which one,
// and gives back the body that came. HTTP/1.1 and HTTP/2 (prior knowledge) on one port.
//
//   x-ticks: N     the answer is a stream: one piece per second, N in all; otherwise the body is echoed
//   content-type: application/grpc...   bodies are gRPC messages, the answer ends with grpc-status 0
//
// Prints its port, ends on SIGTERM.
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/event/dispatcher.h"
#include "source/event/epoll_engine.h"
#include "source/event/signal_watch.h"
#include "source/http/codec.h"
#include "source/http/codec_options.h"
#include "source/http/header_map.h"
#include "source/net/connection.h"
#include "source/net/http_detector.h"
#include "source/net/listener.h"
#include "source/net/raw_transport.h"

namespace outrigger::push {
namespace {

using http::KnownHeader;

constexpr uint32_t kMostTicks = 600;

class Client;

class Exchange final : public http::StreamReceiver, public event::Deferred {
 public:
  Exchange(Client& client, http::StreamSender& sender);

  Arena& arena() override { return arena_; }
  void OnInterim(http::HeaderMap&) override {}
  void OnHeaders(http::HeaderMap& headers, bool end) override {
    grpc_ = absl::StartsWith(headers.Get(KnownHeader::kContentType), "application/grpc");
    if (!absl::SimpleAtoi(headers.Get(http::HeaderName("x-ticks")), &ticks_) || ticks_ > kMostTicks) ticks_ = 0;
    if (end) Reply();
  }
  void OnBody(Buffer& body, bool end) override {
    body_.Append(std::move(body));
    if (end) Reply();
  }
  void OnTrailers(http::HeaderMap&) override { Reply(); }
  void OnReset(http::ResetReason, const char*) override {
    sender_ = nullptr;
    Release();
  }
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}

 private:
  void Reply();
  void Tick();
  void End(Buffer& body);
  void Release();

  Arena arena_;
  Client& client_;
  http::StreamSender* sender_;  // null once the answer is complete, or reset
  Buffer body_;
  bool grpc_ = false;
  bool released_ = false;
  uint32_t ticks_ = 0;
  uint32_t ticked_ = 0;
  event::Timer timer_;
};

// One connection: finds out its codec, then serves it. Frees itself at the end of the turn in which it closed.
class Client final : public net::ConnectionHandler, public http::ServerSessionOwner, public event::Deferred {
 public:
  static void Serve(event::Dispatcher& dispatcher, net::AcceptedSocket socket, http::CodecCounters& counters) {
    auto* client = new Client(dispatcher, std::move(socket), counters);
    client->connection_.Start();
  }
  event::Dispatcher& dispatcher() { return dispatcher_; }
  const std::string& local() const { return local_; }
  void Forget(Exchange* exchange) {
    const auto it = exchanges_.find(exchange);
    if (it == exchanges_.end()) return;
    dispatcher_.DestroyLater(std::move(it->second));
    exchanges_.erase(it);
  }

 private:
  Client(event::Dispatcher& dispatcher, net::AcceptedSocket socket, http::CodecCounters& counters)
      : dispatcher_(dispatcher),
        counters_(counters),
        local_(socket.properties.local.ToString()),
        connection_(dispatcher, std::move(socket), std::make_unique<net::RawTransport>()) {
    connection_.SetHandler(this);
  }
  void OnData(Buffer& input, bool end) override {
    const size_t seen = std::min<size_t>(input.size(), 64);
    const net::HttpDetection what = net::DetectHttpCodec(input.Linearize(seen));
    if (what == net::HttpDetection::kNeedMore) {
      if (end) connection_.Close(net::Connection::CloseMode::kNow);
      return;
    }
    session_ = what == net::HttpDetection::kHttp2 ? http::MakeHttp2Server(connection_, *this, {}, {}, counters_)
                                                  : http::MakeHttp1Server(connection_, *this, {}, {}, counters_);
    connection_.SetHandler(session_.get());
  }
  void OnClosed(const net::CloseInfo&) override { Leave(); }  // before a session was made
  void Dump(DumpWriter&) const override {}

  http::StreamReceiver& OnStream(http::StreamSender& sender) override {
    auto exchange = std::make_unique<Exchange>(*this, sender);
    Exchange* key = exchange.get();
    exchanges_.emplace(key, std::move(exchange));
    return *key;
  }
  void OnCodecError(uint32_t status, const char* detail) override {
    std::fprintf(stderr, "backend: %u %s\n", status, detail);
  }
  void OnSessionIdle() override {}
  void OnSessionClosed(const net::CloseInfo&) override { Leave(); }
  void Leave() { dispatcher_.DestroyLater(std::unique_ptr<event::Deferred>(this)); }

  event::Dispatcher& dispatcher_;
  http::CodecCounters& counters_;
  const std::string local_;
  net::Connection connection_;
  std::unique_ptr<http::Session> session_;
  std::map<Exchange*, std::unique_ptr<Exchange>> exchanges_;
};

Exchange::Exchange(Client& client, http::StreamSender& sender)
    : client_(client), sender_(&sender), timer_([this] { Tick(); }) {}

void Exchange::Release() {
  timer_.Disarm();
  if (!std::exchange(released_, true)) client_.Forget(this);
}

void Exchange::Reply() {
  if (sender_ == nullptr) return;
  http::HeaderMap headers(arena_);
  headers.SetStatus(200);
  headers.Add(KnownHeader::kContentType, grpc_ ? "application/grpc" : "application/octet-stream");
  headers.AddCopy(http::HeaderName("x-endpoint"), client_.local());
  if (!grpc_ && ticks_ == 0) headers.AddNumber(KnownHeader::kContentLength, body_.size());
  sender_->SendHeaders(headers, false);
  if (ticks_ == 0) return End(body_);
  Tick();
}

void Exchange::Tick() {
  if (sender_ == nullptr) return;
  std::string text = absl::StrCat("tick ", ++ticked_, "\n");
  if (grpc_) {  // push.proto's Piece in a gRPC frame
    text.insert(0, absl::StrCat("\x0a", std::string(1, static_cast<char>(text.size()))));
    text.insert(0, std::string("\0\0\0\0", 4) + static_cast<char>(text.size()));
  }
  Buffer piece(text);
  if (ticked_ == ticks_) return End(piece);
  sender_->SendBody(piece, false);
  client_.dispatcher().Arm(timer_, seconds(1));
}

void Exchange::End(Buffer& body) {
  http::StreamSender* sender = std::exchange(sender_, nullptr);
  sender->SendBody(body, !grpc_);
  if (grpc_) {
    http::HeaderMap trailers(arena_);
    trailers.Add(KnownHeader::kGrpcStatus, "0");
    sender->SendTrailers(trailers);
  }
  Release();
}

class Backend final : public net::TcpListener::Owner {
 public:
  explicit Backend(event::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  absl::Status Listen(uint32_t port) {
    const auto at = net::Address::ParseIp("0.0.0.0", static_cast<uint16_t>(port));
    if (!at.ok()) return at.status();
    net::ListenOptions options;
    options.reuse_port = false;
    auto socket = net::ListenSocket::Bind(dispatcher_.engine(), *at, options, 1);
    if (!socket.ok()) return socket.status();
    socket_ = *std::move(socket);
    if (absl::Status status = socket_->Listen(); !status.ok()) return status;
    listener_ = std::make_unique<net::TcpListener>(dispatcher_, socket_, 0, 0, *this);
    listener_->Start();
    return absl::OkStatus();
  }
  ~Backend() {
    if (listener_ != nullptr) listener_->Stop();
  }
  uint32_t port() const { return socket_->address().port(); }

 private:
  void OnAccepted(net::TcpListener&, net::AcceptedSocket socket) override {
    Client::Serve(dispatcher_, std::move(socket), counters_);
  }
  event::Dispatcher& dispatcher_;
  http::CodecCounters counters_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::unique_ptr<net::TcpListener> listener_;
};

int Run() {
  event::Dispatcher dispatcher(event::MakeEpollEngine());
  event::SignalWatch signals(dispatcher.engine(), {SIGTERM, SIGINT}, [&](int) { dispatcher.Stop(); });
  Backend backend(dispatcher);
  if (absl::Status status = backend.Listen(0); !status.ok()) {
    std::fprintf(stderr, "backend: %s\n", status.ToString().c_str());
    return 1;
  }
  std::printf("%u\n", backend.port());
  std::fflush(stdout);
  dispatcher.Run();
  return 0;
}

}  // namespace
}  // namespace outrigger::push

int main() { return outrigger::push::Run(); }
