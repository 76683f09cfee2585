#include "source/config/runtime_layers.h"

#include "gmock/gmock.h"
#include "test/config/fixture.h"

namespace outrigger::config {
namespace {

using testing::HasSubstr;

constexpr char kLayers[] = R"(
layered_runtime:
  layers:
  - {name: base, static_layer: {upstream: {maintenance_mode: {backend: 10}}, half: 50}}
  - {name: told, rtds_layer: {name: live, rtds_config: {ads: {}}}}
  - {name: hand, admin_layer: {}}
static_resources:
  clusters:
  - {name: backend, load_assignment: {cluster_name: backend}, circuit_breakers: {thresholds: [{max_connections: 7}]}}
)";

class RuntimeLayersTest : public ConfigTest {
 protected:
  const model::ClusterConfig& Backend() {
    snapshot_ = builder_->Build();
    return *snapshot_->FindCluster("backend")->config;
  }
  void Tell(absl::string_view yaml) {
    const absl::Status set = builder_->SetRuntimeLayer("live", Yaml<google::protobuf::Struct>(yaml));
    EXPECT_TRUE(set.ok()) << set;
  }
  std::shared_ptr<const model::Snapshot> snapshot_;
};

TEST_F(RuntimeLayersTest, ALayerReplacesItselfAsAWholeAndLaterOnesWin) {
  const absl::Status loaded = Load(kLayers);
  ASSERT_TRUE(loaded.ok()) << loaded;
  EXPECT_EQ(Backend().settings->maintenance_numerator, 10u);
  Tell("{upstream.maintenance_mode.backend: 20, other: 1}");
  EXPECT_EQ(Backend().settings->maintenance_numerator, 20u);
  EXPECT_TRUE(builder_->ModifyRuntime({{"upstream.maintenance_mode.backend", "30"}}).ok());
  EXPECT_EQ(Backend().settings->maintenance_numerator, 30u);
  Tell("{}");
  EXPECT_EQ(Backend().settings->maintenance_numerator, 30u);
  EXPECT_TRUE(builder_->ModifyRuntime({{"upstream.maintenance_mode.backend", ""}}).ok());
  EXPECT_EQ(Backend().settings->maintenance_numerator, 10u) << "what the layer said before is gone with it";
}

TEST_F(RuntimeLayersTest, CircuitBreakersFollowTheirKeysWhileTheyAreInUse) {
  ASSERT_TRUE(Load(kLayers).ok());
  const std::shared_ptr<model::CircuitBreaker> breaker = Backend().circuit_breakers->Get(0);
  EXPECT_EQ(breaker->max_connections.limit(), 7u);
  Tell("{circuit_breakers: {backend: {default: {max_connections: 3, max_requests: '5'}}}}");
  EXPECT_EQ(Backend().circuit_breakers->Get(0), breaker);
  EXPECT_EQ(breaker->max_connections.limit(), 3u);
  EXPECT_EQ(breaker->max_requests.limit(), 5u);
  Tell("{circuit_breakers: {backend: {default: {max_connections: -1, max_requests: {numerator: 1}}}}}");
  EXPECT_EQ(breaker->max_connections.limit(), 7u) << "what is no number is as if it were not there";
  EXPECT_EQ(breaker->max_requests.limit(), 1024u);
}

TEST_F(RuntimeLayersTest, OnlyWhatAskedForWhatChangedIsCompiledAgain) {
  ASSERT_TRUE(Load(kLayers).ok());
  ASSERT_TRUE(builder_->SetListener(Yaml<Listener>(HttpListener("in", 8080, kInlineRoutes)), {"1", false}).ok());
  const auto before = builder_->Build();
  Tell("{nobody: asked}");
  EXPECT_EQ(builder_->Build(), before);
  Tell("{circuit_breakers.backend.default.max_requests: 9}");
  const auto after = builder_->Build();
  EXPECT_NE(after->FindCluster("backend"), before->FindCluster("backend"));
  EXPECT_EQ(ListenerOf(*after, "in"), ListenerOf(*before, "in"));
}

TEST_F(RuntimeLayersTest, WhatOneSetsByHandIsReadAsWhatItLooksLike) {
  ASSERT_TRUE(Load(kLayers).ok());
  ASSERT_TRUE(builder_
                  ->ModifyRuntime(
                      {{"upstream.maintenance_mode.backend", "{\"numerator\": 5, \"denominator\": \"TEN_THOUSAND\"}"}})
                  .ok());
  EXPECT_EQ(Backend().settings->maintenance_numerator, 5u);
  EXPECT_EQ(Backend().settings->maintenance_denominator, 10000u);
  EXPECT_TRUE(builder_->runtime().overridden());
}

TEST_F(RuntimeLayersTest, WithoutAnAdminLayerNothingIsSetByHand) {
  ASSERT_TRUE(Load("layered_runtime: {layers: [{name: a, static_layer: {}}]}").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(builder_->ModifyRuntime({{"a", "1"}})));
}

TEST_F(RuntimeLayersTest, LayersThatCannotBeToldApartAreRefused) {
  EXPECT_THAT(
      std::string(
          Load("layered_runtime: {layers: [{name: a, static_layer: {}}, {name: a, admin_layer: {}}]}").message()),
      HasSubstr("layered_runtime.layers[1].name"));
  EXPECT_THAT(
      std::string(
          Load("layered_runtime: {layers: [{name: a, admin_layer: {}}, {name: b, admin_layer: {}}]}").message()),
      HasSubstr("layered_runtime.layers[1].admin_layer"));
}

}  // namespace
}  // namespace outrigger::config
