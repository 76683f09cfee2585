// examples/static_sidecar: two sidecars and mutual TLS, with curl and openssl s_client.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "test/interop/proxy.h"

namespace outrigger::interop {
namespace {

using harness::Shell;

std::string MakeCertificates() {
  std::string folder = harness::TempFolder();
  const std::string out = Shell("examples/static_sidecar/make-certificates " + folder + "/certificates");
  EXPECT_TRUE(absl::StrContains(Shell("ls " + folder + "/certificates"), "stranger.pem")) << out;
  return folder;
}

class StaticSidecarTest : public ::testing::Test {
 protected:
  std::string Call(const std::string& words, const std::string& path) {
    return Shell("curl -s -m 20 -H 'host: shop.example' " + words + " " + client_.Url("outbound", path));
  }
  // Straight to the callee's sidecar, with a certificate of the folder (or none).
  std::string Direct(const std::string& identity) {
    const std::string certificate = identity.empty()
                                        ? ""
                                        : absl::StrCat("--cert ", folder_, "/certificates/", identity, ".pem --key ",
                                                       folder_, "/certificates/", identity, ".key");
    return Shell(
        absl::StrCat("curl -sS -k -m 20 -w ' %{http_code}' ", certificate, " https://127.0.0.1:", inbound(), "/"));
  }
  uint32_t inbound() { return server_.Port("inbound"); }

  std::string folder_ = MakeCertificates();
  Echo echo_{"shop", "v1"};
  Proxy server_{harness::ReadFile("examples/static_sidecar/server.yaml"),
                {{9902, 0}, {15006, 0}, {8081, echo_.http_port()}},
                folder_};
  Proxy client_{harness::ReadFile("examples/static_sidecar/client.yaml"),
                {{9903, 0}, {15001, 0}, {15006, server_.Port("inbound")}},
                folder_};
};

TEST_F(StaticSidecarTest, TheCalleeLearnsTheCallersIdentity) {
  const std::string answer = Call("-H 'x-forwarded-client-cert: URI=spiffe://example/forged' -d hello", "/hello");
  EXPECT_TRUE(absl::StrContains(answer, "\"caller\":\"spiffe://example/front\"")) << answer;
  EXPECT_FALSE(absl::StrContains(answer, "forged")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "\"body\":\"hello\"")) << answer;
}

TEST_F(StaticSidecarTest, AnotherIdentityIsForbidden) {
  EXPECT_TRUE(absl::EndsWith(Direct("stranger"), "RBAC: access denied 403")) << Direct("stranger");
  EXPECT_TRUE(absl::EndsWith(Direct("front"), " 200")) << Direct("front");
  EXPECT_GE(server_.Stat("http.inbound.rbac.denied"), 1u);
}

TEST_F(StaticSidecarTest, WithoutACertificateNothingGetsThrough) {
  EXPECT_TRUE(absl::EndsWith(Direct(""), " 000")) << Direct("");
  EXPECT_TRUE(harness::WaitFor([this] { return server_.Stat("listener.127.0.0.1_0.ssl.fail_verify_no_cert") >= 1; }))
      << server_.Admin("/stats?filter=ssl");
}

TEST_F(StaticSidecarTest, SpeaksTls13AndPicksHttp2) {
  const std::string out =
      Shell(absl::StrCat("openssl s_client -brief -alpn h2 -CAfile ", folder_, "/certificates/ca.pem -cert ", folder_,
                         "/certificates/front.pem -key ", folder_,
                         "/certificates/front.key -connect 127.0.0.1:", inbound(), " </dev/null"));
  EXPECT_TRUE(absl::StrContains(out, "TLSv1.3")) << out;
  EXPECT_TRUE(absl::StrContains(out, "Verification: OK")) << out;
}

TEST_F(StaticSidecarTest, TwoHopsLoseNothingUnderLoad) {
  const std::string h1 = Shell("wrk -t1 -c16 -d2s -H'Host: shop.example' " + client_.Url("outbound", "/"));
  EXPECT_TRUE(absl::StrContains(h1, "requests in")) << h1;
  EXPECT_FALSE(absl::StrContains(h1, "Non-2xx")) << h1;
  EXPECT_FALSE(absl::StrContains(h1, "Socket errors")) << h1;
  const std::string h2 =
      Shell("h2load -n 2000 -c 4 -m 20 -H':authority: shop.example' " + client_.Url("outbound", "/"));
  EXPECT_TRUE(absl::StrContains(h2, "2000 2xx")) << h2;
}

}  // namespace
}  // namespace outrigger::interop
