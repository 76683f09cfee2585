#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using testing::HasSubstr;
using T = ResourceType;
using Assignment = envoy::config::endpoint::v3::ClusterLoadAssignment;

TEST(StagingTest, AnEdsClusterGoesLiveWithItsEndpoints) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a"), StaticCluster("s")});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "s")) << "roots do not wait for each other";
  EXPECT_FALSE(scene.target.Has(T::kCluster, "a"));
  EXPECT_EQ(scene.graph->WaitsFor(T::kCluster, "a"), "cluster_load_assignment \"a\"");
  EXPECT_FALSE(scene.graph->Settled(T::kCluster));
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a")});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  EXPECT_LT(scene.target.IndexOf("+EDS a@e1"), scene.target.IndexOf("+CDS a@v1"));
  EXPECT_TRUE(scene.graph->Settled(T::kCluster));
}

TEST(StagingTest, AClusterWhoseEndpointsDoNotComeGoesLiveAfterTheFetchTimeout) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a")});
  scene.Run(seconds(14));
  EXPECT_FALSE(scene.target.Has(T::kCluster, "a"));
  scene.Run(seconds(2));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  ClientStatus status = ClientStatus::kUnknown;
  scene.graph->ForEach([&](const ResourceRow& row) {
    if (row.type == T::kEndpoints) status = row.status;
  });
  EXPECT_EQ(status, ClientStatus::kTimeout);
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a")});
  EXPECT_TRUE(scene.target.Has(T::kEndpoints, "a")) << "late is not never";
}

TEST(StagingTest, AFetchTimeoutOfZeroWaitsForEver) {
  Scene scene;
  scene.WatchBoth();
  ClusterProto cluster = EdsCluster("a");
  cluster.mutable_eds_cluster_config()->mutable_eds_config()->mutable_initial_fetch_timeout();
  scene.Say<ClusterProto>(T::kCluster, "v1", {cluster});
  scene.Run(seconds(300));
  EXPECT_FALSE(scene.target.Has(T::kCluster, "a"));
}

TEST(StagingTest, AChangedClusterWaitsForFreshEndpointsButNotLongAndKeepsTheOldOnes) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a", 1000)});
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a")});
  scene.Say<ClusterProto>(T::kCluster, "v2", {EdsCluster("a", 2000)});
  EXPECT_EQ(scene.target.VersionOf(T::kCluster, "a"), "v1") << "the old version serves meanwhile";
  scene.Run(StagingGraph::kFreshEndpoints + milliseconds(100));
  EXPECT_EQ(scene.target.VersionOf(T::kCluster, "a"), "v2");
  EXPECT_TRUE(scene.target.Has(T::kEndpoints, "a"));
  EXPECT_EQ(scene.graph->counters().kept_endpoints, 1u);
}

TEST(StagingTest, AChangedClusterTakesItsPlaceAtOnceWhenTheServerResendsItsEndpoints) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a", 1000)});
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a")});
  scene.Say<ClusterProto>(T::kCluster, "v2", {EdsCluster("a", 2000)});
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a")});  // the same ones
  EXPECT_EQ(scene.target.VersionOf(T::kCluster, "a"), "v2");
}

TEST(StagingTest, AClusterThatChangesAllTheTimeStillGetsItsNewestVersion) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v0", {EdsCluster("a", 1)});
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a")});
  for (int i = 1; i <= 20; ++i) {
    scene.Say<ClusterProto>(T::kCluster, absl::StrCat("v", i), {EdsCluster("a", i + 1)});
    scene.Run(milliseconds(300));
  }
  EXPECT_NE(scene.target.VersionOf(T::kCluster, "a"), "v0");
}

TEST(StagingTest, AListenerWaitsForItsRoutesAndTheyForTheClustersTheyName) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a")});
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  EXPECT_EQ(scene.graph->WaitsFor(T::kListener, "in"), "route_configuration \"r\"");
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "a")});
  EXPECT_EQ(scene.graph->WaitsFor(T::kRoutes, "r"), "cluster \"a\"");
  EXPECT_FALSE(scene.Last(T::kRoutes).has_error_detail()) << "staged is acknowledged";
  EXPECT_EQ(scene.Last(T::kRoutes).version_info(), "v1");
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a")});
  EXPECT_LT(scene.target.IndexOf("+EDS a@e1"), scene.target.IndexOf("+CDS a@v1"));
  EXPECT_LT(scene.target.IndexOf("+CDS a@v1"), scene.target.IndexOf("+RDS r@v1"));
  EXPECT_LT(scene.target.IndexOf("+RDS r@v1"), scene.target.IndexOf("+LDS in@v1"));
  EXPECT_TRUE(scene.graph->Settled(T::kListener));
}

TEST(StagingTest, AClusterThatIsNotKnownAtAllIsNotWaitedFor) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "nowhere")});
  EXPECT_TRUE(scene.target.Has(T::kListener, "in"));
}

TEST(StagingTest, EveryOrderOfArrivalEndsInTheSameConfiguration) {
  std::vector<int> order = {0, 1, 2, 3};
  do {
    Scene scene;
    scene.WatchBoth();
    // What is pushed before it was asked for is ignored; the server repeats everything in its order until all was asked
    // for.
    for (int round = 0; round < 4; ++round) {
      const std::string v = absl::StrCat("v", round);
      for (const int step : order) {
        if (step == 0) scene.Say<ClusterProto>(T::kCluster, v, {EdsCluster("a")});
        if (step == 1) scene.Say<Assignment>(T::kEndpoints, v, {Endpoints("a")});
        if (step == 2) scene.Say<ListenerProto>(T::kListener, v, {Listener("in", "r")});
        if (step == 3) scene.Say<RouteProto>(T::kRoutes, v, {Routes("r", "a")});
      }
    }
    EXPECT_EQ(scene.target.active.size(), 4u);
    const auto& log = scene.target.log;
    EXPECT_EQ(log.size(), 4u) << "identical resources are no change";
    EXPECT_EQ(std::count_if(log.begin(), log.end(), [](const std::string& l) { return l[0] == '-'; }), 0);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(StagingTest, MakeBeforeBreakANewClusterServesBeforeTheRoutesMoveAndTheOldOneGoesAfter) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("old")});
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "old")});
  ASSERT_TRUE(scene.target.Has(T::kRoutes, "r"));
  // The server takes the acknowledgement of the routes for their use, and drops the old cluster while the new one still
  // warms.
  scene.Say<ClusterProto>(T::kCluster, "v2", {StaticCluster("old"), EdsCluster("new")});
  scene.Say<RouteProto>(T::kRoutes, "v2", {Routes("r", "new")});
  scene.Say<ClusterProto>(T::kCluster, "v3", {EdsCluster("new")});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "old")) << "routes in use name it";
  EXPECT_EQ(scene.Last(T::kCluster).version_info(), "v3");
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("new")});
  EXPECT_FALSE(scene.target.Has(T::kCluster, "old"));
  EXPECT_LT(scene.target.IndexOf("+CDS new@v3"), scene.target.IndexOf("+RDS r@v2"));
  EXPECT_LT(scene.target.IndexOf("+RDS r@v2"), scene.target.IndexOf("-CDS old"));
}

TEST(StagingTest, ARemovedClusterGoesAtOnceIfNobodyNamesItElseInAWhile) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("named"), StaticCluster("idle")});
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "named")});
  scene.SayNothing(T::kCluster, "v2");
  EXPECT_FALSE(scene.target.Has(T::kCluster, "idle"));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "named"));
  scene.Run(StagingGraph::kLeaving);
  EXPECT_FALSE(scene.target.Has(T::kCluster, "named"));
}

// A new stream begins with all clusters of now; the routes that left the old ones come after.
TEST(StagingTest, WhatWasRemovedWhileThereWasNoStreamStaysUntilTheRoutesThatNameItHaveMoved) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("old")});
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "old")});
  scene.transport.EndStream();
  scene.Run(seconds(1));
  scene.Say<ClusterProto>(T::kCluster, "v2", {EdsCluster("new")});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "old"));
  EXPECT_EQ(scene.Last(T::kCluster).version_info(), "v2") << "acknowledged all the same";
  scene.Say<Assignment>(T::kEndpoints, "e2", {Endpoints("new")});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "old")) << "routes in use name it";
  scene.Say<RouteProto>(T::kRoutes, "v2", {Routes("r", "new")});
  EXPECT_FALSE(scene.target.Has(T::kCluster, "old"));
  EXPECT_LT(scene.target.IndexOf("+RDS r@v2"), scene.target.IndexOf("-CDS old"));
}

// Many servers send clusters first, without those that routes are about to leave: that must not cost a request.
TEST(StagingTest, AServerThatDropsAClusterBeforeItMovesTheRoutesCostsNothing) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("old")});
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "old")});
  scene.Say<ClusterProto>(T::kCluster, "v2", {StaticCluster("new")});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "old"));
  scene.Say<RouteProto>(T::kRoutes, "v2", {Routes("r", "new")});
  EXPECT_FALSE(scene.target.Has(T::kCluster, "old"));
  EXPECT_LT(scene.target.IndexOf("+RDS r@v2"), scene.target.IndexOf("-CDS old"));
}

TEST(StagingTest, WhatWasRemovedWhileThereWasNoStreamDoesNotStayForEver) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("named"), StaticCluster("idle")});
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "named")});
  scene.transport.EndStream();
  scene.Run(seconds(1));
  scene.SayNothing(T::kCluster, "v2");
  EXPECT_FALSE(scene.target.Has(T::kCluster, "idle"));
  scene.Run(StagingGraph::kLeaving - milliseconds(100));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "named"));
  scene.Run(milliseconds(200));
  EXPECT_FALSE(scene.target.Has(T::kCluster, "named"));
  scene.Say<ClusterProto>(T::kCluster, "v3", {StaticCluster("named")});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "named"));
}

TEST(StagingTest, AClusterThatLeavesIsStillThereForAllTablesThatGoLiveAtOnce) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r1")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r1", "late")});
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("late")});
  scene.Say<ListenerProto>(T::kListener, "v2", {Listener("in", "r1"), Listener("other", "r2")});
  RouteProto changed = Routes("r1", "late");
  changed.mutable_virtual_hosts(0)->add_domains("changed.test");
  scene.Say<RouteProto>(T::kRoutes, "v2", {changed, Routes("r2", "late")});
  scene.SayNothing(T::kCluster, "v2");
  scene.Run(StagingGraph::kLeaving * 2);
  EXPECT_FALSE(scene.target.Has(T::kRoutes, "r2"));
  scene.Run(StagingGraph::kLeaving * 2);  // its endpoints are not waited for any more
  EXPECT_LT(scene.target.IndexOf("+CDS late@v1"), scene.target.IndexOf("+RDS r2@v2"));
  EXPECT_LT(scene.target.IndexOf("+RDS r2@v2"), scene.target.IndexOf("-CDS late"));
  EXPECT_FALSE(scene.target.Has(T::kCluster, "late"));
}

TEST(StagingTest, AClusterThatComesBackWhileItIsHeldStays) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("a")});
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "a")});
  scene.transport.EndStream();
  scene.Run(seconds(1));
  scene.SayNothing(T::kCluster, "v2");
  scene.Say<ClusterProto>(T::kCluster, "v3", {StaticCluster("a")});
  scene.Run(StagingGraph::kLeaving * 2);
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
}

TEST(StagingTest, ARemovedClusterThatComesBackBeforeItLeftStays) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("old"), EdsCluster("new")});
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "old")});
  scene.Say<RouteProto>(T::kRoutes, "v2", {Routes("r", "new")});
  scene.Say<ClusterProto>(T::kCluster, "v2", {EdsCluster("new")});
  scene.Say<ClusterProto>(T::kCluster, "v3", {EdsCluster("new"), StaticCluster("old")});
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("new")});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "old"));
}

TEST(StagingTest, AListenerThatMovesToOtherRoutesKeepsTheOldOnesUntilTheNewOnesCame) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r1")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r1", "x")});
  scene.Say<ListenerProto>(T::kListener, "v2", {Listener("in", "r2")});
  EXPECT_THAT(NamesOf(scene.Last(T::kRoutes)), testing::ElementsAre("r1", "r2"));
  EXPECT_EQ(scene.target.VersionOf(T::kListener, "in"), "v1");
  scene.Say<RouteProto>(T::kRoutes, "v2", {Routes("r2", "x")});
  EXPECT_EQ(scene.target.VersionOf(T::kListener, "in"), "v2");
  EXPECT_FALSE(scene.target.Has(T::kRoutes, "r1"));
  EXPECT_THAT(NamesOf(scene.Last(T::kRoutes)), testing::ElementsAre("r2"));
}

TEST(StagingTest, WhatARemovedListenerLetsGoAnotherOfTheSameResponseTakesOver) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r1")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r1", "x")});
  // The server sees the same subscription as before, so it does not send the routes again.
  scene.Say<ListenerProto>(T::kListener, "v2", {Listener("out", "r1")});
  EXPECT_TRUE(scene.target.Has(T::kRoutes, "r1"));
  EXPECT_EQ(scene.target.VersionOf(T::kListener, "out"), "v2");
  EXPECT_FALSE(scene.target.Has(T::kListener, "in"));
}

TEST(StagingTest, AVersionThatIsTakenBackWhileItWaitsLeavesTheOneInUse) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r1")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r1", "x")});
  scene.Say<ListenerProto>(T::kListener, "v2", {Listener("in", "r2")});
  scene.Say<ListenerProto>(T::kListener, "v3", {Listener("in", "r1")});
  EXPECT_TRUE(scene.graph->Settled(T::kListener));
  EXPECT_THAT(NamesOf(scene.Last(T::kRoutes)), testing::ElementsAre("r1"));
  EXPECT_EQ(scene.graph->counters().removed, 0u);
}

TEST(StagingTest, ASubscriptionToASourceThatCannotBeUsedRefusesTheResource) {
  Scene scene;
  scene.WatchBoth();
  ClusterProto cluster = EdsCluster("a");
  cluster.mutable_eds_cluster_config()->mutable_eds_config()->mutable_path_config_source()->set_path("/x.yaml");
  scene.Say<ClusterProto>(T::kCluster, "v1", {cluster});
  EXPECT_THAT(scene.Last(T::kCluster).error_detail().message(),
              HasSubstr("cluster \"a\" (version v1): cluster_load_assignment \"a\": not a source of this scene"));
}

TEST(StagingTest, WhatIsRefusedOnlyWhenAppliedIsRefusedToTheServerAndNobodyWaitsForIt) {
  Scene scene;
  scene.WatchBoth();
  scene.target.refuse_late.insert("r");
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "x")});
  EXPECT_THAT(scene.Last(T::kRoutes).error_detail().message(), HasSubstr("not liked"));
  EXPECT_TRUE(scene.target.Has(T::kListener, "in"));
  EXPECT_EQ(scene.graph->counters().late_refusals, 1u);
}

TEST(StagingTest, StaticResourcesAreNeitherReplacedNorRemovedAndTheirNeedsAreFetched) {
  Scene scene;
  Needs needs;
  auto source = std::make_shared<envoy::config::core::v3::ConfigSource>();
  source->mutable_ads();
  needs.subscriptions.push_back({T::kEndpoints, /*waits=*/true, "st", source});
  scene.graph->AdoptStatic(T::kCluster, "st", needs);
  EXPECT_FALSE(scene.graph->StaticSettled(T::kCluster));
  scene.WatchBoth();
  EXPECT_THAT(NamesOf(scene.Last(T::kEndpoints)), testing::ElementsAre("st"));
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("st")});
  scene.SayNothing(T::kCluster, "v2");
  EXPECT_TRUE(scene.target.log.empty());
  EXPECT_EQ(scene.graph->counters().static_names, 1u);
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("st")});
  EXPECT_TRUE(scene.graph->StaticSettled(T::kCluster));
}

TEST(StagingTest, TheFirstAnswerOfAWholeTypeIsWaitedForAtMostItsFetchTimeout) {
  Scene scene;
  scene.WatchBoth();
  int settled = 0;
  scene.graph->OnSettled([&] { ++settled; });
  EXPECT_FALSE(scene.graph->Settled(T::kCluster));
  scene.Run(seconds(16));
  EXPECT_TRUE(scene.graph->Settled(T::kCluster));
  EXPECT_TRUE(scene.graph->Settled(T::kListener));
  EXPECT_GT(settled, 0);
}

TEST(StagingTest, UpdatesAreCountedUnderTheirPublishedNames) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a")});
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a")});
  scene.target.refuse.insert("bad");
  scene.Say<ClusterProto>(T::kCluster, "v2", {EdsCluster("a"), StaticCluster("bad")});
  const auto scope = scene.stats.Register<observe::SubscriptionStats>("cluster_manager.cds.");
  observe::SubscriptionStats& cds = scene.stats.main().Get(scope);
  EXPECT_EQ(cds.update_success.value(), 1u);
  EXPECT_EQ(cds.update_rejected.value(), 1u);
  EXPECT_EQ(cds.version_text.value(), "v1");
  EXPECT_TRUE(cds.update_duration.used());
  const auto cluster = scene.stats.Register<observe::ClusterScope>("cluster.a.");
  EXPECT_EQ(scene.stats.main().Get(cluster, observe::ClusterScope::kUpdates).update_success.value(), 1u);
  EXPECT_NE(scene.stats.main().Get(cluster, observe::ClusterScope::kUpdates).version.value(), 0);
  const auto& endpoints = scene.stats.main().Get(cluster, observe::ClusterScope::kEndpoints);
  EXPECT_TRUE(endpoints.update_duration.used());
  EXPECT_EQ(endpoints.version_text.value(), "e1");
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  for (const char* version : {"r1", "r2"}) {  // the second changes nothing
    scene.Say<RouteProto>(T::kRoutes, version, {Routes("r", "a")});
  }
  const auto routes = scene.stats.Register<observe::RdsStats>("http.rds.r.");
  EXPECT_EQ(scene.stats.main().Get(routes).config_reload.value(), 1u);
  EXPECT_GT(scene.stats.main().Get(routes).config_reload_time_ms.value(), 0);
  scene.transport.EndStream();
  scene.Run();
  EXPECT_EQ(cds.update_failure.value(), 1u);
}

TEST(StagingTest, VeryManyThatGoAtOnceNeedNoMoreStackThanOne) {
  Scene scene;
  scene.graph->WatchAll(T::kCluster, *scene.stream, seconds(15));
  Update come, go;
  come.type = go.type = T::kCluster;
  for (uint64_t i = 0; i < 40'000; ++i) {
    const std::string name = absl::StrCat("c", i);
    come.updated.push_back(
        {.name = name, .version = "1", .message = std::make_shared<ClusterProto>(EdsCluster(name)), .hash = i + 1});
    go.removed.push_back(name);
  }
  std::sort(go.removed.begin(), go.removed.end());
  const auto known = [&] {
    size_t rows = 0;
    scene.graph->ForEach([&rows](const ResourceRow&) { ++rows; });
    return rows;
  };
  EXPECT_TRUE(scene.graph->OnUpdate(come).empty());
  EXPECT_EQ(known(), 80'000u);
  EXPECT_TRUE(scene.graph->OnUpdate(go).empty());
  EXPECT_EQ(known(), 0u);
}

}  // namespace
}  // namespace outrigger::xds
