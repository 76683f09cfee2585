// Clusters and virtual hosts that requests ask for.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "envoy/config/route/v3/route_components.pb.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using T = ResourceType;
using Told = std::vector<std::pair<std::string, bool>>;

envoy::config::core::v3::ConfigSource Ads() {
  envoy::config::core::v3::ConfigSource source;
  source.mutable_ads();
  return source;
}

DiscoveryStream::Options Delta() {
  DiscoveryStream::Options options;
  options.delta = true;
  return options;
}

struct DemandScene : Scene {
  explicit DemandScene(DiscoveryStream::Options options = {}) : Scene(1, options) {
    graph->OnDemanded([this](const ResourceKey& key, bool there) { told.emplace_back(key.name.str(), there); });
  }
  void Demand(const std::string& cluster) {
    EXPECT_TRUE(graph->Demand({T::kCluster, cluster}, &source).ok());
    Run();
  }
  const envoy::config::core::v3::ConfigSource source = Ads();
  Told told;
};

TEST(StagingDemandTest, AClusterIsAskedForByNameAndToldOfOnceItIsInUse) {
  DemandScene scene;
  scene.stream->Start();
  scene.Demand("a");
  EXPECT_EQ(NamesOf(scene.Last(T::kCluster)), std::vector<std::string>{"a"});
  scene.Say<ClusterProto>(T::kCluster, "1", {EdsCluster("a")});
  EXPECT_TRUE(scene.told.empty()) << "its endpoints are not there";
  EXPECT_TRUE(scene.graph->Comes({T::kCluster, "a"}));
  scene.Say<envoy::config::endpoint::v3::ClusterLoadAssignment>(T::kEndpoints, "1", {Endpoints("a")});
  EXPECT_EQ(scene.told, (Told{{"a", true}}));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
}

TEST(StagingDemandTest, AskingBesideAllAsksForAllAndTheName) {
  DemandScene scene;
  scene.WatchBoth();
  scene.Demand("a");
  EXPECT_EQ(NamesOf(scene.Last(T::kCluster)), (std::vector<std::string>{"*", "a"}));
  scene.graph->EndDemand({T::kCluster, "a"});
  scene.Run();
  EXPECT_EQ(NamesOf(scene.Last(T::kCluster)), std::vector<std::string>{"*"});
}

TEST(StagingDemandTest, WhatTheServerRemovesOrRefusesToGiveIsToldOf) {
  DemandScene scene(Delta());
  scene.stream->Start();
  scene.Demand("a");
  scene.Demand("b");
  scene.SayDelta(T::kCluster, {Wrap("a", "1", StaticCluster("a"))});
  EXPECT_EQ(scene.told, (Told{{"a", true}}));
  scene.SayDelta(T::kCluster, {}, {"b"});
  EXPECT_EQ(scene.told, (Told{{"a", true}, {"b", false}})) << "it does not exist";
  scene.SayDelta(T::kCluster, {}, {"a"});
  EXPECT_EQ(scene.told.back(), (std::pair<std::string, bool>{"a", false}));
  EXPECT_FALSE(scene.target.Has(T::kCluster, "a"));
}

TEST(StagingDemandTest, ARefusedOneEndsTheWait) {
  DemandScene scene;
  scene.stream->Start();
  scene.Demand("a");
  scene.target.refuse.insert("a");
  scene.Say<ClusterProto>(T::kCluster, "1", {StaticCluster("a")});
  EXPECT_EQ(scene.told, (Told{{"a", false}}));
}

// A cluster of which there never was a version cannot leave: who waits is told at once, although routes name it.
TEST(StagingDemandTest, OneThatWasRefusedAndIsThenRemovedDoesNotExist) {
  DemandScene scene(Delta());
  scene.WatchBoth();
  scene.SayDelta(T::kListener, {Wrap("l", "1", Listener("l", "r"))});
  scene.SayDelta(T::kRoutes, {Wrap("r", "1", Routes("r", "a"))});
  ASSERT_TRUE(scene.target.Has(T::kRoutes, "r"));
  scene.target.refuse.insert("a");
  scene.SayDelta(T::kCluster, {Wrap("a", "1", StaticCluster("a"))});
  scene.Demand("a");
  scene.told.clear();
  scene.SayDelta(T::kCluster, {}, {"a"});
  EXPECT_EQ(scene.told, (Told{{"a", false}}));
}

TEST(StagingDemandTest, NobodyToAskIsAnError) {
  DemandScene scene;
  EXPECT_FALSE(scene.graph->Demand({T::kVirtualHost, "r/a.com"}, nullptr).ok());
  envoy::config::core::v3::ConfigSource other;
  other.mutable_path_config_source()->set_path("/x");
  EXPECT_FALSE(scene.graph->Demand({T::kCluster, "a"}, &other).ok());
}

}  // namespace
}  // namespace outrigger::xds
