// One message through HTTP/1 and through HTTP/2: the same stream, or refused by both. What came by HTTP/2 is also
// written as HTTP/1 and read again: nothing may be smuggled by the step down.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/http/codec.h"
#include "source/http/h1/decoder.h"
#include "source/http/h1/parser.h"
#include "source/http/h1/serializer.h"
#include "test/fuzz/differential/message.h"
#include "test/fuzz/h2/sessions.h"

namespace outrigger::http {
namespace {

// What came out of a codec, in one text.
struct Seen final : StreamReceiver {
  Arena memory;
  StreamSender* sender = nullptr;
  HeaderMap* map = nullptr;
  std::string head, fields, body, trailers;
  int streams = 0;
  bool ended = false, reset = false;
  bool closing = false;  // the test ends the connection

  // Cookies are one line in HTTP/2 (RFC 9113 8.2.3); an empty last one leaves a blank behind, which HTTP/1 trims.
  static std::string Text(const HeaderMap& map) {
    std::string out, cookies;
    map.ForEach([&](const HeaderMap::Entry& entry) {
      if (entry.name[0] == ':') return;
      if (entry.known == KnownHeader::kContentLength) return;  // an h1 reader adds none, a client of h2 need not
      if (entry.known == KnownHeader::kCookie) {
        absl::StrAppend(&cookies, cookies.empty() ? "" : "; ", entry.value);
        return;
      }
      absl::StrAppend(&out, entry.name, "=", entry.value, "\n");
    });
    return absl::StrCat(out, "cookie=", absl::StripAsciiWhitespace(cookies), "\n");
  }
  Arena& arena() override { return memory; }
  void OnInterim(HeaderMap&) override {}
  void OnHeaders(HeaderMap& headers, bool end) override {
    map = &headers;
    head = absl::StrCat(headers.method(), " ", headers.authority(), " ", headers.path(), " ", headers.status());
    fields = Text(headers);
    ended |= end;
  }
  void OnBody(Buffer& bytes, bool end) override {
    body += bytes.ToString();
    bytes.Clear();
    ended |= end;
  }
  void OnTrailers(HeaderMap& headers) override {
    trailers = Text(headers);
    ended = true;
  }
  void OnReset(ResetReason, const char*) override {
    reset = !closing;
    sender = nullptr;
  }
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}

  // A CONNECT does not end before it is answered.
  std::string Whole(bool connect = false) const {
    if (reset || !(connect ? map != nullptr : ended)) return "refused";
    // No trailers and empty ones are the same.
    const std::string tail = trailers == "cookie=\n" ? "" : trailers;
    return absl::StrCat(head, "\n", fields, "body(", body, ")\n", tail);
  }
};

struct ServerOwner final : ServerSessionOwner {
  Seen seen;
  StreamReceiver& OnStream(StreamSender& sender) override {
    ++seen.streams;
    seen.sender = &sender;
    return seen;
  }
  void OnCodecError(uint32_t, const char*) override {}
  void OnSessionIdle() override {}
  void OnSessionClosed(const net::CloseInfo&) override {}
};
struct ClientOwner final : ClientSessionOwner {
  void OnSessionReady() override {}
  void OnStreamClosed() override {}
  void OnGoAway() override {}
  void OnSessionClosed(const net::CloseInfo&) override {}
};

// Both sides of one protocol, over no socket.
class Reader {
 public:
  Reader() : connection_(h2::FuzzLoop(), -1, std::make_unique<h2::MemoryTransport>(nullptr)) {}

  Seen& Request(bool h2, const std::string& wire) {
    std::unique_ptr<Session> session = h2 ? MakeHttp2Server(connection_, server_, options_, http2_, counters_)
                                          : MakeHttp1Server(connection_, server_, options_, http1_, counters_);
    Run(*session, h2 ? absl::StrCat(kPreface, absl::string_view(kSettings, 9), wire) : wire);
    return server_.seen;
  }

  Seen& Response(bool h2, const std::string& wire) {
    std::unique_ptr<ClientSession> session = h2 ? MakeHttp2Client(connection_, client_, options_, http2_, counters_)
                                                : MakeHttp1Client(connection_, client_, options_, http1_, counters_);
    connection_.SetHandler(session.get());
    session->OnConnected();
    Seen& seen = server_.seen;
    seen.sender = session->NewStream(seen);
    if (seen.sender == nullptr) return seen;
    HeaderMap map(seen.memory);
    map.Add(KnownHeader::kMethod, "GET");
    map.Add(KnownHeader::kScheme, "http");
    map.Add(KnownHeader::kAuthority, "a.test");
    map.Add(KnownHeader::kPath, "/");
    seen.sender->SendHeaders(map, true);
    h2::FuzzLoop().RunOnce(Duration(0));
    Run(*session, h2 ? absl::StrCat(absl::string_view(kSettings, 9), wire) : wire);
    return seen;
  }

 private:
  static constexpr absl::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  static constexpr char kSettings[] = "\0\0\0\4\0\0\0\0\0";

  void Run(Session& session, const std::string& wire) {
    connection_.SetHandler(&session);
    Buffer input{absl::string_view(wire)};
    session.OnData(input, false);
    h2::FuzzLoop().RunOnce(Duration(0));
    server_.seen.closing = true;
    connection_.Close(net::Connection::CloseMode::kNow);
    h2::FuzzLoop().RunOnce(Duration(0));
  }

  CodecCounters counters_;
  CodecOptions options_;
  Http1Options http1_ = [] {
    Http1Options options;
    options.enable_trailers = true;
    return options;
  }();
  Http2Options http2_;
  ServerOwner server_;
  ClientOwner client_;
  net::Connection connection_;
};

[[noreturn]] void Wrong(const char* what, const std::string& a, const std::string& b) {
  fprintf(stderr, "%s\n--- HTTP/1\n%s\n--- HTTP/2\n%s\n", what, a.c_str(), b.c_str());
  abort();
}

// The head that came by HTTP/2, as it would go to an HTTP/1 server, read by a server.
void StepDown(const PlainMessage& message, const Seen& seen) {
  if (seen.map == nullptr || message.method == "CONNECT") return;
  Buffer out;
  const h1::WritePlan plan = h1::PlanRequest(*seen.map, message.body.empty() && !message.has_trailers);
  if (h1::WriteRequestHead(*seen.map, plan, Http1Options(), out) == 0) Wrong("cannot be sent", "", seen.Whole());
  const std::string head = out.ToString();
  std::string wire = head;
  if (plan.framing == h1::Framing::kChunked) wire += "0\r\n\r\n";
  if (plan.framing == h1::Framing::kLength) wire += message.body;
  Reader reader;
  const Seen& again = reader.Request(false, wire);
  if (!again.ended || again.streams != 1 || again.head != seen.head || again.fields != seen.fields) {
    Wrong("steps down to something else", absl::StrCat(head, "\n", again.streams, " ", again.Whole()), seen.Whole());
  }
}

void Compare(const PlainMessage& message) {
  Reader one, two;
  const std::string h2 = ToHttp2(message);
  const Seen& by_h2 = message.request ? two.Request(true, h2) : two.Response(true, h2);
  if (message.only_http2) {  // there is no such HTTP/1 message
    if (by_h2.ended) Wrong("passes what HTTP/1 cannot say", "", by_h2.Whole());
    return;
  }
  const std::string h1 = ToHttp1(message);
  const Seen& by_h1 = message.request ? one.Request(false, h1) : one.Response(false, h1);
  if (message.request && by_h2.ended) StepDown(message, by_h2);
  const bool connect = message.request && message.method == "CONNECT";
  if (by_h1.Whole(connect) != by_h2.Whole(connect)) Wrong("differs", by_h1.Whole(connect), by_h2.Whole(connect));
}

// Some answers have no body, others are not the last one: the two protocols say that in forms of their own.
bool Comparable(const PlainMessage& message) {
  if (message.request) return true;
  return !message.method.empty() && message.method[0] != '1' && message.method != "204" && message.method != "304";
}

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::http;
  PlainMessage message;
  if (!ReadPlainMessage(absl::string_view(reinterpret_cast<const char*>(data), size), &message)) return 0;
  if (Comparable(message)) Compare(message);
  return 0;
}
