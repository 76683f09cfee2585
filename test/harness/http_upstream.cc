#include "test/harness/http_upstream.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "source/base/bug.h"
#include "source/net/raw_transport.h"

namespace outrigger::harness {

using http::HeaderMap;
using http::HeaderName;
using http::KnownHeader;

namespace {

// One exchange; deletes itself at the end of the turn in which both directions ended.
class Echo final : public http::StreamReceiver, public event::Deferred {
 public:
  Echo(event::Dispatcher& loop, http::StreamSender& sender, const std::string& name)
      : loop_(loop), sender_(&sender), name_(name) {}

  Arena& arena() override { return arena_; }
  void OnInterim(HeaderMap&) override {}
  void OnHeaders(HeaderMap& headers, bool end) override {
    absl::string_view rest = headers.path();
    uint32_t status = 200;
    if (rest == "/reset") {
      sender_->Reset(http::ResetReason::kLocalReset);
      return Finish();
    }
    if (absl::ConsumePrefix(&rest, "/status/") && !absl::SimpleAtoi(rest, &status)) status = 400;
    HeaderMap answer(arena_);
    answer.SetStatus(status);
    answer.Set(HeaderName("x-upstream"), name_);
    answer.SetCopy(HeaderName("x-request"), absl::StrCat(headers.method(), " ", headers.path()));
    answer.SetCopy(HeaderName("x-authority"), headers.authority());
    if (const absl::string_view id = headers.Get(KnownHeader::kXRequestId); !id.empty())
      answer.SetCopy(HeaderName("x-seen-id"), id);
    if (const absl::string_view xff = headers.GetJoined(KnownHeader::kXForwardedFor); !xff.empty())
      answer.SetCopy(HeaderName("x-seen-for"), xff);
    late_ = headers.path() == "/late";
    if (late_) {
      late_answer_ = arena_.New<HeaderMap>(arena_);
      late_answer_->CopyFrom(answer);
    } else {
      sender_->SendHeaders(answer, false);
    }
    if (!end) return;
    Buffer body{absl::string_view(name_)};
    OnBody(body, true);
  }
  void OnBody(Buffer& body, bool end) override {
    if (late_) {
      held_.Append(std::move(body));
      if (!end) return;
      late_answer_->SetNumber(KnownHeader::kContentLength, held_.size());
      sender_->SendHeaders(*late_answer_, false);
      sender_->SendBody(held_, true);
    } else {
      sender_->SendBody(body, end);
    }
    if (end) Finish();
  }
  void OnTrailers(HeaderMap& trailers) override {
    HeaderMap copy(arena_);
    copy.CopyFrom(trailers);
    sender_->SendTrailers(copy);
    Finish();
  }
  void OnReset(http::ResetReason, const char*) override { Finish(); }
  void OnAboveWriteHigh() override { sender_->PauseReading(); }
  void OnBelowWriteLow() override { sender_->ResumeReading(); }

 private:
  // The codec may still say OnReset or a write mark in this turn: so not before its end.
  void Finish() {
    if (done_) return;
    done_ = true;
    loop_.Post([this] { delete this; });
  }
  event::Dispatcher& loop_;
  http::StreamSender* sender_;
  const std::string& name_;
  HeaderMap* late_answer_ = nullptr;
  Buffer held_;
  bool late_ = false;
  bool done_ = false;
  Arena arena_;
};

class Peer final : public http::ServerSessionOwner, public event::Deferred, public ListHook<> {
 public:
  Peer(event::Dispatcher& loop, net::AcceptedSocket socket, http::Protocol protocol, const std::string& name,
       std::atomic<int>& requests)
      : loop_(loop),
        name_(name),
        requests_(requests),
        connection_(std::make_unique<net::Connection>(loop, std::move(socket), std::make_unique<net::RawTransport>())) {
    session_ = protocol == http::Protocol::kHttp2 ? http::MakeHttp2Server(*connection_, *this, {}, {}, counters_)
                                                  : http::MakeHttp1Server(*connection_, *this, {}, {}, counters_);
    connection_->SetHandler(session_.get());
    connection_->Start();
  }
  http::StreamReceiver& OnStream(http::StreamSender& sender) override {
    requests_.fetch_add(1);
    return *new Echo(loop_, sender, name_);
  }
  void OnCodecError(uint32_t, const char*) override {}
  void OnSessionIdle() override {}
  void OnSessionClosed(const net::CloseInfo&) override {
    Unlink();
    loop_.DestroyLater(std::move(session_));
    loop_.DestroyLater(std::move(connection_));
    loop_.DestroyLater(std::unique_ptr<event::Deferred>(this));
  }
  void Close() { connection_->Close(net::Connection::CloseMode::kNow); }

 private:
  event::Dispatcher& loop_;
  const std::string& name_;
  std::atomic<int>& requests_;
  http::CodecCounters counters_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<http::Session> session_;
};

}  // namespace

class HttpUpstream::Connections final : public net::TcpListener::Owner {
 public:
  explicit Connections(HttpUpstream& owner) : owner_(owner) {
    auto socket =
        net::ListenSocket::Bind(owner.loop_.engine(), *net::Address::ParseIp("127.0.0.1", 0), {.reuse_port = false}, 1);
    OUTRIGGER_CHECK(socket.ok() && (*socket)->Listen().ok());
    socket_ = *std::move(socket);
    listener_ = std::make_unique<net::TcpListener>(owner.loop_, socket_, 0, 0, *this);
    listener_->Start();
  }
  ~Connections() {
    while (!peers_.empty()) peers_.front().Close();
  }
  uint16_t port() const { return socket_->address().port(); }
  void OnAccepted(net::TcpListener&, net::AcceptedSocket socket) override {
    owner_.connections_.fetch_add(1);
    auto* peer = new Peer(owner_.loop_, std::move(socket), owner_.protocol_, owner_.name_, owner_.requests_);
    peers_.PushBack(*peer);
  }

 private:
  HttpUpstream& owner_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::unique_ptr<net::TcpListener> listener_;
  IntrusiveList<Peer> peers_;
};

HttpUpstream::HttpUpstream(std::string name, http::Protocol protocol)
    : name_(std::move(name)),
      protocol_(protocol),
      loop_(event::MakeEpollEngine()),
      serving_(std::make_unique<Connections>(*this)) {
  port_ = serving_->port();
  thread_ = std::thread([this] { loop_.Run(); });
}

HttpUpstream::~HttpUpstream() {
  // Everything of the loop dies on its thread: blocks belong to threads.
  loop_.Post([this] {
    serving_.reset();
    loop_.Post([this] { loop_.Stop(); });
  });
  thread_.join();
}

}  // namespace outrigger::harness
