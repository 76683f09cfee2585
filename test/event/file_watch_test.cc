#include <stdio.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/event/dispatcher.h"

namespace outrigger::event {
namespace {

class FileWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/watch_", engine_.RandomBits());
    ASSERT_TRUE(engine_.MakeFolder(folder_, 0700).ok());
  }
  std::string Path(absl::string_view name) { return absl::StrCat(folder_, "/", name); }
  void WriteInPlace(const std::string& path, absl::string_view text) {
    FILE* file = fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr) << path;
    fwrite(text.data(), 1, text.size(), file);
    fclose(file);
  }
  std::unique_ptr<Engine::FileWatch> Watch(const std::string& path) {
    auto watch = engine_.WatchFile(path, [this] { ++changes_; });
    EXPECT_TRUE(watch.ok()) << watch.status();
    return watch.ok() ? std::move(*watch) : nullptr;
  }
  // Changes since last asked, after waiting for at least one.
  int Changes() {
    while (changes_ == 0) dispatcher_.RunOnce(seconds(5));
    return std::exchange(changes_, 0);
  }
  bool Quiet() {
    for (int i = 0; i < 3; ++i) dispatcher_.RunOnce(Duration::zero());
    return changes_ == 0;
  }

  Dispatcher dispatcher_{MakeEpollEngine()};
  Engine& engine_ = dispatcher_.engine();
  std::string folder_;
  int changes_ = 0;
};

TEST_F(FileWatchTest, SaysWhenAFileIsWrittenReplacedOrMovedOver) {
  WriteInPlace(Path("a"), "1");
  auto watch = Watch(Path("a"));
  EXPECT_TRUE(Quiet());
  WriteInPlace(Path("a"), "2");
  EXPECT_EQ(Changes(), 1);
  ASSERT_TRUE(engine_.ReplaceFile(Path("a"), "3", 0600).ok());
  EXPECT_EQ(Changes(), 1);
  WriteInPlace(Path("b"), "4");
  EXPECT_TRUE(Quiet()) << "another file";
  ASSERT_EQ(rename(Path("b").c_str(), Path("a").c_str()), 0);
  EXPECT_EQ(Changes(), 1);
  ASSERT_TRUE(engine_.RemoveFile(Path("a")).ok());
  EXPECT_TRUE(Quiet());
  WriteInPlace(Path("a"), "5");
  EXPECT_EQ(Changes(), 1);
  watch.reset();
  WriteInPlace(Path("a"), "6");
  EXPECT_TRUE(Quiet());
}

TEST_F(FileWatchTest, ManyChangesInOneTurnAreOne) {
  WriteInPlace(Path("a"), "1");
  auto watch = Watch(Path("a"));
  for (int i = 0; i < 20; ++i) WriteInPlace(Path("a"), absl::StrCat(i));
  EXPECT_EQ(Changes(), 1);
  EXPECT_TRUE(Quiet());
}

TEST_F(FileWatchTest, AFileIsNoNewsWhileSomebodyIsWritingIt) {
  auto watch = Watch(Path("a"));
  auto folder_watch = Watch(folder_);
  FILE* file = fopen(Path("a").c_str(), "w");
  fputs("half", file);
  fflush(file);
  EXPECT_TRUE(Quiet());
  fclose(file);
  EXPECT_EQ(Changes(), 2) << "once for each watch";
}

// Kubernetes: file -> ..data/file, ..data -> a dated folder, and a rename of a new link over ..data.
TEST_F(FileWatchTest, FollowsTheSymlinkSwapOfAMountedSecret) {
  for (const char* version : {"v1", "v2"}) {
    ASSERT_TRUE(engine_.MakeFolder(Path(version), 0700).ok());
    WriteInPlace(absl::StrCat(Path(version), "/tls.crt"), version);
  }
  ASSERT_EQ(symlink("v1", Path("..data").c_str()), 0);
  ASSERT_EQ(symlink("..data/tls.crt", Path("tls.crt").c_str()), 0);
  auto watch = Watch(Path("tls.crt"));
  EXPECT_TRUE(Quiet());
  ASSERT_EQ(symlink("v2", Path("..data_tmp").c_str()), 0);
  ASSERT_EQ(rename(Path("..data_tmp").c_str(), Path("..data").c_str()), 0);
  EXPECT_EQ(Changes(), 1);
  EXPECT_EQ(*engine_.ReadFile(Path("tls.crt"), 10), "v2");
  WriteInPlace(Path("v2/tls.crt"), "v2 again");
  EXPECT_EQ(Changes(), 1) << "the watch moved along";
  WriteInPlace(Path("v1/tls.crt"), "old");
  EXPECT_TRUE(Quiet());
}

TEST_F(FileWatchTest, AFolderTellsOfEverythingInIt) {
  auto watch = Watch(folder_);
  WriteInPlace(Path("a"), "1");
  EXPECT_EQ(Changes(), 1);
  ASSERT_TRUE(engine_.RemoveFile(Path("a")).ok());
  EXPECT_EQ(Changes(), 1);
  ASSERT_EQ(symlink("nowhere", Path("link").c_str()), 0);
  EXPECT_EQ(Changes(), 1);
}

TEST_F(FileWatchTest, APathThatDoesNotExistYetTellsWhenItDoes) {
  auto watch = Watch(Path("later/deep/file"));
  ASSERT_TRUE(engine_.MakeFolder(Path("later"), 0700).ok());
  EXPECT_TRUE(Quiet());
  ASSERT_TRUE(engine_.MakeFolder(Path("later/deep"), 0700).ok());
  EXPECT_TRUE(Quiet());
  WriteInPlace(Path("later/deep/file"), "here");
  EXPECT_EQ(Changes(), 1);
  // The whole folder goes and comes back.
  ASSERT_TRUE(engine_.RemoveFile(Path("later/deep/file")).ok());
  ASSERT_EQ(rmdir(Path("later/deep").c_str()), 0);
  EXPECT_TRUE(Quiet());
  ASSERT_TRUE(engine_.MakeFolder(Path("later/deep"), 0700).ok());
  WriteInPlace(Path("later/deep/file"), "again");
  EXPECT_EQ(Changes(), 1);
}

TEST_F(FileWatchTest, AWatchMayEndItselfAndOthersFromItsCallback) {
  WriteInPlace(Path("a"), "1");
  std::unique_ptr<Engine::FileWatch> watches[2];
  for (auto& watch : watches) {
    watch = std::move(*engine_.WatchFile(Path("a"), [&] {
      ++changes_;
      for (auto& each : watches) each.reset();
    }));
  }
  WriteInPlace(Path("a"), "2");
  EXPECT_EQ(Changes(), 1);
}

TEST_F(FileWatchTest, AnEndlessLinkIsHarmless) {
  ASSERT_EQ(symlink("loop", Path("loop").c_str()), 0);
  auto watch = Watch(Path("loop"));
  EXPECT_TRUE(Quiet());
  EXPECT_FALSE(engine_.WatchFile("", [] {}).ok());
}

}  // namespace
}  // namespace outrigger::event
