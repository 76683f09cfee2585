// A whole server whose configuration comes and changes while it serves: over ADS from the reference control plane, and
// from files.
#include "test/integration/live_config.h"

#include <atomic>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace outrigger::integration {
namespace {

using harness::ProxyHarness;
using harness::Shell;
using harness::WaitFor;

// Requests one after the other on a kept connection, until told to end. Each answer must be one of those expected.
class SteadyClient {
 public:
  SteadyClient(uint16_t port, std::vector<std::string> expected)
      : thread_([this, port, expected] {
          while (!ending_.load()) {
            const std::string answers =
                Shell(absl::StrCat("curl -s -m 20 -w '=%{http_code}\\n' 'http://127.0.0.1:", port, "/[1-200]'"));
            for (absl::string_view line : absl::StrSplit(answers, '\n', absl::SkipEmpty())) {
              ++answers_;
              if (std::find(expected.begin(), expected.end(), line) == expected.end() && wrong_.empty())
                wrong_ = std::string(line);
            }
          }
        }) {}
  ~SteadyClient() { End(); }
  // The first answer that was wrong; "" if none was.
  std::string End() {
    ending_.store(true);
    if (thread_.joinable()) thread_.join();
    return wrong_;
  }
  int answers() const { return answers_.load(); }

 private:
  std::atomic<bool> ending_{false};
  std::atomic<int> answers_{0};
  std::string wrong_;
  std::thread thread_;
};

TEST(LiveConfigTest, AnAdsStreamConfiguresAServerAndChangesItWhileItServes) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  ServedConfig served(Whole("a", one.port()));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(Get(proxy.port("in")), "one");
  const uint16_t port = proxy.port("in");
  served.Publish(Whole("b", two.port()));
  EXPECT_TRUE(WaitFor([&] { return Get(port) == "two"; }));
  EXPECT_EQ(proxy.Stat("cluster_manager.cds.update_rejected"), 0);
  EXPECT_EQ(proxy.Stat("control_plane.connected_state"), 1);
}

// The clusters, endpoints and routes of an hour's changes come at once, clusters first and complete: those in use are
// not among them.
TEST(LiveConfigTest, WhatChangedWhileTheControlPlaneWasAwayCostsNoRequestWhenItIsBack) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  auto served = std::make_unique<ServedConfig>(Whole("c0", one.port()));
  const std::string address = absl::StrCat("127.0.0.1:", served->port());
  ProxyHarness proxy(AdsBootstrap(served->port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  SteadyClient client(port, {"one=200", "two=200"});
  for (int round = 1; round <= 5; ++round) {
    served.reset();
    ASSERT_TRUE(WaitFor([&] { return proxy.Stat("control_plane.connected_state") == 0; }));
    const auto& upstream = round % 2 == 0 ? one : two;
    const std::string cluster = absl::StrCat("c", round);
    served = std::make_unique<ServedConfig>(Whole(cluster, upstream.port()), cp::GrpcListenOptions{.address = address});
    ASSERT_TRUE(WaitFor([&] { return Get(port) == (round % 2 == 0 ? "one" : "two"); }));
    ASSERT_TRUE(WaitFor([&] { return proxy.Stat("cluster_manager.active_clusters") == 2; })) << "the old one goes";
  }
  EXPECT_EQ(client.End(), "");
  EXPECT_GT(client.answers(), 200);
}

TEST(LiveConfigTest, AnAddressThatCannotBeHadIsANackWithFieldAndReasonAndTheRestServes) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ServedConfig served(Whole("a", one.port()));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  const std::string taken = absl::StrCat("{address: 127.0.0.1, port_value: ", one.port(), "}");
  const std::string free = "{address: 127.0.0.1, port_value: 0}";
  const std::string cannot = absl::StrCat("cannot bind '127.0.0.1:", one.port(), "': bind: Address already in use");
  uint64_t nacks = 0;
  const auto refusal_with = [&](const std::string& address, const std::string& more) {
    auto resources = Whole("a", one.port());
    resources.push_back(cp::ResourceOf(Listener("{ads: {}}", more, "extra", address)));
    served.Publish(resources);
    return served.RefusalOf(cp::kListenerType, nacks++);
  };
  const auto expect = [](const std::string& refusal, const std::string& reason) {
    EXPECT_TRUE(absl::StartsWith(refusal, "listener \"extra\" (version ")) << refusal;
    EXPECT_TRUE(absl::StrContains(refusal, absl::StrCat("): ", reason))) << refusal << " instead of " << reason;
  };
  expect(refusal_with(taken, ""), absl::StrCat("address: ", cannot));
  expect(refusal_with(taken, "socket_options: [{level: 1, name: 9, int_value: 1}]"), absl::StrCat("address: ", cannot));
  expect(refusal_with(free, absl::StrCat("additional_addresses: [{address: {socket_address: ", taken, "}}]")),
         absl::StrCat("additional_addresses[0].address: ", cannot));
  expect(refusal_with(free, "socket_options: [{level: 1, name: 12345, int_value: 1}]"),
         "address: cannot bind '127.0.0.1:0'");
  expect(refusal_with(absl::StrCat("{address: 127.0.0.1, port_value: ", proxy.admin_port(), "}"), ""),
         "address: cannot bind");
  EXPECT_EQ(Get(port), "one");
  EXPECT_EQ(proxy.port("extra"), 0);
  EXPECT_EQ(proxy.Stat("listener_manager.lds.update_rejected"), 5);
  EXPECT_EQ(proxy.Stat("listener_manager.listener_create_failure"), 0) << "none was taken and failed later";
  // The same listener at an address that can be had.
  auto resources = Whole("a", one.port());
  resources.push_back(cp::ResourceOf(Listener("{ads: {}}", "", "extra", free)));
  served.Publish(resources);
  EXPECT_TRUE(WaitFor([&] { return proxy.port("extra") != 0 && Get(proxy.port("extra")) == "one"; }));
}

// Both could be bound; the second one could not listen.
TEST(LiveConfigTest, OfTwoListenersWhoseAddressesOverlapTheSecondIsRefusedBeforeItIsAcknowledged) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ServedConfig served(Whole("a", one.port()));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  uint16_t port = 0;
  { port = harness::HttpUpstream("gone", http::Protocol::kHttp11).port(); }
  auto resources = Whole("a", one.port());
  for (const auto& [name, ip] : {std::pair("first", "127.0.0.1"), std::pair("second", "0.0.0.0")}) {
    resources.push_back(cp::ResourceOf(Listener("{ads: {}}", "enable_reuse_port: false", name,
                                                absl::StrCat("{address: ", ip, ", port_value: ", port, "}"))));
  }
  served.Publish(resources);
  const std::string refusal = served.RefusalOf(cp::kListenerType);
  EXPECT_TRUE(absl::StartsWith(refusal, "listener \"second\" (version ")) << refusal;
  EXPECT_TRUE(absl::StrContains(
      refusal, absl::StrCat("address: cannot bind '0.0.0.0:", port, "': bind: Address already in use")))
      << refusal;
  EXPECT_TRUE(WaitFor([&] { return proxy.port("first") == port && Get(port) == "one"; }));
  EXPECT_EQ(proxy.Stat("listener_manager.listener_create_failure"), 0);
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

TEST(LiveConfigTest, AManagementClusterWhoseSecretWouldComeFromAServiceItCarriesIsRefused) {
  ProxyHarness proxy(AdsBootstrap(1, R"yaml(
    transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          validation_context_sds_secret_config:
            name: root
            sds_config: {api_config_source: {api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}}
)yaml"),
                     {}, Xds);
  EXPECT_TRUE(absl::StrContains(proxy.error(), "carries the stream over which its own secret \"root\" would come"))
      << proxy.error();
}

TEST(LiveConfigTest, ASecondManagementServerThatIsNotThereIsAnErrorOfTheStart) {
  ProxyHarness proxy(AdsFrom("{envoy_grpc: {cluster_name: xds}}, {envoy_grpc: {cluster_name: other}}",
                             harness::StaticCluster("xds", 1, true)),
                     {}, Xds);
  EXPECT_TRUE(absl::StrContains(proxy.error(),
                                "dynamic_resources.ads_config.grpc_services[1].envoy_grpc.cluster_name: \"other\""))
      << proxy.error();
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
