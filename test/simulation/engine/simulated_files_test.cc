#include "source/event/simulated_files.h"

#include <errno.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "source/event/simulated_world.h"

namespace outrigger::event {
namespace {

class SimulatedFilesTest : public testing::Test {
 protected:
  Engine& engine() { return loop_->engine(); }
  std::unique_ptr<Engine::FileWatch> Watch(const std::string& path) {
    return std::move(*engine().WatchFile(path, [this] { ++changes_; }));
  }
  int Changes() {
    world_.RunFor(seconds(1));
    return std::exchange(changes_, 0);
  }
  SimulatedWorld world_{1};
  std::unique_ptr<Dispatcher> loop_ = world_.MakeDispatcher();
  SimulatedFiles& files_ = world_.files();
  int changes_ = 0;
};

TEST_F(SimulatedFilesTest, FilesAreReadReplacedAppendedListedAndRemoved) {
  files_.Put("/etc/a", "one");
  EXPECT_EQ(*engine().ReadFile("/etc/a", 3), "one");
  EXPECT_EQ(engine().ReadFile("/etc/a", 2).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(engine().ReadFile("/etc/b", 9).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(engine().ReplaceFile("/etc/b", "two", 0600).ok());
  EXPECT_EQ(files_.ModeOf("/etc/b"), 0600u);
  const int log = static_cast<int>(engine().OpenAppend("/etc/log"));
  EXPECT_EQ(engine().Append(log, "x"), 1);
  EXPECT_EQ(engine().Close(log), 0);
  EXPECT_EQ(engine().Append(log, "x"), -EBADF);
  EXPECT_EQ(*engine().ListFolder("/etc"), (std::vector<std::string>{"a", "b", "log"}));
  EXPECT_TRUE(engine().RemoveFile("/etc/b").ok());
  EXPECT_FALSE(engine().RemoveFile("/etc/b").ok());
  EXPECT_FALSE(engine().ReplaceFile("/no/folder/x", "y", 0600).ok());
}

TEST_F(SimulatedFilesTest, WatchesSeeChangesOfFilesFoldersAndLinks) {
  files_.Put("/w/v1/tls.crt", "v1");
  files_.Put("/w/v2/tls.crt", "v2");
  files_.Link("/w/..data", "v1");
  files_.Link("/w/tls.crt", "..data/tls.crt");
  auto watch = Watch("/w/tls.crt");
  EXPECT_EQ(Changes(), 0);
  files_.Link("/w/..data", "v2");
  EXPECT_EQ(Changes(), 1);
  EXPECT_EQ(*engine().ReadFile("/w/tls.crt", 9), "v2");
  files_.Put("/w/v2/tls.crt", "v2b");
  files_.Put("/w/v2/tls.crt", "v2c");
  EXPECT_EQ(Changes(), 1) << "coalesced";
  files_.Put("/w/v1/tls.crt", "old");
  EXPECT_EQ(Changes(), 0);
  watch = Watch("/w");
  files_.Put("/w/new", "n");
  EXPECT_EQ(Changes(), 1);
  EXPECT_TRUE(engine().RemoveFile("/w/new").ok());
  EXPECT_EQ(Changes(), 1);
  watch = Watch("/later/file");
  files_.Put("/later/file", "x");
  EXPECT_EQ(Changes(), 1);
  EXPECT_TRUE(engine().RemoveFile("/later/file").ok());
  EXPECT_EQ(Changes(), 0) << "deleting is not reported";
  watch.reset();
  files_.Put("/later/file", "y");
  EXPECT_EQ(Changes(), 0);
}

// Whatever the step at which the machine stops, a replaced file has the old bytes or the new ones.
TEST_F(SimulatedFilesTest, ACrashLeavesTheOldFileOrTheNewOne) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    for (uint64_t step = 1; step <= 4; ++step) {
      SimulatedWorld world(seed);
      auto loop = world.MakeDispatcher();
      world.files().Put("/state", "old old old");
      world.files().CrashAtWrite(step);
      EXPECT_FALSE(loop->engine().ReplaceFile("/state", "new", 0600).ok());
      EXPECT_TRUE(world.files().crashed());
      EXPECT_FALSE(loop->engine().ReadFile("/state", 100).ok());
      world.files().Restart();
      const std::string left = *loop->engine().ReadFile("/state", 100);
      EXPECT_TRUE(left == "new" || left == "old old old") << left;
      seen.insert(left);
    }
  }
  EXPECT_EQ(seen.size(), 2u);
}

TEST_F(SimulatedFilesTest, ACrashMayTearTheTailOfALog) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SimulatedWorld world(seed);
    auto loop = world.MakeDispatcher();
    const int log = static_cast<int>(loop->engine().OpenAppend("/log"));
    EXPECT_EQ(loop->engine().Append(log, "ab"), 2);
    world.files().CrashAtWrite(1);
    EXPECT_EQ(loop->engine().Append(log, "cd"), -EIO);
    world.files().Restart();
    seen.insert(*loop->engine().ReadFile("/log", 10));
  }
  for (const std::string& left : seen) EXPECT_EQ(left, std::string("abcd").substr(0, left.size()));
  EXPECT_GE(seen.size(), 4u);
}

}  // namespace
}  // namespace outrigger::event
