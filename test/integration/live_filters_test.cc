// Filters' configurations and runtime values that come over ADS while a server serves.
#include <future>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "test/integration/live_config.h"

namespace outrigger::integration {
namespace {

using harness::ProxyHarness;
using harness::Shell;
using harness::WaitFor;

constexpr char kFault[] = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";

// "in", whose filter "x" is discovered; `more`: of its config_discovery.
std::string Discovering(const std::string& more = "", const std::string& timeout = "15s") {
  return harness::ListenerResource({.routes = "rds: {route_config_name: r, config_source: {ads: {}}}",
                                    .filters = absl::Substitute(R"yaml(
      - name: x
        config_discovery:
          config_source: {ads: {}, initial_fetch_timeout: $1}
          type_urls: ["$2"]
$0)yaml",
                                                                more, timeout, kFault)});
}
cp::ResourcePtr Aborting(int status) {
  return cp::ResourceOf(
      absl::StrCat("{\"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig, name: x, typed_config: ",
                   "{\"@type\": ", kFault, ", abort: {http_status: ", status, ", percentage: {numerator: 100}}}}"));
}
std::vector<cp::ResourcePtr> With(uint16_t port, const std::string& listener, std::vector<cp::ResourcePtr> more) {
  more.insert(more.end(),
              {cp::EdsCluster("a"), cp::Endpoints("a", port), cp::RoutesTo("r", "a"), cp::ResourceOf(listener)});
  return more;
}
std::string StatusOf(uint16_t port) {
  return Shell(absl::StrCat("curl -s -m 5 -o /dev/null -w '%{http_code}' http://127.0.0.1:", port, "/"));
}

TEST(LiveFiltersTest, AListenerWaitsForItsFilterAndFollowsItsChangesWithoutLosingConnections) {
  harness::HttpUpstream upstream("one", http::Protocol::kHttp11);
  ServedConfig served(With(upstream.port(), Discovering(), {Aborting(418)}));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  EXPECT_EQ(StatusOf(port), "418");
  served.Publish(With(upstream.port(), Discovering(), {Aborting(451)}));
  EXPECT_TRUE(WaitFor([&] { return StatusOf(port) == "451"; }));
  EXPECT_GE(proxy.Stat("extension_config_discovery.http_filter.x.config_reload"), 2);
  EXPECT_EQ(proxy.Stat("listener_manager.total_filter_chains_draining"), 0);
  EXPECT_TRUE(absl::StrContains(proxy.Admin("/config_dump"), "EcdsConfigDump"));
}

TEST(LiveFiltersTest, ChangesUnderLoadCostNeitherARequestNorAConnection) {
  harness::HttpUpstream upstream("one", http::Protocol::kHttp11);
  ServedConfig served(With(upstream.port(), Discovering(), {Aborting(418)}));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  auto answers = std::async(std::launch::async, [port] {
    return Shell(absl::StrCat(
        "curl -s -m 60 -o /dev/null -w '%{http_code} %{num_connects}\\n' 'http://127.0.0.1:", port, "/[1-3000]'"));
  });
  for (int i = 0; i < 10; ++i) {
    const int status = i % 2 == 0 ? 451 : 418;
    served.Publish(With(upstream.port(), Discovering(), {Aborting(status)}));
    EXPECT_TRUE(WaitFor([&] { return StatusOf(port) == absl::StrCat(status); }));
  }
  const std::vector<std::string> lines = absl::StrSplit(answers.get(), '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 3000u);
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool right =
        lines[i] == absl::StrCat("418 ", i == 0 ? 1 : 0) || lines[i] == absl::StrCat("451 ", i == 0 ? 1 : 0);
    ASSERT_TRUE(right) << i << ": " << lines[i];
  }
}

TEST(LiveFiltersTest, ANetworkFilterWithoutItsConfigurationClosesConnectionsUntilItComes) {
  harness::HttpUpstream upstream("one", http::Protocol::kHttp11);
  std::string listener = Listener("{ads: {}}");
  listener = absl::StrReplaceAll(listener, {{"- filters:\n", R"yaml(- filters:
  - name: n
    config_discovery:
      config_source: {ads: {}, initial_fetch_timeout: 0.2s}
      type_urls: [type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC]
)yaml"}});
  ServedConfig served(With(upstream.port(), listener, {}));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  EXPECT_EQ(StatusOf(port), "000");
  EXPECT_GE(proxy.Stat("listener.127.0.0.1_0.network_extension_config_missing"), 1);
  const cp::ResourcePtr rbac = cp::ResourceOf(
      "{\"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig, name: n, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, stat_prefix: n}}");
  served.Publish(With(upstream.port(), listener, {rbac}));
  EXPECT_TRUE(WaitFor([&] { return StatusOf(port) == "200"; }));
}

TEST(LiveFiltersTest, WithoutItsConfigurationAFilterAnswers500UntilItComes) {
  harness::HttpUpstream upstream("one", http::Protocol::kHttp11);
  ServedConfig served(With(upstream.port(), Discovering("", "0.2s"), {}));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(StatusOf(proxy.port("in")), "500");
  EXPECT_EQ(proxy.Stat("extension_config_discovery.http_filter.x.init_fetch_timeout"), 1);
  served.Publish(With(upstream.port(), Discovering("", "0.2s"), {Aborting(418)}));
  EXPECT_TRUE(WaitFor([&] { return StatusOf(proxy.port("in")) == "418"; }));
}

TEST(LiveFiltersTest, ADefaultServesAtOnceAndIsReplaced) {
  harness::HttpUpstream upstream("one", http::Protocol::kHttp11);
  const std::string listener = Discovering(absl::StrCat("          default_config: {\"@type\": ", kFault,
                                                        "}\n          apply_default_config_without_warming: true"));
  ServedConfig served(With(upstream.port(), listener, {}));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  EXPECT_EQ(Get(proxy.port("in")), "one");
  served.Publish(With(upstream.port(), listener, {Aborting(418)}));
  EXPECT_TRUE(WaitFor([&] { return StatusOf(proxy.port("in")) == "418"; }));
}

TEST(LiveFiltersTest, AConfigurationOfAnotherTypeIsRefusedWithItsPlaceAndTheOldOneStays) {
  harness::HttpUpstream upstream("one", http::Protocol::kHttp11);
  ServedConfig served(With(upstream.port(), Discovering(), {Aborting(418)}));
  ProxyHarness proxy(AdsBootstrap(served.port()), {}, Xds);
  ASSERT_TRUE(proxy.WaitUntilLive());
  const cp::ResourcePtr wrong = cp::ResourceOf(
      "{\"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig, name: x, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 9}}");
  served.Publish(With(upstream.port(), Discovering(), {wrong}));
  const std::string refusal = served.RefusalOf("type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig");
  EXPECT_TRUE(absl::StrContains(refusal, "\"x\"")) << refusal;
  EXPECT_TRUE(absl::StrContains(refusal, "http_filters[0].config_discovery")) << refusal;
  EXPECT_TRUE(absl::StrContains(refusal, "none of type_urls")) << refusal;
  EXPECT_EQ(StatusOf(proxy.port("in")), "418");
  EXPECT_EQ(proxy.Stat("extension_config_discovery.http_filter.x.config_fail"), 1);
}

cp::ResourcePtr Layer(const std::string& values) {
  return cp::ResourceOf(absl::StrCat("{\"@type\": type.googleapis.com/envoy.service.runtime.v3.Runtime, name: live, ",
                                     "layer: ", values, "}"));
}

TEST(LiveFiltersTest, RuntimeValuesComeFirstChangeLiveAndAreOverriddenByHand) {
  harness::HttpUpstream upstream("one", http::Protocol::kHttp11);
  const auto with = [&](const std::string& values) {
    auto all = Whole("a", upstream.port());
    all.push_back(Layer(values));
    return all;
  };
  ServedConfig served(with("{upstream.maintenance_mode.a: 100}"));
  ProxyHarness proxy(absl::StrCat(AdsBootstrap(served.port()), R"yaml(
layered_runtime:
  layers:
  - {name: told, rtds_layer: {name: live, rtds_config: {ads: {}}}}
  - {name: hand, admin_layer: {}}
)yaml"),
                     {}, Xds);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  EXPECT_EQ(StatusOf(port), "503");
  EXPECT_TRUE(absl::StrContains(proxy.Admin("/config_status"), "RTDS live")) << proxy.Admin("/config_status");
  EXPECT_FALSE(absl::StrContains(proxy.Admin("/config_dump"), "envoy.service.runtime.v3.Runtime"));
  served.Publish(with("{upstream.maintenance_mode.a: 0}"));
  EXPECT_TRUE(WaitFor([&] { return StatusOf(port) == "200"; }));
  int status = 0;
  EXPECT_EQ(proxy.Admin("/runtime_modify?upstream.maintenance_mode.a=100", "POST", &status), "OK\n");
  EXPECT_TRUE(WaitFor([&] { return StatusOf(port) == "503"; }));
  EXPECT_EQ(proxy.Stat("runtime.admin_overrides_active"), 1);
  const std::string page = proxy.Admin("/runtime");
  EXPECT_TRUE(absl::StrContains(page, "upstream.maintenance_mode.a")) << page;
  EXPECT_TRUE(absl::StrContains(page, "final_value")) << page;
  EXPECT_EQ(proxy.Admin("/runtime_modify?upstream.maintenance_mode.a=", "POST", &status), "OK\n");
  EXPECT_TRUE(WaitFor([&] { return StatusOf(port) == "200"; }));
  EXPECT_EQ(proxy.Stat("runtime.admin_overrides_active"), 0);
  proxy.Admin("/runtime_modify", "POST", &status);
  EXPECT_EQ(status, 400);
}

TEST(LiveFiltersTest, WithoutAnAdminLayerNothingIsSetByHand) {
  ProxyHarness proxy(absl::StrCat(kHead, "layered_runtime: {layers: [{name: a, static_layer: {}}]}\n"));
  ASSERT_EQ(proxy.error(), "");
  int status = 0;
  proxy.Admin("/runtime_modify?a=1", "POST", &status);
  EXPECT_EQ(status, 503);
}

}  // namespace
}  // namespace outrigger::integration
