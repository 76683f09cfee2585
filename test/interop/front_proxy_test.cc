// examples/front_proxy with independent clients: curl, nghttp, h2load, wrk.
#include <stdlib.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "test/interop/proxy.h"

namespace outrigger::interop {
namespace {

using harness::Shell;

class FrontProxyTest : public ::testing::Test {
 protected:
  std::string Curl(const std::string& words, const std::string& path) {
    return Shell("curl -s -m 20 " + words + " " + proxy_.Url("public", path));
  }
  std::string Shop(const std::string& words, const std::string& path) {
    return Curl("-H 'host: shop.example' " + words, path);
  }

  Echo v1_{"shop", "v1"}, v2_{"shop", "v2"};
  Proxy proxy_{harness::ReadFile("examples/front_proxy/front-proxy.yaml"),
               {{9901, 0}, {10000, 0}, {8081, v1_.http_port()}, {8082, v2_.http_port()}}};
};

TEST_F(FrontProxyTest, RoutesByHostPathAndHeader) {
  const std::string answer = Shop("-d hello", "/cart?x=1");
  EXPECT_TRUE(absl::StrContains(answer, "\"version\":\"v1\"")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "\"path\":\"/cart?x=1\"")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "\"body\":\"hello\"")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "\"x-request-id\"")) << answer;
  EXPECT_TRUE(absl::StrContains(Shop("-H 'x-version: v2'", "/"), "\"version\":\"v2\""));
  EXPECT_TRUE(absl::StrContains(Shop("", "/api/cart"), "\"path\":\"/cart\""));
}

TEST_F(FrontProxyTest, AnswersByItself) {
  EXPECT_EQ(Curl("-w '%{http_code}'", "/"), "no such site\n404");
  const std::string redirect = Shop("-i", "/old");
  EXPECT_TRUE(absl::StrContains(redirect, "301")) << redirect;
  EXPECT_TRUE(absl::StrContains(redirect, "location: http://shop.example/new")) << redirect;
  EXPECT_TRUE(absl::StrContains(redirect, "x-served-by: front-proxy")) << redirect;
}

TEST_F(FrontProxyTest, SplitsByWeight) {
  const std::string url = proxy_.Url("public", "/api/[1-400]");
  const std::string out =
      Shell("curl -s -H 'host: shop.example' " + url + " | grep -o '\"version\":\"v.\"' | sort | uniq -c");
  int v1 = 0, v2 = 0;
  EXPECT_EQ(std::sscanf(out.c_str(), " %d \"version\":\"v1\" %d", &v1, &v2), 2) << out;
  EXPECT_EQ(v1 + v2, 400);
  EXPECT_GT(v2, 10);  // 40 expected; the odds of leaving 10 to 100 are below one in a million
  EXPECT_LT(v2, 100);
}

TEST_F(FrontProxyTest, SpeaksHttp2WithPriorKnowledge) {
  const std::string out = Shop("--http2-prior-knowledge -w ' %{http_version}'", "/two");
  EXPECT_TRUE(absl::StrContains(out, "\"path\":\"/two\"")) << out;
  EXPECT_TRUE(absl::EndsWith(out, " 2")) << out;
  const std::string pages = Shell("nghttp -n -s -m 20 -H':authority: shop.example' " + proxy_.Url("public", "/n"));
  EXPECT_TRUE(absl::StrContains(pages, " 200 ")) << pages;
}

TEST_F(FrontProxyTest, LosesNothingUnderLoad) {
  const std::string h2 = Shell("h2load -n 4000 -c 4 -m 20 -H':authority: shop.example' " + proxy_.Url("public", "/"));
  EXPECT_TRUE(absl::StrContains(h2, "4000 succeeded, 0 failed, 0 errored, 0 timeout")) << h2;
  EXPECT_TRUE(absl::StrContains(h2, "4000 2xx")) << h2;
  const std::string h1 = Shell("wrk -t1 -c16 -d2s -H'Host: shop.example' " + proxy_.Url("public", "/"));
  EXPECT_TRUE(absl::StrContains(h1, "requests in")) << h1;
  EXPECT_FALSE(absl::StrContains(h1, "Non-2xx")) << h1;
  EXPECT_FALSE(absl::StrContains(h1, "Socket errors")) << h1;
  EXPECT_GE(proxy_.Stat("http.public.downstream_rq_2xx"), 4000u);
}

// What the killed one was doing is answered with an error, what comes meanwhile too; nothing hangs, nothing leaks, and
// the next one on its address is used as soon as it is there.
TEST_F(FrontProxyTest, AnUpstreamThatIsKilledUnderLoadIsMissedOnlyWhileItIsGone) {
  const std::string load = "wrk -t1 -c16 -H'Host: shop.example' " + proxy_.Url("public", "/");
  harness::Process running({"/bin/sh", "-c", "exec " + load + " -d4s"});
  ASSERT_TRUE(harness::WaitFor([this] { return proxy_.Stat("cluster.shop_v1.upstream_rq_200") > 1000; }));
  v1_.Kill();
  ASSERT_TRUE(harness::WaitFor([this] { return proxy_.Stat("cluster.shop_v1.upstream_cx_connect_fail") > 0; }));
  EXPECT_EQ(Shop("-o /dev/null -w '%{http_code}'", "/"), "503");
  EXPECT_TRUE(absl::StrContains(Shop("-H 'x-version: v2'", "/"), "\"version\":\"v2\""));  // the others do not notice
  v1_.StartAgain();
  ASSERT_TRUE(harness::WaitFor([this] { return absl::StrContains(Shop("", "/"), "\"version\":\"v1\""); }));
  EXPECT_EQ(running.Wait(), 0) << running.output();
  EXPECT_FALSE(absl::StrContains(running.output(), "Socket errors")) << running.output();  // each got an answer
  const std::string after = Shell(load + " -d1s");
  EXPECT_TRUE(absl::StrContains(after, "requests in")) << after;
  EXPECT_FALSE(absl::StrContains(after, "Non-2xx")) << after;
  EXPECT_EQ(proxy_.Stat("cluster.shop_v1.upstream_rq_active"), 0u);
  EXPECT_EQ(proxy_.Stat("cluster.shop_v1.upstream_rq_pending_active"), 0u);
  EXPECT_TRUE(proxy_.process().running());
}

TEST_F(FrontProxyTest, WritesAnAccessLogLinePerRequest) {
  Curl("", "/missing");
  const std::string wanted = "/missing HTTP/1.1 404 - direct_response";
  EXPECT_TRUE(harness::WaitFor([&] { return absl::StrContains(proxy_.process().output(), wanted); }))
      << proxy_.process().output();
}

TEST_F(FrontProxyTest, SigtermDrainsAndExitsWithZero) {
  EXPECT_TRUE(absl::StrContains(Shop("", "/"), "\"version\":\"v1\""));
  proxy_.process().Signal(SIGTERM);
  EXPECT_EQ(proxy_.process().Wait(), 0) << proxy_.process().output();
}

TEST(ValidateTest, AcceptsTheExamplesAndNamesTheFaultOfABadOne) {
  const std::string good =
      Shell("source/exe/outrigger --mode validate -c examples/front_proxy/front-proxy.yaml; echo code $?");
  EXPECT_TRUE(absl::EndsWith(good, "code 0\n")) << good;
  const std::string folder = harness::TempFolder();
  harness::WriteFile(folder + "/bad.yaml", Replace(harness::ReadFile("examples/front_proxy/front-proxy.yaml"),
                                                   "idle_timeout", "idle_timeoot"));
  const std::string bad = Shell("source/exe/outrigger --mode validate -c " + folder + "/bad.yaml; echo code $?");
  EXPECT_TRUE(absl::StrContains(bad, "idle_timeoot")) << bad;
  EXPECT_FALSE(absl::EndsWith(bad, "code 0\n")) << bad;
}

// Nothing of the program wants more rights than a user's, who has the files it names.
TEST(OrdinaryUserTest, TheProgramRunsWithoutBeingRoot) {
  constexpr uid_t kNobody = 65534;
  char folder[] = "/tmp/outrigger-XXXXXX";  // a test's own folder may lie where only its owner may look
  ASSERT_NE(mkdtemp(folder), nullptr);
  const auto in_folder = [&](const std::string& name) { return absl::StrCat(folder, "/", name); };
  const bool root = geteuid() == 0;
  Shell(absl::StrCat("cp source/exe/outrigger ", folder, " && chmod 755 ", folder, " ", in_folder("outrigger")));
  std::string bootstrap = harness::ReadFile("examples/front_proxy/front-proxy.yaml");
  for (const char* port : {"9901", "10000"}) {
    bootstrap = Replace(bootstrap, absl::StrCat("port_value: ", port, "}"), "port_value: 0}");
  }
  harness::WriteFile(in_folder("bootstrap.yaml"), bootstrap);
  if (root) {
    ASSERT_EQ(chown(folder, kNobody, kNobody), 0);
  }
  std::vector<std::string> words;
  if (root) words = {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"};
  for (const std::string& word :
       {in_folder("outrigger"), std::string("-c"), in_folder("bootstrap.yaml"), std::string("--admin-address-path"),
        in_folder("admin"), std::string("--log-path"), in_folder("process.log")}) {
    words.push_back(word);
  }
  {
    harness::Process process(words);
    const auto admin = [&](const std::string& path) {
      return Shell(absl::StrCat("curl -s http://", harness::ReadFile(in_folder("admin")), path));
    };
    ASSERT_TRUE(harness::WaitFor([&] { return !process.running() || admin("/ready") == "LIVE\n"; }));
    ASSERT_TRUE(process.running()) << process.output() << harness::ReadFile(in_folder("process.log"));
    EXPECT_EQ(Shell(absl::StrCat("stat -c %u /proc/", process.pid())), absl::StrCat(root ? kNobody : geteuid(), "\n"));
    const std::string listeners = admin("/listeners");
    EXPECT_TRUE(absl::StrContains(listeners, "public::")) << listeners;
    process.Signal(SIGTERM);
    EXPECT_EQ(process.Wait(), 0) << process.output() << harness::ReadFile(in_folder("process.log"));
  }
  Shell(absl::StrCat("rm -r ", folder));
}

}  // namespace
}  // namespace outrigger::interop
