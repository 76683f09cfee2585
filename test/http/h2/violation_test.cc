#include "gtest/gtest.h"
#include "test/http/h2/raw_peer.h"

namespace outrigger::http::h2 {
namespace {

struct Case {
  const char* what;
  FieldList fields;
  const char* detail;
};

constexpr char kField[] = "http2.invalid.header.field";
constexpr char kRule[] = "http2.violation.of.messaging.rule";

FieldList With(FieldList fields, std::string name, std::string value) {
  fields.push_back({std::move(name), std::move(value)});
  return fields;
}
FieldList But(FieldList fields, const std::string& name, const std::string& value) {
  for (auto& field : fields) {
    if (field.first == name) field.second = value;
  }
  return fields;
}
FieldList Without(const FieldList& fields, const std::string& name) {
  FieldList out;
  for (const auto& field : fields) {
    if (field.first != name) out.push_back(field);
  }
  return out;
}

std::vector<Case> RequestCases() {
  FieldList late = Get();
  late.insert(late.begin() + 1, {"x", "y"});
  return {
      {"upper case name", With(Get(), "X-Own", "v"), nullptr},
      {"space in name", With(Get(), "x own", "v"), nullptr},
      {"empty name", With(Get(), "", "v"), nullptr},
      {"colon in name", With(Get(), "x:y", "v"), nullptr},
      {"CR in value", With(Get(), "x", "a\rb"), kField},
      {"LF in value", With(Get(), "x", "a\nb"), kField},
      {"NUL in value", With(Get(), "x", std::string("a\0b", 3)), kField},
      {"leading space in value", With(Get(), "x", " a"), kField},
      {"trailing tab in value", With(Get(), "x", "a\t"), kField},
      {"unknown pseudo-header", With(Get(), ":own", "v"), nullptr},
      {"status in a request", With(Get(), ":status", "200"), nullptr},
      {"duplicate method", With(Get(), ":method", "GET"), nullptr},
      {"duplicate path", With(Get(), ":path", "/"), nullptr},
      {"pseudo-header after a field", late, nullptr},
      {"no method", Without(Get(), ":method"), nullptr},
      {"no path", Without(Get(), ":path"), nullptr},
      {"no scheme", Without(Get(), ":scheme"), nullptr},
      {"no authority", Without(Get(), ":authority"), nullptr},
      {"empty path", But(Get(), ":path", ""), nullptr},
      {"relative path", But(Get(), ":path", "x"), nullptr},
      {"absolute form in path", But(Get(), ":path", "http://a/"), nullptr},
      {"star with GET", But(Get(), ":path", "*"), nullptr},
      {"fragment", But(Get(), ":path", "/a#b"), "http2.invalid_path"},
      {"space in path", But(Get(), ":path", "/a b"), nullptr},
      {"method is no token", But(Get(), ":method", "G T"), nullptr},
      {"userinfo", But(Get(), ":authority", "u:p@a.test"), nullptr},
      {"port too large", But(Get(), ":authority", "a.test:65536"), "http2.invalid_authority"},
      {"port is no number", But(Get(), ":authority", "a.test:8x"), "http2.invalid_authority"},
      {"two ports", But(Get(), ":authority", "a.test:80:80"), "http2.invalid_authority"},
      {"comma in authority", But(Get(), ":authority", "a.test,b.test"), "http2.invalid_authority"},
      {"half an escape in authority", But(Get(), ":authority", "a%4.test"), "http2.invalid_authority"},
      {"zone of an IPv6 literal", But(Get(), ":authority", "[fe80::1%25eth0]"), "http2.invalid_authority"},
      {"scheme of another protocol", But(Get(), ":scheme", "ftp"), "http2.invalid_scheme"},
      {"asterisk without OPTIONS", But(Get(), ":path", "*"), nullptr},
      {"high byte in path", But(Get(), ":path", "/\xc3\xa4"), "http2.invalid_path"},
      {"slash in authority", But(Get(), ":authority", "a.test/b"), nullptr},
      {"half an IPv6 literal", But(Get(), ":authority", "[::1"), nullptr},
      {"host differs", With(Get(), "host", "b.test"), "http2.invalid_authority"},
      {"host with another port", With(Get(), "host", "a.test:81"), "http2.invalid_authority"},
      {"empty host", With(Get(), "host", ""), nullptr},
      {"two hosts", With(With(Get(), "host", "a.test"), "host", "a.test"), nullptr},
      {"two authorities", With(Get(), ":authority", "a.test"), nullptr},
      {"high byte in name", With(Get(), "x\xe4", "v"), nullptr},
      {"connection", With(Get(), "connection", "close"), nullptr},
      {"keep-alive", With(Get(), "keep-alive", "1"), nullptr},
      {"proxy-connection", With(Get(), "proxy-connection", "close"), nullptr},
      {"transfer-encoding", With(Get(), "transfer-encoding", "chunked"), nullptr},
      {"upgrade", With(Get(), "upgrade", "h2c"), nullptr},
      {"te other than trailers", With(Get(), "te", "gzip"), nullptr},
      {"content-length is no number", With(Get(), "content-length", "1x"), nullptr},
      {"two content-lengths", With(With(Get(), "content-length", "0"), "content-length", "0"), nullptr},
      {"CONNECT with path", {{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}, nullptr},
      {"CONNECT without authority", {{":method", "CONNECT"}}, nullptr},
      {"CONNECT without port", {{":method", "CONNECT"}, {":authority", "a"}}, "http2.invalid_authority"},
      {"protocol without leave", With(But(Get(), ":method", "CONNECT"), ":protocol", "websocket"), nullptr},
  };
}

TEST(H2ViolationTest, AMalformedRequestResetsItsStreamWhenStreamErrorsAreAskedFor) {
  for (const Case& c : RequestCases()) {
    SCOPED_TRACE(c.what);
    Raw raw;
    raw.http2.stream_error_on_invalid_http_message = true;
    raw.Open(true);
    raw.Write(Headers(1, c.fields, true) + Headers(3, Get(), true));
    ASSERT_TRUE(raw.Until([&] { return raw.Count(3) > 0 && raw.server_app.exchanges.size() == 2; }));
    EXPECT_EQ(raw.Last(3).stream, 1u);
    EXPECT_EQ(raw.Last(3).code(), 1u);
    const Exchange& bad = *raw.server_app.exchanges[0];
    EXPECT_EQ(bad.resets, 1);
    EXPECT_EQ(bad.headers, nullptr) << "nothing of it may be seen";
    EXPECT_EQ(bad.reason, ResetReason::kProtocolError);
    if (c.detail != nullptr) {
      EXPECT_EQ(bad.detail, c.detail);
    }
    EXPECT_EQ(raw.server_app.exchanges[1]->ends, 1) << "the other stream lives";
    EXPECT_FALSE(raw.closed());
    EXPECT_EQ(raw.counters.rx_messaging_error, 1u);
  }
}

TEST(H2ViolationTest, AMalformedRequestEndsTheConnectionByDefault) {
  for (const Case& c : RequestCases()) {
    SCOPED_TRACE(c.what);
    Raw raw;
    raw.Open(true);
    raw.Write(Headers(1, c.fields, true));
    ASSERT_TRUE(raw.Until([&] { return raw.closed() && raw.peer->recorder.ends > 0; }));
    EXPECT_EQ(raw.Last(7).type, 7);
    EXPECT_EQ(raw.Last(7).code(), 1u);
    EXPECT_EQ(raw.server_app.codec_errors, 1);
    EXPECT_EQ(raw.server_app.exchanges[0]->resets, 1);
    EXPECT_EQ(raw.counters.protocol_errors, 1u);
  }
}

TEST(H2ViolationTest, SpellingsThatMeanTheSameAreTaken) {
  Raw raw;
  raw.Open(true);
  raw.Write(Headers(1, With(Without(Get(), ":authority"), "host", "h.test:80"), true));
  raw.Write(Headers(3, With(Get(), "host", "A.test"), true));
  raw.Write(Headers(5, But(Get(), ":authority", "[::1]:8080"), true));
  raw.Write(Headers(7, But(But(Get(), ":method", "OPTIONS"), ":path", "*"), true));
  raw.Write(Headers(9, With(Get(), "host", "a.test:80"), true));
  raw.Write(Headers(11, But(Get(), ":authority", "a.test:"), true));
  ASSERT_TRUE(
      raw.Until([&] { return raw.server_app.exchanges.size() == 6 && raw.server_app.exchanges[5]->ends == 1; }));
  EXPECT_EQ(raw.server_app.exchanges[0]->Get(":authority"), "h.test:80");
  EXPECT_EQ(raw.server_app.exchanges[1]->Get(":authority"), "a.test");
  for (const auto& exchange : raw.server_app.exchanges) EXPECT_EQ(exchange->Get("host"), "");
}

TEST(H2ViolationTest, ContentLengthMustMatchTheData) {
  for (const auto& [length, body] : std::vector<std::pair<std::string, std::string>>{{"5", "1234"}, {"3", "1234"}}) {
    Raw raw;
    raw.http2.stream_error_on_invalid_http_message = true;
    raw.Open(true);
    raw.Write(Headers(1, With(Post(), "content-length", length), false) + Data(1, body, true));
    ASSERT_TRUE(raw.Until([&] { return raw.Count(3) == 1; })) << length;
    EXPECT_EQ(raw.server_app.exchanges[0]->ends, 0);
    EXPECT_EQ(raw.server_app.exchanges[0]->resets, 1);
    EXPECT_EQ(raw.server_app.exchanges[0]->detail, kRule);
  }
}

TEST(H2ViolationTest, TrailersMustEndTheStreamAndHaveNoPseudoHeaders) {
  for (const std::string& bad : {Headers(1, {{"x", "y"}}, false), Headers(1, {{":path", "/"}}, true),
                                 Headers(1, {{"content-length", "3"}}, true)}) {
    Raw raw;
    raw.http2.stream_error_on_invalid_http_message = true;
    raw.Open(true);
    raw.Write(Headers(1, Post(), false) + bad);
    ASSERT_TRUE(raw.Until([&] { return raw.Count(3) == 1 || raw.closed(); }));
    EXPECT_EQ(raw.server_app.exchanges[0]->ends, 0);
    EXPECT_EQ(raw.server_app.exchanges[0]->resets, 1);
  }
}

TEST(H2ViolationTest, TooManyOrTooLargeHeadersResetTheStream) {
  for (const bool by_count : {true, false}) {
    Raw raw;
    raw.options.max_header_count = 20;
    raw.options.max_header_bytes = 4000;
    raw.Open(true);
    FieldList fields = Get();
    for (int i = 0; i < 20; ++i) fields.push_back({"x" + std::to_string(i), by_count ? "v" : std::string(300, 'v')});
    raw.Write(Headers(1, fields, true));
    ASSERT_TRUE(raw.Until([&] { return raw.Count(3) == 1; }));
    EXPECT_EQ(raw.Last(3).code(), 11u);
    EXPECT_EQ(raw.server_app.exchanges[0]->detail, "http2.too_many_headers");
    EXPECT_EQ(raw.counters.header_overflow, 1u);
    EXPECT_FALSE(raw.closed());
  }
}

TEST(H2ViolationTest, UnderscoresAreTreatedAsAsked) {
  using Underscores = CodecOptions::Underscores;
  for (const Underscores how : {Underscores::kAllow, Underscores::kReject, Underscores::kDropHeader}) {
    Raw raw;
    raw.options.headers_with_underscores = how;
    raw.Open(true);
    raw.Write(Headers(1, With(Get(), "x_y", "v"), true));
    ASSERT_TRUE(raw.Until([&] { return !raw.server_app.exchanges.empty() && raw.server_app.exchanges[0]->done(); }));
    const Exchange& seen = *raw.server_app.exchanges[0];
    EXPECT_EQ(seen.resets, how == Underscores::kReject ? 1 : 0);
    if (how == Underscores::kReject) {
      EXPECT_EQ(seen.detail, "http2.unexpected_underscore");
    } else {
      EXPECT_EQ(seen.Get("x_y"), how == Underscores::kAllow ? "v" : "");
    }
    EXPECT_EQ(raw.counters.header_underscore_dropped, how == Underscores::kDropHeader ? 1u : 0u);
    EXPECT_EQ(raw.counters.header_underscore_rejected, how == Underscores::kReject ? 1u : 0u);
  }
}

TEST(H2ViolationTest, BytesThatAreNoHttp2EndTheConnection) {
  const std::vector<std::string> bad = {
      Frame(0, 0, 0, "x"),                                                // DATA on stream 0
      Frame(1, kEndHeaders, 2, Block(Get())),                             // even id from a client
      Frame(1, kEndHeaders | kEndStream, 1, "\xff\xff\xff\xff\xff\xff"),  // broken HPACK
      Frame(4, 0, 0, "123"),                                              // SETTINGS of odd length
      Settings({{4, 0x80000000u}}),                                       // window too large
      Frame(6, 0, 0, "1234"),                                             // short PING
      Frame(8, 0, 0, Number(0, 4)),                                       // no increment
      Frame(9, kEndHeaders, 1, ""),                                       // CONTINUATION of nothing
      Frame(5, kEndHeaders, 1, Number(2, 4) + Block(Get())),              // PUSH_PROMISE from a client
      Reset(1, ErrorCode::kCancel),                                       // RST_STREAM on an idle stream
      std::string(9, '\xff'),
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    SCOPED_TRACE(i);
    Raw raw;
    raw.Open(true);
    raw.Write(bad[i]);
    ASSERT_TRUE(raw.Until([&] { return raw.closed(); }));
    harness::Turns(raw.loop);
    EXPECT_EQ(raw.Last(7).type, 7);
    EXPECT_NE(raw.Last(7).code(), 0u);
    EXPECT_EQ(raw.server_app.codec_errors, 1);
    EXPECT_NE(raw.server_app.error, "");
    EXPECT_EQ(raw.counters.protocol_errors, 1u);
  }
}

TEST(H2ViolationTest, AClientThatSpeaksHttp1GetsSettingsGoAwayAndTheEnd) {
  Raw raw;
  const auto [left, right] = harness::TcpPair(raw.loop);
  raw.connection = std::make_unique<net::Connection>(raw.loop, left, std::make_unique<net::RawTransport>());
  raw.server = MakeHttp2Server(*raw.connection, raw.server_app, raw.options, raw.http2, raw.counters);
  raw.connection->SetHandler(raw.server.get());
  raw.connection->Start();
  raw.peer = std::make_unique<harness::End>(raw.loop, right);
  raw.Write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  ASSERT_TRUE(raw.Until([&] { return raw.closed(); }));
  harness::Turns(raw.loop);
  EXPECT_EQ(raw.server_app.error, "http2.bad_client_preface");
  ASSERT_FALSE(raw.Seen().empty());
  EXPECT_EQ(raw.Seen().front().type, 4);
  EXPECT_EQ(raw.Last(7).code(), 1u);
}

TEST(H2ViolationTest, MalformedResponsesAreNotSeen) {
  const FieldList ok = {{":status", "200"}};
  const std::vector<std::string> bad = {
      Headers(1, {{"x", "y"}}, true),
      Headers(1, {{":status", "20"}}, true),
      Headers(1, {{":status", "101"}}, false),
      Headers(1, {{":status", "100"}}, true),
      Headers(1, With(ok, ":status", "200"), true),
      Headers(1, With(ok, ":path", "/"), true),
      Headers(1, With(ok, "connection", "close"), true),
      Headers(1, With(ok, "x", "a\nb"), true),
      Headers(1, With(ok, "content-length", "3"), false) + Data(1, "1234", true),
      Headers(1, With(ok, "content-length", "3"), true),
      Data(1, "before headers", true),
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    SCOPED_TRACE(i);
    Raw raw;
    raw.http2.stream_error_on_invalid_http_message = true;
    raw.Open(false);
    Exchange& request = raw.Start(Get(), true);
    ASSERT_TRUE(raw.Until([&] { return raw.Count(1) == 1; }));
    raw.Write(bad[i]);
    ASSERT_TRUE(raw.Until([&] { return request.resets == 1; }));
    EXPECT_EQ(request.ends, 0);
    EXPECT_EQ(request.reason, ResetReason::kProtocolError);
  }
}

TEST(H2ViolationTest, InterimAnswersWithoutEndResetTheStream) {
  Raw raw;
  raw.Open(false);
  Exchange& request = raw.Start(Get(), true);
  Exchange& other = raw.Start(Get(), true);
  ASSERT_TRUE(raw.Until([&] { return raw.Count(1) == 2; }));
  const size_t before = request.memory.charged();
  for (int i = 0; i < 2000; ++i) raw.Write(Headers(1, {{":status", "103"}, {"x", std::string(1000, 'x')}}, false));
  ASSERT_TRUE(raw.Until([&] { return request.resets == 1; }));
  EXPECT_EQ(request.detail, "http2.too_many_interim_responses");
  EXPECT_EQ(request.interims.size(), 64u);
  EXPECT_LT(request.memory.charged() - before, 200'000u) << "each takes memory of the stream";
  raw.Write(Headers(3, {{":status", "200"}}, true));
  ASSERT_TRUE(raw.Until([&] { return other.ends == 1; }));
}

TEST(H2ViolationTest, APushedStreamEndsTheConnection) {
  Raw raw;
  raw.Open(false);
  Exchange& request = raw.Start(Get(), true);
  ASSERT_TRUE(raw.Until([&] { return raw.Count(1) == 1; }));
  raw.Write(Frame(5, kEndHeaders, 1, Number(2, 4) + Block(Get())));
  ASSERT_TRUE(raw.Until([&] { return raw.closed(); }));
  EXPECT_EQ(request.resets, 1);
  EXPECT_EQ(request.reason, ResetReason::kProtocolError);
  EXPECT_EQ(request.detail, "http2.push_refused");
}

}  // namespace
}  // namespace outrigger::http::h2
