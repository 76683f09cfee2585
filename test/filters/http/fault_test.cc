#include "source/filters/http/fault/fault.h"

#include <memory>
#include <string>
#include <utility>

#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "gtest/gtest.h"
#include "source/filters/http/fault/factory.h"
#include "test/harness/factory_context.h"
#include "test/harness/stream_harness.h"

namespace outrigger::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::fault::v3;
using harness::Fields;
using harness::FromText;

constexpr char kDelay[] = "delay { fixed_delay { seconds: 2 } percentage { numerator: 100 } } ";
constexpr char kAbort[] = "abort { http_status: 503 percentage { numerator: 100 } } ";

class FaultTest : public testing::Test {
 protected:
  static http::FilterSpec Make(harness::StreamHarness& h, const std::string& text) {
    harness::FakeFactoryContext context(h.stats());
    absl::StatusOr<http::FilterSpec> spec = kFaultFactory.create(FromText<v3::HTTPFault>(text), context);
    EXPECT_TRUE(spec.ok()) << spec.status();
    return *std::move(spec);
  }
  static http::FilterSpec Make(harness::StreamHarness& h, const std::string& text, Value::Struct runtime) {
    harness::FakeFactoryContext context(h.stats());
    context.runtime = std::move(runtime);
    absl::StatusOr<http::FilterSpec> spec = kFaultFactory.create(FromText<v3::HTTPFault>(text), context);
    EXPECT_TRUE(spec.ok()) << spec.status();
    return *std::move(spec);
  }
  // What a request for / gets: the status, or "" if it goes on; `delay`: what it waited for.
  static std::string StatusWith(const std::string& text, Value::Struct runtime, Fields extra = {},
                                Duration* delay = nullptr) {
    harness::StreamHarness h;
    h.Add(Make(h, text, std::move(runtime)), "fault");
    Fields fields = {{":method", "GET"}, {":path", "/"}};
    fields.insert(fields.end(), extra.begin(), extra.end());
    h.Request(fields, true);
    Duration waited{0};
    for (; !h.arrived.headers && !h.sender.headers_sent && waited < Duration(seconds(5)); waited += milliseconds(100)) {
      h.world().RunFor(milliseconds(100));
    }
    if (delay != nullptr) *delay = waited;
    return h.sender.headers_sent ? std::string(h.sender.status()) : "";
  }
  void Use(const std::string& text) { h_.Add(Make(h_, text), "fault"); }
  void Ask(Fields extra = {}, bool end = true) {
    Fields fields = {{":method", "GET"}, {":path", "/"}};
    fields.insert(fields.end(), extra.begin(), extra.end());
    h_.Request(fields, end);
  }
  bool Has(observe::ResponseFlag flag) { return h_.stream().info().flags.Has(flag); }

  harness::StreamHarness h_{4096};
};

TEST_F(FaultTest, DelaysTheRequestAndItsBody) {
  Use(kDelay);
  h_.Post();
  h_.Body("body", true);
  h_.world().RunFor(milliseconds(1900));
  EXPECT_FALSE(h_.arrived.headers);
  EXPECT_EQ(h_.Counter("http.test.fault.active_faults"), 1u);
  h_.world().RunFor(milliseconds(200));
  EXPECT_EQ(h_.arrived.body, "body");
  EXPECT_TRUE(h_.arrived.ended);
  EXPECT_TRUE(Has(observe::ResponseFlag::kDelayInjected));
  EXPECT_EQ(h_.Counter("http.test.fault.delays_injected"), 1u);
  h_.Respond(200, "");
  h_.EndStream();
  EXPECT_EQ(h_.Counter("http.test.fault.active_faults"), 0u);
}

TEST_F(FaultTest, AResetCancelsTheDelay) {
  Use(kDelay);
  Ask();
  h_.stream().OnReset(http::ResetReason::kRemoteReset, "");
  h_.EndStream();
  h_.world().RunFor(seconds(5));
  EXPECT_FALSE(h_.arrived.headers);
  EXPECT_EQ(h_.Counter("http.test.fault.active_faults"), 0u);
}

TEST_F(FaultTest, AbortsWithAStatus) {
  Use(kAbort);
  Ask();
  EXPECT_EQ(h_.sender.status(), "503");
  EXPECT_EQ(h_.sender.body, "fault filter abort");
  EXPECT_EQ(h_.details, "fault_filter_abort");
  EXPECT_TRUE(Has(observe::ResponseFlag::kFaultInjected));
  EXPECT_EQ(h_.Counter("http.test.fault.aborts_injected"), 1u);
}

TEST_F(FaultTest, AbortsWithAGrpcStatus) {
  Use("abort { grpc_status: 8 percentage { numerator: 100 } }");
  Ask({{"content-type", "application/grpc"}});
  EXPECT_EQ(h_.sender.status(), "200");
  EXPECT_EQ(h_.sender.Header("grpc-status"), "8");
}

TEST_F(FaultTest, AbortsAfterTheDelay) {
  Use(std::string(kDelay) + kAbort);
  Ask();
  EXPECT_FALSE(h_.sender.headers_sent);
  h_.world().RunFor(seconds(3));
  EXPECT_EQ(h_.sender.status(), "503");
  EXPECT_FALSE(h_.arrived.headers);
}

TEST_F(FaultTest, HitsAShareOfTheRequests) {
  int aborted = 0;
  for (int i = 0; i < 400; ++i) {
    harness::StreamHarness h(4096, static_cast<uint64_t>(i) + 1);
    h.Add(Make(h, "abort { http_status: 503 percentage { numerator: 2500 denominator: TEN_THOUSAND } }"), "fault");
    h.Get();
    aborted += h.sender.headers_sent ? 1 : 0;
  }
  EXPECT_GT(aborted, 60);
  EXPECT_LT(aborted, 140);
}

TEST_F(FaultTest, NothingHappensAtZeroPercent) {
  Use("abort { http_status: 503 } delay { fixed_delay { seconds: 2 } }");
  Ask();
  EXPECT_TRUE(h_.arrived.headers);
}

TEST_F(FaultTest, TheCallerSaysHowLongIfAllowed) {
  Use("delay { header_delay { } percentage { numerator: 100 } }");
  Ask({{"x-envoy-fault-delay-request", "500"}});
  h_.world().RunFor(milliseconds(400));
  EXPECT_FALSE(h_.arrived.headers);
  h_.world().RunFor(milliseconds(200));
  EXPECT_TRUE(h_.arrived.headers);
}

TEST_F(FaultTest, TheCallerMayLowerThePercentageButNotRaiseIt) {
  Use("delay { header_delay { } percentage { numerator: 100 } } abort { header_abort { } }");
  Ask({{"x-envoy-fault-delay-request", "500"},
       {"x-envoy-fault-delay-request-percentage", "0"},
       {"x-envoy-fault-abort-request", "503"},
       {"x-envoy-fault-abort-request-percentage", "100"}});
  EXPECT_TRUE(h_.arrived.headers);
}

TEST_F(FaultTest, NonsenseInHeadersIsNoFault) {
  Use("delay { header_delay { } percentage { numerator: 100 } } abort { header_abort { } percentage { numerator: 100 } "
      "} "
      "response_rate_limit { header_limit { } percentage { numerator: 100 } }");
  Ask({{"x-envoy-fault-delay-request", "-5"},
       {"x-envoy-fault-abort-request", "99999"},
       {"x-envoy-fault-throughput-response", "99999999999999999999999"}});
  EXPECT_TRUE(h_.arrived.headers);
  h_.Respond(200, "x");
  EXPECT_EQ(h_.sender.body, "x");
}

TEST_F(FaultTest, TheCallerMayChooseTheStatus) {
  Use("abort { header_abort { } percentage { numerator: 100 } }");
  Ask({{"x-envoy-fault-abort-request", "418"}});
  EXPECT_EQ(h_.sender.status(), "418");
}

TEST_F(FaultTest, OnlyRequestsThatMatchAreHit) {
  const std::string only =
      std::string(kAbort) + "headers { name: 'x-test' string_match { exact: 'yes' } } downstream_nodes: 'n1'";
  Use(only);
  Ask({{"x-test", "yes"}, {"x-envoy-downstream-service-node", "n2"}});
  EXPECT_TRUE(h_.arrived.headers);
  harness::StreamHarness hit;
  hit.Add(Make(hit, only), "fault");
  hit.Request({{":method", "GET"}, {":path", "/"}, {"x-test", "yes"}, {"x-envoy-downstream-service-node", "n1"}}, true);
  EXPECT_EQ(hit.sender.status(), "503");
}

TEST_F(FaultTest, OnlyRequestsForTheClusterAreHit) {
  Use(std::string(kAbort) + "upstream_cluster: 'other'");
  Ask();
  EXPECT_TRUE(h_.arrived.headers);
}

TEST_F(FaultTest, NoMoreFaultsThanAllowedAtOnce) {
  Use(std::string(kAbort) + "max_active_faults { value: 0 }");
  Ask();
  EXPECT_TRUE(h_.arrived.headers);
  EXPECT_EQ(h_.Counter("http.test.fault.faults_overflow"), 1u);
  EXPECT_EQ(h_.Counter("http.test.fault.aborts_injected"), 0u);
}

TEST_F(FaultTest, CountsByTheCallersClusterIfItsNameIsPlain) {
  Use(kAbort);
  Ask({{"x-envoy-downstream-service-cluster", "shop"}});
  EXPECT_EQ(h_.Counter("http.test.fault.shop.aborts_injected"), 1u);
  harness::StreamHarness odd;
  odd.Add(Make(odd, kAbort), "fault");
  odd.Request({{":method", "GET"}, {":path", "/"}, {"x-envoy-downstream-service-cluster", "a b\"{"}}, true);
  EXPECT_EQ(odd.Counter("http.test.fault.a b\"{.aborts_injected"), 0u);
}

TEST_F(FaultTest, ARouteMayHaveItsOwnFaults) {
  Use("");
  harness::FakeFactoryContext context(h_.stats());
  auto route = kFaultFactory.create_route(FromText<v3::HTTPFault>(kAbort), context);
  ASSERT_TRUE(route.ok());
  h_.per_route["fault"] = {route->get()};
  Ask();
  EXPECT_EQ(h_.sender.status(), "503");
}

TEST_F(FaultTest, SlowsTheResponseDownAndKeepsItWhole) {
  Use("response_rate_limit { fixed_limit { limit_kbps: 16 } percentage { numerator: 100 } }");  // 1 KiB each 62.5 ms
  Ask();
  const std::string body(8 * 1024, 'b');
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.RespondBody(body, true);
  EXPECT_EQ(h_.sender.body.size(), 1024u);
  EXPECT_EQ(h_.arrived.highs, 1);  // more waits than the limit allows: the producer stops
  h_.world().RunFor(milliseconds(130));
  EXPECT_EQ(h_.sender.body.size(), 3 * 1024u);
  h_.world().RunFor(milliseconds(250));
  EXPECT_EQ(h_.arrived.lows, 1);
  h_.world().RunFor(milliseconds(100));
  EXPECT_EQ(h_.sender.body, body);
  EXPECT_TRUE(h_.sender.ended);
  EXPECT_EQ(h_.done, 1);
  EXPECT_EQ(h_.Counter("http.test.fault.response_rl_injected"), 1u);
}

TEST_F(FaultTest, TrailersComeBehindAPacedBody) {
  Use("response_rate_limit { fixed_limit { limit_kbps: 16 } percentage { numerator: 100 } }");
  Ask();
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.RespondBody(std::string(1500, 'b'), false);
  h_.RespondTrailers({{"grpc-status", "0"}});
  EXPECT_TRUE(h_.sender.trailers.empty());
  h_.world().RunFor(milliseconds(100));
  EXPECT_EQ(h_.sender.body.size(), 1500u);
  EXPECT_EQ(h_.sender.trailers.size(), 1u);
}

TEST_F(FaultTest, ASmallResponsePassesAtOnce) {
  Use("response_rate_limit { fixed_limit { limit_kbps: 16 } percentage { numerator: 100 } }");
  Ask();
  h_.Respond(200, "small");
  EXPECT_EQ(h_.sender.body, "small");
  EXPECT_EQ(h_.done, 1);
}

TEST_F(FaultTest, LeavesItsMetadataWhereAFaultHappened) {
  Use(std::string(kAbort) + "filter_metadata { fields { key: 'k' value { string_value: 'v' } } }");
  Ask();
  const Metadata* all = h_.stream().metadata().get();
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(*all->find("envoy.filters.http.fault")->second.Find("k")->as_string(), "v");
}

TEST_F(FaultTest, RuntimeKeysReplaceWhatIsConfigured) {
  EXPECT_EQ(StatusWith(kAbort, {{"fault.http.abort.abort_percent", Value(0.0)}}), "");
  EXPECT_EQ(StatusWith(kAbort, {{"fault.http.abort.http_status", Value(418.0)}}), "418");
  EXPECT_EQ(StatusWith("abort { http_status: 503 }", {{"fault.http.abort.abort_percent", Value(std::string("100"))}}),
            "503");
  Value::Struct fraction;
  fraction["numerator"] = Value(10000.0);
  fraction["denominator"] = Value(std::string("TEN_THOUSAND"));
  EXPECT_EQ(StatusWith("abort { http_status: 503 }", {{"fault.http.abort.abort_percent", Value(std::move(fraction))}}),
            "503");
  Duration delay;
  StatusWith(kDelay, {{"fault.http.delay.fixed_duration_ms", Value(600.0)}}, {}, &delay);
  EXPECT_EQ(delay, Duration(milliseconds(600)));
  StatusWith(kDelay, {{"fault.http.delay.fixed_delay_percent", Value(0.0)}}, {}, &delay);
  EXPECT_EQ(delay, Duration(0));
  EXPECT_EQ(StatusWith(kAbort, {{"fault.http.max_active_faults", Value(0.0)}}), "");
}

TEST_F(FaultTest, RuntimeKeysMakeFaultsWhereNoneIsConfigured) {
  Duration delay;
  EXPECT_EQ(StatusWith("",
                       {{"fault.http.abort.abort_percent", Value(100.0)},
                        {"fault.http.abort.http_status", Value(429.0)},
                        {"fault.http.delay.fixed_delay_percent", Value(100.0)},
                        {"fault.http.delay.fixed_duration_ms", Value(300.0)}},
                       {}, &delay),
            "429");
  EXPECT_EQ(delay, Duration(milliseconds(300)));
  EXPECT_EQ(StatusWith("", {{"fault.http.abort.abort_percent", Value(100.0)}}), "");  // with what?
  EXPECT_EQ(
      StatusWith("", {{"fault.http.abort.abort_percent", Value(100.0)}, {"fault.http.abort.grpc_status", Value(8.0)}},
                 {{"content-type", "application/grpc"}}),
      "200");
}

TEST_F(FaultTest, KeysOfOwnNamesAreAskedInsteadOfTheUsualOnes) {
  EXPECT_EQ(
      StatusWith(std::string(kAbort) + "abort_http_status_runtime: 'mine.status' abort_percent_runtime: 'mine.share'",
                 {{"mine.status", Value(404.0)}, {"fault.http.abort.abort_percent", Value(0.0)}}),
      "404");
  Duration delay;
  StatusWith(std::string(kDelay) + "delay_duration_runtime: 'mine.time' delay_percent_runtime: 'mine.share'",
             {{"mine.time", Value(500.0)}, {"fault.http.delay.fixed_delay_percent", Value(0.0)}}, {}, &delay);
  EXPECT_EQ(delay, Duration(milliseconds(500)));
  EXPECT_EQ(StatusWith(std::string(kAbort) + "max_active_faults_runtime: 'mine.most'", {{"mine.most", Value(0.0)}}),
            "");
  EXPECT_EQ(StatusWith("abort { grpc_status: 8 percentage { numerator: 100 } } abort_grpc_status_runtime: 'mine.grpc'",
                       {{"mine.grpc", Value(14.0)}}),
            "200");
  harness::StreamHarness paced;
  paced.Add(Make(paced,
                 "response_rate_limit { fixed_limit { limit_kbps: 16 } percentage { numerator: 100 } } "
                 "response_rate_limit_percent_runtime: 'mine.paced'",
                 {{"mine.paced", Value(0.0)}}),
            "fault");
  paced.Get();
  paced.Respond(200, std::string(8192, 'b'));
  EXPECT_EQ(paced.sender.body.size(), 8192u);
}

TEST_F(FaultTest, KeysOfACallingClusterReplaceTheGeneralOnes) {
  const Value::Struct runtime = {{"fault.http.abort.abort_percent", Value(0.0)},
                                 {"fault.http.web.shop.abort.abort_percent", Value(100.0)},
                                 {"fault.http.web.shop.abort.http_status", Value(410.0)}};
  EXPECT_EQ(StatusWith(kAbort, runtime), "");
  EXPECT_EQ(StatusWith(kAbort, runtime, {{"x-envoy-downstream-service-cluster", "other"}}), "");
  EXPECT_EQ(StatusWith(kAbort, runtime, {{"x-envoy-downstream-service-cluster", "web.shop"}}), "410");
}

TEST_F(FaultTest, ARuntimeValueThatCannotBeIsNotTaken) {
  EXPECT_EQ(StatusWith(kAbort, {{"fault.http.abort.http_status", Value(99.0)}}), "503");
  EXPECT_EQ(StatusWith(kAbort, {{"fault.http.abort.http_status", Value(std::string("teapot"))}}), "503");
  EXPECT_EQ(StatusWith(kAbort, {{"fault.http.max_active_faults", Value(-1.0)}}), "503");
  Duration delay;
  StatusWith(kDelay, {{"fault.http.delay.fixed_duration_ms", Value(1e300)}}, {}, &delay);
  EXPECT_EQ(delay, Duration(seconds(2)));
}

TEST_F(FaultTest, SaysWhatIsMissingInItsConfiguration) {
  harness::FakeFactoryContext context(h_.stats());
  EXPECT_EQ(kFaultFactory.create(FromText<v3::HTTPFault>("delay { }"), context).status().message(),
            "delay: fixed_delay or header_delay is needed");
  EXPECT_EQ(kFaultFactory.create(FromText<v3::HTTPFault>("abort { }"), context).status().message(),
            "abort: http_status, grpc_status or header_abort is needed");
}

}  // namespace
}  // namespace outrigger::filters
