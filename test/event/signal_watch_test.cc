#include "source/event/signal_watch.h"

#include <signal.h>

#include <vector>

#include "gtest/gtest.h"
#include "source/event/dispatcher.h"

namespace outrigger::event {
namespace {

TEST(SignalWatchTest, SignalsBecomeEventsOfTheLoop) {
  Dispatcher dispatcher(MakeEpollEngine());
  std::vector<int> seen;
  SignalWatch watch(dispatcher.engine(), {SIGTERM, SIGUSR1}, [&](int signal) { seen.push_back(signal); });
  ASSERT_EQ(raise(SIGTERM), 0);
  ASSERT_EQ(raise(SIGUSR1), 0);
  while (seen.size() < 2) dispatcher.RunOnce(seconds(5));
  ASSERT_EQ(raise(SIGTERM), 0);
  while (seen.size() < 3) dispatcher.RunOnce(seconds(5));
  EXPECT_EQ(seen[2], SIGTERM);
}

}  // namespace
}  // namespace outrigger::event
