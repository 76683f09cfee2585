// examples/front_proxy with independent clients: curl, nghttp, h2load, wrk.
#include <csignal>

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

}  // namespace
}  // namespace outrigger::interop
