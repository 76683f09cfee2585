#include "source/overload/state.h"

#include "gtest/gtest.h"
#include "source/event/simulated_world.h"

namespace outrigger::overload {
namespace {

class OverloadStateTest : public testing::Test {
 protected:
  int AsksOf(Point point, int draws) {
    int asked = 0;
    for (int i = 0; i < draws; ++i) asked += state_.Asks(point, *engine_) ? 1 : 0;
    return asked;
  }
  event::SimulatedWorld world_{7};
  std::unique_ptr<event::Engine> engine_ = world_.MakeEngine();
  State state_;
};

TEST_F(OverloadStateTest, NothingIsAskedUntilMainSaysSo) {
  EXPECT_EQ(AsksOf(Point::kRejectRequest, 100), 0);
  state_.Set(Point::kRejectRequest, 1);
  EXPECT_EQ(AsksOf(Point::kRejectRequest, 100), 100);
  EXPECT_EQ(AsksOf(Point::kRejectConnection, 100), 0);
  state_.Set(Point::kRejectRequest, 0);
  EXPECT_EQ(AsksOf(Point::kRejectRequest, 100), 0);
}

TEST_F(OverloadStateTest, AScaledPointIsAskedOfThatShare) {
  state_.Set(Point::kShedAccept, 0.25);
  const int asked = AsksOf(Point::kShedAccept, 4000);
  EXPECT_GT(asked, 800);
  EXPECT_LT(asked, 1200);
}

TEST_F(OverloadStateTest, ATimerIsShortenedTowardsItsFloor) {
  state_.SetFloor(TimerKind::kConnectionIdle, seconds(2), 1);
  state_.SetFloor(TimerKind::kStreamIdle, seconds(-1), 0.1);
  EXPECT_EQ(state_.Shorten(TimerKind::kConnectionIdle, seconds(602)), seconds(602));
  state_.SetTimer(TimerKind::kConnectionIdle, 0.5);
  state_.SetTimer(TimerKind::kStreamIdle, 1);
  EXPECT_EQ(state_.Shorten(TimerKind::kConnectionIdle, seconds(602)), seconds(302));
  EXPECT_EQ(state_.Shorten(TimerKind::kConnectionIdle, seconds(1)), seconds(1)) << "a floor lengthens nothing";
  EXPECT_EQ(state_.Shorten(TimerKind::kStreamIdle, seconds(600)), seconds(60));
  EXPECT_EQ(state_.Shorten(TimerKind::kTransportConnect, seconds(10)), seconds(10));
  EXPECT_EQ(state_.Shorten(TimerKind::kConnectionIdle, Duration::zero()), Duration::zero()) << "none stays none";
}

TEST_F(OverloadStateTest, AFloorOfZeroIsNotNoLimit) {
  state_.SetFloor(TimerKind::kConnectionIdle, Duration::zero(), 1);
  state_.SetTimer(TimerKind::kConnectionIdle, 1);
  EXPECT_EQ(state_.Shorten(TimerKind::kConnectionIdle, seconds(600)), milliseconds(1));
}

}  // namespace
}  // namespace outrigger::overload
