#include "source/server/watchdog.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace outrigger::server {
namespace {

class WatchdogTest : public testing::Test {
 protected:
  WatchdogTest()
      : main_(event::MakeEpollEngine()), first_(event::MakeEpollEngine()), second_(event::MakeEpollEngine()) {}
  ~WatchdogTest() override {
    Free();
    for (auto* loop : {&first_, &second_}) loop->Stop();
    for (std::thread& thread : threads_) thread.join();
  }

  void Watch(Watchdog::Limits limits) {
    Watchdog::Settings settings;
    settings.main = &main_;
    settings.workers = {&first_, &second_};
    settings.for_workers = limits;
    settings.for_main.miss = settings.for_main.megamiss = hours(1);
    settings.stats = &stats_;
    settings.kill = [this](const std::string& why) { killed_ = why; };
    watchdog_ = std::make_unique<Watchdog>(std::move(settings));
    watchdog_->Start();
  }
  // A loop on a thread of its own, in a turn that lasts until Free().
  void Hang(event::Dispatcher& loop) {
    auto began = std::make_shared<std::promise<void>>();
    loop.Post([began, until = free_] {
      began->set_value();
      until.wait();
    });
    threads_.emplace_back([&loop] { loop.Run(); });
    began->get_future().wait();
  }
  void Free() {
    if (!std::exchange(freed_, true)) go_.set_value();
  }
  bool RunMainUntil(const std::function<bool()>& done) {
    const MonotonicTime end = main_.now() + seconds(20);
    while (!done() && main_.now() < end) main_.RunOnce(milliseconds(5));
    return done();
  }
  observe::WatchdogStats& Stats(const std::string& prefix) {
    return stats_.main().Get(stats_.Register<observe::WatchdogStats>(prefix));
  }

  observe::StatsRegistry stats_;
  event::Dispatcher main_, first_, second_;
  std::promise<void> go_;
  std::shared_future<void> free_ = go_.get_future().share();
  bool freed_ = false;
  std::vector<std::thread> threads_;
  std::string killed_;
  std::unique_ptr<Watchdog> watchdog_;
};

TEST_F(WatchdogTest, AStuckLoopIsCountedOnceForEachLimitAndWorkersThatWaitAreNot) {
  Watch({.miss = milliseconds(10), .megamiss = milliseconds(40)});
  Hang(second_);
  ASSERT_TRUE(RunMainUntil([this] { return Stats("server.").watchdog_mega_miss.value() > 0; }));
  EXPECT_EQ(Stats("server.").watchdog_miss.value(), 1u);
  EXPECT_EQ(Stats("workers.").watchdog_miss.value(), 1u);
  EXPECT_EQ(Stats("workers.").watchdog_mega_miss.value(), 1u);
  EXPECT_EQ(Stats("server.worker_1.").watchdog_miss.value(), 1u);
  EXPECT_EQ(Stats("server.worker_0.").watchdog_miss.value(), 0u);
  EXPECT_EQ(Stats("main_thread.").watchdog_miss.value(), 0u);
  EXPECT_EQ(killed_, "");
  const MonotonicTime later = main_.now() + milliseconds(100);
  RunMainUntil([&] { return main_.now() > later; });
  EXPECT_EQ(Stats("server.").watchdog_miss.value(), 1u);  // still the same turn
}

TEST_F(WatchdogTest, ALoopThatMovesAgainIsJudgedAnew) {
  Watch({.miss = milliseconds(10), .megamiss = hours(1)});
  Hang(first_);
  ASSERT_TRUE(RunMainUntil([this] { return Stats("server.").watchdog_miss.value() == 1; }));
  Free();
  ASSERT_TRUE(RunMainUntil([this] { return first_.turn_began() == MonotonicTime{}; }));
  std::promise<void> again;
  const std::shared_future<void> until = again.get_future().share();
  first_.Post([until] { until.wait(); });
  EXPECT_TRUE(RunMainUntil([this] { return Stats("server.").watchdog_miss.value() == 2; }));
  again.set_value();
}

TEST_F(WatchdogTest, TheKillTimeoutEndsTheProcess) {
  Watch({.miss = milliseconds(10), .megamiss = milliseconds(10), .kill = milliseconds(30)});
  Hang(first_);
  EXPECT_TRUE(RunMainUntil([this] { return !killed_.empty(); }));
  EXPECT_NE(killed_.find("worker_0 is stuck"), std::string::npos) << killed_;
}

TEST_F(WatchdogTest, TheMultikillTimeoutWantsEnoughWorkersToBeStuck) {
  Watch(
      {.miss = milliseconds(10), .megamiss = milliseconds(10), .multikill = milliseconds(20), .multikill_share = 1.0});
  Hang(first_);
  const MonotonicTime later = main_.now() + milliseconds(100);
  RunMainUntil([&] { return main_.now() > later; });
  EXPECT_EQ(killed_, "");
  Hang(second_);
  EXPECT_TRUE(RunMainUntil([this] { return !killed_.empty(); }));
  EXPECT_NE(killed_.find("2 workers are stuck"), std::string::npos) << killed_;
}

}  // namespace
}  // namespace outrigger::server
