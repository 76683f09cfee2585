#include "source/event/dispatcher.h"

#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace outrigger::event {
namespace {

struct Hook : EndOfTurn {
  explicit Hook(std::function<void()> run) : run(std::move(run)) {}
  void OnEndOfTurn() override { run(); }
  std::function<void()> run;
};

struct Dying : Deferred {
  explicit Dying(std::function<void()> say) : say(std::move(say)) {}
  ~Dying() override { say(); }
  std::function<void()> say;
};

class DispatcherTest : public testing::Test {
 protected:
  Dispatcher dispatcher_{MakeEpollEngine()};
  std::string log_;
};

TEST_F(DispatcherTest, ATurnRunsTimersThenPostedThenEndOfTurnThenDestroys) {
  Hook hook([&] { log_ += "end "; });
  Timer timer([&] {
    dispatcher_.AtEndOfTurn(hook);
    dispatcher_.DestroyLater(std::make_unique<Dying>([&] { log_ += "destroyed"; }));
    log_ += "timer ";
  });
  dispatcher_.Post([&] { log_ += "posted "; });
  dispatcher_.Arm(timer, Duration::zero());
  dispatcher_.RunOnce(Duration::zero());
  EXPECT_EQ(log_, "timer posted end destroyed");
}

TEST_F(DispatcherTest, AHookRunsOncePerTurnAndOneThatReturnsDoesNotHoldTheTurn) {
  int runs = 0;
  Hook hook([&] {
    ++runs;
    dispatcher_.AtEndOfTurn(hook);
  });
  dispatcher_.AtEndOfTurn(hook);
  dispatcher_.AtEndOfTurn(hook);
  EXPECT_TRUE(dispatcher_.RunOnce(seconds(60))) << "must not wait while a hook is due";
  EXPECT_LE(runs, 8);
  EXPECT_GE(runs, 1);
}

struct Again : NextTurn {
  explicit Again(std::function<void()> run) : run(std::move(run)) {}
  void OnNextTurn() override { run(); }
  std::function<void()> run;
};

TEST_F(DispatcherTest, NextTurnWorkRunsOncePerTurnWithoutWaiting) {
  int runs = 0;
  Again again([&] {
    ++runs;
    dispatcher_.AtNextTurn(again);
  });
  dispatcher_.AtNextTurn(again);
  dispatcher_.RunOnce(seconds(60));
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(dispatcher_.HasPosted());
  dispatcher_.RunOnce(seconds(60));
  EXPECT_EQ(runs, 2);
}

TEST_F(DispatcherTest, NextTurnWorkThatTookLongLeavesTheRestToTheTurnAfter) {
  Again slow([&] {
    log_ += "slow ";
    const MonotonicTime end = dispatcher_.engine().MonotonicNow() + milliseconds(1);
    while (dispatcher_.engine().MonotonicNow() < end) {
    }
  });
  Again other([&] { log_ += "other"; });
  dispatcher_.AtNextTurn(slow);
  dispatcher_.AtNextTurn(other);
  dispatcher_.RunOnce(seconds(60));
  EXPECT_EQ(log_, "slow ");
  dispatcher_.RunOnce(seconds(60));
  EXPECT_EQ(log_, "slow other");
}

TEST_F(DispatcherTest, NextTurnWorkThatTakesLongGoesRoundAndLeavesTheLoopBetween) {
  const auto take_long = [&] {
    for (const MonotonicTime until = dispatcher_.engine().MonotonicNow() + milliseconds(1);
         dispatcher_.engine().MonotonicNow() < until;) {
    }
  };
  Again first([&] { log_ += "1", take_long(), dispatcher_.AtNextTurn(first); });
  Again second([&] { log_ += "2", take_long(); });
  Again third([&] { log_ += "3", take_long(); });
  for (Again* again : {&first, &second, &third}) dispatcher_.AtNextTurn(*again);
  for (int turn = 0; turn < 4; ++turn) {
    dispatcher_.RunOnce(seconds(60));
    log_ += " ";
  }
  EXPECT_EQ(log_, "1 2 3 1 ") << "one of a turn, and no other twice before the last";
}

TEST_F(DispatcherTest, WhatWasWrittenGoesOutBeforeNextTurnWork) {
  Again again([&] { log_ += "again "; });
  Hook hook([&] { log_ += "end "; });
  dispatcher_.AtNextTurn(again);
  dispatcher_.AtEndOfTurn(hook);
  dispatcher_.RunOnce(seconds(60));
  EXPECT_EQ(log_, "end again ");
}

struct Ready : IoHandler {
  explicit Ready(std::function<void()> run) : run(std::move(run)) {}
  void OnReady(uint32_t ready_bits) override {
    if ((ready_bits & kReadable) != 0) run();
  }
  std::function<void()> run;
};

TEST_F(DispatcherTest, WhoBecomesReadyBecauseOthersWereServedComesBeforeNextTurnWork) {
  int asks[2], answers[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, asks), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, answers), 0);
  Ready answered([&] { log_ += "answered "; });
  Ready asked([&] {
    log_ += "asked ";
    ASSERT_EQ(write(answers[1], "x", 1), 1);
  });
  Engine& engine = dispatcher_.engine();
  engine.Register(asks[0], &asked);
  engine.Register(answers[0], &answered);
  dispatcher_.RunOnce(Duration::zero());  // both can be written to
  Again again([&] { log_ += "again "; });
  dispatcher_.AtNextTurn(again);
  ASSERT_EQ(write(asks[1], "x", 1), 1);
  dispatcher_.RunOnce(Duration::zero());
  EXPECT_EQ(log_, "asked answered again ");
  for (const int fd : {asks[0], asks[1], answers[0], answers[1]}) engine.Close(fd);
}

TEST_F(DispatcherTest, ManyTimersThatAreDueTogetherLeaveTheLoopBetween) {
  std::vector<std::unique_ptr<Timer>> timers;
  int fired = 0;
  for (int i = 0; i < 10; ++i) {
    timers.push_back(std::make_unique<Timer>([&] {
      ++fired;
      for (const MonotonicTime until = dispatcher_.engine().MonotonicNow() + milliseconds(1);
           dispatcher_.engine().MonotonicNow() < until;) {
      }
    }));
    dispatcher_.Arm(*timers.back(), Duration::zero());
  }
  dispatcher_.RunOnce(seconds(60));
  EXPECT_LT(fired, 10);
  for (int turn = 0; fired < 10 && turn < 10; ++turn) dispatcher_.RunOnce(seconds(60));
  EXPECT_EQ(fired, 10);
}

TEST_F(DispatcherTest, TasksOfOneThreadRunInOrderOnTheLoop) {
  constexpr int kTasks = 5000;
  std::vector<int> seen[3];
  std::thread loop([&] { dispatcher_.Run(); });
  std::vector<std::thread> posters;
  std::atomic<int> left{3 * kTasks};
  for (auto& mine : seen) {
    posters.emplace_back([&] {
      for (int i = 0; i < kTasks; ++i) {
        dispatcher_.Post([&, i] {
          EXPECT_TRUE(dispatcher_.OnLoopThread());
          mine.push_back(i);
          if (--left == 0) dispatcher_.Stop();
        });
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  loop.join();
  for (const auto& mine : seen) {
    ASSERT_EQ(mine.size(), static_cast<size_t>(kTasks));
    for (int i = 0; i < kTasks; ++i) ASSERT_EQ(mine[i], i);
  }
}

TEST_F(DispatcherTest, APostWakesALoopThatWaits) {
  std::thread loop([&] { dispatcher_.Run(); });
  for (int i = 0; i < 200; ++i) {
    std::atomic<bool> ran{false};
    dispatcher_.Post([&] {
      ran = true;
      ran.notify_one();
    });
    ran.wait(false);
  }
  dispatcher_.Stop();
  loop.join();
}

TEST_F(DispatcherTest, StopBeforeRunEndsRunAtOnceAndItCanRunAgain) {
  dispatcher_.Stop();
  dispatcher_.Run();
  Timer timer([&] {
    log_ += "fired";
    dispatcher_.Stop();
  });
  dispatcher_.Arm(timer, milliseconds(2));
  dispatcher_.Run();
  EXPECT_EQ(log_, "fired");
}

TEST_F(DispatcherTest, WhatIsQueuedAtDestructionIsDestroyedWithoutBeingRun) {
  auto held = std::make_shared<int>(1);
  {
    Dispatcher other(MakeEpollEngine());
    other.Post([held, this] { log_ += "ran"; });
    other.DestroyLater(std::make_unique<Dying>([&] {
      log_ += "destroyed";
      other.Post([held, this] { log_ += "ran"; });
    }));
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(log_, "destroyed");
}

TEST_F(DispatcherTest, ADestructorMayDeferMore) {
  dispatcher_.DestroyLater(std::make_unique<Dying>([&] {
    log_ += "a";
    dispatcher_.DestroyLater(std::make_unique<Dying>([&] { log_ += "b"; }));
  }));
  dispatcher_.RunOnce(Duration::zero());
  EXPECT_EQ(log_, "ab");
}

TEST_F(DispatcherTest, OnLoopThreadTellsThreadsAndNestedLoopsApart) {
  EXPECT_TRUE(dispatcher_.OnLoopThread()) << "it never ran";
  dispatcher_.RunOnce(Duration::zero());
  EXPECT_TRUE(dispatcher_.OnLoopThread()) << "no loop runs on this thread now";
  std::thread([&] { EXPECT_FALSE(dispatcher_.OnLoopThread()); }).join();
  Dispatcher other(MakeEpollEngine());
  other.RunOnce(Duration::zero());
  dispatcher_.Post([&] {
    EXPECT_TRUE(dispatcher_.OnLoopThread());
    EXPECT_FALSE(other.OnLoopThread());
  });
  dispatcher_.RunOnce(Duration::zero());
  EXPECT_TRUE(other.OnLoopThread());
}

TEST_F(DispatcherTest, TheClockStandsStillWithinATurn) {
  MonotonicTime first;
  MonotonicTime second;
  WallTime wall;
  Timer timer([&] {
    first = dispatcher_.now();
    wall = dispatcher_.wall_now();
  });
  dispatcher_.Arm(timer, milliseconds(1));
  dispatcher_.Post([&] { second = dispatcher_.now(); });
  while (timer.armed()) dispatcher_.RunOnce(seconds(1));
  EXPECT_GE(first, timer.when());
  EXPECT_GT(wall.time_since_epoch(), hours(24 * 365 * 50));
  EXPECT_LE(second, first);
}

}  // namespace
}  // namespace outrigger::event
