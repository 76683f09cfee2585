#include <string>

#include "absl/strings/str_cat.h"
#include "test/attack/attack.h"
#include "test/http/h2/frames.h"

namespace outrigger::attack {
namespace {

using http::h2::Block;
using http::h2::Fields;
using http::h2::Frame;
using http::h2::kEndHeaders;
using http::h2::kEndStream;
using http::h2::kPreface;
using http::h2::Literal;
using http::h2::Number;
using http::h2::Settings;

constexpr uint8_t kData = 0, kHeaders = 1, kPriority = 2, kReset = 3, kPing = 6, kGoaway = 7, kWindowUpdate = 8,
                  kContinuation = 9;

std::string Begin() { return absl::StrCat(kPreface, Settings()); }
std::string Request(const std::string& method, const std::string& path) {
  return Block({{":method", method}, {":scheme", "http"}, {":path", path}, {":authority", "a.test"}});
}
uint32_t StreamOf(uint32_t number) { return 2 * number + 1; }
std::string Windows(uint32_t stream) { return Frame(kWindowUpdate, 0, stream, Number(0x7000'0000, 4)); }

// A request on each stream, and after it what `then` says of the stream.
MakeFeed EachStream(std::string first, const std::string& block, uint8_t flags,
                    std::function<std::string(uint32_t stream)> then) {
  return Generate(std::move(first), [block, flags, then = std::move(then)](uint32_t number, std::string& out) {
    const uint32_t stream = StreamOf(number);
    absl::StrAppend(&out, Frame(kHeaders, flags, stream, block), then(stream));
  });
}

// Frames without end behind an open request.
MakeFeed Behind(const std::string& open, const std::string& frames) {
  return Repeat(absl::StrCat(Begin(), open), frames);
}

void AddResets(std::vector<Attack>& all) {
  const std::string get = Request("GET", "/"), post = Request("POST", "/");
  all.push_back({"h2-rapid-reset", "requests that are reset at once (CVE-2023-44487)", "too_many_premature_resets",
                 EachStream(Begin(), get, kEndHeaders | kEndStream,
                            [](uint32_t stream) { return Frame(kReset, 0, stream, Number(8, 4)); })});
  all.push_back({"h2-made-you-reset", "requests that make the proxy reset them (CVE-2025-8671)",
                 "too_many_premature_resets|rx_messaging_error|protocol_error|tx_reset",
                 EachStream(Begin(), post, kEndHeaders,
                            [](uint32_t stream) { return Frame(kWindowUpdate, 0, stream, Number(0, 4)); })});
  all.push_back({"h2-made-you-reset-overflow", "windows made too large, stream after stream (CVE-2025-8671)",
                 "too_many_premature_resets|rx_messaging_error|protocol_error|tx_reset",
                 EachStream(Begin(), post, kEndHeaders, [](uint32_t stream) {
                   const std::string most = Frame(kWindowUpdate, 0, stream, Number(0x7fff'ffff, 4));
                   return absl::StrCat(most, most);
                 })});
  all.push_back({"h2-open-streams", "requests that never end, more than are allowed",
                 "tx_reset|rx_messaging_error|too_many_premature_resets|protocol_error",
                 EachStream(Begin(), post, kEndHeaders, [](uint32_t) { return std::string(); })});
}

void AddHeaders(std::vector<Attack>& all) {
  const std::string open = Frame(kHeaders, 0, 1, Request("GET", "/"));
  all.push_back({"h2-continuation", "header fields without end (CVE-2024-27316)",
                 "header_overflow|rx_messaging_error|protocol_error|headers_cb_no_stream",
                 Behind(open, Frame(kContinuation, 0, 1, Literal("a", std::string(8000, 'b'))))});
  all.push_back({"h2-empty-continuation", "empty CONTINUATION frames without end",
                 "inbound_empty_frames_flood|rx_messaging_error|protocol_error",
                 Behind(open, Frame(kContinuation, 0, 1, ""))});
  // 4,000 bytes go into the table once; each byte after that stands for them.
  const std::string bomb =
      std::string("\x40\x01", 2) + std::string("z") + std::string("\x7f\xa1\x1e", 3) + std::string(4000, 'b');
  all.push_back({"h2-hpack-bomb", "a small block that is large when read",
                 "header_overflow|rx_messaging_error|protocol_error|downstream_rq_4xx",
                 EachStream(Begin(), absl::StrCat(Request("GET", "/"), bomb, std::string(10'000, '\xbe')),
                            kEndHeaders | kEndStream, [](uint32_t) { return std::string(); })});
  all.push_back({"h2-table-resize", "the header table made small and large again in each block",
                 "downstream_rq_2xx|protocol_error|flood",
                 EachStream(Begin(), absl::StrCat("\x20", "\x3f\xe1\x1f", Request("GET", "/")),
                            kEndHeaders | kEndStream, [](uint32_t) { return std::string(); })});
}

void AddControl(std::vector<Attack>& all) {
  const std::string open = Frame(kHeaders, kEndHeaders, 1, Request("POST", "/"));
  const std::string table = Settings({{1, 0}, {1, 4096}});
  all.push_back({"h2-settings", "SETTINGS without end, no answer read", "flood", Behind("", table), Reads::kNothing});
  all.push_back({"h2-settings-read", "SETTINGS without end", "flood|downstream_cx_rx_bytes_total", Behind("", table)});
  all.push_back({"h2-ping", "PING without end, no answer read", "flood",
                 Behind("", Frame(kPing, 0, 0, std::string(8, 'p'))), Reads::kNothing});
  all.push_back({"h2-ping-read", "PING without end", "flood|downstream_cx_rx_bytes_total",
                 Behind("", Frame(kPing, 0, 0, std::string(8, 'p')))});
  all.push_back(
      {"h2-empty-data", "empty DATA without end", "inbound_empty_frames_flood", Behind(open, Frame(kData, 0, 1, ""))});
  all.push_back({"h2-padding", "DATA of nothing but padding", "flood|downstream_cx_rx_bytes_total",
                 Behind(open, Frame(kData, 8, 1, std::string(1, '\xff') + std::string(255, '\0')))});
  all.push_back({"h2-priority", "PRIORITY without end", "inbound_priority_frames_flood",
                 Behind("", Frame(kPriority, 0, 3, Number(1, 4) + "\x10"))});
  all.push_back({"h2-window-update", "WINDOW_UPDATE without end", "inbound_window_update_frames_flood",
                 Behind("", Frame(kWindowUpdate, 0, 0, Number(1, 4)))});
  all.push_back({"h2-unknown", "frames of an unknown type", "flood|downstream_cx_rx_bytes_total",
                 Behind("", Frame(0xfa, 0, 0, ""))});
  all.push_back({"h2-goaway", "GOAWAY without end", "flood|downstream_cx_rx_bytes_total",
                 Behind("", Frame(kGoaway, 0, 0, Number(0, 8)))});
}

void AddStalls(std::vector<Attack>& all) {
  const std::string large = Request("GET", "/large");
  std::string stalled = absl::StrCat(kPreface, Settings({{4, 0}}));
  for (uint32_t stream = 1; stream < 80; stream += 2)
    stalled += Frame(kHeaders, kEndHeaders | kEndStream, stream, large);
  all.push_back({"h2-zero-window", "large answers for which there is never a window",
                 "downstream_rq_idle_timeout|tx_reset", Repeat(stalled, ""), Reads::kAll, 25});
  std::string many = absl::StrCat(kPreface, Settings({{4, 0x7fff'ffff}}), Windows(0));
  for (uint32_t stream = 1; stream < 80; stream += 2) many += Frame(kHeaders, kEndHeaders | kEndStream, stream, large);
  all.push_back({"h2-large-unread", "large answers asked for and not read", "downstream_rq_idle_timeout|tx_reset",
                 Repeat(many, ""), Reads::kNothing, 25});
  all.push_back({"h2-half-preface", "the preface begun and not ended",
                 "downstream_cx_idle_timeout|header_timeout|protocol_error", Repeat("PRI * HTTP/2.0\r\n", ""),
                 Reads::kAll, 500});
  all.push_back({"h2-silent", "connections without a request", "downstream_cx_idle_timeout", Repeat(Begin(), ""),
                 Reads::kAll, 500});
  all.push_back(
      {"h2-slow-body", "a body that comes byte by byte", "downstream_rq_timeout",
       Repeat(absl::StrCat(Begin(), Frame(kHeaders, kEndHeaders, 1, Request("POST", "/"))), Frame(kData, 0, 1, "x")),
       Reads::kAll, 500, 50});
}

}  // namespace

void AddHttp2Attacks(std::vector<Attack>& all) {
  AddResets(all);
  AddHeaders(all);
  AddControl(all);
  AddStalls(all);
}

}  // namespace outrigger::attack
