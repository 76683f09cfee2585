#include "source/config/bootstrap.h"

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "gmock/gmock.h"

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

TEST_F(BootstrapTest, AFileThatIsNotThereAndNoSourceAtAllAreErrors) {
  EXPECT_THAT(std::string(LoadBootstrap({"/nonexistent/b.yaml", "", false}, *engine_).status().message()),
              HasSubstr("/nonexistent/b.yaml"));
  EXPECT_FALSE(LoadBootstrap({}, *engine_).ok());
}

}  // namespace
}  // namespace outrigger::config
