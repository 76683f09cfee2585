#include "source/upstream/peer_idle_limit.h"

#include <gtest/gtest.h>

namespace outrigger::upstream {
namespace {

class PeerIdleLimitTest : public testing::Test {
 protected:
  // A connection that was idle for `idle` and was ended by the host then; the next one begins later.
  void Ended(Duration idle) {
    now_ += seconds(1);
    limit_.Ended(now_, now_ + idle);
    now_ += idle;
  }
  PeerIdleLimit limit_;
  MonotonicTime now_ = MonotonicTime{} + hours(1);
};

TEST_F(PeerIdleLimitTest, WhatIsNotKnownIsNoLimit) { EXPECT_EQ(limit_.Ours(now_), Duration::zero()); }

TEST_F(PeerIdleLimitTest, OursIsALittleShorterThanWhatIsAnnounced) {
  for (const Duration said : {seconds(1), seconds(2), seconds(5), seconds(65), seconds(1'000'000)}) {
    limit_.Announced(said);
    EXPECT_LE(limit_.Ours(now_), said - std::min<Duration>(said / 10, milliseconds(200)));
    EXPECT_GE(limit_.Ours(now_), said / 4 * 3);
  }
}

TEST_F(PeerIdleLimitTest, TwoEndsThatAgreeTeachTheShorterOne) {
  Ended(milliseconds(3000));
  EXPECT_EQ(limit_.Ours(now_), Duration::zero()) << "it may have been restarted";
  Ended(milliseconds(2900));
  EXPECT_LE(limit_.Ours(now_), milliseconds(2650));
  EXPECT_GE(limit_.Ours(now_), milliseconds(2400));
}

TEST_F(PeerIdleLimitTest, EndsThatDisagreeTeachNothing) {
  for (const int millis : {3000, 1000, 7000, 300}) Ended(milliseconds(millis));
  EXPECT_EQ(limit_.Ours(now_), Duration::zero());
}

TEST_F(PeerIdleLimitTest, ConnectionsThatARestartEndsTogetherTeachNothing) {
  limit_.Ended(now_, now_ + seconds(3));
  limit_.Ended(now_ + milliseconds(100), now_ + seconds(3));
  limit_.Ended(now_ + milliseconds(200), now_ + milliseconds(3001));
  EXPECT_EQ(limit_.Ours(now_ + seconds(4)), Duration::zero());
}

TEST_F(PeerIdleLimitTest, TheShorterOfWhatIsSaidAndDoneCounts) {
  limit_.Announced(seconds(60));
  Ended(seconds(5));
  Ended(seconds(5));
  EXPECT_LT(limit_.Ours(now_), seconds(5));
  limit_.Announced(seconds(2));
  EXPECT_LT(limit_.Ours(now_), seconds(2));
}

TEST_F(PeerIdleLimitTest, WhatWasLearntIsForgottenInTime) {
  Ended(seconds(5));
  Ended(seconds(5));
  EXPECT_GT(limit_.Ours(now_), Duration::zero());
  EXPECT_EQ(limit_.Ours(now_ + PeerIdleLimit::kBelieved), Duration::zero());
}

TEST_F(PeerIdleLimitTest, AHostThatEndsConnectionsAtOnceIsNoLesson) {
  for (int i = 0; i < 4; ++i) Ended(milliseconds(20));
  EXPECT_EQ(limit_.Ours(now_), Duration::zero());
}

}  // namespace
}  // namespace outrigger::upstream
