// The limits of one request: from its route, and from what it says itself.
#include "source/router/timeouts.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace outrigger::router {
namespace {

using http::HeaderMap;
using Fields = std::vector<std::pair<std::string, std::string>>;

class TimeoutsTest : public testing::Test {
 protected:
  RequestTimeouts Decide(const Fields& fields) {
    headers_ = arena_.New<HeaderMap>(arena_);
    for (const auto& [name, value] : fields) headers_->AddCopy(http::HeaderName(arena_.Copy(name)), value);
    return DecideTimeouts(config_, action_, *headers_);
  }
  std::string Said(absl::string_view name) { return std::string(headers_->Get(http::HeaderName(name))); }

  Arena arena_;
  RouterConfig config_;
  model::ForwardAction action_;
  HeaderMap* headers_ = nullptr;
};

TEST_F(TimeoutsTest, TheRouteHasFifteenSecondsUnlessItSaysOtherwise) {
  EXPECT_EQ(Decide({}).global, seconds(15));
  EXPECT_EQ(Said("x-envoy-expected-rq-timeout-ms"), "15000");
}

TEST_F(TimeoutsTest, ZeroMeansNoneAndTellsTheUpstreamNothing) {
  action_.timeout = Duration::zero();
  EXPECT_EQ(Decide({{"x-envoy-expected-rq-timeout-ms", "5"}}).global, Duration::zero());
  EXPECT_FALSE(headers_->Has(http::KnownHeader::kXEnvoyExpectedRqTimeoutMs));
}

TEST_F(TimeoutsTest, ARequestMayChangeBothItsLimits) {
  const RequestTimeouts timeouts = Decide({{"x-envoy-upstream-rq-timeout-ms", "2000"}, {"x-envoy-upstream-rq-per-try-timeout-ms", "300"}});
  EXPECT_EQ(timeouts.global, seconds(2));
  EXPECT_EQ(timeouts.per_try, milliseconds(300));
  EXPECT_EQ(Said("x-envoy-upstream-rq-timeout-ms"), "");
  EXPECT_EQ(Said("x-envoy-upstream-rq-per-try-timeout-ms"), "");
  EXPECT_EQ(Said("x-envoy-expected-rq-timeout-ms"), "300");
}

TEST_F(TimeoutsTest, ATryMayNotOutliveItsRequestAndNonsenseIsNotHeard) {
  EXPECT_EQ(Decide({{"x-envoy-upstream-rq-timeout-ms", "100"}, {"x-envoy-upstream-rq-per-try-timeout-ms", "300"}}).per_try, Duration::zero());
  EXPECT_EQ(Decide({{"x-envoy-upstream-rq-timeout-ms", "soon"}}).global, seconds(15));
}

TEST_F(TimeoutsTest, TheExpectationOfAProxyBeforeUsCountsWhereRespected) {
  EXPECT_EQ(Decide({{"x-envoy-expected-rq-timeout-ms", "700"}}).global, seconds(15));
  config_.respect_expected_rq_timeout = true;
  EXPECT_EQ(Decide({{"x-envoy-expected-rq-timeout-ms", "700"}}).global, milliseconds(700));
}

TEST_F(TimeoutsTest, GrpcTimeoutsCountWhereTheRouteAllowsThem) {
  const Fields grpc = {{"content-type", "application/grpc"}, {"grpc-timeout", "3S"}};
  EXPECT_EQ(Decide(grpc).global, seconds(15));
  action_.grpc_timeout_max = Duration::zero();
  EXPECT_EQ(Decide(grpc).global, seconds(3));
  EXPECT_EQ(Decide({{"content-type", "application/grpc"}}).global, Duration::zero()) << "no limit given, none set";
  action_.grpc_timeout_max = seconds(2);
  EXPECT_EQ(Decide(grpc).global, seconds(2));
  EXPECT_EQ(Said("grpc-timeout"), "2000m") << "the upstream must not believe it has longer";
  EXPECT_EQ(Decide({{"content-type", "application/grpc"}}).global, seconds(2));
  action_.grpc_timeout_offset = milliseconds(500);
  action_.grpc_timeout_max = seconds(10);
  EXPECT_EQ(Decide(grpc).global, milliseconds(2500));
  EXPECT_EQ(Decide({{"grpc-timeout", "3S"}}).global, seconds(15)) << "not gRPC";
}

TEST_F(TimeoutsTest, AnEndlessGrpcTimeoutIsNoOverflow) {
  action_.grpc_timeout_max = Duration::zero();
  EXPECT_GT(Decide({{"content-type", "application/grpc"}, {"grpc-timeout", "99999999H"}}).global, std::chrono::hours(24 * 365));
}

}  // namespace
}  // namespace outrigger::router
