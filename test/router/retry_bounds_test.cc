#include "source/router/retry_state.h"

#include <gtest/gtest.h>

#include "source/event/simulated_world.h"

namespace outrigger::router {
namespace {

using http::HeaderMap;
using http::KnownHeader;

class RetryBoundsTest : public testing::Test {
 protected:
  RetryBoundsTest() { policy_.on = model::kRetry5xx; }
  bool Limited(absl::string_view value, bool unix_timestamp, Duration* pause) {
    policy_.rate_limited_reset_headers = {{"x-reset", unix_timestamp}};
    HeaderMap request(arena_), response(arena_);
    response.Add(http::HeaderName(absl::string_view("x-reset")), value);
    return RetryState(&policy_, request).RateLimitedBackOff(response, now_, loop_->engine(), pause);
  }
  Arena arena_;
  model::RetryPolicy policy_;
  WallTime now_{seconds(1'700'000'000)};
  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> loop_ = world_.MakeDispatcher();
};

TEST_F(RetryBoundsTest, AnUpstreamSaysHowLongToWait) {
  Duration pause{0};
  ASSERT_TRUE(Limited("10", false, &pause));
  EXPECT_GE(pause, seconds(10));
  EXPECT_LE(pause, seconds(15));
  ASSERT_TRUE(Limited("1700000020", true, &pause));
  EXPECT_GE(pause, seconds(20));
  EXPECT_LE(pause, seconds(30));
}

TEST_F(RetryBoundsTest, ATimeThatNoClockReachesIsIgnored) {
  Duration pause{0};
  for (const bool unix_timestamp : {true, false}) {
    EXPECT_FALSE(Limited("9223372036854775807", unix_timestamp, &pause));
    EXPECT_FALSE(Limited("9223372037", unix_timestamp, &pause));
    EXPECT_FALSE(Limited("-1", unix_timestamp, &pause));
    EXPECT_FALSE(Limited("0", unix_timestamp, &pause));
  }
}

TEST_F(RetryBoundsTest, RetriesAreBounded) {
  policy_.retries = UINT32_MAX;
  HeaderMap request(arena_);
  EXPECT_EQ(RetryState(&policy_, request).remaining(), RetryState::kMostRetries);
  HeaderMap asking(arena_);
  asking.Add(KnownHeader::kXEnvoyRetryOn, "5xx");
  asking.Add(KnownHeader::kXEnvoyMaxRetries, "4294967294");
  EXPECT_EQ(RetryState(nullptr, asking).remaining(), RetryState::kMostRetries);
}

TEST_F(RetryBoundsTest, ALongBackOffDoesNotOverflow) {
  policy_.retries = 100;
  policy_.back_off_base = hours(24 * 30);
  policy_.back_off_max = hours(24 * 300);
  HeaderMap request(arena_);
  RetryState state(&policy_, request);
  for (int i = 0; i < 100; ++i) {
    const Duration pause = state.NextBackOff(loop_->engine());
    EXPECT_GE(pause, Duration::zero());
    EXPECT_LE(pause, policy_.back_off_max);
  }
}

}  // namespace
}  // namespace outrigger::router
