#include "source/upstream/breaker_gauges.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/observe/stats_reader.h"

namespace outrigger::upstream {
namespace {

using observe::ClusterScope;

class BreakerGaugesTest : public ::testing::Test {
 protected:
  BreakerGaugesTest() {
    config_.stats = registry_.Register<ClusterScope>("cluster.a.");
    config_.circuit_breakers = std::make_shared<model::CircuitBreakers>();
  }
  // -1: there is no such name.
  int64_t After(const std::string& name) {
    UpdateBreakerGauges(config_, registry_.main());
    for (const auto& number : registry_.Read().numbers) {
      if (number.name == absl::StrCat("cluster.a.circuit_breakers.", name)) return number.value;
    }
    return -1;
  }
  static model::BreakerSettings Pending(uint32_t pending) {
    model::BreakerSettings settings;
    settings.pending = pending;
    return settings;
  }

  observe::StatsRegistry registry_;
  model::ClusterConfig config_;
};

TEST_F(BreakerGaugesTest, OfAClusterThatNobodyUsesAllAreThereAndNothingIsMade) {
  for (const char* gauge : {"cx_open", "cx_pool_open", "rq_open", "rq_pending_open", "rq_retry_open"}) {
    EXPECT_EQ(After(absl::StrCat("default.", gauge)), 0) << gauge;
    EXPECT_EQ(After(absl::StrCat("high.", gauge)), 0) << gauge;
  }
  EXPECT_EQ(After("default.remaining_rq"), -1);
  EXPECT_EQ(registry_.main().IfMade(config_.stats, ClusterScope::kBreakers[0]), nullptr);
  EXPECT_EQ(config_.circuit_breakers->IfMade(0), nullptr);
}

TEST_F(BreakerGaugesTest, ALimitOfZeroIsOpenUntilItIsRaisedAlsoIfNobodyUsesTheCluster) {
  config_.circuit_breakers->SetLimits(1, Pending(0));
  EXPECT_EQ(After("high.rq_pending_open"), 1);
  EXPECT_EQ(After("default.rq_pending_open"), 0);
  config_.circuit_breakers->SetLimits(1, Pending(5));
  EXPECT_EQ(After("high.rq_pending_open"), 0);
}

TEST_F(BreakerGaugesTest, WhatIsTakenShowsAndWhatIsLeft) {
  model::BreakerSettings two;
  two.requests = 2;
  two.track_remaining = true;
  config_.circuit_breakers = std::make_shared<model::CircuitBreakers>(two, model::BreakerSettings());
  config_.stats.Show(ClusterScope::kRemaining[0]);
  EXPECT_EQ(After("default.remaining_rq"), 2);
  EXPECT_EQ(After("default.remaining_cx"), 1024);
  const std::shared_ptr<model::CircuitBreaker> breaker = config_.circuit_breakers->Get(0);
  SharedLimit::Lease lease(breaker->max_requests);
  ASSERT_TRUE(lease.TryAcquire());
  EXPECT_EQ(After("default.remaining_rq"), 1);
  EXPECT_EQ(After("default.rq_open"), 0);
  ASSERT_TRUE(lease.TryAcquire());
  EXPECT_EQ(After("default.remaining_rq"), 0);
  EXPECT_EQ(After("default.rq_open"), 1);
  lease.Release();
  lease.Release();
  EXPECT_EQ(After("default.rq_open"), 0);
}

TEST_F(BreakerGaugesTest, AClusterThatGoesAndComesAgainShowsNothingOfBefore) {
  config_.circuit_breakers->SetLimits(0, Pending(0));
  EXPECT_EQ(After("default.rq_pending_open"), 1);
  config_ = {};
  config_.stats = registry_.Register<ClusterScope>("cluster.a.");
  config_.circuit_breakers = std::make_shared<model::CircuitBreakers>();
  EXPECT_EQ(After("default.rq_pending_open"), 0);
}

}  // namespace
}  // namespace outrigger::upstream
