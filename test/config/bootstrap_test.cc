#include "source/config/bootstrap.h"

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "gmock/gmock.h"
#include "source/config/runtime_layers.h"

namespace outrigger::config {
namespace {

using testing::HasSubstr;

class BootstrapTest : public testing::Test {
 protected:
  std::string Write(absl::string_view name, absl::string_view text) {
    const std::string path = absl::StrCat(testing::TempDir(), "/", name);
    EXPECT_TRUE(engine_->ReplaceFile(path, text, 0600).ok());
    return path;
  }
  std::unique_ptr<event::Engine> engine_ = event::MakeEpollEngine();
};

TEST_F(BootstrapTest, AFileIsReadAndATextIsMergedOverIt) {
  const std::string path = Write("bootstrap.yaml", "node: {id: from-file, cluster: c}\n");
  const auto loaded = LoadBootstrap({path, "node: {id: from-text}", false}, *engine_);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->bootstrap->node().id(), "from-text");
  EXPECT_EQ(loaded->bootstrap->node().cluster(), "c");
}

TEST_F(BootstrapTest, FaultsNameFileLineAndField) {
  const std::string path = Write("bad.yaml", "node:\n  id: a\nstatic_resources:\n  clusters:\n  - nme: x\n");
  const auto loaded = LoadBootstrap({path, "", false}, *engine_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(std::string(loaded.status().message()),
              HasSubstr(absl::StrCat(path, ":5: static_resources.clusters[0].nme")));
}

TEST_F(BootstrapTest, UnknownFieldsAreNotedWhereTheFlagAllowsThem) {
  const auto loaded = LoadBootstrap({"", "node: {id: a, nme: b}", true}, *engine_);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  ASSERT_EQ(loaded->unknown_fields.size(), 1u);
  EXPECT_THAT(loaded->unknown_fields[0], HasSubstr("node.nme"));
}

TEST_F(BootstrapTest, WhatIsNotImplementedIsRefusedByName) {
  const auto loaded =
      LoadBootstrap({"", "static_resources: {clusters: [{name: a, outlier_detection: {}}]}", false}, *engine_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(std::string(loaded.status().message()), HasSubstr("static_resources.clusters[0].outlier_detection"));
}

TEST_F(BootstrapTest, SourcesThatCanNeverGiveAnythingAreRefused) {
  constexpr char kAds[] =
      "dynamic_resources: {ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: "
      "{cluster_name: nobody}}]}, cds_config: {ads: {}, resource_api_version: V3}}";
  EXPECT_THAT(std::string(LoadBootstrap({"", kAds, false}, *engine_).status().message()),
              HasSubstr("dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name: \"nobody\""));
  constexpr char kNoAds[] = "dynamic_resources: {lds_config: {ads: {}, resource_api_version: V3}}";
  EXPECT_THAT(std::string(LoadBootstrap({"", kNoAds, false}, *engine_).status().message()),
              HasSubstr("dynamic_resources.lds_config.ads"));
}

TEST_F(BootstrapTest, AnExtensionInTheWrongPlaceIsRefused) {
  constexpr absl::string_view kRouter =
      "typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}";
  const auto error = [this](const std::string& yaml) {
    return std::string(LoadBootstrap({"", yaml, false}, *engine_).status().message());
  };
  EXPECT_THAT(error(absl::StrCat("bootstrap_extensions: [{name: x, ", kRouter, "}]")),
              HasSubstr("bootstrap_extensions[0].typed_config: is no bootstrap extension"));
  EXPECT_THAT(error(absl::StrCat("typed_dns_resolver_config: {name: x, ", kRouter, "}")),
              HasSubstr("typed_dns_resolver_config.typed_config: is no DNS resolver"));
  EXPECT_THAT(error("typed_dns_resolver_config: {name: x, typed_config: {'@type': type.googleapis.com/"
                    "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig, dns_resolver_options: "
                    "{use_tcp_for_dns_lookups: true}}}"),
              HasSubstr("typed_dns_resolver_config.typed_config.dns_resolver_options: is not supported"));
}

TEST_F(BootstrapTest, TheLimitOfConnectionsIsTheMonitorsElseTheRuntimes) {
  const auto limit = [this](const std::string& yaml) {
    const auto loaded = LoadBootstrap({"", yaml, false}, *engine_);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    RuntimeLayers runtime;
    EXPECT_TRUE(runtime.Set(loaded->bootstrap->layered_runtime()).ok());
    const auto limit = ConnectionLimitOf(*loaded->bootstrap, runtime.Merged());
    return limit.ok() ? limit->value_or(0) : 999999;
  };
  const std::string runtime =
      "layered_runtime: {layers: [{name: s, static_layer: {overload: {global_downstream_max_connections: 50000}}}]}\n";
  const std::string monitor =
      "overload_manager: {resource_monitors: [{name: c, typed_config: {'@type': type.googleapis.com/"
      "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, "
      "max_active_downstream_connections: 9}}]}\n";
  EXPECT_EQ(limit("node: {id: a}"), 0u);
  EXPECT_EQ(limit(runtime), 50000u);
  EXPECT_EQ(limit(runtime + monitor), 9u);
}

TEST_F(BootstrapTest, AFileThatIsNotThereAndNoSourceAtAllAreErrors) {
  EXPECT_THAT(std::string(LoadBootstrap({"/nonexistent/b.yaml", "", false}, *engine_).status().message()),
              HasSubstr("/nonexistent/b.yaml"));
  EXPECT_FALSE(LoadBootstrap({}, *engine_).ok());
}

}  // namespace
}  // namespace outrigger::config
