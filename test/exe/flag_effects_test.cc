// What each flag of the command line does, seen from outside.
#include <signal.h>

#include <chrono>

#include "test/exe/binary_fixture.h"

namespace outrigger::exe {
namespace {

using absl::StrContains;
using harness::Process;
using harness::ReadFile;
using harness::Shell;
using harness::WaitFor;
using harness::WriteFile;

class FlagEffectsTest : public BinaryTest {
 protected:
  // A connection with a request under way, for as long as its process lives.
  std::unique_ptr<Process> SlowClient() {
    const std::string address = ListenAddress();
    const std::string port = address.substr(address.find(':') + 1);
    auto client = std::make_unique<Process>(std::vector<std::string>{
        "/bin/bash", "-c",
        absl::StrCat("exec 3<>/dev/tcp/127.0.0.1/", port, "; printf 'POST /late HTTP/1.1\\r\\nhost: a\\r\\n",
                     "content-length: 4\\r\\n\\r\\nab' >&3; exec cat <&3")});
    EXPECT_TRUE(WaitFor([this] { return upstream_.requests() > 0; }));
    return client;
  }
  // The listener of a.yaml as a file that LDS reads, with more fields, and a bootstrap that names it.
  void UseDynamicListener(const std::string& more) {
    WriteFile(folder_ + "/lds.yaml",
              absl::StrCat(
                  "resources:\n- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n",
                  "  name: dynamic\n  address: {socket_address: {address: 127.0.0.1, port_value: 0}}\n",
                  "  filter_chains:\n  - filters:\n    - name: envoy.filters.network.tcp_proxy\n      typed_config:\n",
                  "        \"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy\n",
                  "        stat_prefix: a\n        cluster: one\n", more));
    WriteFile(folder_ + "/a.yaml",
              absl::StrCat(ReadFile(folder_ + "/a.yaml"),
                           "dynamic_resources: {lds_config: {path_config_source: {path: ", folder_, "/lds.yaml}}}\n"));
  }
};

TEST_F(FlagEffectsTest, ConfigYamlIsMergedOverTheFileAndServiceFlagsWinOverBoth) {
  Start({"--config-yaml", "node: {id: from-yaml, cluster: yaml-cluster}", "--service-cluster", "flag-cluster",
         "--service-zone", "flag-zone"});
  const std::string info = Admin("/server_info");
  EXPECT_TRUE(StrContains(info, "\"id\": \"from-yaml\"")) << info;
  EXPECT_TRUE(StrContains(info, "\"cluster\": \"flag-cluster\"")) << info;
  EXPECT_TRUE(StrContains(info, "\"zone\": \"flag-zone\"")) << info;
  EXPECT_EQ(Get("/"), "one");  // what the file said is still there
}

TEST_F(FlagEffectsTest, ServiceNodeIsTheNodesId) {
  Start({"--config-yaml", "node: {id: from-yaml}", "--service-node", "flag-node"});
  EXPECT_TRUE(StrContains(Admin("/server_info"), "\"id\": \"flag-node\""));
}

TEST_F(FlagEffectsTest, ConcurrencyIsTheNumberOfWorkersAndZeroIsOne) {
  Start({"--concurrency", "3"});
  EXPECT_EQ(Stat("server.concurrency"), "server.concurrency: 3\n");
  Start({"--concurrency", "0"});
  EXPECT_EQ(Stat("server.concurrency"), "server.concurrency: 1\n");
}

TEST_F(FlagEffectsTest, LogFlagsDecideLevelsFormAndPlace) {
  Start({"-l", "warning", "--component-log-level", "admin:info,upstream:trace", "--log-format", "<%n|%l> %v"});
  EXPECT_TRUE(StrContains(Log(), "<admin|info> admin address: ")) << Log();
  EXPECT_FALSE(StrContains(Log(), "<main|info>")) << Log();
  EXPECT_EQ(process_->output(), "");
  const std::string levels = Admin("/logging");
  EXPECT_TRUE(StrContains(levels, "  upstream: trace\n")) << levels;
  EXPECT_TRUE(StrContains(levels, "  main: warning\n")) << levels;
}

TEST_F(FlagEffectsTest, WrongLogFlagsAreErrors) {
  Process level({kBinary, "-c", folder_ + "/a.yaml", "-l", "loud"});
  EXPECT_EQ(level.Wait(), 1);
  Process component({kBinary, "-c", folder_ + "/a.yaml", "--component-log-level", "nobody:info"});
  EXPECT_EQ(component.Wait(), 1);
  EXPECT_TRUE(StrContains(component.output(), "nobody")) << component.output();
  Process path({kBinary, "-c", folder_ + "/a.yaml", "--log-path", "/none/such/file"});
  EXPECT_EQ(path.Wait(), 1);
  EXPECT_TRUE(StrContains(path.output(), "/none/such/file")) << path.output();
}

TEST_F(FlagEffectsTest, TheDrainTimeIsTheLongestThatADrainTakes) {
  Start({"--drain-time-s", "1"});
  auto client = SlowClient();
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0);
  EXPECT_TRUE(WaitFor([&] { return !client->running(); }));  // its connection was closed
}

TEST_F(FlagEffectsTest, TheParentShutdownTimeEndsALongerDrain) {
  Start({"--drain-time-s", "600", "--parent-shutdown-time-s", "1"});
  auto client = SlowClient();
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0);
  EXPECT_TRUE(StrContains(Log(), "drain time is over")) << Log();
}

TEST_F(FlagEffectsTest, TheDrainStrategyDecidesWhenConnectionsAreAskedToEnd) {
  for (const auto& [strategy, asked] :
       std::vector<std::pair<std::string, bool>>{{"immediate", true}, {"gradual", false}}) {
    Start({"--drain-strategy", strategy});
    EXPECT_EQ(Admin("/drain_listeners?graceful", "-X POST"), "OK\n");
    const std::string answer = Get("/", "-i");
    // Gradual: at a random moment of ten minutes.
    EXPECT_EQ(StrContains(answer, "connection: close\r\n"), asked) << strategy << "\n" << answer;
    process_->Signal(SIGKILL);
    process_->Wait();
  }
}

TEST_F(FlagEffectsTest, TheLocalAddressOfAVersionIsWhatXForwardedForSaysOfALocalClient) {
  std::string config = ReadFile(folder_ + "/a.yaml");
  config.replace(config.find("stat_prefix: in"), 15, "use_remote_address: true\n          stat_prefix: in");
  WriteFile(folder_ + "/a.yaml", config);
  Start();
  const std::string four = Get("/", "-i");
  EXPECT_TRUE(StrContains(four, "x-seen-for: ")) << four;
  const std::string host =
      Shell("ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \\([^ ]*\\).*/\\1/p' | tr -d '\\n'");
  EXPECT_TRUE(StrContains(four, absl::StrCat("x-seen-for: ", host.empty() ? "127.0.0.1" : host, "\r\n"))) << four;
  Start({"--local-address-ip-version", "v6"});
  const std::string six = Get("/", "-i");
  const size_t at = six.find("x-seen-for: ");
  ASSERT_NE(at, std::string::npos) << six;
  EXPECT_NE(six.substr(at + 12, six.find('\r', at) - at - 12).find(':'), std::string::npos) << six;
  EXPECT_TRUE(StrContains(Admin("/server_info"), "\"local_address_ip_version\": \"v6\""));
}

TEST_F(FlagEffectsTest, UnknownStaticFieldsAreFatalUnlessAllowed) {
  WriteFile(folder_ + "/a.yaml", ReadFile(folder_ + "/a.yaml") + "brand_new: 1\n");
  Process refused({kBinary, "-c", folder_ + "/a.yaml"});
  EXPECT_EQ(refused.Wait(), 1);
  EXPECT_TRUE(StrContains(refused.output(), "brand_new")) << refused.output();
  for (const char* flag : {"--allow-unknown-static-fields", "--allow-unknown-fields"}) {
    Start({flag});
    EXPECT_EQ(Stat("server.static_unknown_fields"), "server.static_unknown_fields: 1\n");
    EXPECT_TRUE(StrContains(Log(), "brand_new")) << Log();
  }
}

TEST_F(FlagEffectsTest, UnknownDynamicFieldsAreToleratedAndCounted) {
  UseDynamicListener("  brand_new: 1\n");
  Start();
  EXPECT_TRUE(StrContains(Admin("/listeners"), "dynamic::127.0.0.1:")) << Log();
  EXPECT_EQ(Stat("server.dynamic_unknown_fields"), "server.dynamic_unknown_fields: 1\n");
  EXPECT_TRUE(StrContains(Log(), "unknown field, tolerated: ")) << Log();
  EXPECT_TRUE(StrContains(Log(), "brand_new")) << Log();
}

TEST_F(FlagEffectsTest, UnknownDynamicFieldsAreRefusedWhereTheFlagSaysSo) {
  UseDynamicListener("  brand_new: 1\n");
  Start({"--reject-unknown-dynamic-fields"});
  EXPECT_FALSE(StrContains(Admin("/listeners"), "dynamic::"));
  EXPECT_TRUE(StrContains(Log(), "brand_new")) << Log();
  EXPECT_TRUE(StrContains(Log(), "no such field")) << Log();
}

TEST_F(FlagEffectsTest, UnknownDynamicFieldsAreNotMentionedWhereTheFlagSaysSo) {
  UseDynamicListener("  brand_new: 1\n");
  Start({"--ignore-unknown-dynamic-fields"});
  EXPECT_TRUE(StrContains(Admin("/listeners"), "dynamic::127.0.0.1:")) << Log();
  EXPECT_EQ(Stat("server.dynamic_unknown_fields"), "server.dynamic_unknown_fields: 0\n");
  EXPECT_FALSE(StrContains(Log(), "brand_new")) << Log();
}

TEST_F(FlagEffectsTest, TheFlushIntervalIsHowLongAccessLogLinesWait) {
  Start({"--file-flush-interval-msec", "3600000"});
  EXPECT_EQ(Get("/"), "one");
  EXPECT_EQ(ReadFile(folder_ + "/access.log"), "");
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0);
  EXPECT_EQ(ReadFile(folder_ + "/access.log"), "/ 200\n");
  Start({"--file-flush-interval-msec", "10"});
  EXPECT_EQ(Get("/"), "one");
  EXPECT_TRUE(WaitFor([this] { return ReadFile(folder_ + "/access.log") == "/ 200\n/ 200\n"; }));
}

TEST_F(FlagEffectsTest, DisableHotRestartIsAcceptedAndSaysThatThereIsNone) {
  Start({"--disable-hot-restart"});
  EXPECT_TRUE(StrContains(Log(), "there is no hot restart")) << Log();
  EXPECT_TRUE(StrContains(Admin("/server_info"), "\"hot_restart_version\": \"disabled\""));
  EXPECT_TRUE(StrContains(Admin("/server_info"), "\"disable_hot_restart\": true"));
}

TEST_F(FlagEffectsTest, ModesThatDoNotServeEnd) {
  Process validate({kBinary, "--mode", "validate", "--config-path", folder_ + "/a.yaml", "--admin-address-path",
                    folder_ + "/admin"});
  EXPECT_EQ(validate.Wait(), 0);
  EXPECT_EQ(ReadFile(folder_ + "/admin"), "");  // opened nothing
  Process init(
      {kBinary, "--mode=init_only", "--config-path", folder_ + "/a.yaml", "--admin-address-path", folder_ + "/admin"});
  EXPECT_EQ(init.Wait(), 0);
  EXPECT_TRUE(StrContains(init.output(), "init_only ends here")) << init.output();
  EXPECT_EQ(upstream_.connections(), 0);
}

TEST_F(FlagEffectsTest, VersionAndHelpArePrintedToStandardOutput) {
  const std::string version = Shell(absl::StrCat(kBinary, " --version 2>/dev/null"));
  EXPECT_TRUE(absl::StartsWith(version, "outrigger version ")) << version;
  const std::string help = Shell(absl::StrCat(kBinary, " --help 2>/dev/null"));
  EXPECT_TRUE(StrContains(help, "usage: outrigger")) << help;
  // What the manual says of flags is what the program says: none is missing there.
  EXPECT_EQ(Shell(absl::StrCat(kBinary, " --help >/dev/null; echo $?")), "0\n");
}

}  // namespace
}  // namespace outrigger::exe
