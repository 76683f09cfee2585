#include "absl/strings/str_cat.h"
#include "source/net/raw_transport.h"
#include "source/tls/tls_transport.h"
#include "test/simulation/proxy/header_fields.h"
#include "test/simulation/proxy/peer.h"

namespace outrigger::simulation {

using http::HeaderMap;
using http::ResetReason;

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
  Fill(headers,
       {{":method", call_.method}, {":scheme", "http"}, {":authority", call_.authority}, {":path", call_.path}});
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
  FailWaiting(ours ? ResetReason::kRemoteRefused : ResetReason::kConnectionTermination,
              absl::StrCat("connection closed: ", net::CloseReasonName(why.reason), " ", why.detail));
  if (session_ != nullptr) dispatcher_.DestroyLater(std::move(session_));
}

void TestClient::Close() {
  if (!closed_) connection_->Close(net::Connection::CloseMode::kFlush);
}

void TestClient::Abort() {
  if (!closed_) connection_->Close(net::Connection::CloseMode::kReset);
}

}  // namespace outrigger::simulation
