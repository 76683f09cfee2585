#include <string>

#include "absl/strings/str_cat.h"
#include "test/attack/attack.h"

namespace outrigger::attack {
namespace {

const char kGet[] = "GET / HTTP/1.1\r\nHost: a.test\r\n";
const char kPost[] = "POST / HTTP/1.1\r\nHost: a.test\r\n";
const char kChunked[] = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";

// Different each time, and never HTTP.
void Garbage(uint32_t number, std::string& out) {
  uint64_t state = number * 0x9e3779b97f4a7c15u + 1;
  for (int i = 0; i < 512; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    out.push_back(static_cast<char>(state));
  }
}

void AddTooMuch(std::vector<Attack>& all) {
  all.push_back({"h1-huge-header", "a header value without end", "http1.header_overflow|downstream_rq_4xx",
                 Repeat(absl::StrCat(kGet, "X: "), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")});
  all.push_back({"h1-many-headers", "header fields without end", "downstream_rq_4xx", Repeat(kGet, "a: b\r\n")});
  all.push_back({"h1-long-target", "a request target without end", "downstream_rq_4xx", Repeat("GET /", "aaaaaaaa")});
  all.push_back({"h1-empty-lines", "empty lines in front of a request, without end", "downstream_rq_4xx|protocol_error",
                 Repeat("", "\r\n")});
  all.push_back({"h1-chunk-extension", "a chunk extension without end",
                 "downstream_rq_4xx|downstream_cx_protocol_error",
                 Repeat(absl::StrCat(kChunked, "1;a="), "aaaaaaaaaaaaaaaa")});
  all.push_back({"h1-chunk-extensions", "chunks of one byte with extensions of 200",
                 "downstream_rq_4xx|downstream_cx_protocol_error",
                 Repeat(kChunked, absl::StrCat("1;a=", std::string(200, 'b'), "\r\nx\r\n"))});
  all.push_back({"h1-tiny-chunks", "a body of chunks of one byte, without end", "downstream_cx_rx_bytes_total",
                 Repeat(kChunked, "1\r\nx\r\n")});
  all.push_back({"h1-trailers", "trailer fields without end", "downstream_rq_4xx|downstream_cx_protocol_error",
                 Repeat(absl::StrCat(kChunked, "0\r\n"), "a: b\r\n")});
  all.push_back({"h1-garbage", "bytes that are no protocol", "downstream_cx_protocol_error", Generate("", &Garbage)});
}

void AddUnread(std::vector<Attack>& all) {
  const std::string get = absl::StrCat(kGet, "\r\n");
  all.push_back({"h1-pipeline", "requests without end, all answers read", "downstream_rq_2xx", Repeat("", get)});
  all.push_back({"h1-pipeline-unread", "requests without end, no answer read", "downstream_rq_2xx", Repeat("", get),
                 Reads::kNothing});
  all.push_back({"h1-large-unread", "large answers asked for and not read", "downstream_rq_idle_timeout",
                 Repeat("GET /large HTTP/1.1\r\nHost: a.test\r\n\r\n", ""), Reads::kNothing, 200});
  all.push_back({"h1-churn", "a connection for each request", "downstream_cx_total", Repeat(get, ""), Reads::kAll, 32,
                 0, false, true});
}

void AddSlow(std::vector<Attack>& all) {
  all.push_back({"h1-slow-head", "a head that comes byte by byte", "downstream_rq_header_timeout",
                 Repeat(kGet, "X: y\r\n"), Reads::kAll, 500, 50});
  all.push_back({"h1-slow-body", "a body that comes byte by byte", "downstream_rq_timeout",
                 Repeat(absl::StrCat(kPost, "Content-Length: 100000\r\n\r\n"), "x"), Reads::kAll, 500, 50});
  all.push_back(
      {"h1-silent", "connections that say nothing", "downstream_cx_idle_timeout", Repeat("", ""), Reads::kAll, 1000});
}

}  // namespace

void AddHttp1Attacks(std::vector<Attack>& all) {
  AddTooMuch(all);
  AddUnread(all);
  AddSlow(all);
}

}  // namespace outrigger::attack
