// The real program: its signals and exit codes, asked by curl.
#include <signal.h>

#include "absl/strings/numbers.h"
#include "test/exe/binary_fixture.h"

namespace outrigger::exe {
namespace {

using harness::Process;
using harness::ReadFile;
using harness::Shell;
using harness::WaitFor;

const std::vector<std::string> kQuick = {
    "--concurrency=2", "--drain-time-s", "5", "--drain-strategy", "immediate", "--file-flush-interval-msec", "20"};

TEST_F(BinaryTest, ItServesAStaticBootstrapAndEndsOnSigterm) {
  Start(kQuick);
  EXPECT_EQ(Get("/a"), "one");
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0) << process_->output();
  EXPECT_EQ(ReadFile(folder_ + "/access.log"), "/a 200\n");
}

#if !defined(OUTRIGGER_SANITIZED)
TEST_F(BinaryTest, WhatOnlyTheStartNeededIsGivenBack) {
  Start({"--concurrency=1"});
  EXPECT_EQ(Get("/a"), "one");
  const std::string said = Shell(absl::StrCat("awk '/VmRSS/ {print $2}' /proc/", process_->pid(), "/status"));
  int kib = 0;
  ASSERT_TRUE(absl::SimpleAtoi(said, &kib)) << said;
  EXPECT_LT(kib, 14 * 1024) << "was above 20 MiB: code and constants of its libraries that nothing reads any more";
}
#endif

TEST_F(BinaryTest, LogsNameItsHostAndEnvironment) {
  std::string config = Config(upstream_.port(), folder_ + "/access.log");
  constexpr absl::string_view kFormat = "%REQ(:PATH)% %RESPONSE_CODE%";
  config.replace(config.find(std::string(kFormat)), kFormat.size(), "%HOSTNAME% %ENVIRONMENT(PATH)%");
  harness::WriteFile(folder_ + "/a.yaml", config);
  Start(kQuick);
  EXPECT_EQ(Get("/"), "one");
  const std::string host = Shell("printf %s $(uname -n)"), path = Shell("printf %s \"$PATH\"");
  EXPECT_TRUE(WaitFor([&] { return ReadFile(folder_ + "/access.log") == absl::StrCat(host, " ", path, "\n"); }))
      << ReadFile(folder_ + "/access.log");
}

TEST_F(BinaryTest, Sigusr1ReopensLogsAndSighupIsIgnored) {
  Start(kQuick);
  EXPECT_EQ(Get("/before"), "one");
  ASSERT_TRUE(WaitFor([this] { return ReadFile(folder_ + "/access.log") == "/before 200\n"; }));
  Shell(absl::StrCat("mv ", folder_, "/access.log ", folder_, "/access.old"));
  process_->Signal(SIGUSR1);
  process_->Signal(SIGHUP);
  ASSERT_TRUE(
      WaitFor([this] { return Shell(absl::StrCat("test -e ", folder_, "/access.log && echo yes")) == "yes\n"; }));
  EXPECT_EQ(Get("/after"), "one");
  EXPECT_TRUE(WaitFor([this] { return ReadFile(folder_ + "/access.log") == "/after 200\n"; }));
  EXPECT_TRUE(process_->running());
}

TEST_F(BinaryTest, QuitquitquitEndsIt) {
  Start(kQuick);
  EXPECT_EQ(Admin("/quitquitquit", "-X POST"), "OK\n");
  EXPECT_EQ(process_->Wait(), 0);
}

TEST_F(BinaryTest, ValidateChecksAndServesNothing) {
  Process good({kBinary, "--mode", "validate", "-c", folder_ + "/a.yaml"});
  EXPECT_EQ(good.Wait(), 0);
  EXPECT_TRUE(absl::StrContains(good.output(), "OK\n")) << good.output();
  harness::WriteFile(folder_ + "/bad.yaml", "static_resources:\n  clusters:\n  - name: a\n    nonsense: 1\n");
  Process bad({kBinary, "--mode", "validate", "-c", folder_ + "/bad.yaml"});
  EXPECT_EQ(bad.Wait(), 1);
  EXPECT_TRUE(absl::StrContains(bad.output(), "bad.yaml:4: static_resources.clusters[0].nonsense")) << bad.output();
}

TEST_F(BinaryTest, InitOnlyStartsAndEnds) {
  Process process({kBinary, "--mode", "init_only", "-c", folder_ + "/a.yaml"});
  EXPECT_EQ(process.Wait(), 0) << process.output();
}

TEST_F(BinaryTest, WhatIsWrongWithTheCommandLineIsSaid) {
  Process unknown({kBinary, "--what"});
  EXPECT_EQ(unknown.Wait(), 1);
  EXPECT_TRUE(absl::StrContains(unknown.output(), "--what: unknown flag")) << unknown.output();
  Process missing({kBinary, "-c", folder_ + "/none.yaml"});
  EXPECT_EQ(missing.Wait(), 1);
  EXPECT_TRUE(absl::StrContains(missing.output(), "none.yaml")) << missing.output();
  Process version({kBinary, "--version"});
  EXPECT_EQ(version.Wait(), 0);
}

}  // namespace
}  // namespace outrigger::exe
