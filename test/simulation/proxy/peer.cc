#include "test/simulation/proxy/peer.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/net/raw_transport.h"
#include "source/tls/tls_transport.h"

namespace outrigger::simulation {

using http::HeaderMap;
using http::HeaderName;
using http::ResetReason;

char PatternByte(uint64_t seed, size_t at) { return static_cast<char>('a' + (at * 7 + at / 977 + seed * 11) % 26); }

std::string Pattern(uint64_t seed, size_t from, size_t n) {
  std::string out(n, ' ');
  for (size_t i = 0; i < n; ++i) out[i] = PatternByte(seed, from + i);
  return out;
}

namespace {

void Fill(HeaderMap& map, const Fields& fields) {
  for (const auto& [name, value] : fields) map.AddCopy(HeaderName(map.arena().Copy(name)), value);
}

Fields Copy(const HeaderMap& map) {
  Fields out;
  map.ForEach([&](const HeaderMap::Entry& entry) { out.emplace_back(entry.name, entry.value); });
  return out;
}

std::string Find(const Fields& fields, absl::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace

// --- messages -----------------------------------------------------------------------------------------------------------------

void BodySender::Start(http::StreamSender& sender, Arena& arena) {
  sender_ = &sender;
  arena_ = &arena;
  Go();
}

void BodySender::Stop() {
  sender_ = nullptr;
  pause_.Disarm();
}

void BodySender::Unblock() {
  blocked_ = false;
  if (!pause_.armed()) Go();
}

void BodySender::Go() {
  if (going_) return;
  going_ = true;
  while (sender_ != nullptr && !done_ && !blocked_) {
    const size_t n = std::min(what_.chunk, what_.size - sent_);
    Buffer piece(Pattern(what_.seed, sent_, n));
    sent_ += n;
    const bool last = sent_ == what_.size;
    if (last) done_ = true;
    if (last && !what_.trailers.empty()) {
      if (n > 0) sender_->SendBody(piece, false);
      HeaderMap trailers(*arena_);
      Fill(trailers, what_.trailers);
      if (sender_ != nullptr) sender_->SendTrailers(trailers);
      break;
    }
    sender_->SendBody(piece, last);
    if (!last && what_.pause > Duration::zero()) {
      dispatcher_.Arm(pause_, what_.pause);
      break;
    }
  }
  going_ = false;
  if (done_) sender_ = nullptr;
  if (done_ && on_done_) on_done_();
}

std::string Incoming::Get(absl::string_view name) const { return Find(headers, name); }
std::string Incoming::Trailer(absl::string_view name) const { return Find(trailers, name); }

void Incoming::Take(Buffer& body) {
  while (!body.empty()) {
    const absl::string_view piece = body.Front();
    for (const char c : piece) matches = (c == PatternByte(seed, size++)) && matches;
    if (text.size() < 4096) text.append(piece.data(), std::min<size_t>(piece.size(), 4096 - text.size()));
    body.Drain(piece.size());
  }
}

// --- server -------------------------------------------------------------------------------------------------------------------

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

class TestServer::Connection final : public http::ServerSessionOwner, public event::Deferred, public net::ConnectionHandler {
 public:
  Connection(TestServer& server, std::unique_ptr<net::Connection> connection) : server_(server), connection_(std::move(connection)) {
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
  listener_ = std::make_unique<net::TcpListener>(dispatcher_, socket_, 0, 0, static_cast<net::TcpListener::Owner&>(*this));
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

// --- client -------------------------------------------------------------------------------------------------------------------

TestClient::Exchange::Exchange(TestClient& client, Call call)
    : client_(client),
      call_(std::move(call)),
      sender_body_(client.dispatcher_, call_.body),
      resume_([this] {
        paused_ = false;
        if (sender_ != nullptr) sender_->ResumeReading();
      }),
      cancel_([this] { Cancel(); }) {
  response_.seed = call_.expect_seed;
  if (call_.cancel_after >= Duration::zero()) client.dispatcher_.Arm(cancel_, call_.cancel_after);
}

void TestClient::Exchange::Begin() {
  HeaderMap headers(arena_);
  Fill(headers, {{":method", call_.method}, {":scheme", "http"}, {":authority", call_.authority}, {":path", call_.path}});
  if (call_.method == "CONNECT") {
    headers.Remove(http::KnownHeader::kScheme);
    headers.Remove(http::KnownHeader::kPath);
  }
  Fill(headers, call_.headers);
  const bool open = call_.method == "CONNECT" || headers.Has(http::KnownHeader::kUpgrade);
  if (call_.body.size > 0) Fill(headers, {{"x-body-seed", absl::StrCat(call_.body.seed)}});
  const bool end = sender_body_.nothing() && !open;
  sender_->SendHeaders(headers, end);
  if (!end && !open && sender_ != nullptr) sender_body_.Start(*sender_, arena_);
}

void TestClient::Exchange::OnHeaders(HeaderMap& headers, bool end) {
  response_.status = headers.status();
  response_.headers = Copy(headers);
  if (end) Ended();
}

void TestClient::Exchange::OnBody(Buffer& body, bool end) {
  client_.received_ += body.size();
  response_.Take(body);
  if (end) return Ended();
  if (call_.read_pause > Duration::zero() && !std::exchange(paused_, true)) {
    sender_->PauseReading();
    client_.dispatcher_.Arm(resume_, call_.read_pause);
  }
}

void TestClient::Exchange::OnTrailers(HeaderMap& trailers) {
  response_.trailers = Copy(trailers);
  Ended();
}

void TestClient::Exchange::OnReset(ResetReason reason, const char* detail) {
  sender_ = nullptr;
  sender_body_.Stop();
  resume_.Disarm();
  if (!response_.ended) Fail(reason, detail);
}

void TestClient::Exchange::Ended() {
  response_.ended = true;
  resume_.Disarm();
  cancel_.Disarm();
  if (client_.on_ended_) client_.on_ended_(*this);
}

void TestClient::Exchange::Fail(ResetReason reason, absl::string_view why) {
  if (std::exchange(failed_, true)) return;
  reason_ = reason;
  why_ = std::string(why);
  cancel_.Disarm();
  if (client_.on_ended_) client_.on_ended_(*this);
}

void TestClient::Exchange::Cancel() {
  if (done()) return;
  cancelled_ = true;
  sender_body_.Stop();
  resume_.Disarm();
  std::erase(client_.waiting_, this);
  http::StreamSender* sender = std::exchange(sender_, nullptr);
  if (sender != nullptr) {
    if (sender->protocol() != http::Protocol::kHttp2) client_.going_away_ = true;  // its connection ends with it
    sender->Reset(ResetReason::kLocalReset);
  }
  Fail(ResetReason::kLocalReset, "cancelled");
}

void TestClient::Exchange::SendText(absl::string_view text, bool end) {
  if (sender_ == nullptr) return;
  Buffer bytes(text);
  sender_->SendBody(bytes, end);
}

TestClient::TestClient(event::Dispatcher& dispatcher, const net::Address& to, Options options)
    : dispatcher_(dispatcher), options_(std::move(options)), http1_{.enable_trailers = true} {
  std::unique_ptr<net::Transport> transport;
  if (options_.tls != nullptr) {
    static const auto* const kHttp1 = new std::vector<std::string>{"http/1.1"};
    static const auto* const kHttp2 = new std::vector<std::string>{"h2"};
    tls::ClientTransportOptions tls;
    tls.context = options_.tls;
    tls.alpn = options_.protocol == http::Protocol::kHttp2 ? kHttp2 : kHttp1;
    tls.sessions = options_.sessions;
    tls.endpoint = to.ToString();
    transport = tls::MakeClientTransport(tls);
  } else {
    transport = std::make_unique<net::RawTransport>();
  }
  net::Connection::ConnectOptions connect;
  connect.remote = to;
  connect.timeout = options_.connect_timeout;
  connection_ = net::Connection::Connect(dispatcher_, connect, std::move(transport));
  connection_->SetHandler(this);
}

TestClient::~TestClient() {
  on_ended_ = nullptr;
  Abort();
  for (const auto& exchange : exchanges_) exchange->OnReset(ResetReason::kLocalReset, "client gone");
  session_.reset();
}

TestClient::Exchange& TestClient::Send(Call call) {
  exchanges_.push_back(std::make_unique<Exchange>(*this, std::move(call)));
  Exchange& made = *exchanges_.back();
  if (!usable()) {
    made.Fail(ResetReason::kConnectionTermination, "connection is not usable");
    return made;
  }
  waiting_.push_back(&made);
  StartWaiting();
  return made;
}

void TestClient::StartWaiting() {
  if (session_ == nullptr || starting_) return;
  starting_ = true;
  while (!waiting_.empty() && session_->accepts_streams()) {
    Exchange* next = waiting_.front();
    next->sender_ = session_->NewStream(*next);
    if (next->sender_ == nullptr) break;
    waiting_.erase(waiting_.begin());
    next->Begin();
  }
  starting_ = false;
}

void TestClient::FailWaiting(ResetReason reason, absl::string_view why) {
  while (!waiting_.empty()) {
    Exchange* first = waiting_.front();
    waiting_.erase(waiting_.begin());
    first->Fail(reason, why);
  }
}

void TestClient::OnConnected() {
  session_ = options_.protocol == http::Protocol::kHttp2
                 ? http::MakeHttp2Client(*connection_, *this, codec_, options_.http2, counters_)
                 : http::MakeHttp1Client(*connection_, *this, codec_, http1_, counters_);
  connection_->SetHandler(session_.get());
  session_->OnConnected();
}

void TestClient::OnData(Buffer& input, bool) { input.Clear(); }

void TestClient::OnClosed(const net::CloseInfo& why) { OnSessionClosed(why); }

void TestClient::OnStreamClosed() {
  // Not from here: the session may be in the middle of what it reads.
  dispatcher_.Post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) StartWaiting();
  });
}

void TestClient::OnGoAway() {
  going_away_ = true;
  FailWaiting(ResetReason::kRemoteRefused, "going away");
}

void TestClient::OnSessionClosed(const net::CloseInfo& why) {
  if (std::exchange(closed_, true)) return;
  why_ = why;
  // What waited was never written: if we ended the connection ourselves, it goes elsewhere.
  const bool ours = why.reason == net::CloseReason::kLocalAbort;
  FailWaiting(ours ? ResetReason::kRemoteRefused : ResetReason::kConnectionTermination, absl::StrCat("connection closed: ", net::CloseReasonName(why.reason), " ", why.detail));
  if (session_ != nullptr) dispatcher_.DestroyLater(std::move(session_));
}

void TestClient::Close() {
  if (!closed_) connection_->Close(net::Connection::CloseMode::kFlush);
}

void TestClient::Abort() {
  if (!closed_) connection_->Close(net::Connection::CloseMode::kReset);
}

}  // namespace outrigger::simulation
