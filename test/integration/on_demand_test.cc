// Requests that wait until their cluster or their virtual host was fetched, from a live control plane in both wire
// forms.
#include <future>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "test/integration/live_config.h"
#include "test/integration/scripted_delta_ads.h"

namespace outrigger::integration {
namespace {

using harness::ProxyHarness;
using harness::WaitFor;

constexpr char kClusterType[] = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
constexpr char kHostType[] = "type.googleapis.com/envoy.config.route.v3.VirtualHost";

// Listeners by ADS, clusters only on demand.
std::string Bootstrap(int port, const std::string& form) {
  return absl::StrReplaceAll(AdsBootstrap(port), {{"api_type: GRPC", absl::StrCat("api_type: ", form)},
                                                  {"  cds_config: {ads: {}, resource_api_version: V3}\n", ""}});
}

// A listener whose requests say their cluster, or name the cluster "a".
std::string OnDemandListener(const std::string& timeout, const std::string& routes) {
  return harness::ListenerResource({.routes = routes,
                                    .filters = absl::Substitute(R"yaml(
      - name: on_demand
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand
          odcds: {source: {ads: {}, resource_api_version: V3}, timeout: $0})yaml",
                                                                timeout)});
}

constexpr char kByHeader[] = R"(route_config:
        name: r
        validate_clusters: false
        virtual_hosts:
        - name: all
          domains: ["*"]
          routes:
          - {match: {prefix: /named}, route: {cluster: a}}
          - {match: {prefix: /}, route: {cluster_header: x-cluster}})";

std::string Ask(uint16_t port, const std::string& more) {
  return harness::Shell(absl::StrCat("curl -s -m 8 -w ' %{http_code}' ", more, " http://127.0.0.1:", port, "/"));
}

class OnDemandClusterTest : public testing::TestWithParam<std::string> {
 protected:
  std::vector<cp::ResourcePtr> With(const std::string& timeout, uint16_t upstream) {
    return {cp::EdsCluster("a"), cp::Endpoints("a", upstream), cp::ResourceOf(OnDemandListener(timeout, kByHeader))};
  }
};

TEST_P(OnDemandClusterTest, TheFirstRequestsWaitAndShareOneSubscription) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ServedConfig served(With("5s", one.port()));
  ProxyHarness proxy(Bootstrap(served.port(), GetParam()), {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  EXPECT_EQ(proxy.Stat("cluster_manager.active_clusters"), 1) << "that of the control plane";
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 12; ++i) {
    answers.push_back(std::async(std::launch::async, [port] { return Ask(port, "-H 'x-cluster: a'"); }));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get(), "one 200");
  EXPECT_EQ(proxy.Stat("on_demand.asked"), 1);
  EXPECT_EQ(proxy.Stat("on_demand.kept"), 1);
  EXPECT_GE(proxy.Stat("http.in.on_demand.on_demand_cluster_success"), 1);
}

TEST_P(OnDemandClusterTest, AClusterThatTheRouteNamesIsFetchedToo) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ServedConfig served(With("5s", one.port()));
  ProxyHarness proxy(Bootstrap(served.port(), GetParam()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(harness::Shell(absl::StrCat("curl -s -m 8 http://127.0.0.1:", proxy.port("in"), "/named")), "one");
}

TEST_P(OnDemandClusterTest, AClusterThatDoesNotExistEndsTheWait) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ServedConfig served(With("0.3s", one.port()));
  ProxyHarness proxy(Bootstrap(served.port(), GetParam()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(Ask(proxy.port("in"), "-H 'x-cluster: none'"), " 503");
  EXPECT_EQ(proxy.Stat("http.in.on_demand.on_demand_cluster_timeout") +
                proxy.Stat("http.in.on_demand.on_demand_cluster_missing"),
            1);
  EXPECT_EQ(proxy.Stat("http.in.no_cluster"), 1);
  EXPECT_EQ(Ask(proxy.port("in"), "-H 'x-cluster: *'"), " 503") << "not a name";
  EXPECT_EQ(proxy.Stat("http.in.on_demand.on_demand_cluster_overflow"), 1);
  EXPECT_EQ(Ask(proxy.port("in"), "-H 'x-cluster: a'"), "one 200") << "others are none the worse";
}

TEST_P(OnDemandClusterTest, WhatTheServerRemovesIsGoneAndMayComeAgain) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ServedConfig served(With("0.5s", one.port()));
  ProxyHarness proxy(Bootstrap(served.port(), GetParam()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  EXPECT_EQ(Ask(port, "-H 'x-cluster: a'"), "one 200");
  served.Publish({cp::ResourceOf(OnDemandListener("0.5s", kByHeader))});
  EXPECT_TRUE(WaitFor([&] { return proxy.Stat("on_demand.kept") == 0; }));
  EXPECT_EQ(Ask(port, "-H 'x-cluster: a'"), " 503");
  served.Publish(With("0.5s", one.port()));
  EXPECT_TRUE(WaitFor([&] { return Ask(port, "-H 'x-cluster: a'") == "one 200"; }));
}

INSTANTIATE_TEST_SUITE_P(BothForms, OnDemandClusterTest, testing::Values("GRPC", "DELTA_GRPC"),
                         [](const auto& info) { return info.param == "GRPC" ? "StateOfTheWorld" : "Delta"; });

// A request that waits keeps its route, whatever is configured meanwhile.
TEST(OnDemandLateClusterTest, AClusterThatNothingElseNamesAnyMoreServesWhoWaitsForIt) {
  constexpr char kListenerType[] = "type.googleapis.com/envoy.config.listener.v3.Listener";
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  ScriptedDeltaAds ads;
  ads.OnAsked(kClusterType, [](const std::string&) {});  // says nothing yet
  ads.Give(kListenerType, "in", OnDemandListener("5s", kByHeader));
  ProxyHarness proxy(Bootstrap(ads.port(), "DELTA_GRPC"), {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  auto answer = std::async(std::launch::async, [port] {
    return harness::Shell(absl::StrCat("curl -s -m 8 -w ' %{http_code}' http://127.0.0.1:", port, "/named"));
  });
  ASSERT_TRUE(WaitFor([&] { return proxy.Stat("on_demand.asked") == 1; }));
  ads.Give(kListenerType, "in",
           OnDemandListener("5s", absl::StrReplaceAll(kByHeader, {{"{cluster: a}", "{cluster: b}"}})));
  ASSERT_TRUE(WaitFor([&] { return proxy.Stat("listener_manager.lds.update_success") == 2; }));
  ads.Give(kClusterType, "a",
           absl::Substitute(R"(
"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
name: a
load_assignment:
  cluster_name: a
  endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $0}}}}]}]
)",
                            one.port()));
  EXPECT_EQ(answer.get(), "one 200");
}

// --- virtual hosts

class OnDemandHostTest : public testing::Test {
 protected:
  OnDemandHostTest() {
    ads_.Give(
        "type.googleapis.com/envoy.config.listener.v3.Listener", "in",
        OnDemandListener("1s", "rds: {route_config_name: r, config_source: {ads: {}, resource_api_version: V3}}"));
    ads_.Give("type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "r", R"(
"@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
name: r
vhds: {config_source: {ads: {}, resource_api_version: V3}}
virtual_hosts:
- name: fixed
  domains: [fixed.test]
  routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: fixed}}}]
)");
    ads_.OnAsked(kHostType, [this](const std::string& name) {
      if (name == "r/late.test") {
        ads_.Give(kHostType, "r/one", HostNamed("one", "[late.test, other.test]"), {"r/late.test"});
      } else {
        ads_.SayMissing(kHostType, name);
      }
    });
    proxy_ = std::make_unique<ProxyHarness>(
        absl::StrReplaceAll(AdsBootstrap(ads_.port()), {{"api_type: GRPC", "api_type: DELTA_GRPC"}}), server::Options{},
        Xds);
  }
  static std::string HostNamed(const std::string& name, const std::string& domains) {
    return absl::StrCat("\"@type\": ", kHostType, "\nname: r/", name, "\ndomains: ", domains,
                        "\nroutes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: ", name,
                        "}}}]");
  }
  std::string AskHost(const std::string& host) { return Ask(port_, absl::StrCat("-H 'host: ", host, "'")); }
  ScriptedDeltaAds ads_;
  std::unique_ptr<ProxyHarness> proxy_;
  uint16_t port_ = 0;
};

TEST_F(OnDemandHostTest, ARequestWaitsForItsVirtualHost) {
  ASSERT_EQ(proxy_->error(), "");
  ASSERT_TRUE(proxy_->WaitUntilLive());
  port_ = proxy_->port("in");
  EXPECT_EQ(AskHost("fixed.test"), "fixed 200");
  EXPECT_EQ(AskHost("LATE.test"), "one 200");
  EXPECT_EQ(AskHost("other.test"), "one 200") << "it came with it";
  EXPECT_EQ(proxy_->Stat("on_demand.asked"), 1);
  EXPECT_EQ(AskHost("none.test"), " 404");
  EXPECT_EQ(AskHost("none.test"), " 404");
  EXPECT_EQ(proxy_->Stat("on_demand.asked"), 2) << "what does not exist is remembered for a while";
  ads_.Remove(kHostType, "r/one");
  EXPECT_TRUE(WaitFor([&] { return proxy_->Stat("on_demand.kept") == 0; }));
  EXPECT_EQ(AskHost("other.test"), " 404");
  EXPECT_EQ(AskHost("fixed.test"), "fixed 200");
}

TEST_F(OnDemandHostTest, HostsThatTheServerGivesUnaskedAreUsed) {
  ASSERT_TRUE(proxy_->WaitUntilLive());
  port_ = proxy_->port("in");
  ads_.Give(kHostType, "r/pushed", HostNamed("pushed", "[pushed.test]"));
  EXPECT_TRUE(WaitFor([&] { return AskHost("pushed.test") == "pushed 200"; }));
  // A domain moves from one to the other within one response, the taker first.
  ads_.GiveBoth(kHostType, {"r/a", HostNamed("a", "[pushed.test]")}, {"r/pushed", HostNamed("pushed", "[else.test]")});
  EXPECT_TRUE(WaitFor([&] { return AskHost("pushed.test") == "a 200"; }));
  EXPECT_EQ(AskHost("else.test"), "pushed 200");
}

}  // namespace
}  // namespace outrigger::integration
