// The stream to a management server at its edges: the largest messages, and a server that asks to come again.
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "test/integration/live_config.h"
#include "test/integration/scripted_ads.h"

namespace outrigger::integration {
namespace {

using harness::ProxyHarness;
using harness::WaitFor;

// One cluster to use and others that only take room: so many MiB in all.
ScriptedAds::Response Clusters(const std::string& version, int port, int mib) {
  ScriptedAds::Response response;
  response.set_version_info(version);
  response.set_nonce(version);
  response.set_type_url(std::string(cp::kClusterType));
  const auto add = [&](const std::string& name, size_t padding) {
    envoy::config::cluster::v3::Cluster cluster;
    cluster.set_name(name);
    cluster.mutable_connect_timeout()->set_seconds(1);
    cluster.mutable_load_assignment()->set_cluster_name(name);
    auto* address = cluster.mutable_load_assignment()
                        ->add_endpoints()
                        ->add_lb_endpoints()
                        ->mutable_endpoint()
                        ->mutable_address()
                        ->mutable_socket_address();
    address->set_address("127.0.0.1");
    address->set_port_value(static_cast<uint32_t>(port));
    auto& kept = (*cluster.mutable_metadata()->mutable_filter_metadata())["test"];
    (*kept.mutable_fields())["padding"].set_string_value(std::string(padding, 'x'));
    response.add_resources()->PackFrom(cluster);
  };
  add(version, 0);
  for (int i = 0; i < mib; ++i) add(absl::StrCat("large", i), 1 << 20);
  return response;
}

ScriptedAds::Response ListenerTo(const std::string& version, const std::string& cluster) {
  ScriptedAds::Response response;
  response.set_version_info(version);
  response.set_nonce(version);
  response.set_type_url("type.googleapis.com/envoy.config.listener.v3.Listener");
  const cp::ResourcePtr listener = cp::ResourceOf(harness::ListenerResource(
      {.routes = absl::StrCat("route_config: {name: r, virtual_hosts: [{name: all, domains: ['*'], routes: [",
                              "{match: {prefix: /}, route: {cluster: ", cluster, "}}]}]}")}));
  response.add_resources()->set_type_url(response.type_url());
  response.mutable_resources(0)->set_value(listener->bytes);
  return response;
}

bool Acknowledged(ScriptedAds& ads, absl::string_view type, const std::string& version) {
  return WaitFor([&] {
    const auto heard = ads.heard(type);
    return !heard.empty() && heard.back().version_info() == version && !heard.back().has_error_detail();
  });
}

TEST(ManagementStreamTest, AMessageOfNearly64MiBIsTakenAndALargerOneEndsTheStreamAndNothingElse) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ScriptedAds ads;
  ProxyHarness proxy(AdsBootstrap(ads.port()), {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(WaitFor([&] { return !ads.heard(cp::kClusterType).empty(); }));
  ads.Say(Clusters("a", one.port(), 62));
  ASSERT_TRUE(Acknowledged(ads, cp::kClusterType, "a"));
  ads.Say(ListenerTo("1", "a"));
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(Get(proxy.port("in")), "one");
  EXPECT_EQ(proxy.Stat("cluster_manager.active_clusters"), 64);

  const int before = ads.streams();
  ads.Say(Clusters("b", one.port(), 66));
  EXPECT_TRUE(WaitFor([&] { return ads.streams() > before; })) << "it comes back";
  EXPECT_EQ(Get(proxy.port("in")), "one");
  EXPECT_EQ(proxy.Stat("cluster_manager.active_clusters"), 64);
  const auto heard = ads.heard(cp::kClusterType);
  EXPECT_EQ(heard.back().version_info(), "a") << "and says what it has";
}

TEST(ManagementStreamTest, AServerThatSaysGoAwayIsLeftForANewConnectionAndNoChangeIsLost) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  ScriptedAds ads(/*longest_connection_ms=*/300);
  ProxyHarness proxy(AdsBootstrap(ads.port()), {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  // Streams come and go: what is said is said again until it is heard.
  const auto tell = [&](const std::string& cluster, int port) {
    const ScriptedAds::Response clusters = Clusters(cluster, port, 0), listeners = ListenerTo(cluster, cluster);
    ASSERT_TRUE(WaitFor([&] {
      ads.Say(clusters);
      ads.Say(listeners);
      return proxy.port("in") != 0 && Get(proxy.port("in")) == cluster;
    }));
  };
  tell("one", one.port());
  EXPECT_TRUE(WaitFor([&] { return ads.streams() >= 3; }));
  EXPECT_GE(proxy.Stat("cluster.xds.upstream_cx_total"), 2);
  EXPECT_GT(proxy.Stat("cluster.xds.upstream_cx_close_notify"), 0);
  EXPECT_EQ(Get(proxy.port("in")), "one");
  tell("two", two.port());
}

}  // namespace
}  // namespace outrigger::integration
