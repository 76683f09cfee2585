// A whole server configured by delta streams from the reference control plane, and by several sources at once.
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "test/integration/live_config.h"

namespace outrigger::integration {
namespace {

using harness::ProxyHarness;
using harness::WaitFor;

std::string DeltaBootstrap(int port) {
  return absl::StrReplaceAll(AdsBootstrap(port), {{"{api_type: GRPC,", "{api_type: DELTA_GRPC,"}});
}

// A port that nobody listens on (any more).
uint16_t FreePort() { return harness::HttpUpstream("gone", http::Protocol::kHttp11).port(); }

std::string Loopback(int port) { return absl::StrCat("127.0.0.1:", port); }

TEST(DeltaConfigTest, ADeltaStreamConfiguresAServerAndChangesItWhileItServes) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  ServedConfig served(Whole("a", one.port()));
  ProxyHarness proxy(DeltaBootstrap(served.port()), {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  EXPECT_EQ(Get(port), "one");
  served.Publish(Whole("a", two.port()));
  EXPECT_TRUE(WaitFor([&] { return Get(port) == "two"; })) << "the endpoints alone changed";
  served.Publish(Whole("b", one.port()));
  EXPECT_TRUE(WaitFor([&] { return Get(port) == "one"; }));
  EXPECT_TRUE(WaitFor([&] { return proxy.Stat("cluster_manager.active_clusters") == 2; })) << "the old one was removed";
  EXPECT_EQ(proxy.Stat("xds.ads.refused"), 0);
  EXPECT_GT(proxy.Stat("xds.ads.accepted"), 5);
  EXPECT_EQ(proxy.Stat("control_plane.connected_state"), 1);
}

TEST(DeltaConfigTest, ARestartedControlPlaneSaysOnlyWhatChangedMeanwhile) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  auto served = std::make_unique<ServedConfig>(Whole("a", one.port()));
  const cp::GrpcListenOptions again{.address = Loopback(served->port())};
  ProxyHarness proxy(DeltaBootstrap(served->port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  served.reset();
  ASSERT_TRUE(WaitFor([&] { return proxy.Stat("control_plane.connected_state") == 0; }));
  EXPECT_EQ(Get(port), "one");
  const int64_t reloads = proxy.Stat("http.in.rds.r.config_reload");
  served = std::make_unique<ServedConfig>(Whole("a", two.port()), again);
  EXPECT_TRUE(WaitFor([&] { return Get(port) == "two"; }));
  EXPECT_EQ(proxy.Stat("http.in.rds.r.config_reload"), reloads);
  EXPECT_EQ(proxy.Stat("xds.ads.refused"), 0);
}

TEST(DeltaConfigTest, ABootstrapInTheShapeOfAMeshesAgentStarts) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  char folder[] = "/tmp/outrigger-XXXXXX";  // short: a Unix socket lies in it
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = absl::StrCat(folder, "/XDS");
  ServedConfig served(Whole("a", one.port()), {.address = absl::StrCat("unix:", path)});
  const std::string source = "{ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3}";
  const std::string cluster = absl::StrReplaceAll(
      harness::StaticCluster("xds-grpc", 1, true),
      {{"{socket_address: {address: 127.0.0.1, port_value: 1}}", absl::StrCat("{pipe: {path: ", path, "}}")}});
  ProxyHarness proxy(absl::StrCat(R"yaml(
node: {id: 'sidecar~10.0.0.1~app.default~default.svc.cluster.local', cluster: app.default,
       metadata: {GENERATOR: grpc, LABELS: {app: app}}, locality: {region: r, zone: z}}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    set_node_on_first_message_only: true
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: xds-grpc}}]
  cds_config: )yaml",
                                  source, "\n  lds_config: ", source, "\nstatic_resources:\n  clusters:", cluster),
                     {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(Get(proxy.port("in")), "one");
  unlink(path.c_str());
  rmdir(folder);
}

TEST(DeltaConfigTest, TheSecondManagementServerServesUntilTheFirstAnswersAgain) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  for (const char* form : {"GRPC", "DELTA_GRPC"}) {
    SCOPED_TRACE(form);
    const uint16_t first_port = FreePort();
    ServedConfig second(Whole("a", two.port()));
    const std::string bootstrap = absl::StrReplaceAll(
        AdsFrom("{envoy_grpc: {cluster_name: first}}, {envoy_grpc: {cluster_name: second}}",
                absl::StrCat(harness::StaticCluster("first", first_port, true),
                             harness::StaticCluster("second", static_cast<uint16_t>(second.port()), true))),
        {{"{api_type: GRPC,", absl::StrCat("{api_type: ", form, ",")}});
    ProxyHarness proxy(bootstrap, {}, Xds);
    ASSERT_EQ(proxy.error(), "");
    ASSERT_TRUE(proxy.WaitUntilLive());
    const uint16_t port = proxy.port("in");
    EXPECT_EQ(Get(port), "two");
    EXPECT_EQ(proxy.Stat("xds.ads.server"), 1);
    ServedConfig first(Whole("a", one.port()), {.address = Loopback(first_port)});
    EXPECT_TRUE(WaitFor([&] { return Get(port) == "one"; })) << "it is back, and is turned to";
    EXPECT_EQ(proxy.Stat("xds.ads.server"), 0);
    EXPECT_EQ(proxy.port("in"), port);
    EXPECT_GE(proxy.Stat("xds.ads.failovers"), 2);
  }
}

TEST(DeltaConfigTest, AdsAFileAndASecondServerConfigureOneProxyTogether) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  const std::string own =
      "{resource_api_version: V3, api_config_source: {api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: "
      "[{envoy_grpc: {cluster_name: other}}]}}";
  const auto cluster = cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kClusterType,
                                                   ", name: a, connect_timeout: 1s, type: EDS, eds_cluster_config: "
                                                   "{eds_config: ",
                                                   own, "}}"));
  ServedConfig ads({cluster, cp::RoutesTo("r", "a")});
  ServedConfig other({cp::Endpoints("a", one.port())});
  const std::string file = absl::StrCat(testing::TempDir(), "/listeners.yaml");
  std::ofstream(file) << Listener("{ads: {}}");
  const std::string bootstrap = absl::StrReplaceAll(
      AdsFrom("{envoy_grpc: {cluster_name: xds}}",
              absl::StrCat(harness::StaticCluster("xds", static_cast<uint16_t>(ads.port()), true),
                           harness::StaticCluster("other", static_cast<uint16_t>(other.port()), true))),
      {{"lds_config: {ads: {}, resource_api_version: V3}",
        absl::StrCat("lds_config: {path_config_source: {path: '", file, "'}, resource_api_version: V3}")}});
  ProxyHarness proxy(bootstrap, {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  EXPECT_EQ(Get(port), "one");
  other.Publish({cp::Endpoints("a", two.port())});
  EXPECT_TRUE(WaitFor([&] { return Get(port) == "two"; }));
  EXPECT_EQ(proxy.Stat("control_plane.eds.connected_state"), 1);
  EXPECT_EQ(proxy.Stat("control_plane.connected_state"), 1);
}

TEST(DeltaConfigTest, ARefusedResourceIsNamedAndTheOthersServe) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ServedConfig served(Whole("a", one.port()));
  ProxyHarness proxy(DeltaBootstrap(served.port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  auto resources = Whole("a", one.port());
  resources.push_back(cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kClusterType,
                                                  ", name: bad, connect_timeout: 1s, type: STATIC, lb_policy: MAGLEV, "
                                                  "maglev_lb_config: {table_size: 7}}")));
  resources.push_back(cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kClusterType, ", name: good, type: STATIC}")));
  served.Publish(resources);
  EXPECT_TRUE(absl::StartsWith(served.RefusalOf(cp::kClusterType), "cluster \"bad\" (version "));
  EXPECT_TRUE(WaitFor([&] { return proxy.Stat("cluster_manager.active_clusters") == 3; }));
  EXPECT_EQ(Get(proxy.port("in")), "one");
}

}  // namespace
}  // namespace outrigger::integration
