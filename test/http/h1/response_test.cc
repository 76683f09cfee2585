#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "test/http/h1/message_trace.h"

namespace outrigger::http::h1 {
namespace {

using std::string_literals::operator""s;

std::string Read(absl::string_view wire, const TraceOptions& options = {}) {
  return TraceEveryWay(Decoder::Kind::kResponse, wire, options);
}

struct Case {
  std::string wire;
  std::string trace;
};

TEST(ResponseTest, StatusLinesAreStrict) {
  const std::string rest = "\r\nContent-Length: 0\r\n\r\n";
  const Case cases[] = {
      {"HTTP/1.1 200 OK", "200 [content-length: 0] end"},
      {"HTTP/1.1 200 ", "200 [content-length: 0] end"},
      {"HTTP/1.1 200", "200 [content-length: 0] end"},
      {"HTTP/1.1 599 caf\xc3\xa9 (x)", "599 [content-length: 0] end"},
      {"HTTP/1.0 404 Not Found", "404 [content-length: 0] close end"},
      {"HTTP/1.7 200 OK", "200 [content-length: 0] end"},
      {"HTTP/1.1  200 OK", "refused 400 http1.codec_error"},
      {"HTTP/1.1 200OK", "refused 400 http1.codec_error"},
      {"HTTP/1.1 2000 OK", "refused 400 http1.codec_error"},
      {"HTTP/1.1 20 OK", "refused 400 http1.codec_error"},
      {"HTTP/1.1 099 OK", "refused 400 http1.codec_error"},
      {"HTTP/1.1 600 OK", "refused 400 http1.codec_error"},
      {"HTTP/1.1 -20 OK", "refused 400 http1.codec_error"},
      {"HTTP/1.1 2x0 OK", "refused 400 http1.codec_error"},
      {"HTTP/1.1 200 O\x01K", "refused 400 http1.codec_error"},
      {"HTTP/1.1 200 O\0K"s, "refused 400 http1.codec_error"},
      {"HTTP/2.0 200 OK", "refused 400 http1.codec_error"},
      {"http/1.1 200 OK", "refused 400 http1.codec_error"},
      {"HTTP/1.1\t200 OK", "refused 400 http1.codec_error"},
      {" HTTP/1.1 200 OK", "refused 400 http1.codec_error"},
      {"\r\nHTTP/1.1 200 OK", "refused 400 http1.codec_error"},
      {"ICY 200 OK", "refused 400 http1.codec_error"},
      {"<html>", "refused 400 http1.codec_error"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(c.wire + rest), c.trace) << c.wire;
}

TEST(ResponseTest, BodiesAreFramedOneWay) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const Case cases[] = {
      {ok + "Content-Length: 2\r\n\r\nhi", "200 [content-length: 2] body(hi) end"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "200 [] body(hi) end"},
      {ok + "\r\nuntil the end", "200 [] close ..."},
      {ok + "Connection: close\r\nContent-Length: 2\r\n\r\nhi", "200 [content-length: 2] close body(hi) end"},
      {ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "refused 400 http1.invalid_content_length"},
      {ok + "Content-Length: 2, 2\r\n\r\nhi", "refused 400 http1.invalid_content_length"},
      {ok + "Content-Length: -2\r\n\r\nhi", "refused 400 http1.invalid_content_length"},
      {ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "refused 400 http1.content_length_and_chunked_not_allowed"},
      {ok + "Transfer-Encoding: gzip\r\n\r\nx", "refused 400 http1.invalid_transfer_encoding"},
      {ok + "Transfer-Encoding: chunked, gzip\r\n\r\nx", "refused 400 http1.invalid_transfer_encoding"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nx\r\n\r\n", "200 [] refused 400 http1.invalid_chunk"},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {ok + "X : y\r\n\r\n", "refused 400 http1.codec_error"},
      {ok + "X: y\r\n z\r\n\r\n", "refused 400 http1.codec_error"},
      {ok + "X: \0\r\n\r\n"s, "refused 400 http1.invalid_characters"},
      {"HTTP/1.1 204 No\r\n\r\n", "204 [] end"},
      {"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", "204 [] end"},
      {"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n", "refused 502 http1.content_length_not_allowed"},
      {"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", "refused 502 http1.transfer_encoding_not_allowed"},
      {"HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n", "304 [content-length: 7] end"},
      {"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", "304 [] end"},
      {"HTTP/1.1 100 Go\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", "100 [] end\n200 [content-length: 0] end"},
      {"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n",
       "103 [link: x] end\n200 [content-length: 0] end"},
      {"HTTP/1.1 100 Go\r\nTransfer-Encoding: chunked\r\n\r\n", "refused 502 http1.transfer_encoding_not_allowed"},
      {"HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "refused 502 http1.unexpected_upgrade"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(c.wire), c.trace) << c.wire;
}

TEST(ResponseTest, TheRequestDecidesWhatABodyIs) {
  TraceOptions options;
  options.request.head = true;
  EXPECT_EQ(Read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", options), "200 [content-length: 9] end");
  EXPECT_EQ(Read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", options), "200 [] end");
  options.request = RequestFacts{false, true, {}};
  EXPECT_EQ(Read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", options), "200 [] end");
  EXPECT_EQ(Read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", options), "200 [] end");
  EXPECT_EQ(Read("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", options), "403 [content-length: 2] body(no) end");
  options.request = RequestFacts{false, false, "websocket, x"};
  EXPECT_EQ(Read("HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", options),
            "101 [upgrade: websocket|connection: upgrade] end");
  EXPECT_EQ(Read("HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: X\r\nUpgrade: WebSocket,\r\n\r\n", options),
            "101 [upgrade: X|upgrade: WebSocket,|connection: upgrade] end");
  for (const char* fields :
       {"", "Upgrade: websocket\r\n", "Connection: upgrade\r\n", "Connection: upgrade\r\nUpgrade:\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n", "Connection: upgrade\r\nUpgrade: ,\r\n",
        "Connection: upgrade\r\nUpgrade: web\r\n", "Connection: upgrade\r\nUpgrade: x, y\r\n"}) {
    EXPECT_EQ(Read(absl::StrCat("HTTP/1.1 101 Switch\r\n", fields, "\r\n"), options),
              "refused 502 http1.unexpected_upgrade")
        << fields;
  }
}

TEST(ResponseTest, HopByHopFieldsStayBehind) {
  EXPECT_EQ(Read("HTTP/1.1 204 No\r\nConnection: x-a\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\nX-B: 2\r\n\r\n"),
            "204 [x-b: 2] end");
}

}  // namespace
}  // namespace outrigger::http::h1
