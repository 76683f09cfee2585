// How a server reaches its control plane: by mutual TLS with certificates from files or file-SDS, over a Unix socket,
// by google_grpc, with a service for each type.
#include <stdlib.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "source/grpc/google/google_channel.h"
#include "test/integration/live_config.h"
#include "test/tls/authority.h"

namespace outrigger::integration {
namespace {

using harness::ProxyHarness;
using harness::WaitFor;

std::unique_ptr<server::DynamicConfiguration> XdsWithGoogle() {
  return std::make_unique<server::XdsConfiguration>(grpc::MakeGoogleChannel);
}

// Certificates of one authority as files, and as a control plane wants them.
class Pki {
 public:
  Pki() : folder_(harness::TempFolder()) {
    Write("root.pem", authority_.pem());
    Renew();
  }
  void Renew() {
    const tls::CertificateSpec client = authority_.Uri("spiffe://test/node/n1");
    Write("client.key", std::string(client.key_pem.view()));
    Write("client.pem", client.chain_pem);
  }
  std::string path(const std::string& name) const { return absl::StrCat(folder_, "/", name); }
  void Write(const std::string& name, const std::string& text) const { harness::WriteFile(path(name), text); }
  cp::GrpcListenOptions Listen() {
    const tls::CertificateSpec server = authority_.Dns("xds.test");
    cp::GrpcListenOptions options;
    options.address = "127.0.0.1:0";
    options.identity = std::make_shared<cp::ServerIdentity>(
        cp::ServerIdentity::Pem{server.chain_pem, std::string(server.key_pem.view()), authority_.pem()});
    options.require_client_certificate = true;
    return options;
  }

 private:
  static WallTime Now() { return std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now()); }
  tls::TestAuthority authority_{Now()};
  const std::string folder_;
};

// The transport socket of a management cluster; `certificates` and `validation` are members of a CommonTlsContext.
std::string Tls(const std::string& certificates, const std::string& validation) {
  return absl::Substitute(R"yaml(
    transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: xds.test
        common_tls_context:
          $0
          $1
)yaml",
                          certificates, validation);
}

void ExpectConfigured(ProxyHarness& proxy, ServedConfig& served) {
  harness::HttpUpstream two("two", http::Protocol::kHttp11);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(Get(proxy.port("in")), "one");
  served.Publish(Whole("b", two.port()));
  EXPECT_TRUE(WaitFor([&] { return Get(proxy.port("in")) == "two"; }));
}

TEST(LiveConfigTransportTest, AManagementClusterWithMutualTlsFromFiles) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  Pki pki;
  ServedConfig served(Whole("a", one.port()), pki.Listen());
  const std::string certificate =
      absl::StrCat("tls_certificates: [{certificate_chain: {filename: ", pki.path("client.pem"),
                   "}, private_key: {filename: ", pki.path("client.key"), "}}]");
  const std::string validation =
      absl::StrCat("validation_context: {trusted_ca: {filename: ", pki.path("root.pem"), "}}");
  ProxyHarness proxy(AdsBootstrap(served.port(), Tls(certificate, validation)), {}, Xds);
  ExpectConfigured(proxy, served);
  EXPECT_GT(proxy.Stat("cluster.xds.ssl.handshake"), 0);
  EXPECT_GT(proxy.Stat("cluster.xds.upstream_cx_total"), 0) << "a cluster like any other";
}

TEST(LiveConfigTransportTest, AManagementClusterWithMutualTlsFromSecretsInFiles) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  Pki pki;
  ServedConfig served(Whole("a", one.port()), pki.Listen());
  pki.Write("own.yaml", absl::Substitute(R"yaml(
resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: own
  tls_certificate: {certificate_chain: {filename: $0}, private_key: {filename: $1}}
)yaml",
                                         pki.path("client.pem"), pki.path("client.key")));
  pki.Write("root.yaml", absl::Substitute(R"yaml(
resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: root
  validation_context: {trusted_ca: {filename: $0}}
)yaml",
                                          pki.path("root.pem")));
  const auto secret = [&](const std::string& name) {
    return absl::StrCat("{name: ", name, ", sds_config: {path_config_source: {path: ", pki.path(name + ".yaml"), "}}}");
  };
  ProxyHarness proxy(
      AdsBootstrap(served.port(), Tls(absl::StrCat("tls_certificate_sds_secret_configs: [", secret("own"), "]"),
                                      absl::StrCat("validation_context_sds_secret_config: ", secret("root")))),
      {}, Xds);
  ExpectConfigured(proxy, served);
}

TEST(LiveConfigTransportTest, AControlPlaneThatDoesNotProveItselfIsNotHeardAndWhy) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  Pki pki, other;
  ServedConfig served(Whole("a", one.port()), pki.Listen());
  const std::string validation =
      absl::StrCat("validation_context: {trusted_ca: {filename: ", other.path("root.pem"), "}}");
  ProxyHarness proxy(AdsBootstrap(served.port(), Tls("", validation)), {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  EXPECT_TRUE(WaitFor([&] { return proxy.Stat("cluster.xds.ssl.fail_verify_error") > 1; })) << "and tried again";
  EXPECT_EQ(proxy.Stat("control_plane.connected_state"), 0);
  EXPECT_GT(proxy.Stat("cluster_manager.cds.update_failure"), 0);
  EXPECT_EQ(proxy.port("in"), 0);
}

TEST(LiveConfigTransportTest, AUnixSocketCarriesTheStream) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  char folder[] = "/tmp/outrigger-XXXXXX";  // short: a Unix socket lies in it
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = absl::StrCat(folder, "/xds.sock");
  ServedConfig served(Whole("a", one.port()), {.address = absl::StrCat("unix:", path)});
  std::string cluster = harness::StaticCluster("xds", 1, true);
  cluster = absl::StrReplaceAll(
      cluster, {{"{socket_address: {address: 127.0.0.1, port_value: 1}}", absl::StrCat("{pipe: {path: ", path, "}}")}});
  ProxyHarness proxy(AdsFrom("{envoy_grpc: {cluster_name: xds}}", cluster), {}, Xds);
  ExpectConfigured(proxy, served);
  unlink(path.c_str());
  rmdir(folder);
}

TEST(LiveConfigTransportTest, GoogleGrpcCarriesTheStreamOfAWholeServerInTheClearAndOverTls) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  {
    ServedConfig served(Whole("a", one.port()));
    ProxyHarness proxy(
        AdsFrom(absl::StrCat("{google_grpc: {target_uri: '127.0.0.1:", served.port(), "', stat_prefix: xds}}"), " []"),
        {}, XdsWithGoogle);
    ExpectConfigured(proxy, served);
  }
  Pki pki;
  ServedConfig served(Whole("a", one.port()), pki.Listen());
  const std::string service = absl::Substitute(
      "{google_grpc: {target_uri: '127.0.0.1:$0', stat_prefix: xds, channel_args: {args: "
      "{grpc.ssl_target_name_override: "
      "{string_value: xds.test}}}, channel_credentials: {ssl_credentials: {root_certs: {filename: $1}, private_key: "
      "{filename: $2}, cert_chain: {filename: $3}}}}}",
      served.port(), pki.path("root.pem"), pki.path("client.key"), pki.path("client.pem"));
  ProxyHarness proxy(AdsFrom(service, " []"), {}, XdsWithGoogle);
  ExpectConfigured(proxy, served);
}

TEST(LiveConfigTransportTest, RequestsToTheControlPlaneKeepToTheirRate) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ServedConfig served(Whole("a", one.port()));
  const std::string limited =
      absl::StrReplaceAll(AdsBootstrap(served.port()),
                          {{"grpc_services:", "rate_limit_settings: {max_tokens: 1, fill_rate: 20}, grpc_services:"}});
  ProxyHarness proxy(limited, {}, Xds);
  ExpectConfigured(proxy, served);
  EXPECT_GT(proxy.Stat("control_plane.rate_limit_enforced"), 0) << "CDS and LDS are asked for together";
  EXPECT_TRUE(WaitFor([&] { return proxy.Stat("control_plane.pending_requests") == 0; }));
}

TEST(LiveConfigTransportTest, EachTypeFromAServiceOfItsOwn) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  const std::string source =
      "{resource_api_version: V3, api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: "
      "[{envoy_grpc: {cluster_name: xds}}]}}";
  const auto whole = [&](const std::string& cluster, uint16_t port) {
    return std::vector<cp::ResourcePtr>{
        cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kClusterType, ", name: ", cluster,
                                    ", connect_timeout: 1s, type: EDS, eds_cluster_config: {eds_config: ", source,
                                    "}}")),
        cp::Endpoints(cluster, port), cp::RoutesTo("r", cluster), cp::ResourceOf(Listener(source))};
  };
  ServedConfig served(whole("a", one.port()));
  ProxyHarness proxy(absl::StrCat(kHead, "dynamic_resources:\n  cds_config: ", source, "\n  lds_config: ", source,
                                  "\nstatic_resources:\n  clusters:",
                                  harness::StaticCluster("xds", static_cast<uint16_t>(served.port()), true)),
                     {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(Get(proxy.port("in")), "one");
  // The endpoints alone, then everything.
  served.Publish(whole("a", two.port()));
  EXPECT_TRUE(WaitFor([&] { return Get(proxy.port("in")) == "two"; }));
  served.Publish(whole("b", one.port()));
  EXPECT_TRUE(WaitFor([&] { return Get(proxy.port("in")) == "one"; }));
  for (const char* stream : {"cluster_manager.cds.control_plane", "listener_manager.lds.control_plane",
                             "control_plane.eds", "control_plane.rds"}) {
    EXPECT_EQ(proxy.Stat(absl::StrCat(stream, ".connected_state")), 1) << stream;
  }
}

}  // namespace
}  // namespace outrigger::integration
