// Two proxies in a row with mutual TLS between them, on real sockets.
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "test/harness/loop.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/threaded_proxy.h"
#include "test/simulation/proxy/peer.h"
#include "test/tls/authority.h"

namespace outrigger::integration {
namespace {

using simulation::Call;
using simulation::ProxyConfig;
using simulation::TestClient;
using simulation::TestServer;

// The name that each request's connection asked for.
class ServerNames final : public observe::AccessLog {
 public:
  void Log(observe::WorkerStats&, const http::AccessLogRecord& record) const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    seen_.emplace_back(record.downstream->transport().tls()->server_name());
  }
  std::vector<std::string> seen() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::vector<std::string> seen_;
};

class TlsHopTest : public testing::Test {
 protected:
  TlsHopTest() {
    loop_.RunOnce(Duration::zero());
    authority_ = std::make_unique<tls::TestAuthority>(loop_.wall_now());
    server_spec_.certificates = {authority_->Uri("spiffe://mesh/back")};
    server_spec_.validation = authority_->Trusting({"spiffe://mesh/front"});
    server_spec_.require_client_certificate = true;
    server_spec_.alpn = {"h2", "http/1.1"};
    client_spec_.certificates = {authority_->Uri("spiffe://mesh/front")};
    client_spec_.validation = authority_->Trusting({"spiffe://mesh/back"});
    TestServer::Options options;
    options.answer = [](const simulation::Incoming& request) {
      simulation::Reply reply;
      reply.headers = {{"x-seen-xfcc", request.Get("x-forwarded-client-cert")}};
      reply.body.size = 1000;
      return reply;
    };
    server_ = std::make_unique<TestServer>(loop_, *net::Address::ParseIp("127.0.0.1", 0), options);
    front_ = std::make_unique<ThreadedProxy>();
    back_ = std::make_unique<ThreadedProxy>();
  }
  ~TlsHopTest() override {
    client_.reset();
    front_.reset();
    back_.reset();
  }
  void SetFrontCluster() {
    ProxyConfig::Cluster to_back;
    to_back.endpoints = {back_->address()};
    to_back.protocol = model::UpstreamProtocol::kAuto;
    to_back.tls = *tls::ClientContext::Build(client_spec_);
    to_back.change = front_cluster_;
    front_->config().SetCluster("back", to_back);
  }
  void SetBackListener() {
    ProxyConfig::Listener listener;
    listener.tls = *tls::ServerContext::Build(server_spec_);
    listener.hcm = [this](filters::hcm::HcmConfig& hcm) {
      hcm.access_logs.push_back(names_);
      hcm.forward_client_cert = filters::hcm::ForwardClientCert::kSanitizeSet;
      hcm.client_cert_details.uri = true;
    };
    back_->config().SetListener(listener);
  }
  void Start() {
    SetFrontCluster();
    front_->config().SetRoutes({{"/", "back", nullptr}});
    ProxyConfig::Listener listener;
    listener.hcm = [this](filters::hcm::HcmConfig& hcm) { hcm.access_logs.push_back(log_); };
    front_->config().SetListener(listener);
    ProxyConfig::Cluster to_server;
    to_server.endpoints = {server_->address()};
    back_->config().SetCluster("server", to_server);
    back_->config().SetRoutes({{"/", "server", nullptr}});
    SetBackListener();
    front_->Start();
    back_->Start();
    client_ = std::make_unique<TestClient>(loop_, front_->address(), TestClient::Options());
  }
  TestClient::Exchange& Get(Call what = {}) {
    TestClient::Exchange& call = client_->Send(std::move(what));
    EXPECT_TRUE(harness::RunUntil(loop_, [&] { return call.done(); }));
    return call;
  }
  bool Eventually(const std::function<bool()>& what) { return harness::RunUntil(loop_, what); }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  std::unique_ptr<tls::TestAuthority> authority_;
  tls::ServerSpec server_spec_;
  tls::ClientSpec client_spec_;
  std::function<void(model::ClusterConfig&)> front_cluster_;  // changes to the defaults
  std::shared_ptr<LogRecorder> log_ = std::make_shared<LogRecorder>();
  std::shared_ptr<ServerNames> names_ = std::make_shared<ServerNames>();
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<ThreadedProxy> front_, back_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(TlsHopTest, SpeaksHttp2OverMutualTlsAndForwardsWhoCalled) {
  Start();
  const TestClient::Exchange& call = Get();
  EXPECT_EQ(call.response().status, 200u) << call.response().text;
  EXPECT_TRUE(absl::StrContains(call.response().Get("x-seen-xfcc"), "URI=spiffe://mesh/front"))
      << call.response().Get("x-seen-xfcc");
  EXPECT_EQ(log_->Take().flags, "-");
  EXPECT_EQ(front_->Stat("cluster.back.upstream_cx_http2_total"), 1);
  EXPECT_EQ(back_->Stat("http.test.downstream_cx_ssl_total"), 1);
}

TEST_F(TlsHopTest, RefusesACallerWithoutACertificateAndSaysWhy) {
  client_spec_.certificates.clear();
  Start();
  EXPECT_EQ(Get().response().status, 503u);
  const LogRecorder::Line line = log_->Take();
  EXPECT_TRUE(line.flags == "UF" || line.flags == "UC") << line.flags;
  EXPECT_FALSE(line.details.empty());
  EXPECT_TRUE(Eventually([&] { return back_->Stat("listener.test.ssl.fail_verify_no_cert") == 1; }));
  EXPECT_EQ(server_->requests(), 0u);
}

TEST_F(TlsHopTest, RefusesACalleeOfAnotherNameAndSaysWhy) {
  client_spec_.validation = authority_->Trusting({"spiffe://mesh/somebody-else"});
  Start();
  EXPECT_EQ(Get().response().status, 503u);
  const LogRecorder::Line line = log_->Take();
  EXPECT_EQ(line.flags, "UF");
  EXPECT_FALSE(line.transport_failure.empty());
  EXPECT_TRUE(absl::StrContains(line.details, "remote_connection_failure")) << line.details;
  EXPECT_TRUE(Eventually([&] { return front_->Stat("cluster.back.ssl.fail_verify_san") == 1; }));
}

TEST_F(TlsHopTest, RefusesACallerOfAnAuthorityThatNobodyTrusts) {
  tls::TestAuthority other(loop_.wall_now(), "another authority");
  client_spec_.certificates = {other.Uri("spiffe://mesh/front")};
  Start();
  EXPECT_EQ(Get().response().status, 503u);
  EXPECT_TRUE(Eventually([&] { return back_->Stat("listener.test.ssl.fail_verify_error") == 1; }));
  EXPECT_EQ(server_->requests(), 0u);
}

TEST_F(TlsHopTest, LosesNoCallWhileBothEndsRenewTheirCertificates) {
  Start();
  for (int i = 0; i < 30; ++i) {
    std::vector<TestClient::Exchange*> calls;
    calls.push_back(&client_->Send(Call()));
    if (i % 3 == 0) {
      server_spec_.certificates = {authority_->Uri("spiffe://mesh/back")};
      SetBackListener();
      back_->Publish();
    }
    if (i % 3 == 1) {
      client_spec_.certificates = {authority_->Uri("spiffe://mesh/front")};
      SetFrontCluster();
      front_->Publish();
    }
    ASSERT_TRUE(Eventually([&] { return calls.back()->done(); }));
    ASSERT_EQ(calls.back()->response().status, 200u) << "call " << i << ": " << calls.back()->response().text;
  }
  EXPECT_EQ(server_->requests(), 30u);
}

// As users configure it: the facts are copied because a format asks for them.
TEST_F(TlsHopTest, LogsAndHeadersKnowWhoTheUpstreamIs) {
  TestServer::Options options;
  options.tls = *tls::ServerContext::Build(server_spec_);
  options.answer = [](const simulation::Incoming&) { return simulation::Reply(); };
  TestServer callee(loop_, *net::Address::ParseIp("127.0.0.1", 0), options);
  const std::string folder = harness::TempFolder();
  const auto pem = [](const std::string& text) {
    return absl::StrCat("{inline_string: \"", absl::StrReplaceAll(text, {{"\n", "\\n"}}), "\"}");
  };
  const tls::CertificateSpec mine = authority_->Uri("spiffe://mesh/front");
  std::string cluster = harness::StaticCluster("callee", callee.address().port());
  absl::StrAppend(&cluster,
                  "    transport_socket: {name: tls, typed_config: {\"@type\": "
                  "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: "
                  "callee.example, common_tls_context: "
                  "{tls_certificates: [{certificate_chain: ",
                  pem(mine.chain_pem), ", private_key: ", pem(std::string(mine.key_pem.view())),
                  "}], validation_context: {trusted_ca: ", pem(authority_->pem()), "}}}}\n");
  std::string listener = harness::HttpListener(
      "in", "callee",
      absl::StrCat("          access_log:\n          - name: f\n            typed_config: {\"@type\": "
                   "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: ",
                   folder,
                   "/log, log_format: {text_format_source: {inline_string: \"%UPSTREAM_TLS_VERSION% "
                   "%UPSTREAM_PEER_URI_SAN% %UPSTREAM_LOCAL_URI_SAN% "
                   "%UPSTREAM_SERVER_NAME% %UPSTREAM_PEER_DNS_SAN%\\n\"}}}\n"));
  listener.replace(
      listener.find("virtual_hosts:"), 0,
      "response_headers_to_add: [{header: {key: x-callee, value: \"%UPSTREAM_PEER_URI_SAN%\"}}]\n            ");
  server::Options fast;
  fast.file_flush_interval = milliseconds(20);
  harness::ProxyHarness proxy(harness::Bootstrap(listener, cluster), fast);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  TestClient client(loop_, *net::Address::ParseIp("127.0.0.1", proxy.port("in")), TestClient::Options());
  const TestClient::Exchange& call = client.Send(Call());
  ASSERT_TRUE(Eventually([&] { return call.done(); }));
  EXPECT_EQ(call.response().status, 200u) << call.response().text;
  EXPECT_EQ(call.response().Get("x-callee"), "spiffe://mesh/back");
  EXPECT_TRUE(Eventually([&] { return !harness::ReadFile(folder + "/log").empty(); }));
  EXPECT_EQ(harness::ReadFile(folder + "/log"), "TLSv1.3 spiffe://mesh/back spiffe://mesh/front callee.example -\n");
}

TEST_F(TlsHopTest, NothingIsCopiedForNobody) {
  Start();
  ASSERT_EQ(Get().response().status, 200u);
  EXPECT_FALSE(log_->Take().knows_upstream_tls);
}

TEST_F(TlsHopTest, AHeaderSaysTheServersNameInsteadOfTheAuthority) {
  front_cluster_ = [](model::ClusterConfig& cluster) {
    cluster.settings.Edit().auto_sni = true;
    cluster.settings.Edit().override_auto_sni_header = "x-server";
  };
  Start();
  Call named;
  named.headers = {{"x-server", "Named.Example:8443"}};
  ASSERT_EQ(Get(named).response().status, 200u);
  ASSERT_EQ(Get().response().status, 200u);
  named.headers = {{"x-server", ""}};
  ASSERT_EQ(Get(named).response().status, 200u);
  EXPECT_TRUE(Eventually([&] { return names_->seen().size() == 3; }));
  EXPECT_EQ(names_->seen(), (std::vector<std::string>{"named.example", "a.example", "a.example"}));
  EXPECT_EQ(back_->Stat("listener.test.downstream_cx_total"), 2);  // one for each name
}

// Law 9 between two proxies with TLS, for either protocol: `back_` is the downstream side of what changes, `front_` the
// upstream side.
class TrustChangeTest : public TlsHopTest, public testing::WithParamInterface<const char*> {
 protected:
  TrustChangeTest() { server_spec_.alpn = {GetParam()}; }
  void StartAndAsk() {
    Start();
    ASSERT_EQ(Get().response().status, 200u);
    EXPECT_EQ(back_->Stat("listener.test.downstream_cx_total"), 1);
  }
  void ChangeBack() {
    SetBackListener();
    Publish(*back_);
  }
  void ChangeFront() {
    SetFrontCluster();
    Publish(*front_);
  }
  // Returns when the worker uses it.
  static void Publish(ThreadedProxy& proxy) {
    proxy.Publish();
    std::promise<void> used;
    proxy.worker().dispatcher().Post([&used] { used.set_value(); });
    used.get_future().wait();
  }
  // The same connection carries the next request.
  void ExpectFollows() {
    EXPECT_EQ(Get().response().status, 200u);
    EXPECT_EQ(back_->Stat("listener.test.downstream_cx_total"), 1);
  }
  void ExpectEnds() {
    EXPECT_TRUE(Eventually([&] { return back_->Stat("listener.test.downstream_cx_active") == 0; }));
  }
  // The connection ends; the next one is made under the new rule, which refuses: no request gets through.
  void ExpectEndsAndRefuses() {
    ExpectEnds();
    EXPECT_EQ(Get().response().status, 503u);
    EXPECT_EQ(server_->requests(), 1u);
    // What the client kept of its session is worth nothing: the new connection is judged anew.
    EXPECT_EQ(back_->Stat("listener.test.ssl.session_reused"), 0);
  }
  // The connection ends; the next request goes over a new one.
  void ExpectEndsAndServes() {
    EXPECT_TRUE(Eventually(
        [&] { return Get().response().status == 200u && back_->Stat("listener.test.downstream_cx_total") >= 2; }));
    EXPECT_TRUE(Eventually([&] { return back_->Stat("listener.test.downstream_cx_active") == 1; }));
  }
};
INSTANTIATE_TEST_SUITE_P(Protocols, TrustChangeTest, testing::Values("h2", "http/1.1"),
                         [](const auto& info) { return std::string(info.index == 0 ? "Http2" : "Http1"); });

TEST_P(TrustChangeTest, AConnectionFollowsARenewedCertificate) {
  StartAndAsk();
  server_spec_.certificates = {authority_->Uri("spiffe://mesh/back")};
  ChangeBack();
  ExpectFollows();
}

TEST_P(TrustChangeTest, AConnectionEndsWhenOtherNamesAreTrusted) {
  StartAndAsk();
  server_spec_.validation = authority_->Trusting({"spiffe://mesh/only-this-one"});
  ChangeBack();
  ExpectEndsAndRefuses();
}

TEST_P(TrustChangeTest, AConnectionEndsWhenAnAuthorityIsNoLongerTrusted) {
  tls::TestAuthority other(loop_.wall_now(), "another authority");
  server_spec_.validation.trusted_ca_pem += other.pem();
  StartAndAsk();
  server_spec_.validation.trusted_ca_pem = other.pem();
  ChangeBack();
  ExpectEndsAndRefuses();
  EXPECT_TRUE(Eventually([&] { return back_->Stat("listener.test.ssl.fail_verify_error") >= 1; }));
}

TEST_P(TrustChangeTest, AConnectionEndsWhenAnotherAuthorityIsTrustedToo) {
  StartAndAsk();
  tls::TestAuthority other(loop_.wall_now(), "another authority");
  server_spec_.validation.trusted_ca_pem += other.pem();
  ChangeBack();
  ExpectEnds();
  ExpectEndsAndServes();
}

TEST_P(TrustChangeTest, AConnectionEndsWhenAClientCertificateIsNowRequired) {
  client_spec_.certificates.clear();
  server_spec_.require_client_certificate = false;
  StartAndAsk();
  server_spec_.require_client_certificate = true;
  ChangeBack();
  ExpectEndsAndRefuses();
  EXPECT_TRUE(Eventually([&] { return back_->Stat("listener.test.ssl.fail_verify_no_cert") >= 1; }));
}

TEST_P(TrustChangeTest, AnUpstreamConnectionFollowsARenewedCertificate) {
  StartAndAsk();
  client_spec_.certificates = {authority_->Uri("spiffe://mesh/front")};
  ChangeFront();
  ExpectFollows();
}

TEST_P(TrustChangeTest, AnUpstreamConnectionEndsWhenOtherNamesAreTrusted) {
  StartAndAsk();
  client_spec_.validation = authority_->Trusting({"spiffe://mesh/only-this-one"});
  ChangeFront();
  ExpectEndsAndRefuses();
}

TEST_P(TrustChangeTest, AnUpstreamConnectionEndsWhenItsAuthorityIsNoLongerTrusted) {
  tls::TestAuthority other(loop_.wall_now(), "another authority");
  client_spec_.validation.trusted_ca_pem += other.pem();
  StartAndAsk();
  client_spec_.validation.trusted_ca_pem = other.pem();
  ChangeFront();
  ExpectEndsAndRefuses();
}

TEST_P(TrustChangeTest, AnUpstreamConnectionEndsWhenItsProtocolOptionsChange) {
  StartAndAsk();
  front_cluster_ = [](model::ClusterConfig& config) { config.connection_hash += 1; };
  ChangeFront();
  ExpectEndsAndServes();
}

// A scrape sees a handshake while its connection lives.
TEST_F(TlsHopTest, HandshakesAreCountedWhenTheyAreDone) {
  Start();
  ASSERT_EQ(Get().response().status, 200u);
  EXPECT_EQ(back_->Stat("listener.test.downstream_cx_active"), 1);
  EXPECT_EQ(back_->Stat("listener.test.ssl.handshake"), 1);
  EXPECT_EQ(back_->Stat("listener.test.ssl.versions.TLSv1.3"), 1);
}

}  // namespace
}  // namespace outrigger::integration
