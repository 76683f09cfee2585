#include "source/event/timeout_queue.h"

#include <deque>
#include <memory>

#include "gtest/gtest.h"
#include "source/event/dispatcher.h"

namespace outrigger::event {
namespace {

struct Waiting final : Timeout {
  void OnTimeout() override { ++fired; }
  int fired = 0;
};

class TimeoutQueueTest : public testing::Test {
 protected:
  void Pass(Duration time) {
    const MonotonicTime until = loop_->now() + time;
    while (loop_->now() < until) loop_->RunOnce(until - loop_->now());
  }
  std::unique_ptr<Dispatcher> loop_ = std::make_unique<Dispatcher>(MakeEpollEngine());
  TimeoutQueues queues_{*loop_};
};

TEST_F(TimeoutQueueTest, LengthsThatClientsChooseTakeNoMoreThanABoundedNumberOfQueues) {
  for (int i = 1; i < 100'000; ++i) {
    Waiting one;
    queues_.Add(one, nanoseconds(1'000'000'000 + i));
  }
  EXPECT_LE(queues_.length_count(), TimeoutQueues::kMostLengths);
}

TEST_F(TimeoutQueueTest, LengthsThatAreAllWaitedForAreRoundedUpToABoundedNumber) {
  std::deque<Waiting> waiting;
  for (int64_t i = 1; i < 3'000; ++i) queues_.Add(waiting.emplace_back(), seconds(i * i * 100 + 7));
  EXPECT_LE(queues_.length_count(), TimeoutQueues::kMostLengths + TimeoutQueues::kMostRounded);
  // Late, never early, and at most by a quarter.
  int64_t i = 0;
  for (const Waiting& one : waiting) {
    ++i;
    const Duration asked = seconds(i * i * 100 + 7);
    EXPECT_GE(one.deadline() - loop_->now(), asked);
    EXPECT_LE(one.deadline() - loop_->now(), asked + asked / 3);
  }
}

TEST_F(TimeoutQueueTest, AShortTimeoutStaysExactAfterManyOtherLengths) {
  for (int i = 1; i < 1'000; ++i) {
    Waiting one;
    queues_.Add(one, seconds(100) + nanoseconds(i));
  }
  Waiting one;
  queues_.Add(one, milliseconds(20));
  EXPECT_EQ(one.deadline() - loop_->now(), milliseconds(20));
  Pass(milliseconds(40));
  EXPECT_EQ(one.fired, 1);
}

TEST_F(TimeoutQueueTest, ALengthBeyondAnyClockNeverFires) {
  Waiting one;
  queues_.Add(one, Duration::max());
  EXPECT_GT(one.deadline(), loop_->now() + hours(24 * 365));
  Pass(milliseconds(5));
  EXPECT_EQ(one.fired, 0);
}

TEST_F(TimeoutQueueTest, AddingAgainMovesIt) {
  Waiting one;
  queues_.Add(one, milliseconds(10));
  queues_.Add(one, milliseconds(60));
  Pass(milliseconds(30));
  EXPECT_EQ(one.fired, 0);
  Pass(milliseconds(60));
  EXPECT_EQ(one.fired, 1);
}

}  // namespace
}  // namespace outrigger::event
