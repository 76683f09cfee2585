// The real program: its flags, signals and exit codes, asked by curl.
#include <gtest/gtest.h>
#include <signal.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"

namespace outrigger::exe {
namespace {

using harness::HttpUpstream;
using harness::Process;
using harness::ReadFile;
using harness::Shell;
using harness::WaitFor;

constexpr char kBinary[] = "source/exe/outrigger";

std::string Config(uint16_t upstream, const std::string& access_log) {
  return absl::StrCat(R"yaml(
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: )yaml",
                      access_log, R"yaml(
              log_format: {text_format_source: {inline_string: "%REQ(:PATH)% %RESPONSE_CODE%\n"}}
          route_config:
            virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: "/"}, route: {cluster: one}}]}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: one
    type: STATIC
    load_assignment:
      cluster_name: one
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: )yaml",
                      upstream, "}}}}]}]\n");
}

class BinaryTest : public testing::Test {
 protected:
  BinaryTest() : upstream_("one", http::Protocol::kHttp11), folder_(harness::TempFolder()) {
    harness::WriteFile(folder_ + "/a.yaml", Config(upstream_.port(), folder_ + "/access.log"));
  }
  void Start() {
    process_ = std::make_unique<Process>(
        std::vector<std::string>{kBinary, "-c", folder_ + "/a.yaml", "--concurrency=2", "--admin-address-path",
                                 folder_ + "/admin", "--drain-time-s", "5", "--drain-strategy", "immediate",
                                 "--file-flush-interval-msec", "20", "--log-path", folder_ + "/process.log"});
    ASSERT_TRUE(WaitFor([this] { return Admin("/ready") == "LIVE\n"; }))
        << process_->output() << ReadFile(folder_ + "/process.log");
  }
  std::string Admin(const std::string& path, const std::string& flags = "") {
    const std::string address = ReadFile(folder_ + "/admin");
    return address.empty() ? "" : Shell(absl::StrCat("curl -s -m 20 ", flags, " http://", address, path));
  }
  std::string Get(const std::string& path) {
    const std::string listeners = Admin("/listeners");
    const size_t at = listeners.find("in::");
    if (at == std::string::npos) return "";
    const std::string address = listeners.substr(at + 4, listeners.find('\n', at) - at - 4);
    return Shell(absl::StrCat("curl -s -m 20 http://", address, path));
  }

  HttpUpstream upstream_;
  const std::string folder_;
  std::unique_ptr<Process> process_;
};

TEST_F(BinaryTest, ItServesAStaticBootstrapAndEndsOnSigterm) {
  Start();
  EXPECT_EQ(Get("/a"), "one");
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0) << process_->output();
  EXPECT_EQ(ReadFile(folder_ + "/access.log"), "/a 200\n");
}

TEST_F(BinaryTest, LogsNameItsHostAndEnvironment) {
  std::string config = Config(upstream_.port(), folder_ + "/access.log");
  constexpr absl::string_view kFormat = "%REQ(:PATH)% %RESPONSE_CODE%";
  config.replace(config.find(std::string(kFormat)), kFormat.size(), "%HOSTNAME% %ENVIRONMENT(PATH)%");
  harness::WriteFile(folder_ + "/a.yaml", config);
  Start();
  EXPECT_EQ(Get("/"), "one");
  const std::string host = Shell("printf %s $(uname -n)"), path = Shell("printf %s \"$PATH\"");
  EXPECT_TRUE(WaitFor([&] { return ReadFile(folder_ + "/access.log") == absl::StrCat(host, " ", path, "\n"); }))
      << ReadFile(folder_ + "/access.log");
}

TEST_F(BinaryTest, Sigusr1ReopensLogsAndSighupIsIgnored) {
  Start();
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
  Start();
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
