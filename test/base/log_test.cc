#include "source/base/log.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"

namespace outrigger::log {
namespace {

std::string Read(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(LogTest, WritesWhatTheLevelOfTheComponentLetsThroughAndFollowsARotation) {
  const std::string path = testing::TempDir() + "/log_test.log";
  const std::string rotated = path + ".1";
  ASSERT_TRUE(Configure("%l %n %_", path).ok());
  ASSERT_TRUE(SetComponentLevels("router:debug,http:off").ok());
  OUTRIGGER_LOG(kDebug, kRouter, "picked ", 3);
  OUTRIGGER_LOG(kDebug, kMain, "not this");
  OUTRIGGER_LOG(kCritical, kHttp, "nor this");
  OUTRIGGER_LOG(kWarn, kMain, "two\nlines\x01");
  Flush();
  EXPECT_EQ(Read(path), "debug router picked 3\nwarning main two\\nlines\\x01\n");

  ASSERT_EQ(rename(path.c_str(), rotated.c_str()), 0);
  Reopen();
  OUTRIGGER_LOG(kInfo, kMain, "after");
  Flush();
  EXPECT_EQ(Read(path), "info main after\n");
}

TEST(LogTest, ABadListOfLevelsChangesNothing) {
  SetLevel(Level::kInfo);
  EXPECT_FALSE(SetComponentLevels("router:debug,nothing:debug").ok());
  EXPECT_FALSE(SetComponentLevels("router:loud").ok());
  EXPECT_FALSE(SetComponentLevels("router").ok());
  EXPECT_EQ(LevelOf(Component::kRouter), Level::kInfo);
  EXPECT_FALSE(SetLevelOf("nothing", Level::kInfo).ok());
}

TEST(LogTest, EveryComponentAndLevelHasItsName) {
  for (int i = 0; i < static_cast<int>(Component::kCount); ++i) {
    EXPECT_TRUE(SetLevelOf(ComponentName(static_cast<Component>(i)), Level::kError).ok());
    EXPECT_EQ(LevelOf(static_cast<Component>(i)), Level::kError);
  }
  for (int i = 0; i <= static_cast<int>(Level::kOff); ++i) {
    Level level;
    ASSERT_TRUE(ParseLevel(LevelName(static_cast<Level>(i)), &level).ok());
    EXPECT_EQ(level, static_cast<Level>(i));
  }
  Level warn;
  EXPECT_TRUE(ParseLevel("warn", &warn).ok());
}

TEST(LogTest, AFileThatCannotBeOpenedIsAnErrorWithItsName) {
  const absl::Status status = Configure("", "/nonexistent/folder/x.log");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("/nonexistent/folder/x.log"), absl::string_view::npos);
}

}  // namespace
}  // namespace outrigger::log
