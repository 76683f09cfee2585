#include "source/http/h1/serializer.h"

#include <gtest/gtest.h>

#include "source/base/arena.h"
#include "source/http/h1/parser.h"
#include "test/http/h1/message_trace.h"

namespace outrigger::http::h1 {
namespace {

using std::string_literals::operator""s;

class SerializerTest : public testing::Test {
 protected:
  HeaderMap& Request(absl::string_view method, absl::string_view authority, absl::string_view path) {
    map_.Clear();
    map_.Add(KnownHeader::kMethod, method);
    map_.Add(KnownHeader::kScheme, "http");
    map_.Add(KnownHeader::kAuthority, authority);
    if (method != "CONNECT") map_.Add(KnownHeader::kPath, path);
    return map_;
  }
  HeaderMap& Response(uint32_t status) {
    map_.Clear();
    map_.SetStatus(status);
    return map_;
  }
  std::string WriteRequest(bool end) {
    Buffer out;
    const size_t n = WriteRequestHead(map_, PlanRequest(map_, end), options_, out);
    EXPECT_EQ(n, out.size());
    return out.ToString();
  }
  std::string WriteResponse(bool end, AnswerTo to = {false, false, false, false, true}) {
    Buffer out;
    const size_t n = WriteResponseHead(map_, PlanResponse(map_, end, to), options_, out);
    EXPECT_EQ(n, out.size());
    return out.ToString();
  }
  Arena arena_;
  HeaderMap map_{arena_};
  Http1Options options_;
};

TEST_F(SerializerTest, WritesRequestsWithTheirFraming) {
  Request("GET", "a:1", "/x?y").Add(HeaderName("b"), "c");
  EXPECT_EQ(WriteRequest(true), "GET /x?y HTTP/1.1\r\nhost: a:1\r\nb: c\r\n\r\n");
  EXPECT_EQ(WriteRequest(false), "GET /x?y HTTP/1.1\r\nhost: a:1\r\nb: c\r\ntransfer-encoding: chunked\r\n\r\n");
  Request("POST", "a", "/");
  EXPECT_EQ(WriteRequest(true), "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
  map_.Add(KnownHeader::kContentLength, "5");
  map_.Add(HeaderName("z"), "1");
  EXPECT_EQ(WriteRequest(false), "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nz: 1\r\n\r\n");
  EXPECT_TRUE(PlanRequest(map_, true).broken);
}

TEST_F(SerializerTest, WritesConnectUpgradeAndTe) {
  Request("CONNECT", "a:443", "");
  EXPECT_EQ(WriteRequest(false), "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n");
  Request("GET", "a", "/").Add(KnownHeader::kUpgrade, "websocket");
  map_.Add(KnownHeader::kConnection, "upgrade");
  EXPECT_EQ(WriteRequest(false), "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
  Request("GET", "a", "/").Add(KnownHeader::kTe, "trailers");
  EXPECT_EQ(WriteRequest(true), "GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n");
}

TEST_F(SerializerTest, RefusesRequestsThatAreNotOneLine) {
  const absl::string_view bad_paths[] = {"", "x", "/a b", "/a\r\nX: y", "/a\n", "*", "http://b/", "/a#b", "/\x80"};
  for (absl::string_view path : bad_paths) {
    Request("GET", "a", path);
    EXPECT_EQ(WriteRequest(true), "") << path;
  }
  for (absl::string_view authority : {"", "a b", "u@a", "a\r\nX: y", "a:80:80", "a/b"}) {
    Request("GET", authority, "/");
    EXPECT_EQ(WriteRequest(true), "") << authority;
  }
  for (absl::string_view method : {"", "G T", "GET /x HTTP/1.1\r\n"}) {
    Request(method, "a", "/");
    EXPECT_EQ(WriteRequest(true), "") << method;
  }
}

TEST_F(SerializerTest, NothingInAFieldEndsALine) {
  Request("GET", "a", "/").AddCopy(HeaderName("x"), "1\r\nY: 2\0"s);
  map_.Add(HeaderName("bad name"), "1");
  map_.Add(HeaderName("bad\r\n"), "1");
  EXPECT_EQ(WriteRequest(true), "GET / HTTP/1.1\r\nhost: a\r\nx: 1  Y: 2 \r\n\r\n");
}

TEST_F(SerializerTest, HopByHopFieldsAreNotCopied) {
  Request("GET", "a", "/").Add(KnownHeader::kConnection, "x-a, keep-alive");
  map_.Add(HeaderName("x-a"), "1");
  map_.Add(KnownHeader::kKeepAlive, "1");
  map_.Add(KnownHeader::kTransferEncoding, "gzip");
  map_.Add(KnownHeader::kHost, "evil");
  map_.Add(KnownHeader::kUpgrade, "h2c");
  map_.Add(KnownHeader::kHttp2Settings, "x");
  map_.Add(HeaderName("x-b"), "2");
  EXPECT_EQ(WriteRequest(true), "GET / HTTP/1.1\r\nhost: a\r\nx-b: 2\r\n\r\n");
}

TEST_F(SerializerTest, WritesResponsesWithTheirFraming) {
  Response(200).Add(HeaderName("b"), "c");
  EXPECT_EQ(WriteResponse(true), "HTTP/1.1 200 OK\r\nb: c\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(WriteResponse(false), "HTTP/1.1 200 OK\r\nb: c\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(WriteResponse(false, {false, false, false, true, true}),
            "HTTP/1.1 200 OK\r\nb: c\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(WriteResponse(true, {false, false, false, true, true}),
            "HTTP/1.1 200 OK\r\nb: c\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n");
  EXPECT_EQ(WriteResponse(true, {true, false, false, false, true}), "HTTP/1.1 200 OK\r\nb: c\r\n\r\n");
  map_.Add(KnownHeader::kContentLength, "9");
  EXPECT_EQ(WriteResponse(true, {true, false, false, false, true}),
            "HTTP/1.1 200 OK\r\nb: c\r\ncontent-length: 9\r\n\r\n");
  EXPECT_EQ(WriteResponse(false), "HTTP/1.1 200 OK\r\nb: c\r\ncontent-length: 9\r\n\r\n");
  Response(204).Add(KnownHeader::kContentLength, "0");
  EXPECT_EQ(WriteResponse(true), "HTTP/1.1 204 No Content\r\n\r\n");
  Response(304).Add(KnownHeader::kContentLength, "9");
  EXPECT_EQ(WriteResponse(true), "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n");
  Response(299);
  EXPECT_EQ(WriteResponse(true, {false, false, false, false, false}),
            "HTTP/1.1 299 \r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  Response(101).Add(KnownHeader::kUpgrade, "websocket");
  EXPECT_EQ(WriteResponse(false, {false, false, true, false, true}),
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
  Response(200);
  EXPECT_EQ(WriteResponse(false, {false, true, false, false, true}), "HTTP/1.1 200 OK\r\n\r\n");
}

TEST_F(SerializerTest, AsksOptionsOfAWholeServer) {
  Request("OPTIONS", "a", "*");
  EXPECT_EQ(WriteRequest(true), "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n");
  options_.send_fully_qualified_url = true;
  EXPECT_EQ(WriteRequest(true), "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n");
}

TEST_F(SerializerTest, StatusesWithoutABodyHaveNoFraming) {
  for (const uint32_t status : {103u, 204u, 304u}) {
    for (const bool length : {false, true}) {
      Response(status).Add(KnownHeader::kTransferEncoding, "chunked");
      if (length) map_.Add(KnownHeader::kContentLength, "9");
      const std::string text = WriteResponse(false);
      EXPECT_EQ(text.find("transfer-encoding"), std::string::npos) << text;
      EXPECT_EQ(text.find("content-length") != std::string::npos, length && status == 304) << text;
    }
  }
}

TEST_F(SerializerTest, OneFramingIsWritten) {
  Request("POST", "a", "/").Add(KnownHeader::kContentLength, "9");
  map_.Add(KnownHeader::kTransferEncoding, "chunked");
  EXPECT_EQ(WriteRequest(false), "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n");
  map_.Add(KnownHeader::kContentLength, "8");  // not one length: none
  EXPECT_EQ(WriteRequest(false), "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
  Response(200).Add(KnownHeader::kContentLength, "9");
  map_.Add(KnownHeader::kTransferEncoding, "chunked");
  EXPECT_EQ(WriteResponse(false), "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
}

TEST_F(SerializerTest, SpellsNamesAsAsked) {
  options_.proper_case = true;
  Request("GET", "a", "/").Add(HeaderName("x-some-thing"), "1");
  EXPECT_EQ(WriteRequest(true), "GET / HTTP/1.1\r\nHost: a\r\nX-Some-Thing: 1\r\n\r\n");
  options_ = Http1Options();
  options_.preserve_case = true;
  Request("GET", "a", "/").AddWire(KnownHeader::kOther, "x-some", "1", "X-sOmE");
  map_.Add(HeaderName("added"), "1");
  EXPECT_EQ(WriteRequest(true), "GET / HTTP/1.1\r\nhost: a\r\nX-sOmE: 1\r\nadded: 1\r\n\r\n");
  options_ = Http1Options();
  options_.send_fully_qualified_url = true;
  Request("GET", "a", "/x");
  EXPECT_EQ(WriteRequest(true), "GET http://a/x HTTP/1.1\r\nhost: a\r\n\r\n");
}

TEST_F(SerializerTest, ChunksAndTrailersReadBackTheSame) {
  Request("POST", "a", "/p").Add(HeaderName("b"), "c");
  Buffer out;
  WriteRequestHead(map_, PlanRequest(map_, false), options_, out);
  Buffer piece("hello "), longer(std::string(300, 'x')), nothing;
  WriteChunk(piece, out);
  EXPECT_EQ(WriteChunk(nothing, out), 0u);
  WriteChunk(longer, out);
  HeaderMap trailers(arena_);
  trailers.Add(HeaderName("t"), "1");
  trailers.Add(KnownHeader::kContentLength, "1");
  WriteTrailers(trailers, options_, out);
  TraceOptions trace;
  trace.http1.enable_trailers = true;
  EXPECT_EQ(TraceEveryWay(Decoder::Kind::kRequest, out.ToString(), trace),
            "POST http a /p [b: c] body(hello " + std::string(300, 'x') + ") trailers[t: 1] end");
}

TEST_F(SerializerTest, RefusalsSayWhyAndClose) {
  Buffer out;
  WriteRefusal(400, false, out);
  EXPECT_EQ(out.ToString(),
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 11\r\nconnection: "
            "close\r\n\r\nBad Request");
  out.Clear();
  WriteRefusal(400, /*head=*/true, out);
  EXPECT_EQ(out.ToString(),
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 11\r\nconnection: close\r\n\r\n");
}

}  // namespace
}  // namespace outrigger::http::h1
