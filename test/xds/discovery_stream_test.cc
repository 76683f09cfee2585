#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using T = ResourceType;

TEST(DiscoveryStreamTest, TheFirstRequestOfATypeHasTheNodeAndNeitherVersionNorNonce) {
  Scene scene;
  scene.WatchBoth();
  ASSERT_EQ(scene.transport.requests.size(), 2u);
  EXPECT_EQ(scene.transport.last_method, kAggregatedMethod);
  EXPECT_EQ(scene.transport.requests[0].type_url(), TypeUrlOf(T::kCluster));
  EXPECT_EQ(scene.transport.requests[1].type_url(), TypeUrlOf(T::kListener));
  for (const Request& request : scene.transport.requests) {
    EXPECT_EQ(request.node().id(), "me");
    EXPECT_EQ(request.version_info(), "");
    EXPECT_EQ(request.response_nonce(), "");
    EXPECT_THAT(NamesOf(request), IsEmpty());
  }
}

TEST(DiscoveryStreamTest, TheNodeGoesOnlyWithTheFirstMessageOfAStreamWhenAskedTo) {
  DiscoveryStream::Options options;
  options.node_on_first_message_only = true;
  Scene scene(1, options);
  scene.WatchBoth();
  EXPECT_TRUE(scene.transport.requests[0].has_node());
  EXPECT_FALSE(scene.transport.requests[1].has_node());
  scene.transport.EndStream();
  scene.Run(seconds(1));
  ASSERT_EQ(scene.transport.requests.size(), 4u);
  EXPECT_TRUE(scene.transport.requests[2].has_node());
  EXPECT_FALSE(scene.transport.requests[3].has_node());
}

TEST(DiscoveryStreamTest, RequestsAboveTheRateLimitWaitAndSayWhatIsTrueWhenTheyGo) {
  DiscoveryStream::Options options;
  options.request_limit = TokenBucket::Settings{.most = 2, .per_second = 0.5};
  Scene scene(1, options);
  const observe::ControlPlaneStats& stats = scene.stats.main().Get(scene.scope);
  scene.WatchBoth();
  EXPECT_EQ(scene.transport.requests.size(), 2u);
  EXPECT_EQ(stats.rate_limit_enforced.value(), 0u);
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("a")});
  scene.Say<ClusterProto>(T::kCluster, "v2", {StaticCluster("a"), StaticCluster("b")});
  EXPECT_EQ(scene.transport.requests.size(), 2u);
  EXPECT_EQ(stats.pending_requests.value(), 1);
  EXPECT_GE(stats.rate_limit_enforced.value(), 1u);
  scene.Run(seconds(3));
  ASSERT_EQ(scene.transport.requests.size(), 3u);
  EXPECT_EQ(scene.Last(T::kCluster).version_info(), "v2");
  EXPECT_EQ(scene.Last(T::kCluster).response_nonce(), "n2");
  EXPECT_EQ(stats.pending_requests.value(), 0);
}

TEST(DiscoveryStreamTest, AnAcceptedResponseIsAcknowledgedWithItsVersionAndNonce) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("a")});
  EXPECT_EQ(scene.Last(T::kCluster).version_info(), "v1");
  EXPECT_EQ(scene.Last(T::kCluster).response_nonce(), "n1");
  EXPECT_FALSE(scene.Last(T::kCluster).has_error_detail());
  EXPECT_EQ(scene.transport.Of(T::kCluster).size(), 2u);
  EXPECT_EQ(scene.transport.Of(T::kListener).size(), 1u) << "other types say nothing";
}

TEST(DiscoveryStreamTest, ARefusalCarriesTheLastAcceptedVersionAndTheNewNonceAndNamesTheResource) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("a")});
  scene.target.refuse.insert("bad");
  scene.Say<ClusterProto>(T::kCluster, "v2", {StaticCluster("bad"), StaticCluster("b")});
  const Request nack = scene.Last(T::kCluster);
  EXPECT_EQ(nack.version_info(), "v1");
  EXPECT_EQ(nack.response_nonce(), "n2");
  EXPECT_EQ(nack.error_detail().code(), 3);
  EXPECT_EQ(nack.error_detail().message(), "cluster \"bad\" (version v2): some.field: not liked");
  EXPECT_TRUE(scene.target.Has(T::kCluster, "b")) << "the rest of the response is in use";
}

TEST(DiscoveryStreamTest, TheErrorIsSaidOnceAndTheNextGoodVersionClearsIt) {
  Scene scene;
  scene.WatchBoth();
  scene.target.refuse.insert("bad");
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("bad")});
  EXPECT_TRUE(scene.Last(T::kCluster).has_error_detail());
  EXPECT_EQ(scene.Last(T::kCluster).version_info(), "");
  scene.target.refuse.clear();
  scene.Say<ClusterProto>(T::kCluster, "v2", {StaticCluster("bad")});
  EXPECT_FALSE(scene.Last(T::kCluster).has_error_detail());
  EXPECT_EQ(scene.Last(T::kCluster).version_info(), "v2");
}

TEST(DiscoveryStreamTest, ABrokenFieldRuleRefusesTheWholeResponse) {
  Scene scene;
  scene.WatchBoth();
  RouteProto routes = Routes("r", "a");
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  routes.mutable_virtual_hosts(0)->set_name("");  // min_len 1
  scene.Say<RouteProto>(T::kRoutes, "v1", {routes});
  const Request nack = scene.Last(T::kRoutes);
  EXPECT_EQ(nack.version_info(), "");
  EXPECT_THAT(nack.error_detail().message(),
              HasSubstr("route_configuration \"r\" (version v1): virtual_hosts[0].name"));
  EXPECT_FALSE(scene.target.Has(T::kRoutes, "r"));
}

TEST(DiscoveryStreamTest, OneBrokenRuleTakesTheGoodResourcesOfItsResponseWithIt) {
  Scene scene;
  scene.WatchBoth();
  ClusterProto bad = StaticCluster("bad");
  bad.mutable_connect_timeout()->set_seconds(-1);
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("good"), bad});
  EXPECT_TRUE(scene.Last(T::kCluster).has_error_detail());
  EXPECT_FALSE(scene.target.Has(T::kCluster, "good"));
}

TEST(DiscoveryStreamTest, AResourceOfAnotherTypeOrThatDoesNotParseRefusesTheResponse) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ListenerProto>(T::kCluster, "v1", {Listener("in", "r")});
  EXPECT_THAT(scene.Last(T::kCluster).error_detail().message(), HasSubstr("resources[0]: is of type"));
  Response garbage = GiveNothing(T::kCluster, "v2", "g");
  garbage.add_resources()->set_type_url(std::string(TypeUrlOf(T::kCluster)));
  garbage.mutable_resources(0)->set_value("\xff\xff\xff");
  scene.transport.Say(garbage);
  scene.Run();
  EXPECT_THAT(scene.Last(T::kCluster).error_detail().message(), HasSubstr("does not parse"));
}

TEST(DiscoveryStreamTest, ANameThatComesTwiceRefusesOnlyItsSecond) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("a"), StaticCluster("a"), StaticCluster("b")});
  EXPECT_THAT(scene.Last(T::kCluster).error_detail().message(), HasSubstr("cluster \"a\" (version v1): comes twice"));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "b"));
}

TEST(DiscoveryStreamTest, AWrappedResourceIsUnwrappedAndHasItsOwnVersion) {
  Scene scene;
  scene.WatchBoth();
  envoy::service::discovery::v3::Resource wrapper;
  wrapper.set_name("a");
  wrapper.set_version("own");
  wrapper.mutable_resource()->PackFrom(StaticCluster("a"));
  scene.Say<envoy::service::discovery::v3::Resource>(T::kCluster, "v1", {wrapper});
  EXPECT_EQ(scene.target.VersionOf(T::kCluster, "a"), "own");
  EXPECT_EQ(scene.Last(T::kCluster).version_info(), "v1");
}

TEST(DiscoveryStreamTest, ANewStreamSaysTheLastVersionWithoutNonceAndDropsNothing) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a")});
  scene.Say<envoy::config::endpoint::v3::ClusterLoadAssignment>(T::kEndpoints, "e1", {Endpoints("a")});
  scene.transport.EndStream();
  scene.Run(milliseconds(600));
  EXPECT_EQ(scene.transport.opened, 2);
  EXPECT_EQ(scene.Last(T::kCluster).version_info(), "v1");
  EXPECT_EQ(scene.Last(T::kCluster).response_nonce(), "");
  EXPECT_EQ(scene.Last(T::kEndpoints).version_info(), "e1");
  EXPECT_EQ(scene.Last(T::kEndpoints).response_nonce(), "");
  EXPECT_THAT(NamesOf(scene.Last(T::kEndpoints)), ElementsAre("a"));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  scene.Run(seconds(60));  // a server may stay silent for ever
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  EXPECT_TRUE(scene.target.Has(T::kEndpoints, "a"));
}

TEST(DiscoveryStreamTest, SubscriptionsOfOneUpdateGoOutInOneRequestAfterItsAcknowledgement) {
  Scene scene;
  scene.WatchBoth();
  const size_t before = scene.transport.requests.size();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("b"), EdsCluster("a"), EdsCluster("c")});
  ASSERT_EQ(scene.transport.requests.size(), before + 2);
  EXPECT_EQ(scene.transport.requests[before].type_url(), TypeUrlOf(T::kCluster));
  EXPECT_THAT(NamesOf(scene.transport.requests[before + 1]), ElementsAre("a", "b", "c"));
}

TEST(DiscoveryStreamTest, AbsenceIsRemovalForClustersAndListenersOnly) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a"), EdsCluster("b")});
  scene.Say<envoy::config::endpoint::v3::ClusterLoadAssignment>(T::kEndpoints, "e1", {Endpoints("a"), Endpoints("b")});
  scene.Say<envoy::config::endpoint::v3::ClusterLoadAssignment>(T::kEndpoints, "e2", {Endpoints("a", 81)});
  EXPECT_TRUE(scene.target.Has(T::kEndpoints, "b"));
  EXPECT_EQ(scene.Last(T::kEndpoints).version_info(), "e2");
  scene.Say<ClusterProto>(T::kCluster, "v2", {EdsCluster("a")});
  EXPECT_FALSE(scene.target.Has(T::kCluster, "b"));
  EXPECT_FALSE(scene.target.Has(T::kEndpoints, "b")) << "nobody subscribes to it any more";
  EXPECT_THAT(NamesOf(scene.Last(T::kEndpoints)), ElementsAre("a"));
}

TEST(DiscoveryStreamTest, ARefusedResourceIsPresentAndKeepsItsOldVersion) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("a")});
  scene.target.refuse.insert("a");
  ClusterProto changed = StaticCluster("a");
  changed.mutable_connect_timeout()->set_seconds(9);
  scene.Say<ClusterProto>(T::kCluster, "v2", {changed});
  EXPECT_EQ(scene.target.VersionOf(T::kCluster, "a"), "v1");
}

TEST(DiscoveryStreamTest, WhatNobodyAskedForIsIgnoredAndCounted) {
  Scene scene;
  scene.WatchBoth();
  const size_t before = scene.transport.requests.size();
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "a")});
  Response other = GiveNothing(T::kCluster, "v1", "n");
  other.set_type_url("type.googleapis.com/envoy.service.unheard.v3.Of");
  scene.transport.Say(other);
  scene.Run();
  EXPECT_EQ(scene.stream->counters().unwanted_types.value(), 1u);
  EXPECT_EQ(scene.stream->counters().unknown_types.value(), 1u);
  EXPECT_EQ(scene.transport.requests.size(), before);
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "x"), Routes("stray", "x")});
  EXPECT_EQ(scene.stream->counters().unwanted_resources.value(), 1u);
  EXPECT_FALSE(scene.Last(T::kRoutes).has_error_detail());
  EXPECT_FALSE(scene.target.Has(T::kRoutes, "stray"));
}

TEST(DiscoveryStreamTest, BytesThatAreNoResponseEndTheStreamNotTheConfiguration) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("a")});
  scene.transport.SayBytes("\xff\xff\xff\xff");
  scene.Run(seconds(1));
  EXPECT_EQ(scene.stream->counters().malformed.value(), 1u);
  EXPECT_EQ(scene.transport.opened, 2);
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
}

TEST(DiscoveryStreamTest, BackOffGrowsToThirtySecondsAndAGoodStreamResetsIt) {
  Scene scene;
  scene.WatchBoth();
  const auto longest_wait = [&](int tries) {
    Duration longest{0};
    for (int i = 0; i < tries; ++i) {
      const int opened = scene.transport.opened;
      scene.transport.EndStream();
      const MonotonicTime begin = scene.world.now();
      EXPECT_TRUE(scene.world.RunUntil([&] { return scene.transport.opened > opened; }, seconds(40)));
      longest = std::max(longest, scene.world.now() - begin);
    }
    return longest;
  };
  const Duration longest = longest_wait(40);
  EXPECT_GT(longest, seconds(15));
  EXPECT_LE(longest, seconds(31));
  scene.SayNothing(T::kCluster, "v1");
  EXPECT_LE(longest_wait(1), milliseconds(600));
}

TEST(DiscoveryStreamTest, TheConnectedStateAndIdentifierOfTheControlPlaneAreShown) {
  Scene scene;
  scene.WatchBoth();
  observe::ControlPlaneStats& stats = scene.stats.main().Get(scene.scope);
  EXPECT_EQ(stats.connected_state.value(), 0);
  Response response = GiveNothing(T::kCluster, "v1", "n");
  response.mutable_control_plane()->set_identifier("cp-1");
  scene.transport.Say(response);
  scene.Run();
  EXPECT_EQ(stats.connected_state.value(), 1);
  EXPECT_EQ(stats.identifier.value(), "cp-1");
  scene.transport.EndStream();
  scene.Run();
  EXPECT_EQ(stats.connected_state.value(), 0);
}

TEST(DiscoveryStreamTest, ASeparateStreamSpeaksItsTypesOwnService) {
  DiscoveryStream::Options options;
  options.only = T::kCluster;
  Scene scene(1, options);
  scene.graph->WatchAll(T::kCluster, *scene.stream, seconds(15));
  scene.stream->Start();
  scene.Run();
  EXPECT_EQ(scene.transport.last_method, "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters");
  EXPECT_EQ(scene.transport.requests[0].type_url(), TypeUrlOf(T::kCluster));
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  EXPECT_EQ(scene.stream->counters().unknown_types.value(), 1u);
}

}  // namespace
}  // namespace outrigger::xds
