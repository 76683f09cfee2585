// Thread: its loop
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/http/codec.h"
#include "source/net/connection.h"
#include "source/net/listener.h"
#include "source/tls/client_context.h"
#include "source/tls/server_context.h"
#include "source/tls/session_cache.h"

// Clients and servers made of our own codec sessions, for tests that put proxies between them: on simulated or on real sockets, whatever
// engine the dispatcher has.
namespace outrigger::simulation {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Bodies are known from their seed, so that both ends can check them without keeping them.
char PatternByte(uint64_t seed, size_t at);
std::string Pattern(uint64_t seed, size_t from, size_t n);

struct Outgoing {  // what is sent as a body, and how
  size_t size = 0;
  uint64_t seed = 0;
  size_t chunk = 16 * 1024;
  Duration pause{0};  // between chunks
  Fields trailers;
};

// Sends an Outgoing on a stream as fast as it may.
class BodySender {
 public:
  BodySender(event::Dispatcher& dispatcher, Outgoing what) : dispatcher_(dispatcher), what_(std::move(what)) {}
  bool nothing() const { return what_.size == 0 && what_.trailers.empty(); }
  void Start(http::StreamSender& sender, Arena& arena);
  void OnDone(std::function<void()> f) { on_done_ = std::move(f); }  // in the turn in which the end was sent; may not come while in Start
  void Block() { blocked_ = true; }
  void Unblock();
  void Stop();
  bool done() const { return done_; }

 private:
  void Go();
  event::Dispatcher& dispatcher_;
  Outgoing what_;
  http::StreamSender* sender_ = nullptr;
  Arena* arena_ = nullptr;
  size_t sent_ = 0;
  bool blocked_ = false, done_ = false, going_ = false;
  std::function<void()> on_done_;
  event::Timer pause_{[this] { Go(); }};
};

// What was received of a message.
struct Incoming {
  uint32_t status = 0;
  Fields headers, trailers;
  std::vector<uint32_t> interims;
  size_t size = 0;
  uint64_t seed = 0;      // what the body is compared with
  bool matches = true;    // so far
  std::string text;       // its first bytes
  bool ended = false;
  std::string Get(absl::string_view name) const;
  std::string Trailer(absl::string_view name) const;
  void Take(Buffer& body);
};

// --- server -------------------------------------------------------------------------------------------------------------------

struct Reply {
  uint32_t status = 200;
  Fields headers;
  Outgoing body;
  Duration delay{0};
  bool early = false;  // does not wait for the end of the request
  enum class Fault : uint8_t { kNone, kResetStream, kAbortConnection, kNever, kCutBody } fault = Fault::kNone;
};

class TestServer final : private net::TcpListener::Owner {
 public:
  struct Options {
    http::Protocol protocol = http::Protocol::kHttp11;
    std::shared_ptr<const tls::ServerContext> tls;
    uint32_t requests_per_connection = 0;  // then it drains, as a server that recycles connections does
    Duration idle_close{0};                // closes idle connections after this, unannounced
    http::Http2Options http2;
    // Looks at the request's head (early: body still to come) or at the whole request.
    std::function<Reply(const Incoming& request)> answer;
  };
  TestServer(event::Dispatcher& dispatcher, const net::Address& address, Options options);
  ~TestServer();
  const net::Address& address() const { return socket_->address(); }
  uint64_t requests() const { return requests_; }
  size_t connections() const { return connections_.size(); }
  uint64_t accepted() const { return accepted_; }
  void CloseConnections();
  void StopListening();

 private:
  class Connection;
  class Exchange;
  void OnAccepted(net::TcpListener& listener, net::AcceptedSocket socket) override;

  event::Dispatcher& dispatcher_;
  Options options_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::unique_ptr<net::TcpListener> listener_;
  std::vector<Connection*> connections_;
  uint64_t requests_ = 0, accepted_ = 0;
};

// --- client -------------------------------------------------------------------------------------------------------------------

struct Call {
  std::string method = "GET", path = "/", authority = "a.example";
  Fields headers;
  Outgoing body;
  uint64_t expect_seed = 0;    // of the response's body
  Duration read_pause{0};      // after each piece of the response
  Duration cancel_after{-1};   // resets the stream then, unless it is over
};

class TestClient final : private http::ClientSessionOwner, private net::ConnectionHandler {
 public:
  struct Options {
    http::Protocol protocol = http::Protocol::kHttp11;
    std::shared_ptr<const tls::ClientContext> tls;
    tls::SessionCache* sessions = nullptr;
    Duration connect_timeout = seconds(10);
    http::Http2Options http2;
  };
  // One exchange; lives as long as the client.
  class Exchange final : public http::StreamReceiver {
   public:
    Exchange(TestClient& client, Call call);
    const Incoming& response() const { return response_; }
    bool done() const { return response_.ended || failed_; }
    bool failed() const { return failed_; }
    bool cancelled() const { return cancelled_; }
    const std::string& why() const { return why_; }
    http::ResetReason reason() const { return reason_; }
    void Cancel();
    // Writes on an open tunnel (an upgrade or CONNECT).
    void SendText(absl::string_view text, bool end);

   private:
    friend class TestClient;
    Arena& arena() override { return arena_; }
    void OnInterim(http::HeaderMap& headers) override { response_.interims.push_back(headers.status()); }
    void OnHeaders(http::HeaderMap& headers, bool end) override;
    void OnBody(Buffer& body, bool end) override;
    void OnTrailers(http::HeaderMap& trailers) override;
    void OnReset(http::ResetReason reason, const char* detail) override;
    void OnAboveWriteHigh() override { sender_body_.Block(); }
    void OnBelowWriteLow() override { sender_body_.Unblock(); }
    void Begin();
    void Ended();
    void Fail(http::ResetReason reason, absl::string_view why);

    TestClient& client_;
    Call call_;
    Arena arena_;
    BodySender sender_body_;
    http::StreamSender* sender_ = nullptr;
    Incoming response_;
    bool failed_ = false, cancelled_ = false, paused_ = false;
    http::ResetReason reason_ = http::ResetReason::kNone;
    std::string why_;
    event::Timer resume_, cancel_;
  };

  TestClient(event::Dispatcher& dispatcher, const net::Address& to, Options options);
  ~TestClient() override;
  // As soon as the connection takes it. Fails when the connection cannot (any more).
  Exchange& Send(Call call);
  bool usable() const { return !closed_ && !going_away_; }  // new calls may work
  bool closed() const { return closed_; }
  bool going_away() const { return going_away_; }
  size_t pending() const { return waiting_.size(); }
  const net::CloseInfo& close_info() const { return why_; }
  net::Connection& connection() { return *connection_; }
  const std::vector<std::unique_ptr<Exchange>>& exchanges() const { return exchanges_; }
  void Close();
  void Abort();
  void OnEnded(std::function<void(Exchange&)> f) { on_ended_ = std::move(f); }

 private:
  void OnConnected() override;
  void OnData(Buffer& input, bool end) override;
  void OnClosed(const net::CloseInfo& why) override;
  void Dump(DumpWriter&) const override {}
  void OnSessionReady() override { StartWaiting(); }
  void OnStreamClosed() override;
  void OnGoAway() override;
  void OnSessionClosed(const net::CloseInfo& why) override;
  void OnStreamLimitChanged() override { StartWaiting(); }
  void StartWaiting();
  void FailWaiting(http::ResetReason reason, absl::string_view why);

  event::Dispatcher& dispatcher_;
  Options options_;
  http::CodecOptions codec_;
  http::Http1Options http1_;
  http::CodecCounters counters_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<http::ClientSession> session_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<Exchange*> waiting_;
  std::function<void(Exchange&)> on_ended_;
  net::CloseInfo why_;
  size_t received_ = 0;
  bool closed_ = false, going_away_ = false, starting_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace outrigger::simulation
