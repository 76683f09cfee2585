// A whole server whose configuration comes and changes while it serves: over ADS from the reference control plane, and
// from files.
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "source/control_plane/xds_server/grpc_server.h"
#include "source/server/dynamic/xds_configuration.h"
#include "test/control_plane/resources_of.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"

namespace outrigger::integration {
namespace {

namespace cp = control_plane;
using harness::ProxyHarness;
using harness::Shell;
using harness::WaitFor;

std::unique_ptr<server::DynamicConfiguration> Xds() { return std::make_unique<server::XdsConfiguration>(); }

std::string Get(uint16_t port) { return Shell(absl::StrCat("curl -s -m 5 http://127.0.0.1:", port, "/")); }

constexpr char kHead[] = R"yaml(
node: {id: n1, cluster: test}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
)yaml";

std::string Listener(const std::string& source) {
  return absl::Substitute(R"yaml(
"@type": type.googleapis.com/envoy.config.listener.v3.Listener
name: in
address: {socket_address: {address: 127.0.0.1, port_value: 0}}
filter_chains:
- filters:
  - name: hcm
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      rds: {route_config_name: r, config_source: $0}
      http_filters:
      - name: router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
)yaml",
                          source);
}

// The reference control plane on a thread of its own.
class ServedConfig {
 public:
  ServedConfig() : loop_(std::make_unique<event::Dispatcher>(event::MakeEpollEngine())) {
    core_ = std::make_unique<cp::XdsServer>(*loop_, cp::XdsServer::Options{});
    server_ = *cp::GrpcServer::Listen(*loop_, *core_, {.address = "127.0.0.1:0"});
    port_ = server_->port();
    thread_ = std::thread([this] {
      loop_->Run();
      server_->Stop();
    });
  }
  ~ServedConfig() {
    loop_->Stop();
    thread_.join();
  }
  void Publish(const std::vector<cp::ResourcePtr>& resources) {
    auto catalog = std::make_shared<cp::Catalog>();
    for (const auto& resource : resources) EXPECT_TRUE(catalog->AddForAll(resource));
    loop_->Post([this, catalog] { core_->Publish(catalog); });
  }
  int port() const { return port_; }

 private:
  std::unique_ptr<event::Dispatcher> loop_;
  std::unique_ptr<cp::XdsServer> core_;
  std::unique_ptr<cp::GrpcServer> server_;
  int port_ = 0;
  std::thread thread_;
};

std::string AdsBootstrap(int port, const std::string& transport_socket = "") {
  return absl::StrCat(kHead, R"yaml(
dynamic_resources:
  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
static_resources:
  clusters:)yaml",
                      harness::StaticCluster("xds", static_cast<uint16_t>(port), true), transport_socket);
}

TEST(LiveConfigTest, AnAdsStreamConfiguresAServerAndChangesItWhileItServes) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  ServedConfig served;
  const auto resources = [&](const std::string& cluster, uint16_t port) {
    return std::vector<cp::ResourcePtr>{cp::EdsCluster(cluster), cp::Endpoints(cluster, port),
                                        cp::RoutesTo("r", cluster), cp::ResourceOf(Listener("{ads: {}}"))};
  };
  served.Publish(resources("a", one.port()));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(Get(proxy.port("in")), "one");
  const uint16_t port = proxy.port("in");
  served.Publish(resources("b", two.port()));
  EXPECT_TRUE(WaitFor([&] { return Get(port) == "two"; }));
  EXPECT_EQ(proxy.Stat("cluster_manager.cds.update_rejected"), 0);
  EXPECT_EQ(proxy.Stat("control_plane.connected_state"), 1);
}

TEST(LiveConfigTest, WatchedFilesConfigureAServerAndABrokenOneLeavesWhatServes) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  const std::string folder = harness::TempFolder();
  const auto path = [&](const std::string& name) {
    return absl::StrCat("{path_config_source: {path: ", folder, "/", name, "}}");
  };
  const auto clusters = absl::StrCat("resources:\n");
  const auto cluster = [](const std::string& name, uint16_t port) {
    return absl::StrCat(
        "- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: ", name,
        ", type: STATIC, connect_timeout: 1s, load_assignment: {cluster_name: ", name,
        ", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ", port,
        "}}}}]}]}}\n");
  };
  const auto routes = [](const std::string& name) {
    return absl::StrCat(
        "{\"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration, name: r, virtual_hosts: [{name: "
        "all, ",
        "domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: ", name, "}}]}]}\n");
  };
  harness::WriteFile(folder + "/cds.yaml", clusters + cluster("a", one.port()) + cluster("b", two.port()));
  harness::WriteFile(folder + "/lds.yaml", Listener(path("rds.yaml")));
  harness::WriteFile(folder + "/rds.yaml", routes("a"));
  ProxyHarness proxy(absl::StrCat(kHead, "dynamic_resources: {cds_config: ", path("cds.yaml"),
                                  ", lds_config: ", path("lds.yaml"), "}\n"),
                     {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  EXPECT_EQ(Get(port), "one");
  harness::WriteFile(folder + "/rds.yaml", routes("b"));
  EXPECT_TRUE(WaitFor([&] { return Get(port) == "two"; }));
  harness::WriteFile(folder + "/cds.yaml", "resources: [{");
  EXPECT_TRUE(WaitFor([&] { return proxy.Stat("cluster_manager.cds.update_rejected") == 1; }));
  EXPECT_EQ(Get(port), "two");
}

TEST(LiveConfigTest, AManagementClusterWhoseSecretWouldComeOverItsOwnStreamIsRefused) {
  ProxyHarness proxy(AdsBootstrap(1, R"yaml(
    transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context: {validation_context_sds_secret_config: {name: root, sds_config: {ads: {}}}}
)yaml"),
                     {}, Xds);
  EXPECT_TRUE(absl::StrContains(proxy.error(), "secret \"root\" would come")) << proxy.error();
}

TEST(LiveConfigTest, AManagementClusterThatIsNotThereIsAnErrorOfTheStart) {
  ProxyHarness proxy(
      absl::StrCat(kHead, "dynamic_resources: {ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: ",
                   "[{envoy_grpc: {cluster_name: nowhere}}]}}\n"),
      {}, Xds);
  EXPECT_TRUE(absl::StrContains(proxy.error(), "\"nowhere\" is not a static cluster")) << proxy.error();
}

}  // namespace
}  // namespace outrigger::integration
