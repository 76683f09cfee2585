#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "test/http/h1/message_trace.h"

namespace outrigger::http::h1 {
namespace {

using std::string_literals::operator""s;

std::string Read(absl::string_view wire, const TraceOptions& options = {}) {
  return TraceEveryWay(Decoder::Kind::kRequest, wire, options);
}
// A request with these field lines (each without its CRLF) after a good start line and Host.
std::string WithField(absl::string_view line) {
  return absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\n", line, "\r\n\r\n");
}
std::string WithTarget(absl::string_view target) {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: a\r\n\r\n");
}
std::string WithHost(absl::string_view host) { return absl::StrCat("GET / HTTP/1.1\r\nHost: ", host, "\r\n\r\n"); }
std::string Chunked(absl::string_view body) {
  return absl::StrCat("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", body);
}

struct Case {
  std::string wire;
  std::string trace;
};

TEST(RequestTest, StartLinesAreStrict) {
  const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET http a / [] end"},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET http a / [] end"},
      {"PURGE_ME!#$ / HTTP/1.1\r\nHost: a\r\n\r\n", "PURGE_ME!#$ http a / [] end"},
      {"get / HTTP/1.1\r\nHost: a\r\n\r\n", "get http a / [] end"},
      {"GET / HTTP/1.9\r\nHost: a\r\n\r\n", "GET http a / [] end"},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP/1.1\nHost: a\n\n", "refused 400 http1.codec_error"},
      {"GET /\r\n\r\n", "refused 400 http1.invalid_url"},
      {"GET\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / \r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP/1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP/01.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP/+1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP/1,1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP /1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / http/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / ICE/1.0\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "refused 505 http1.unsupported_version"},
      {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", "refused 505 http1.unsupported_version"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "refused 505 http1.unsupported_version"},
      {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n"s, "refused 400 http1.codec_error"},
      {"GET: / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, "refused 400 http1.codec_error"},
      {std::string(64, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n", std::string(64, 'M') + " http a / [] end"},
      {std::string(65, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 501 http1.method_too_long"},
      {std::string(65, 'M') + "\n\n", "refused 501 http1.method_too_long"},
      {std::string(64, 'M') + "\x01 / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 http1.codec_error"},
      {"GET / HTTP/1.1\r\n", ""},
      {"GET", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(c.wire), c.trace) << c.wire;
}

TEST(RequestTest, AnEscapeInAPathIsWhole) {
  for (absl::string_view path : {"/100%", "/%", "/%2", "/%zz", "/%4g/x", "/a%20%", "/%?a", "http://a/%x", "/%%41"}) {
    EXPECT_EQ(Read(WithTarget(path)), "refused 400 http1.invalid_url") << path;
  }
  for (absl::string_view path : {"/%41%2f%C3%a9", "/?100%", "/a%20?%zz%", "/%41?%"}) {
    EXPECT_EQ(Read(WithTarget(path)), absl::StrCat("GET http a ", path, " [] end")) << path;
  }
}

TEST(RequestTest, TargetsHaveFourForms) {
  const Case cases[] = {
      {WithTarget("/a/b?c=d&e=%20"), "GET http a /a/b?c=d&e=%20 [] end"},
      {WithTarget("//x"), "GET http a //x [] end"},
      {WithTarget("/?{|}^`\"<>\\"), "GET http a /?{|}^`\"<>\\ [] end"},
      {WithTarget("http://b.com"), "GET http b.com / [] end"},
      {WithTarget("http://b.com/"), "GET http b.com / [] end"},
      {WithTarget("HTTP://b.com:8080/x?y"), "GET http b.com:8080 /x?y [] end"},
      {WithTarget("https://b.com/x"), "GET https b.com /x [] end"},
      {WithTarget("http://b.com?q=/"), "GET http b.com /?q=/ [] end"},
      {WithTarget("http://[::1]:80/"), "GET http [::1]:80 / [] end"},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS http a * [] end"},
      {"OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS http b * [] end"},
      {"OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS http b / [] end"},
      {"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", "CONNECT  b:443  [] end"},
      {"CONNECT [::1]:443 HTTP/1.1\r\nHost: b\r\n\r\n", "CONNECT  [::1]:443  [] end"},
      {"CONNECT b HTTP/1.1\r\nHost: b\r\n\r\n", "refused 400 http1.invalid_url"},
      {"CONNECT b: HTTP/1.1\r\nHost: b\r\n\r\n", "refused 400 http1.invalid_url"},
      {"CONNECT b:0 HTTP/1.1\r\nHost: b\r\n\r\n", "refused 400 http1.invalid_url"},
      {"CONNECT b:65536 HTTP/1.1\r\nHost: b\r\n\r\n", "refused 400 http1.invalid_url"},
      {"CONNECT / HTTP/1.1\r\nHost: b\r\n\r\n", "refused 400 http1.invalid_url"},
      {"CONNECT http://b:1/ HTTP/1.1\r\nHost: b\r\n\r\n", "refused 400 http1.invalid_url"},
      {"CONNECT u@b:1 HTTP/1.1\r\nHost: b\r\n\r\n", "refused 400 http1.invalid_url"},
      {"CONNECT b:1 HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\n", "refused 400 http1.content_length_not_allowed"},
      {"CONNECT b:1 HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n",
       "refused 400 http1.transfer_encoding_not_allowed"},
      {WithTarget("*"), "refused 400 http1.invalid_url"},
      {WithTarget("b.com:80"), "refused 400 http1.invalid_url"},
      {WithTarget("x"), "refused 400 http1.invalid_url"},
      {WithTarget("?x"), "refused 400 http1.invalid_url"},
      {WithTarget("http:/b"), "refused 400 http1.invalid_url"},
      {WithTarget("http:b"), "refused 400 http1.invalid_url"},
      {WithTarget("http://"), "refused 400 http1.invalid_url"},
      {WithTarget("http:///x"), "refused 400 http1.invalid_url"},
      {WithTarget("http://u@b/"), "refused 400 http1.invalid_url"},
      {WithTarget("http://u:p@b/"), "refused 400 http1.invalid_url"},
      {WithTarget("http://b:x/"), "refused 400 http1.invalid_url"},
      {WithTarget("http://b:80:80/"), "refused 400 http1.invalid_url"},
      {WithTarget("http://[::1/"), "refused 400 http1.invalid_url"},
      {WithTarget("ftp://b/"), "refused 400 http1.invalid_scheme"},
      {WithTarget("javascript://b/"), "refused 400 http1.invalid_scheme"},
      {WithTarget("/a#b"), "refused 400 http1.invalid_url"},
      {WithTarget("/a b"), "refused 400 http1.codec_error"},
      {WithTarget("/a\tb"), "refused 400 http1.invalid_url"},
      {WithTarget("/a\x7f"), "refused 400 http1.invalid_url"},
      {WithTarget("/caf\xc3\xa9"), "refused 400 http1.invalid_url"},
      {WithTarget("/a\0b"s), "refused 400 http1.invalid_url"},
      {WithTarget("/a\rb"), "refused 400 http1.invalid_url"},
      {WithTarget("/" + std::string(40, 'x') + "\x01" + std::string(40, 'x')), "refused 400 http1.invalid_url"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(c.wire), c.trace) << c.wire;
}

TEST(RequestTest, HostIsOneGoodAuthority) {
  const Case cases[] = {
      {WithHost("a"), "GET http a / [] end"},
      {WithHost("a.example:8080"), "GET http a.example:8080 / [] end"},
      {WithHost("a:"), "GET http a: / [] end"},
      {WithHost("A_b-c.D"), "GET http A_b-c.D / [] end"},
      {WithHost("127.0.0.1:1"), "GET http 127.0.0.1:1 / [] end"},
      {WithHost("[::1]"), "GET http [::1] / [] end"},
      {WithHost("[fe80::1:2]:443"), "GET http [fe80::1:2]:443 / [] end"},
      {WithHost("[::ffff:1.2.3.4]"), "GET http [::ffff:1.2.3.4] / [] end"},
      {WithHost("  a  "), "GET http a / [] end"},
      {WithHost("a%20b"), "GET http a%20b / [] end"},
      {WithHost(""), "refused 400 missing_host_header"},
      {"GET / HTTP/1.1\r\n\r\n", "refused 400 missing_host_header"},
      {"GET http://b/ HTTP/1.1\r\n\r\n", "refused 400 missing_host_header"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "refused 400 http1.invalid_host"},
      {"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "refused 400 http1.invalid_host"},
      {"GET http://b/ HTTP/1.1\r\nHost: a, c\r\n\r\n", "refused 400 http1.invalid_host"},
      {WithHost("a:80:80"), "refused 400 http1.invalid_host"},
      {WithHost("a:65536"), "refused 400 http1.invalid_host"},
      {WithHost("a:000080"), "refused 400 http1.invalid_host"},
      {WithHost("a:-1"), "refused 400 http1.invalid_host"},
      {WithHost("a:8x"), "refused 400 http1.invalid_host"},
      {WithHost(":80"), "refused 400 http1.invalid_host"},
      {WithHost("[::1"), "refused 400 http1.invalid_host"},
      {WithHost("::1"), "refused 400 http1.invalid_host"},
      {WithHost("[::1]x"), "refused 400 http1.invalid_host"},
      {WithHost("[]"), "refused 400 http1.invalid_host"},
      {WithHost("[::g]"), "refused 400 http1.invalid_host"},
      {WithHost("[fe80::1%25eth0]"), "refused 400 http1.invalid_host"},
      {WithHost("[v1.x]"), "refused 400 http1.invalid_host"},
      {WithHost("[" + std::string(60, '1') + "]"), "refused 400 http1.invalid_host"},
      {WithHost("u@a"), "refused 400 http1.invalid_host"},
      {WithHost("a b"), "refused 400 http1.invalid_host"},
      {WithHost("a/b"), "refused 400 http1.invalid_host"},
      {WithHost("a?b"), "refused 400 http1.invalid_host"},
      {WithHost("a#b"), "refused 400 http1.invalid_host"},
      {WithHost("a\\b"), "refused 400 http1.invalid_host"},
      {WithHost("a,b"), "refused 400 http1.invalid_host"},
      {WithHost("a%2"), "refused 400 http1.invalid_host"},
      {WithHost("a%zz"), "refused 400 http1.invalid_host"},
      {WithHost("caf\xc3\xa9"), "refused 400 http1.invalid_host"},
      {WithHost("http://a"), "refused 400 http1.invalid_host"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(c.wire), c.trace) << c.wire;
}

TEST(RequestTest, FieldLinesAreStrict) {
  const Case cases[] = {
      {WithField("X: 1"), "GET http a / [x: 1] end"},
      {WithField("X:1"), "GET http a / [x: 1] end"},
      {WithField("X: \t 1 \t "), "GET http a / [x: 1] end"},
      {WithField("X:"), "GET http a / [x: ] end"},
      {WithField("X:   "), "GET http a / [x: ] end"},
      {WithField("X: a\tb"), "GET http a / [x: a\tb] end"},
      {WithField("X: caf\xc3\xa9\xff"), "GET http a / [x: caf\xc3\xa9\xff] end"},
      {WithField("X: :a:"), "GET http a / [x: :a:] end"},
      {WithField("X: 1\r\nX: 2\r\nY: 3\r\nx: 4"), "GET http a / [x: 1|x: 2|y: 3|x: 4] end"},
      {WithField("!#$%&'*+-.^_`|~09azAZ: 1"), "GET http a / [!#$%&'*+-.^_`|~09azaz: 1] end"},
      {WithField("Cookie: a=b; c=\"d\""), "GET http a / [cookie: a=b; c=\"d\"] end"},
      {WithField("X : 1"), "refused 400 http1.codec_error"},
      {WithField("X\t: 1"), "refused 400 http1.codec_error"},
      {WithField(": 1"), "refused 400 http1.codec_error"},
      {WithField("X"), "refused 400 http1.invalid_characters"},
      {WithField("X y: 1"), "refused 400 http1.codec_error"},
      {WithField("X(: 1"), "refused 400 http1.codec_error"},
      {WithField("\"X\": 1"), "refused 400 http1.codec_error"},
      {WithField("caf\xc3\xa9: 1"), "refused 400 http1.codec_error"},
      {WithField("X\0: 1"s), "refused 400 http1.invalid_characters"},
      {WithField(":path: /x"), "refused 400 http1.codec_error"},
      {WithField(" X: 1"), "refused 400 http1.codec_error"},
      {WithField("X: 1\r\n 2"), "refused 400 http1.codec_error"},
      {WithField("X: 1\r\n\t2"), "refused 400 http1.codec_error"},
      {WithField("X: 1\n2: 3"), "refused 400 http1.invalid_characters"},
      {WithField("X: 1\r2"), "refused 400 http1.invalid_characters"},
      {WithField("X: 1\r"), "refused 400 http1.invalid_characters"},
      {WithField("X: 1\0"s), "refused 400 http1.invalid_characters"},
      {WithField("X: \x01"), "refused 400 http1.invalid_characters"},
      {WithField("X: \x7f"), "refused 400 http1.invalid_characters"},
      {WithField("X: \x1b[0m"), "refused 400 http1.invalid_characters"},
      {WithField("X: " + std::string(50, 'y') + "\x08" + std::string(50, 'y')), "refused 400 http1.invalid_characters"},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", "refused 400 http1.invalid_characters"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", "refused 400 http1.invalid_characters"},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "refused 400 http1.codec_error"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(c.wire), c.trace) << c.wire;
}

TEST(RequestTest, ThereIsOneFramingOrNone) {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const Case cases[] = {
      {post + "Content-Length: 0\r\n\r\n", "POST http a / [content-length: 0] end"},
      {post + "\r\n", "POST http a / [] end"},
      {post + "Content-Length: 5\r\n\r\nhello", "POST http a / [content-length: 5] body(hello) end"},
      {post + "Content-Length: 005\r\n\r\nhello", "POST http a / [content-length: 005] body(hello) end"},
      {post + "Content-Length: 5\r\n\r\nhel", "POST http a / [content-length: 5] ..."},
      {post + "Content-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: b\r\n\r\n",
       "POST http a / [content-length: 2] body(hi) end\nGET http b / [] end"},
      {post + "Content-Length: 9223372036854775807\r\n\r\n", "POST http a / [content-length: 9223372036854775807] ..."},
      {post + "Content-Length: 9223372036854775808\r\n\r\n", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 18446744073709551617\r\n\r\n", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 99999999999999999999999\r\n\r\n", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: +5\r\n\r\nhello", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: -5\r\n\r\nhello", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 0x5\r\n\r\nhello", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 5 \r\n\r\nhello", "POST http a / [content-length: 5] body(hello) end"},
      {post + "Content-Length: 5 5\r\n\r\nhello", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 5,5\r\n\r\nhello", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 5, 6\r\n\r\nhello", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 5.0\r\n\r\nhello", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: \r\n\r\n", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: five\r\n\r\n", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: \"5\"\r\n\r\n", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "refused 400 http1.invalid_content_length"},
      {post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "refused 400 http1.content_length_and_chunked_not_allowed"},
      {post + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
       "refused 400 http1.content_length_and_chunked_not_allowed"},
      {post + "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "POST http a / [] body() end"},
      {post + "Transfer-Encoding: gzip\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: identity\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n", "refused 501 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: identity,\tChunked\r\n\r\n", "refused 501 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
       "refused 501 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
       "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: gzip,, chunked\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: chunked, gzip\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: chunked, chunked\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: chunked,\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: ,chunked\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: chunked;x=y\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: xchunked\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: \"chunked\"\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: chun ked\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: \r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n",
       "refused 400 http1.invalid_characters"},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
       "refused 400 http1.invalid_transfer_encoding"},
      {post + "Transfer_Encoding: chunked\r\n\r\n", "POST http a / [transfer_encoding: chunked] end"},
      {post + "Transfer-Encoding : chunked\r\n\r\n", "refused 400 http1.codec_error"},
      {post + "Transfer-Encoding\r\n : chunked\r\n\r\n", "refused 400 http1.invalid_characters"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(c.wire), c.trace) << c.wire;
}

TEST(RequestTest, ChunksAreStrict) {
  const std::string head = "POST http a / [] ";
  const Case cases[] = {
      {"5\r\nhello\r\n0\r\n\r\n", "body(hello) end"},
      {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "body(hello world) end"},
      {"0\r\n\r\n", "body() end"},
      {"000\r\n\r\n", "body() end"},
      {"0005\r\nhello\r\n0\r\n\r\n", "body(hello) end"},
      {"a\r\n0123456789\r\n0\r\n\r\n", "body(0123456789) end"},
      {"A\r\n0123456789\r\n0\r\n\r\n", "body(0123456789) end"},
      {"5;x\r\nhello\r\n0;y=z\r\n\r\n", "body(hello) end"},
      {"5;x=y;z=\"q;\\\"\\\\\"\r\nhello\r\n0\r\n\r\n", "body(hello) end"},
      {"5 ; x = y\r\nhello\r\n0\r\n\r\n", "body(hello) end"},
      {"5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n", "body(hello) end\nGET http b / [] end"},
      {"5\r\nhel", "..."},
      {"5\r\nhello\r\n", "..."},
      {"5\r\nhello\r\n0\r\n", "..."},
      {"5 \r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {" 5\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"+5\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"-5\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"0x5\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5_\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"g\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"\r\n5\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {";x\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5\rhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5\r\nhello\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5\r\nhelloX\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5\r\nhello\rX0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5\r\nhello0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5;\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5;x=\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5;x=\"y\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5;x\ny\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5;x=\"\x01\"\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5\0\r\nhello\r\n0\r\n\r\n"s, "refused 400 http1.invalid_chunk"},
      {"7fffffffffffffff\r\n", "..."},
      {"8000000000000000\r\n", "refused 400 http1.invalid_chunk"},
      {"10000000000000005\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"fffffffffffffffffffff\r\nhello\r\n0\r\n\r\n", "refused 400 http1.invalid_chunk"},
      {"5;" + std::string(1100, 'x') + "\r\nhello\r\n0\r\n\r\n", "refused 400 http1.chunk_line_too_large"},
      {"0\r\n\n", "refused 400 http1.invalid_characters"},
      {"0\r\nX: 1\r\n\r\n", "body() end"},
      {"0\r\nX : 1\r\n\r\n", "refused 400 http1.codec_error"},
      {"0\r\n X: 1\r\n\r\n", "refused 400 http1.codec_error"},
      {"0\r\nX: 1\n\r\n", "refused 400 http1.invalid_characters"},
      {"0\r\nX: \0\r\n\r\n"s, "refused 400 http1.invalid_characters"},
      {"0\r\nContent-Length: 5\r\n\r\n", "refused 400 http1.forbidden_trailer"},
      {"0\r\nTransfer-Encoding: chunked\r\n\r\n", "refused 400 http1.forbidden_trailer"},
      {"0\r\nHost: b\r\n\r\n", "refused 400 http1.forbidden_trailer"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(Chunked(c.wire)), head + c.trace) << c.wire;
}

TEST(RequestTest, ManySmallExtensionsAreTooMany) {
  std::string body;
  for (int i = 0; i < 20; ++i) absl::StrAppend(&body, "1;", std::string(1000, 'x'), "\r\na\r\n");
  EXPECT_EQ(Trace(Decoder::Kind::kRequest, {Chunked(body)}, {}),
            "POST http a / [] refused 400 http1.chunk_extensions_too_large");
}

TEST(RequestTest, TrailersPassWhenEnabled) {
  TraceOptions options;
  options.http1.enable_trailers = true;
  EXPECT_EQ(Read(Chunked("5\r\nhello\r\n0\r\nT: 1\r\nGrpc-Status: 0\r\n\r\n"), options),
            "POST http a / [] body(hello) trailers[t: 1|grpc-status: 0] end");
  EXPECT_EQ(Read(Chunked("0\r\nConnection: x\r\nTE: trailers\r\n\r\n"), options), "POST http a / [] body() end");
  EXPECT_EQ(Read(Chunked("0\r\n\r\n"), options), "POST http a / [] body() end");
}

TEST(RequestTest, TrailersCannotSayWhatBelongsInTheHead) {
  TraceOptions options;
  options.http1.enable_trailers = true;
  for (const char* name : {"Connection",
                           "Upgrade",
                           "Trailer",
                           "TE",
                           "Authorization",
                           "Cookie",
                           "Content-Type",
                           "Content-Encoding",
                           "Content-Range",
                           "Range",
                           "Expect",
                           "If-Match",
                           "If-None-Match",
                           "Cache-Control",
                           "Max-Forwards",
                           "Age",
                           "Date",
                           "Location",
                           "Set-Cookie",
                           "Vary",
                           "X-Forwarded-For",
                           "Proxy-Authorization",
                           "WWW-Authenticate"}) {
    EXPECT_EQ(Read(Chunked(absl::StrCat("0\r\n", name, ": 1\r\nX-Sum: 2\r\n\r\n")), options),
              "POST http a / [] body() trailers[x-sum: 2] end")
        << name;
  }
}

TEST(RequestTest, Http10HasItsOwnRules) {
  EXPECT_EQ(Read("GET / HTTP/1.0\r\n\r\n"), "refused 426 low_version");
  TraceOptions options;
  options.http1.accept_http_10 = true;
  EXPECT_EQ(Read("GET / HTTP/1.0\r\n\r\n", options), "refused 400 missing_host_header");
  options.http1.default_host_for_http_10 = "default";
  const Case cases[] = {
      {"GET / HTTP/1.0\r\n\r\n", "GET http default / [] close end"},
      {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET http a / [] close end"},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET http default / [] end"},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", "GET http default / [] close end"},
      {"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", "POST http default / [content-length: 2] close body(hi) end"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "refused 400 http1.invalid_transfer_encoding"},
      {"GET / HTTP/1.0\r\nHost: a b\r\n\r\n", "refused 400 http1.invalid_host"},
      {"GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "GET http default / [] close end"},
      {"GET / HTTP/1.0\r\nTE: trailers\r\nConnection: te\r\n\r\n", "GET http default / [] close end"},
      {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
       "POST http default / [content-length: 0] close end"},
      {"GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET http a / [] close end"},
      {"POST / HTTP/1.0\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "refused 400 http1.invalid_transfer_encoding"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(c.wire, options), c.trace) << c.wire;
}

TEST(RequestTest, HopByHopFieldsStayBehind) {
  const Case cases[] = {
      {"Connection: close", "[] close end"},
      {"Connection: CLOSE", "[] close end"},
      {"Connection: keep-alive\r\nKeep-Alive: timeout=5", "[] end"},
      {"Connection: X-A, ,\tx-b\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3", "[x-c: 3] end"},
      {"X-A: 1\r\nConnection: x-a\r\nConnection: x-c\r\nX-C: 3", "[] end"},
      {"Connection: X-Forwarded-For\r\nX-Forwarded-For: 1.2.3.4", "[] end"},
      {"Proxy-Connection: close", "[] end"},
      {"TE: trailers", "[te: trailers] end"},
      {"TE: gzip, Trailers;q=1", "[] end"},
      {"TE: deflate;q=0.5, trailers\r\nConnection: te", "[te: trailers] end"},
      {"TE: gzip", "[] end"},
      {"Upgrade: websocket", "[] end"},
      {"Upgrade: websocket\r\nConnection: Upgrade", "[upgrade: websocket|connection: upgrade] end"},
      {"Connection: keep-alive, Upgrade\r\nUpgrade: websocket", "[upgrade: websocket|connection: upgrade] end"},
      {"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA", "[] end"},
      {"Trailer: X", "[trailer: X] end"},
      {"Expect: 100-continue", "[expect: 100-continue] end"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(WithField(c.wire)), "GET http a / " + c.trace) << c.wire;
  EXPECT_EQ(Read(WithField("Connection: Host")), "refused 400 http1.connection_header_rejected");
  EXPECT_EQ(Read(WithField("Connection: close, content-length")), "refused 400 http1.connection_header_rejected");
  std::string many = "Connection: ";
  for (int i = 0; i < 100; ++i) many += "a,";  // each would be looked for among all fields
  EXPECT_EQ(Read(WithField(many)), "refused 400 http1.connection_header_rejected");
}

TEST(RequestTest, UnderscoresFollowTheOption) {
  TraceOptions options;
  const std::string wire = WithField("a_b: 1\r\nc: 2");
  EXPECT_EQ(Read(wire, options), "GET http a / [a_b: 1|c: 2] end");
  options.codec.headers_with_underscores = CodecOptions::Underscores::kDropHeader;
  EXPECT_EQ(Read(wire, options), "GET http a / [c: 2] end");
  options.codec.headers_with_underscores = CodecOptions::Underscores::kReject;
  EXPECT_EQ(Read(wire, options), "refused 400 http1.unexpected_underscore");
}

TEST(RequestTest, LimitsHaveTheirCodes) {
  TraceOptions options;
  options.codec.max_header_bytes = 100;
  options.codec.max_header_count = 3;
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";  // 25 bytes
  EXPECT_EQ(Read(head + "X: " + std::string(68, 'y') + "\r\n\r\n", options),
            "GET http a / [x: " + std::string(68, 'y') + "] end");
  EXPECT_EQ(Read(head + "X: " + std::string(69, 'y') + "\r\n\r\n", options), "refused 431 http1.headers_too_large");
  EXPECT_EQ(Read(head + "X: " + std::string(300, 'y'), options), "refused 431 http1.headers_too_large");
  EXPECT_EQ(Read("GET /" + std::string(200, 'y') + " HTTP/1.1\r\nHost: a\r\n\r\n", options),
            "refused 414 http1.uri_too_large");
  EXPECT_EQ(Read("GET /" + std::string(200, 'y'), options), "refused 414 http1.uri_too_large");
  EXPECT_EQ(Read("G@T /" + std::string(200, 'y'), options), "refused 400 http1.codec_error");
  EXPECT_EQ(Read(head + "a:\r\nb:\r\n\r\n", options), "GET http a / [a: |b: ] end");
  EXPECT_EQ(Read(head + "a:\r\nb:\r\nc:\r\n\r\n", options), "refused 431 http1.too_many_headers");
  EXPECT_EQ(Read("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx: " + std::string(120, 'y') +
                     "\r\n\r\n",
                 options),
            "POST http a / [] refused 431 http1.trailers_too_large");
}

TEST(RequestTest, OptionsChangeWhatIsTaken) {
  TraceOptions options;
  options.http1.allow_absolute_url = false;
  EXPECT_EQ(Read(WithTarget("http://b/"), options), "refused 400 http1.invalid_url");
  options = TraceOptions();
  options.http1.allow_chunked_length = true;
  EXPECT_EQ(
      Read("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
           options),
      "POST http a / [] close body(hi) end");
  options = TraceOptions();
  options.http1.preserve_case = true;
  EXPECT_EQ(Read(WithField("X-FoO: 1\r\naccept: 2"), options), "GET http a / [X-FoO: 1|accept: 2] end");
}

}  // namespace
}  // namespace outrigger::http::h1
