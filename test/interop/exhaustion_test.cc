// The real program when it runs out of descriptors, or its disk is full: it says so, goes on, and recovers.
#include <sys/resource.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "test/harness/http_upstream.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/small_proxy.h"
#include "test/interop/proxy.h"

namespace outrigger::interop {
namespace {

using harness::Bootstrap;
using harness::HttpListener;
using harness::HttpUpstream;
using harness::StaticCluster;
using harness::WaitFor;
using integration::Client;

// No further descriptor from now on: the limit is where the highest one is.
rlimit TakeAllDescriptors(pid_t pid) {
  rlim_t highest = 0;
  const std::string names = harness::Shell(absl::StrCat("ls /proc/", pid, "/fd"));
  for (const absl::string_view name : absl::StrSplit(names, '\n')) {
    rlim_t fd = 0;
    if (absl::SimpleAtoi(name, &fd)) highest = std::max(highest, fd);
  }
  rlimit before{};
  EXPECT_EQ(prlimit(pid, RLIMIT_NOFILE, nullptr, &before), 0);
  // Numbers that are free below it stay free: they are the admin endpoint's and the checks'; so it is lower still.
  const rlimit none{3, before.rlim_max};
  EXPECT_GT(highest, none.rlim_cur);
  EXPECT_EQ(prlimit(pid, RLIMIT_NOFILE, &none, nullptr), 0);
  return before;
}

TEST(ExhaustionTest, OutOfDescriptorsNewConnectionsWaitRequestsFailAndAllRecovers) {
  HttpUpstream upstream("one", http::Protocol::kHttp11);
  Proxy proxy(Bootstrap(HttpListener("in", "a"), StaticCluster("a", upstream.port())), {});
  const auto port = static_cast<uint16_t>(proxy.Port("in"));
  const auto get = [](Client& client) {
    client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    return client.ReadResponse();
  };
  Client kept(port);
  ASSERT_TRUE(WaitFor([&] { return proxy.Stat("http.in.downstream_cx_active") == 1; }));

  const rlimit before = TakeAllDescriptors(proxy.process().pid());
  const auto began = std::chrono::steady_clock::now();
  const std::string failed = get(kept);
  EXPECT_TRUE(absl::StartsWith(failed, "HTTP/1.1 503 ")) << failed;
  EXPECT_TRUE(absl::StrContains(failed, "delayed connect error: Too many open files") ||
              absl::StrContains(failed, "connect"))
      << failed;
  std::vector<std::unique_ptr<Client>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(std::make_unique<Client>(port));
  EXPECT_TRUE(absl::StartsWith(get(kept), "HTTP/1.1 503 ")) << "what is there goes on being answered";
  EXPECT_TRUE(proxy.process().running());

  ASSERT_EQ(prlimit(proxy.process().pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  EXPECT_TRUE(absl::StartsWith(get(kept), "HTTP/1.1 200 "));
  EXPECT_TRUE(absl::StartsWith(get(*waiting.back()), "HTTP/1.1 200 ")) << "it waited, and was accepted";
  ASSERT_TRUE(WaitFor([&] { return proxy.Stat("server.accept_out_of_descriptors") > 0; }));
  // Both workers and main's admin endpoint try ten times a second, no more.
  const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  EXPECT_LE(proxy.Stat("server.accept_out_of_descriptors"), 2 * (10 * passed + 2)) << passed;
}

TEST(ExhaustionTest, AFullDiskCostsLinesOfTheAccessLogAndNothingElse) {
  HttpUpstream upstream("one", http::Protocol::kHttp11);
  Proxy proxy(Bootstrap(HttpListener("in", "a",
                                     "          access_log: [{name: f, typed_config: {'@type': type.googleapis.com/"
                                     "envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /dev/full}}]\n"),
                        StaticCluster("a", upstream.port())),
              {}, "", {"--file-flush-interval-msec", "50"});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(harness::Shell("curl -s -o /dev/null -w '%{http_code}' " + proxy.Url("in", "/")), "200");
  }
  EXPECT_TRUE(WaitFor([&] { return proxy.Stat("filesystem.write_failed") > 0; }));
  EXPECT_TRUE(proxy.process().running());
}

}  // namespace
}  // namespace outrigger::interop
