// What an earlier process had in use, offered at the start.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "source/base/hash.h"
#include "source/xds/delta_state.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using T = ResourceType;
using Assignment = envoy::config::endpoint::v3::ClusterLoadAssignment;

template <class Proto>
Update From(T type, const std::vector<Proto>& resources) {
  Update update;
  update.type = type;
  for (const Proto& proto : resources) {
    Resource resource;
    resource.message = std::make_shared<Proto>(proto);
    resource.name = NameOf(type, proto);
    resource.version = "disk";
    resource.hash = StableHash(proto.SerializeAsString());
    update.updated.push_back(std::move(resource));
  }
  return update;
}

// All that a listener needs, in use, before a stream is begun.
void SeedWhole(Scene& scene) {
  scene.graph->WatchAll(T::kCluster, *scene.stream, seconds(15));
  scene.graph->WatchAll(T::kListener, *scene.stream, seconds(15));
  EXPECT_THAT(scene.graph->Seed(From<ClusterProto>(T::kCluster, {EdsCluster("a"), StaticCluster("s")})), IsEmpty());
  EXPECT_TRUE(scene.graph->MayTake(T::kEndpoints, "a"));
  EXPECT_FALSE(scene.graph->MayTake(T::kEndpoints, "b")) << "nobody wants them";
  EXPECT_THAT(scene.graph->Seed(From<Assignment>(T::kEndpoints, {Endpoints("a")})), IsEmpty());
  EXPECT_THAT(scene.graph->Seed(From<ListenerProto>(T::kListener, {Listener("in", "r"), Listener("gone", "r")})),
              IsEmpty());
  EXPECT_THAT(scene.graph->Seed(From<RouteProto>(T::kRoutes, {Routes("r", "a")})), IsEmpty());
  scene.stream->Start();
  scene.Run();
}

TEST(StagingSeedTest, WhatIsOfferedIsInUseAtOnceAndIsNobodysAnswer) {
  Scene scene;
  SeedWhole(scene);
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  EXPECT_TRUE(scene.target.Has(T::kListener, "in"));
  EXPECT_TRUE(scene.target.Has(T::kRoutes, "r"));
  EXPECT_TRUE(scene.graph->Settled(T::kCluster));
  EXPECT_TRUE(scene.graph->Settled(T::kListener));
  EXPECT_FALSE(scene.graph->HeardAny());
  EXPECT_EQ(scene.Last(T::kCluster).version_info(), "") << "or the server may stay silent";
  scene.Run(seconds(60));
  EXPECT_EQ(scene.graph->counters().fetch_timeouts, 0u);
}

TEST(StagingSeedTest, TheFirstCompleteAnswerTakesAwayWhatItLacks) {
  Scene scene;
  SeedWhole(scene);
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a")});
  EXPECT_TRUE(scene.graph->HeardAny());
  EXPECT_FALSE(scene.graph->HeardAll());
  EXPECT_FALSE(scene.target.Has(T::kCluster, "s"));
  EXPECT_EQ(scene.graph->counters().unchanged, 1u) << "the same bytes are no change";
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  EXPECT_TRUE(scene.graph->HeardAll());
  EXPECT_TRUE(scene.target.Has(T::kListener, "in"));
  EXPECT_FALSE(scene.target.Has(T::kListener, "gone"));
}

TEST(StagingSeedTest, AClusterThatRoutesFromDiskNameIsMadeBeforeItIsBroken) {
  Scene scene;
  SeedWhole(scene);
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("b")});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a")) << "the routes still name it";
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "b")});
  EXPECT_FALSE(scene.target.Has(T::kCluster, "a"));
}

TEST(StagingSeedTest, WhatIsNotOnDiskEndsItsWaitEvenWhereItHasNoEnd) {
  Scene scene;
  scene.graph->WatchAll(T::kCluster, *scene.stream, seconds(15));
  ClusterProto cluster = EdsCluster("a");
  cluster.mutable_eds_cluster_config()->mutable_eds_config()->mutable_initial_fetch_timeout();
  scene.graph->Seed(From<ClusterProto>(T::kCluster, {cluster}));
  scene.graph->LimitFetches();
  EXPECT_FALSE(scene.graph->Settled(T::kCluster));
  scene.Run(StagingGraph::kFetchTimeout + seconds(1));
  EXPECT_TRUE(scene.graph->Settled(T::kCluster));
}

TEST(StagingSeedTest, WhatIsRefusedLeavesNothingBehind) {
  Scene scene;
  scene.target.refuse.insert("bad");
  scene.graph->WatchAll(T::kCluster, *scene.stream, seconds(15));
  EXPECT_EQ(scene.graph->Seed(From<ClusterProto>(T::kCluster, {StaticCluster("bad"), StaticCluster("s")})).size(), 1u);
  scene.graph->ForEach([](const ResourceRow& row) { EXPECT_EQ(row.name, "s"); });
}

TEST(StagingSeedTest, StaticNamesWin) {
  Scene scene;
  scene.graph->AdoptStatic(T::kCluster, "s", {});
  EXPECT_FALSE(scene.graph->MayTake(T::kCluster, "s"));
  EXPECT_TRUE(scene.graph->MayTake(T::kCluster, "other"));
}

TEST(StagingSeedTest, ADeltaStreamIsToldTheVersionsFromDisk) {
  DeltaState clusters(T::kCluster), endpoints(T::kEndpoints);
  clusters.WantAll();
  clusters.Seed("a", "7");
  endpoints.Want("a");
  endpoints.Seed("a", "3");
  for (DeltaState* state : {&clusters, &endpoints}) {
    state->OnStream(true);
    DeltaRequest request;
    const absl::optional<std::string> sent = state->TakeRequest(nullptr);
    ASSERT_TRUE(sent.has_value());
    ASSERT_TRUE(request.ParseFromString(*sent));
    EXPECT_THAT(request.initial_resource_versions(), ElementsAre(Pair("a", state == &clusters ? "7" : "3")));
  }
}

}  // namespace
}  // namespace outrigger::xds
