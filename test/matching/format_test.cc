#include "source/matching/format.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/matching/json_writer.h"
#include "test/matching/map_source.h"

namespace outrigger::matching {
namespace {

class FormatTest : public testing::Test {
 protected:
  FormatTest() {
    source_.request = &request_;
    source_.response = &response_;
    source_.trailers = &trailers_;
  }
  std::string Text(absl::string_view format, FormatOptions options = {}) {
    absl::StatusOr<TextFormat> made = TextFormat::Create(format, options);
    if (!made.ok()) return absl::StrCat("!", made.status().message());
    std::string out;
    made->Append(source_, &out);
    return out;
  }
  std::string Json(Value::Struct format, FormatOptions options = {}) {
    absl::StatusOr<JsonFormat> made = JsonFormat::Create(format, options);
    if (!made.ok()) return absl::StrCat("!", made.status().message());
    std::string out;
    made->Append(source_, &out);
    return out;
  }
  static Value S(std::string text) { return Value(std::move(text)); }

  Arena arena_;
  http::HeaderMap request_{arena_}, response_{arena_}, trailers_{arena_};
  MapSource source_;
};

TEST_F(FormatTest, TheDefaultAccessLogLineIsComplete) {
  source_.start = WallTime(milliseconds(1460751420310));
  request_.Add(http::KnownHeader::kMethod, "POST");
  request_.Add(http::KnownHeader::kPath, "/now");
  request_.Add(http::KnownHeader::kXEnvoyOriginalPath, "/api/v1/locations");
  request_.Add(http::KnownHeader::kUserAgent, "nsq2http");
  request_.Add(http::KnownHeader::kXRequestId, "cc21d9b0");
  request_.Add(http::KnownHeader::kAuthority, "locations");
  response_.Add(http::KnownHeader::kXEnvoyUpstreamServiceTime, "100");
  source_.texts = {{Operator::kProtocol, "HTTP/2"}, {Operator::kUpstreamHost, "10.0.2.1:80"}};
  source_.numbers = {{Operator::kResponseCode, 204},
                     {Operator::kBytesReceived, 154},
                     {Operator::kBytesSent, 0},
                     {Operator::kDuration, 226}};
  EXPECT_EQ(Text(DefaultAccessLogFormat()),
            "[2016-04-15T20:17:00.310Z] \"POST /api/v1/locations HTTP/2\" 204 - 154 0 226 100 \"-\" \"nsq2http\" "
            "\"cc21d9b0\" \"locations\" \"10.0.2.1:80\"\n");
}

TEST_F(FormatTest, MissingIsADashOrNothing) {
  EXPECT_EQ(Text("a%REQ(x)%b"), "a-b");
  EXPECT_EQ(Text("a%REQ(x)%b", {.omit_empty_values = true}), "ab");
  request_.Add(http::HeaderName("x"), "");
  EXPECT_EQ(Text("a%REQ(x)%b"), "ab");
  EXPECT_EQ(Text("100%%"), "100%");
  EXPECT_EQ(Text(""), "");
}

TEST_F(FormatTest, SaysWhichCommandsItHasWhereverTheyStand) {
  std::vector<Operator> seen;
  const auto note = [&seen](const FormatCommand& command) { seen.push_back(command.op); };
  TextFormat::Create("a %PROTOCOL% b %RESPONSE_CODE%", {})->ForEachCommand(note);
  EXPECT_EQ(seen, (std::vector<Operator>{Operator::kProtocol, Operator::kResponseCode}));
  seen.clear();
  TextFormat().ForEachCommand(note);
  JsonFormat::Create({{"list", Value(Value::List{S("%DURATION%"), Value(1.0)})}, {"text", S("x%BYTES_SENT%")}}, {})
      ->ForEachCommand(note);
  EXPECT_EQ(seen, (std::vector<Operator>{Operator::kDuration, Operator::kBytesSent}));
}

TEST_F(FormatTest, HeadersHaveAlternativesAndLengths) {
  request_.Add(http::HeaderName("x-a"), "value?q");
  trailers_.Add(http::HeaderName("t"), "trail");
  EXPECT_EQ(Text("%REQ(X-A)%|%REQ(none?x-a):3%|%REQUEST_HEADER(x-a)%|%REQ_WITHOUT_QUERY(x-a)%"),
            "value?q|val|value?q|value");
  EXPECT_EQ(Text("%RESP(x-a)% %TRAILER(t)% %RESPONSE_TRAILER(q?t):0%"), "- trail ");
  source_.request = nullptr;
  EXPECT_EQ(Text("%REQ(x-a)%"), "-");
}

TEST_F(FormatTest, PathsAndQueries) {
  request_.Add(http::KnownHeader::kPath, "/new?a=%41&b=2");
  EXPECT_EQ(Text("%PATH%|%PATH(NQ)%|%PATH(WQ:ORIG)%|%PATH(:PATH):2%"), "/new?a=%41&b=2|/new|-|/n");
  request_.Add(http::KnownHeader::kXEnvoyOriginalPath, "/old?x");
  EXPECT_EQ(Text("%PATH(NQ)%|%PATH(NQ:PATH)%"), "/old|/new");
  EXPECT_EQ(Text("%QUERY_PARAM(b)%|%QUERY_PARAM(c)%|%QUERY_PARAMS%|%QUERY_PARAMS(DECODED)%"), "2|-|a=%41&b=2|a=A&b=2");
  request_.Set(http::KnownHeader::kPath, "/?a=%0a%0D%00%7f%20%c3%a9");
  EXPECT_EQ(Text("%QUERY_PARAMS(DECODED)%"), "a=%0a%0D%00%7f \xc3\xa9") << "no control gets into a line of the log";
}

TEST_F(FormatTest, TimesFollowTheirSpecifiers) {
  source_.start = WallTime(nanoseconds(1527590590528001002));
  EXPECT_EQ(Text("%START_TIME%"), "2018-05-29T10:43:10.528Z");
  EXPECT_EQ(Text("%START_TIME(%s.%3f)%"), "1527590590.528");
  EXPECT_EQ(Text("%START_TIME(%s.%6f)%|%START_TIME(%s.%9f)%|%START_TIME(%f)%"),
            "1527590590.528001|1527590590.528001002|528001002");
  EXPECT_EQ(Text("%START_TIME(%Y/%m/%dT%H:%M:%S%z (%%))%"), "2018/05/29T10:43:10+0000 (%)");
  source_.start = WallTime(nanoseconds(-1));
  EXPECT_EQ(Text("%START_TIME%"), "1969-12-31T23:59:59.999Z");
  source_.start = WallTime(seconds(951782399));
  EXPECT_EQ(Text("%START_TIME% %START_TIME(%F %T)%"), "2000-02-28T23:59:59.000Z 2000-02-28 23:59:59");
  source_.start = WallTime(seconds(951782400));
  EXPECT_EQ(Text("%START_TIME%"), "2000-02-29T00:00:00.000Z");
  EXPECT_TRUE(absl::StartsWith(Text("%START_TIME(%Q)%"), "!at position 0: %START_TIME%: time format"));
}

TEST_F(FormatTest, GrpcStatusComesFromTrailersHeadersOrHttp) {
  EXPECT_EQ(Text("%GRPC_STATUS%"), "-");
  request_.Add(http::KnownHeader::kContentType, "application/grpc");
  EXPECT_EQ(Text("%GRPC_STATUS%"), "-");
  response_.SetStatus(503);
  EXPECT_EQ(Text("%GRPC_STATUS%"), "Unavailable");
  response_.Add(http::KnownHeader::kGrpcStatus, "3");
  EXPECT_EQ(Text("%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%"),
            "InvalidArgument INVALID_ARGUMENT 3 3");
  trailers_.Add(http::KnownHeader::kGrpcStatus, "99");
  EXPECT_EQ(Text("%GRPC_STATUS%"), "99");
}

TEST_F(FormatTest, MetadataPrintsAsJsonAndSimpleValuesPlain) {
  source_.metadata[MetadataKind::kDynamic] = {
      {"com.test.my_filter",
       Value(Value::Struct{{"test_key", S("foo")}, {"test_object", Value(Value::Struct{{"inner_key", S("bar")}})}})}};
  EXPECT_EQ(Text("%DYNAMIC_METADATA(com.test.my_filter)%"), R"({"test_key":"foo","test_object":{"inner_key":"bar"}})");
  EXPECT_EQ(Text("%DYNAMIC_METADATA(com.test.my_filter:test_key):2%"), "fo");
  EXPECT_EQ(Text("%DYNAMIC_METADATA(com.test.my_filter:test_object):2%"), R"({"inner_key":"bar"})");
  EXPECT_EQ(Text("%METADATA(DYNAMIC:com.test.my_filter:test_object:inner_key)%"), "bar");
  EXPECT_EQ(Text("%METADATA(ROUTE:com.test.my_filter)% %DYNAMIC_METADATA(x)%"), "- -");
  EXPECT_TRUE(absl::StartsWith(Text("%METADATA(OTHER:x)%"), "!"));
}

TEST_F(FormatTest, OperatorsWithChoices) {
  source_.texts = {{Operator::kResponseCodeDetails, "via upstream\tx"},
                   {Operator::kDownstreamRemoteAddressWithoutPort, "10.1.10.23"},
                   {Operator::kDownstreamLocalAddressWithoutPort, "2001:db8:1234:5678:9abc:def0:1234:5678"}};
  EXPECT_EQ(Text("%RESPONSE_CODE_DETAILS% %RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%"),
            "via_upstream_x via upstream\tx");
  EXPECT_EQ(Text("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%"),
            "10.1.10.23 10.1.0.0/16");
  EXPECT_EQ(Text("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(64)%|%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(64)%"),
            "-|2001:db8:1234:5678::/64");
  source_.common_nanoseconds = 1234567;
  EXPECT_EQ(Text("%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)% %COMMON_DURATION(mine:US_RX_END:ms)%"), "1234 1");
  request_.Add(http::KnownHeader::kAuthority, "host");
  EXPECT_EQ(Text("%REQUESTED_SERVER_NAME%|%REQUESTED_SERVER_NAME(SNI_FIRST:HOST)%"), "-|host");
  source_.texts[Operator::kRequestedServerName] = "sni";
  EXPECT_EQ(Text("%REQUESTED_SERVER_NAME(SNI_FIRST)%|%REQUESTED_SERVER_NAME(HOST_FIRST)%"), "sni|host");
}

TEST_F(FormatTest, CoalesceTakesTheFirstThatIsThere) {
  request_.Add(http::KnownHeader::kAuthority, "authority");
  const char* const format =
      R"(%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": ":authority", "max_length": 4}]}):3%)";
  EXPECT_EQ(Text(format), "aut");
  source_.texts[Operator::kRequestedServerName] = "sni.example";
  EXPECT_EQ(Text(format), "sni");
  EXPECT_TRUE(absl::StartsWith(Text(R"(%COALESCE({"operators": ["NOPE"]})%)"), "!"));
  EXPECT_TRUE(absl::StartsWith(Text(R"(%COALESCE({"operators": [{"command": "COALESCE", "param": ""}]})%)"), "!"));
  EXPECT_TRUE(absl::StartsWith(Text("%COALESCE([])%"), "!"));
}

TEST_F(FormatTest, FactsOfTheProcessAreFoldedIn) {
  FormatOptions options;
  options.hostname = "node7";
  options.environment = [](const char* name) -> const char* {
    return std::string(name) == "ZONE" ? "eu-west" : nullptr;
  };
  EXPECT_EQ(Text("%HOSTNAME%/%ENVIRONMENT(ZONE):2%/%ENVIRONMENT(NONE)%", options), "node7/eu/-");
  EXPECT_TRUE(TextFormat::Create("a%HOSTNAME%b", options)->constant());
  EXPECT_FALSE(TextFormat::Create("a%PROTOCOL%b", options)->constant());
}

TEST_F(FormatTest, BadFormatsAreRefusedWithOperatorAndPosition) {
  EXPECT_EQ(Text("abc %NOT_AN_OPERATOR% x"), "!at position 4: unknown command operator %NOT_AN_OPERATOR%");
  EXPECT_EQ(Text("%CEL(request.path)%"), "!at position 0: unknown command operator %CEL%");
  for (const char* bad : {"%",
                          "50% off",
                          "%PROTOCOL",
                          "%REQ(x%",
                          "%REQ(x)",
                          "%REQ%",
                          "%REQ()%",
                          "%PROTOCOL(x)%",
                          "%PROTOCOL:5%",
                          "%REQ(x):y%",
                          "%REQ(a?b?c)%",
                          "%PATH(XX)%",
                          "%FILTER_STATE(a:B)%",
                          "%FILTER_STATE()%",
                          "%COMMON_DURATION(a:b)%",
                          "%COMMON_DURATION(a:b:s)%",
                          "%GRPC_STATUS(x)%",
                          "%METADATA()%",
                          "%METADATA(ROUTE)%",
                          "%METADATA(ROUTE):0%",
                          "%ORIGIN%",
                          "%ORIGIN()%",
                          "%ORIGIN(CLIENT)%",
                          "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(129)%",
                          "%REQ(x):99999999999%",
                          "%protocol%"}) {
    EXPECT_EQ(Text(bad)[0], '!') << bad;
  }
}

TEST_F(FormatTest, JsonKeepsTypesAndSortsKeys) {
  source_.numbers = {{Operator::kResponseCode, 200}};
  source_.metadata[MetadataKind::kDynamic] = {{"m", Value(Value::Struct{{"n", Value(1.5)}, {"b", Value(true)}})}};
  request_.Add(http::HeaderName("q"), "say \"hi\"\\\n\x01\xff\xc3\xa9");
  EXPECT_EQ(
      Json({{"code", S("%RESPONSE_CODE%")},
            {"both", S("%RESPONSE_CODE%/%PROTOCOL%")},
            {"none", S("%PROTOCOL%")},
            {"plain", S("100%%")},
            {"header", S("%REQ(q)%")},
            {"meta", S("%DYNAMIC_METADATA(m)%")},
            {"nested", Value(Value::Struct{{"list", Value(Value::List{S("%RESPONSE_CODE%"), Value(2.0), Value()})}})},
            {"a", Value(true)}}),
      "{\"a\":true,\"both\":\"200/-\",\"code\":200,\"header\":\"say \\\"hi\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\","
      "\"meta\":{\"b\":true,\"n\":1.5},\"nested\":{\"list\":[200,2,null]},\"none\":null,\"plain\":\"100%\"}\n");
}

TEST_F(FormatTest, JsonLeavesMissingKeysOutIfAsked) {
  EXPECT_EQ(
      Json({{"a", S("%PROTOCOL%")}, {"b", S("x%PROTOCOL%")}, {"c", S("%PROTOCOL%")}}, {.omit_empty_values = true}),
      "{\"b\":\"x\"}\n");
  EXPECT_EQ(Json({{"a", Value(Value::Struct{{"b", S("%NOPE%")}})}}),
            "!\"a\": \"b\": at position 0: unknown command operator %NOPE%");
}

TEST_F(FormatTest, JsonDepthIsBounded) {
  Value deep = S("x");
  for (int i = 0; i < 100; ++i) deep = Value(Value::List{deep});
  EXPECT_EQ(Json({{"a", deep}})[0], '!');
}

TEST_F(FormatTest, HeaderValuesAvoidCopiesAndOmitWhatIsMissing) {
  const absl::string_view value = request_.arena().Copy("v");
  request_.Add(http::HeaderName("x"), value);
  const auto evaluate = [&](absl::string_view format) {
    absl::StatusOr<HeaderFormat> made = HeaderFormat::Create(format);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? made->Evaluate(source_, arena_) : absl::string_view();
  };
  EXPECT_EQ(evaluate("%REQ(x)%").data(), value.data());
  EXPECT_EQ(evaluate("%REQ(none)%"), "");
  EXPECT_EQ(evaluate("a-%REQ(none)%%REQ(x)%"), "a-v");
  source_.texts[Operator::kRouteName] = "made";
  const absl::string_view made = evaluate("%ROUTE_NAME%");
  source_.texts[Operator::kRouteName] = "gone";
  EXPECT_EQ(evaluate("%ROUTE_NAME%"), "gone");
  EXPECT_EQ(made, "made");
  const HeaderFormat constant = *HeaderFormat::Create("just text");
  EXPECT_TRUE(constant.constant());
  EXPECT_EQ(constant.Evaluate(source_, arena_), "just text");
  EXPECT_EQ(HeaderFormat().Evaluate(source_, arena_), "");
}

TEST_F(FormatTest, AHeaderValueCannotEndItsLine) {
  EXPECT_FALSE(HeaderFormat::Create("a\r\nb").ok());
  source_.texts[Operator::kRouteName] = "a\r\nevil: 1";
  EXPECT_EQ(HeaderFormat::Create("%ROUTE_NAME%")->Evaluate(source_, arena_), "a  evil: 1");
  EXPECT_EQ(HeaderFormat::Create("x%ROUTE_NAME%")->Evaluate(source_, arena_), "xa  evil: 1");
}

TEST(JsonWriterTest, NumbersReadBackAndInvalidUtf8IsReplaced) {
  const auto number = [](double n) {
    std::string out;
    AppendJsonNumber(n, &out);
    return out;
  };
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(-3), "-3");
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(1e300), "1e+300");
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "null");
  const auto text = [](absl::string_view s) {
    std::string out;
    AppendJsonString(s, &out);
    return out;
  };
  EXPECT_EQ(text("\x7f\xe2\x82\xac"), "\"\\u007f\xe2\x82\xac\"");
  EXPECT_EQ(text("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(text("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(text(absl::string_view("\0", 1)), "\"\\u0000\"");
}

}  // namespace
}  // namespace outrigger::matching
