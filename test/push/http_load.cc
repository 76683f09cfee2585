#include "test/push/http_load.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/net/connection.h"
#include "source/net/raw_transport.h"

namespace outrigger::push {

using http::KnownHeader;

// One request and its answer; frees itself when it ended.
class Call final : public http::StreamReceiver, public event::Deferred {
 public:
  Call(HttpLoad& load, uint64_t number, bool stream)
      : load_(load),
        kind_(absl::StrCat(load.options_.kind, stream ? " streams" : "")),
        stream_(stream),
        body_(BodyOf(number)),
        limit_([this] { TimedOut(); }) {
    load_.tally_.Sent(kind_);
    ++load_.calls_;
    if (stream_) ++load_.streaming_;
    started_ = load_.dispatcher_.now();
    load_.dispatcher_.Arm(limit_, load_.options_.limit + seconds(stream_ ? load_.options_.stream_seconds : 0));
  }

  void Send(http::ClientSession& session) {
    sender_ = session.NewStream(*this);
    if (sender_ == nullptr) return End("no stream could be made");
    http::HeaderMap headers(arena_);
    headers.Add(KnownHeader::kMethod, "POST");
    headers.Add(KnownHeader::kScheme, "http");
    headers.Add(KnownHeader::kAuthority, "push.test");
    headers.Add(KnownHeader::kPath, "/echo");
    headers.AddNumber(KnownHeader::kContentLength, body_.size());
    if (stream_) headers.AddNumber(http::HeaderName("x-ticks"), load_.options_.stream_seconds);
    sender_->SendHeaders(headers, false);
    Buffer body(body_);
    if (sender_ != nullptr) sender_->SendBody(body, true);
  }
  void Lost(const std::string& why) { End(why); }  // before it was sent

  Arena& arena() override { return arena_; }
  void OnInterim(http::HeaderMap&) override {}
  void OnHeaders(http::HeaderMap& headers, bool end) override {
    status_ = headers.status();
    Tally& tally = load_.tally_;
    tally.Seen("RDS", headers.Get(http::HeaderName("x-version")));
    tally.Seen("CDS", headers.Get(http::HeaderName("x-cluster")));
    tally.Seen("EDS", headers.Get(http::HeaderName("x-endpoint")));
    tally.Seen("LDS", headers.Get(http::HeaderName("server")));
    flags_ = std::string(headers.Get(http::HeaderName("x-flags")));
    if (end) Complete();
  }
  void OnBody(Buffer& body, bool end) override {
    const absl::string_view bytes = body.Linearize(body.size());
    got_.append(bytes.data(), bytes.size());
    body.Clear();
    if (end) Complete();
  }
  void OnTrailers(http::HeaderMap&) override { Complete(); }
  void OnReset(http::ResetReason reason, const char* detail) override {
    sender_ = nullptr;
    if (reason == http::ResetReason::kNone) return;
    End(absl::StrCat("reset: ", http::ResetReasonName(reason), " ", detail));
  }
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}

 private:
  std::string Expected() const {
    if (!stream_) return body_;
    std::string ticks;
    for (uint32_t i = 1; i <= load_.options_.stream_seconds; ++i) absl::StrAppend(&ticks, "tick ", i, "\n");
    return ticks;
  }
  void Complete() {
    if (status_ != 200) return End(absl::StrCat("status ", status_, " ", flags_, ": ", got_.substr(0, 80)));
    if (got_ != Expected()) return End(absl::StrCat("wrong body of ", got_.size(), " bytes"));
    End("");
  }
  void TimedOut() {
    http::StreamSender* sender = std::exchange(sender_, nullptr);
    if (sender != nullptr) sender->Reset(http::ResetReason::kLocalReset);
    End("timeout");
  }
  void End(const std::string& failure) {
    if (std::exchange(ended_, true)) return;
    limit_.Disarm();
    if (failure.empty()) {
      load_.tally_.Good(kind_, std::chrono::duration<double, std::milli>(load_.dispatcher_.now() - started_).count());
    } else {
      load_.tally_.Failed(kind_, failure);
    }
    --load_.calls_;
    if (stream_) --load_.streaming_;
    load_.dispatcher_.DestroyLater(std::unique_ptr<event::Deferred>(this));
  }

  Arena arena_;
  HttpLoad& load_;
  const std::string kind_;
  const bool stream_;
  const std::string body_;
  MonotonicTime started_{};
  std::string got_, flags_;
  uint32_t status_ = 0;
  bool ended_ = false;
  http::StreamSender* sender_ = nullptr;
  event::Timer limit_;
};

class HttpConnection final : public http::ClientSessionOwner, public event::Deferred {
 public:
  explicit HttpConnection(HttpLoad& load) : load_(load) {
    net::Connection::ConnectOptions options;
    options.remote = load.options_.target;
    options.timeout = seconds(5);
    connection_ = net::Connection::Connect(load.dispatcher_, options, std::make_unique<net::RawTransport>());
    session_ = load.options_.http2 ? http::MakeHttp2Client(*connection_, *this, {}, {}, load.counters_)
                                   : http::MakeHttp1Client(*connection_, *this, {}, {}, load.counters_);
    connection_->SetHandler(session_.get());
  }
  // Whether a request may be given to it: HTTP/1.1 only when nothing else is under way.
  bool Takes() const {
    if (gone_) return false;
    if (!connected_) return load_.options_.http2 || waiting_.empty();
    if (!load_.options_.http2 && load_.dispatcher_.now() - used_ > kLongestIdle) return false;
    return session_->accepts_streams() && (load_.options_.http2 || session_->active_streams() == 0);
  }
  void Give(Call& call) {
    if (!connected_) return waiting_.push_back(&call);
    call.Send(*session_);
  }
  // As clients do: a request on a connection that the server may be about to close as idle would cross that.
  static constexpr Duration kLongestIdle = seconds(5);

 private:
  void OnSessionReady() override {
    connected_ = true;
    used_ = load_.dispatcher_.now();
    while (!waiting_.empty()) {
      Call* call = waiting_.front();
      waiting_.pop_front();
      call->Send(*session_);
    }
  }
  void OnStreamClosed() override { used_ = load_.dispatcher_.now(); }
  void OnGoAway() override { gone_ = true; }
  void OnSessionClosed(const net::CloseInfo& why) override {
    gone_ = true;
    for (Call* call : waiting_) call->Lost(absl::StrCat("not connected: ", net::CloseReasonName(why.reason)));
    waiting_.clear();
    load_.Forget(this);
  }

  HttpLoad& load_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<http::ClientSession> session_;
  std::deque<Call*> waiting_;
  bool connected_ = false;
  bool gone_ = false;
  MonotonicTime used_{};  // last
};

HttpLoad::HttpLoad(event::Dispatcher& dispatcher, Options options, Tally& tally)
    : dispatcher_(dispatcher), options_(std::move(options)), tally_(tally), next_([this] { Fire(); }) {}
HttpLoad::~HttpLoad() = default;

void HttpLoad::Start() {
  running_ = true;
  due_ = dispatcher_.now();
  Fire();
}

void HttpLoad::Stop() {
  running_ = false;
  next_.Disarm();
}

void HttpLoad::Fire() {
  const auto interval = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / options_.per_second));
  while (due_ <= dispatcher_.now()) {
    Begin(false);
    due_ += interval;
  }
  FillStreams();
  dispatcher_.Arm(next_, due_ - dispatcher_.now());
}

// One more stream at a time, so that they begin and end at different moments.
void HttpLoad::FillStreams() {
  if (streaming_ < options_.streams) Begin(true);
}

HttpConnection* HttpLoad::Ready() {
  for (const auto& connection : connections_) {
    if (connection->Takes()) return connection.get();
  }
  connections_.push_back(std::make_unique<HttpConnection>(*this));
  return connections_.back().get();
}

void HttpLoad::Begin(bool stream) {
  auto* call = new Call(*this, ++number_, stream);
  Ready()->Give(*call);
}

void HttpLoad::Forget(HttpConnection* connection) {
  const auto it = std::find_if(connections_.begin(), connections_.end(),
                               [&](const auto& owned) { return owned.get() == connection; });
  if (it == connections_.end()) return;
  dispatcher_.DestroyLater(std::move(*it));
  connections_.erase(it);
}

}  // namespace outrigger::push
