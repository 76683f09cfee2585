// Clients of a TLS listener that speak no TLS, speak it badly, or say nothing: each is ended for a reason that is
// counted and logged.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "source/event/engine.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/small_proxy.h"
#include "test/net/hello_bytes.h"
#include "test/tls/authority.h"

namespace outrigger::integration {
namespace {

using absl::StrContains;
using harness::ProxyHarness;
using harness::ReadFile;
using harness::WaitFor;

// `text` as a YAML string in one line.
std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\n", "\\n"}}), "\"");
}

class HostileTlsTest : public testing::Test {
 protected:
  HostileTlsTest() : upstream_("one", http::Protocol::kHttp11), folder_(harness::TempFolder()) {
    tls::TestAuthority authority(event::MakeEpollEngine()->WallNow());
    const tls::CertificateSpec leaf = authority.Dns("localhost");
    certificates_ = absl::StrCat("{certificate_chain: {inline_string: ", Quoted(leaf.chain_pem),
                                 "}, private_key: {inline_string: ", Quoted(std::string(leaf.key_pem.view())), "}}");
  }
  void Start(const std::string& more = "", const std::string& chain = "") {
    const std::string listener = absl::StrCat(
        harness::HttpListener("in", "a"), "      transport_socket: {name: tls, typed_config: {\"@type\": ",
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: ",
        "{tls_certificates: [", certificates_, "]}}}\n", chain, "    stat_prefix: in\n",
        "    access_log: [{name: f, typed_config: {\"@type\": ",
        "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: ", folder_,
        "/log, log_format: {text_format_source: {inline_string: \"%DOWNSTREAM_TRANSPORT_FAILURE_REASON% ",
        "%CONNECTION_TERMINATION_DETAILS%\\n\"}}}}]\n", more);
    server::Options options;
    options.file_flush_interval = milliseconds(10);
    proxy_ = std::make_unique<ProxyHarness>(harness::Bootstrap(listener, harness::StaticCluster("a", upstream_.port())),
                                            options);
    ASSERT_EQ(proxy_->error(), "");
    ASSERT_TRUE(proxy_->WaitUntilLive());
  }
  // Sends `bytes` and waits until the proxy ended the connection.
  void Attack(const std::string& bytes) {
    Client client(proxy_->port("in"));
    if (!bytes.empty()) client.Send(bytes);
    EXPECT_TRUE(WaitFor([&] {
      char into[4096];
      const ssize_t got = recv(client.fd(), into, sizeof(into), MSG_DONTWAIT);
      return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
    }));
  }
  bool Logged(const std::string& reason) {
    return WaitFor([&] { return StrContains(ReadFile(folder_ + "/log"), reason); }, std::chrono::seconds(10));
  }
  // Whoever behaves is still served.
  void ExpectServes() {
    EXPECT_EQ(harness::Shell(absl::StrCat("curl -sk -m 20 https://localhost:", proxy_->port("in"), "/")), "one");
  }

  harness::HttpUpstream upstream_;
  const std::string folder_;
  std::string certificates_;
  std::unique_ptr<ProxyHarness> proxy_;
};

const char kInspector[] = R"yaml(    listener_filters_timeout: 0.2s
    listener_filters:
    - name: envoy.filters.listener.tls_inspector
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}
)yaml";

TEST_F(HostileTlsTest, GarbageEndsTheConnection) {
  Start();
  Attack(std::string(64, '\x01') + "garbage");
  EXPECT_EQ(proxy_->Stat("listener.in.ssl.connection_error"), 1);
  EXPECT_TRUE(Logged("TLS_error")) << ReadFile(folder_ + "/log");
  ExpectServes();
}

TEST_F(HostileTlsTest, PlainHttpIsRecognised) {
  Start();
  Attack("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_EQ(proxy_->Stat("listener.in.ssl.connection_error"), 1);
  EXPECT_TRUE(Logged("http request") || Logged("HTTP_REQUEST")) << ReadFile(folder_ + "/log");
  ExpectServes();
}

TEST_F(HostileTlsTest, AClientThatSaysNothingRunsIntoTheHandshakeTimeout) {
  Start("", "      transport_socket_connect_timeout: 0.2s\n");
  Attack("");
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_cx_transport_socket_connect_timeout"), 1);
  EXPECT_TRUE(Logged("timeout")) << ReadFile(folder_ + "/log");
  ExpectServes();
}

TEST_F(HostileTlsTest, HalfAHelloRunsIntoTheHandshakeTimeout) {
  Start("", "      transport_socket_connect_timeout: 0.2s\n");
  const std::string hello = net::Hello({{0, net::ServerNameExtension("a.example")}});
  Attack(hello.substr(0, hello.size() / 2));
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_cx_transport_socket_connect_timeout"), 1);
  ExpectServes();
}

TEST_F(HostileTlsTest, HalfAHelloRunsIntoTheListenerFilterTimeout) {
  Start(kInspector);
  const std::string hello = net::Hello({{0, net::ServerNameExtension("a.example")}});
  Attack(hello.substr(0, hello.size() / 2));
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_pre_cx_timeout"), 1);
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_pre_cx_active"), 0);
  ExpectServes();
}

TEST_F(HostileTlsTest, AServerNameThatIsTooLongIsNoClientHello) {
  Start(kInspector);
  Attack(net::Hello({{0, net::ServerNameExtension(std::string(300, 'a'))}}));
  EXPECT_EQ(proxy_->Stat("tls_inspector.tls_not_found"), 1);
  EXPECT_EQ(proxy_->Stat("listener.in.ssl.connection_error"), 1);  // and OpenSSL thinks the same
  ExpectServes();
  EXPECT_EQ(proxy_->Stat("tls_inspector.sni_found"), 1);
}

TEST_F(HostileTlsTest, AHelloBeyondTheLimitIsRefusedBeforeItIsThere) {
  Start(kInspector);
  Attack(net::Records(net::Message(std::string(100'000, 'x'))).substr(0, 6000));
  EXPECT_EQ(proxy_->Stat("tls_inspector.client_hello_too_large"), 1);
  ExpectServes();
}

TEST_F(HostileTlsTest, RenegotiationIsRefused) {
  Start();
  // The pipe stays open: s_client ends when the server ends the connection.
  const std::string got = harness::Shell(absl::StrCat(
      "mkfifo ", folder_, "/keys; exec 3<>", folder_, "/keys; printf 'R\\n' >&3; timeout 20 openssl s_client -tls1_2 ",
      "-servername localhost -connect 127.0.0.1:", proxy_->port("in"), " <&3 2>&1"));
  EXPECT_TRUE(StrContains(got, "RENEGOTIATING")) << got;
  EXPECT_TRUE(StrContains(got, "no renegotiation")) << got;
  EXPECT_TRUE(WaitFor([this] { return proxy_->Stat("listener.in.downstream_cx_active") == 0; }));
  EXPECT_EQ(proxy_->Stat("listener.in.ssl.handshake"), 1);
  ExpectServes();
}

}  // namespace
}  // namespace outrigger::integration
