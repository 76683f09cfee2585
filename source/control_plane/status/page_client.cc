#include "source/control_plane/status/page_client.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/control_plane/status/host_port.h"
#include "source/http/codec.h"
#include "source/net/raw_transport.h"

namespace outrigger::control_plane {
namespace {

// One exchange on a connection of its own.
class Fetch final : public http::ClientSessionOwner, public http::StreamReceiver {
 public:
  Fetch(event::Dispatcher& dispatcher, const net::Address& address, absl::string_view host, absl::string_view path,
        Duration timeout)
      : host_(host), path_(path), too_long_([this] { Fail("no answer in time"); }) {
    connection_ = net::Connection::Connect(dispatcher, {.remote = address, .timeout = timeout},
                                           std::make_unique<net::RawTransport>());
    session_ = http::MakeHttp1Client(*connection_, *this, {}, {}, counters_);
    connection_->SetHandler(session_.get());
    dispatcher.Arm(too_long_, timeout);
  }
  ~Fetch() override {
    over_ = true;
    connection_->Close(net::Connection::CloseMode::kNow);
  }

  bool over() const { return over_; }
  absl::StatusOr<FetchedPage> Result() const {
    if (error_.empty()) return page_;
    return absl::UnavailableError(error_);
  }
  // Both live to the end of the loop's turn.
  void LetGo(event::Dispatcher& dispatcher) {
    connection_->Close(net::Connection::CloseMode::kNow);
    dispatcher.DestroyLater(std::move(session_));
  }

 private:
  void Fail(const std::string& why) {
    if (std::exchange(over_, true)) return;
    error_ = why;
  }
  // ClientSessionOwner
  void OnSessionReady() override {
    http::StreamSender* sender = session_->NewStream(*this);
    if (sender == nullptr) return Fail("the connection takes no request");
    http::HeaderMap headers(arena_);
    headers.AddCopy(http::KnownHeader::kMethod, "GET");
    headers.AddCopy(http::KnownHeader::kScheme, "http");
    headers.AddCopy(http::KnownHeader::kAuthority, host_);
    headers.AddCopy(http::KnownHeader::kPath, path_);
    sender->SendHeaders(headers, true);
  }
  void OnStreamClosed() override {}
  void OnGoAway() override {}
  void OnSessionClosed(const net::CloseInfo& why) override {
    Fail(absl::StrCat("the connection failed: ", net::CloseReasonName(why.reason)));
  }
  // StreamReceiver
  Arena& arena() override { return arena_; }
  void OnInterim(http::HeaderMap&) override {}
  void OnHeaders(http::HeaderMap& headers, bool end) override {
    page_.status = headers.status();
    over_ = over_ || end;
  }
  void OnBody(Buffer& body, bool end) override {
    if (page_.body.size() + body.size() > kMostPageBytes) return Fail("the answer is too large");
    page_.body += body.ToString();
    body.Clear();
    over_ = over_ || end;
  }
  void OnTrailers(http::HeaderMap&) override { over_ = true; }
  void OnReset(http::ResetReason, const char* detail) override { Fail(absl::StrCat("the answer broke off: ", detail)); }
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}

  const std::string host_, path_;
  Arena arena_;
  FetchedPage page_;
  std::string error_;
  bool over_ = false;
  http::CodecCounters counters_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<http::ClientSession> session_;
  event::Timer too_long_;
};

}  // namespace

absl::StatusOr<FetchedPage> FetchPage(event::Dispatcher& dispatcher, absl::string_view address, absl::string_view path,
                                      Duration timeout) {
  const auto at = ParseHostPort(address);
  if (!at.ok()) return at.status();
  Fetch fetch(dispatcher, *at, address, path, timeout);
  while (!fetch.over()) dispatcher.RunOnce(timeout);
  auto result = fetch.Result();
  fetch.LetGo(dispatcher);
  dispatcher.RunOnce(Duration(0));
  return result;
}

}  // namespace outrigger::control_plane
