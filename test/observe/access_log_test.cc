#include "source/observe/access_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "source/observe/log_writer.h"
#include "source/observe/stats_reader.h"

namespace outrigger::observe {
namespace {

std::string Fresh(absl::string_view name) {
  const char* folder = std::getenv("TEST_TMPDIR");
  std::string path = absl::StrCat(folder == nullptr ? "/tmp" : folder, "/", name, ".", ::getpid());
  ::unlink(path.c_str());
  return path;
}

std::string Contents(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

int64_t NumberOf(const StatsRegistry& registry, absl::string_view name) {
  for (const auto& number : registry.Read().numbers) {
    if (number.name == name) return number.value;
  }
  return -1;
}

LogWriterOptions NeverByTimer() { return {.flush_interval = hours(1)}; }

TEST(LogWriterTest, LinesOfAllWorkersReachTheFileWhole) {
  StatsRegistry registry;
  LogWriter writer(registry, {.flush_interval = milliseconds(1), .wake_bytes = 1024});
  const std::string path = Fresh("whole");
  auto sink = writer.Open(path);
  ASSERT_TRUE(sink.ok()) << sink.status();
  constexpr int kWorkers = 3, kLines = 5000;
  std::vector<std::thread> threads;
  for (int w = 0; w < kWorkers; ++w) {
    WorkerStats& worker = registry.AddWorker(absl::StrCat("worker_", w));
    threads.emplace_back([&worker, &sink, w] {
      for (int i = 0; i < kLines; ++i) (*sink)->Write(worker, absl::StrCat(w, " line ", i, " of this worker\n"));
    });
  }
  for (auto& thread : threads) thread.join();
  writer.Flush();

  int next[kWorkers] = {};
  for (absl::string_view line : absl::StrSplit(Contents(path), '\n', absl::SkipEmpty())) {
    const int worker = line[0] - '0';
    ASSERT_TRUE(worker >= 0 && worker < kWorkers) << line;
    // Lines may have been dropped, but never torn or reordered.
    while (next[worker] < kLines && line != absl::StrCat(worker, " line ", next[worker], " of this worker"))
      ++next[worker];
    ASSERT_LT(next[worker], kLines) << line;
  }
  EXPECT_EQ(NumberOf(registry, "access_logs.file.lines_written") + NumberOf(registry, "access_logs.file.lines_dropped"),
            kWorkers * kLines);
  EXPECT_EQ(NumberOf(registry, "filesystem.write_total_buffered"), 0);
  EXPECT_GE(NumberOf(registry, "filesystem.write_completed"), 1);
}

TEST(LogWriterTest, TheSamePathIsOneSinkAndClosesWithItsLastUser) {
  StatsRegistry registry;
  LogWriter writer(registry, NeverByTimer());
  const std::string path = Fresh("same");
  auto first = writer.Open(path);
  auto second = writer.Open(path);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->get(), second->get());
  (*first)->Write(registry.main(), "last words\n");
  first->reset();
  second->reset();
  writer.Flush();
  EXPECT_EQ(Contents(path), "last words\n");
}

TEST(LogWriterTest, WhatIsBufferedIsWrittenWhenTheProcessEnds) {
  StatsRegistry registry;
  const std::string path = Fresh("end");
  std::shared_ptr<AccessLogSink> sink;
  {
    LogWriter writer(registry, NeverByTimer());
    sink = *writer.Open(path);
    sink->Write(registry.main(), "bye\n");
  }
  EXPECT_EQ(Contents(path), "bye\n");
}

TEST(LogWriterTest, ReopenPutsOldLinesInTheOldFileAndNewOnesInTheNew) {
  StatsRegistry registry;
  LogWriter writer(registry, NeverByTimer());
  const std::string path = Fresh("rotate"), moved = path + ".1";
  auto sink = writer.Open(path);
  (*sink)->Write(registry.main(), "old\n");
  ASSERT_EQ(std::rename(path.c_str(), moved.c_str()), 0);
  writer.Reopen();
  writer.Flush();
  (*sink)->Write(registry.main(), "new\n");
  writer.Flush();
  EXPECT_EQ(Contents(moved), "old\n");
  EXPECT_EQ(Contents(path), "new\n");
}

TEST(LogWriterTest, AFullDiskCostsCountedLinesAndNothingElse) {
  StatsRegistry registry;
  LogWriter writer(registry, NeverByTimer());
  auto sink = writer.Open("/dev/full");
  ASSERT_TRUE(sink.ok()) << sink.status();
  const std::string line(1000, 'x');
  for (int i = 0; i < 1000; ++i) (*sink)->Write(registry.main(), line);
  writer.Flush();
  EXPECT_GE(NumberOf(registry, "filesystem.write_failed"), 1);
  const int64_t kept = LogWriter::kRingBytes / line.size();
  EXPECT_EQ(NumberOf(registry, "access_logs.file.lines_written"), kept);
  EXPECT_EQ(NumberOf(registry, "access_logs.file.lines_dropped"), 1000 - kept);
}

TEST(LogWriterTest, AfterAStallWritingGoesOnWithoutATornLine) {
  StatsRegistry registry;
  LogWriter writer(registry, NeverByTimer());
  const std::string path = Fresh("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  auto sink = writer.Open(path);
  ASSERT_TRUE(sink.ok()) << sink.status();
  WorkerStats& other = registry.AddWorker("worker_0");
  std::string wanted;
  for (int i = 0; i < 2000; ++i) wanted += absl::StrCat("line ", i, " ", std::string(80, 'x'), "\n");
  for (absl::string_view line : absl::StrSplit(wanted, '\n', absl::SkipEmpty())) {
    (*sink)->Write(registry.main(), absl::StrCat(line, "\n"));
  }
  (*sink)->Write(other, "other\n");

  std::string got;
  char piece[65536];
  while (got.size() < wanted.size() + 6) {  // the reader takes a pipe full at a time
    writer.Flush();
    const ssize_t n = ::read(reader, piece, sizeof(piece));
    if (n > 0) got.append(piece, static_cast<size_t>(n));
  }
  ::close(reader);
  EXPECT_EQ(got, wanted + "other\n");
  EXPECT_GE(NumberOf(registry, "access_logs.file.recovered"), 1);
}

TEST(LogWriterTest, AnImpossiblePathIsAConfigurationError) {
  StatsRegistry registry;
  LogWriter writer(registry, NeverByTimer());
  auto sink = writer.Open("/nonexistent/folder/log");
  ASSERT_FALSE(sink.ok());
  EXPECT_TRUE(absl::StrContains(sink.status().message(), "/nonexistent/folder/log"));
}

TEST(LogWriterTest, ALineLargerThanTheRingIsDropped) {
  StatsRegistry registry;
  LogWriter writer(registry, NeverByTimer());
  const std::string path = Fresh("large");
  auto sink = writer.Open(path);
  (*sink)->Write(registry.main(), std::string(LogWriter::kRingBytes + 1, 'x'));
  writer.Flush();
  EXPECT_EQ(Contents(path), "");
  EXPECT_EQ(NumberOf(registry, "access_logs.file.lines_dropped"), 1);
}

TEST(DirectAccessLogTest, EachLineGoesToTheGivenFunctionAndShortWritesCount) {
  StatsRegistry registry;
  std::string got;
  DirectAccessLogFiles files(registry, [&](absl::string_view path, absl::string_view bytes) -> int64_t {
    if (absl::StrContains(bytes, "bad")) return -28;
    absl::StrAppend(&got, path, "|", bytes);
    return static_cast<int64_t>(bytes.size());
  });
  auto sink = files.Open("f");
  (*sink)->Write(registry.main(), "a\n");
  (*sink)->Write(registry.main(), "bad\n");
  EXPECT_EQ(got, "f|a\n");
  EXPECT_EQ(NumberOf(registry, "access_logs.file.lines_dropped"), 1);
  EXPECT_EQ(files.Open("f")->get(), sink->get());
}

}  // namespace
}  // namespace outrigger::observe
