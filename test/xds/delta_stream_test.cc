// The delta form of the protocol, message by message.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "source/xds/delta_state.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using T = ResourceType;
using Names = std::vector<std::string>;

DiscoveryStream::Options Delta() {
  DiscoveryStream::Options options;
  options.delta = true;
  return options;
}
struct DeltaScene : Scene {
  explicit DeltaScene(const DiscoveryStream::Options& options = Delta()) : Scene(1, options) {}
  // Everything a cluster needs and has.
  void GiveCluster(const std::string& name, const std::string& version = "1") {
    SayDelta(T::kCluster, {Wrap(name, version, EdsCluster(name))});
    SayDelta(T::kEndpoints, {Wrap(name, version, Endpoints(name))});
  }
};
Names Subscribed(const DeltaRequest& request) {
  return {request.resource_names_subscribe().begin(), request.resource_names_subscribe().end()};
}
Names Unsubscribed(const DeltaRequest& request) {
  return {request.resource_names_unsubscribe().begin(), request.resource_names_unsubscribe().end()};
}
std::map<std::string, std::string> Held(const DeltaRequest& request) {
  return {request.initial_resource_versions().begin(), request.initial_resource_versions().end()};
}

TEST(DeltaStreamTest, TheFirstRequestsAskForAllClustersAndListenersByNamingNone) {
  DeltaScene scene;
  scene.WatchBoth();
  EXPECT_EQ(scene.transport.last_method, kDeltaAggregatedMethod);
  ASSERT_EQ(scene.transport.delta_requests.size(), 2u);
  for (const DeltaRequest& request : scene.transport.delta_requests) {
    EXPECT_EQ(request.node().id(), "me");
    EXPECT_THAT(Subscribed(request), IsEmpty());
    EXPECT_EQ(request.response_nonce(), "");
    EXPECT_THAT(Held(request), IsEmpty());
  }
}

TEST(DeltaStreamTest, AnAcknowledgementHasTheNonceAndNothingElseAndOtherRequestsHaveNone) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.SayDelta(T::kCluster, {Wrap("a", "1", EdsCluster("a"))});
  const DeltaRequest ack = scene.LastDelta(T::kCluster);
  EXPECT_EQ(ack.response_nonce(), "n1");
  EXPECT_FALSE(ack.has_error_detail());
  EXPECT_THAT(Subscribed(ack), IsEmpty());
  const DeltaRequest endpoints = scene.LastDelta(T::kEndpoints);
  EXPECT_EQ(endpoints.response_nonce(), "");
  EXPECT_THAT(Subscribed(endpoints), ElementsAre("a"));
}

TEST(DeltaStreamTest, LaterRequestsSayOnlyWhatChanged) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.GiveCluster("a");
  scene.GiveCluster("b");
  EXPECT_THAT(Subscribed(scene.transport.DeltaOf(T::kEndpoints)[2]), ElementsAre("b"));
  scene.SayDelta(T::kCluster, {}, {"a"});
  EXPECT_FALSE(scene.target.Has(T::kCluster, "a"));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "b")) << "absence says nothing in delta";
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kEndpoints)), IsEmpty());
  EXPECT_THAT(Unsubscribed(scene.LastDelta(T::kEndpoints)), ElementsAre("a"));
}

TEST(DeltaStreamTest, EachResourceHasItsOwnVersion) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.SayDelta(T::kCluster, {Wrap("a", "7", StaticCluster("a")), Wrap("b", "8", StaticCluster("b"))});
  EXPECT_EQ(scene.target.VersionOf(T::kCluster, "a"), "7");
  EXPECT_EQ(scene.target.VersionOf(T::kCluster, "b"), "8");
}

TEST(DeltaStreamTest, ANewStreamSaysWhatIsHeldInWhichVersionAndDropsNothing) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.GiveCluster("a", "1");
  scene.GiveCluster("b", "2");
  scene.transport.EndStream();
  scene.Run(milliseconds(600));
  ASSERT_EQ(scene.transport.opened, 2);
  EXPECT_THAT(Held(scene.LastDelta(T::kCluster)), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kCluster)), IsEmpty());
  EXPECT_EQ(scene.LastDelta(T::kCluster).response_nonce(), "");
  EXPECT_THAT(Held(scene.LastDelta(T::kEndpoints)), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kEndpoints)), ElementsAre("a", "b"));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  scene.SayDelta(T::kCluster, {}, {"b"});
  EXPECT_THAT(Held(scene.LastDelta(T::kCluster)), IsEmpty()) << "only a stream's first request says it";
}

TEST(DeltaStreamTest, TheSameRequestHasTheSameBytes) {
  const auto bytes = [] {
    DeltaState state(T::kCluster);
    state.WantAll();
    for (int i = 0; i < 50; ++i) state.Hold(absl::StrCat("c", i), "1");
    state.OnStream(0);
    return state.TakeRequest(nullptr).value_or("");
  };
  const std::string first = bytes();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bytes(), first);
}

TEST(DeltaStreamTest, WhatIsRefusedDoesNotCountAsHeldTheRestOfItsResponseDoes) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.SayDelta(T::kCluster, {Wrap("a", "1", StaticCluster("a"))});
  scene.target.refuse = {"a", "b"};
  ClusterProto changed = StaticCluster("a");
  changed.mutable_connect_timeout()->set_seconds(9);
  scene.SayDelta(T::kCluster,
                 {Wrap("a", "2", changed), Wrap("b", "2", StaticCluster("b")), Wrap("c", "2", StaticCluster("c"))});
  const DeltaRequest nack = scene.LastDelta(T::kCluster);
  EXPECT_EQ(nack.response_nonce(), "n2");
  EXPECT_EQ(nack.error_detail().code(), 3);
  EXPECT_THAT(nack.error_detail().message(), HasSubstr("cluster \"a\" (version 2): some.field"));
  EXPECT_THAT(nack.error_detail().message(), HasSubstr("cluster \"b\" (version 2): some.field"));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "c"));
  scene.transport.EndStream();
  scene.Run(milliseconds(600));
  EXPECT_THAT(Held(scene.LastDelta(T::kCluster)), ElementsAre(Pair("a", "1"), Pair("c", "2")));
}

TEST(DeltaStreamTest, AResponseThatIsRefusedAsAWholeChangesNothing) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.SayDelta(T::kCluster, {Wrap("a", "1", StaticCluster("a"))});
  ClusterProto bad = StaticCluster("bad");
  bad.mutable_connect_timeout()->set_seconds(-1);
  scene.SayDelta(T::kCluster, {Wrap("b", "1", StaticCluster("b")), Wrap("bad", "1", bad)}, {"a"});
  EXPECT_TRUE(scene.LastDelta(T::kCluster).has_error_detail());
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  EXPECT_FALSE(scene.target.Has(T::kCluster, "b"));
  scene.transport.EndStream();
  scene.Run(milliseconds(600));
  EXPECT_THAT(Held(scene.LastDelta(T::kCluster)), ElementsAre(Pair("a", "1")));
}

TEST(DeltaStreamTest, AResourceThatIsAlsoRemovedOrComesTwiceIsRefusedAndStaysAsItWas) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.SayDelta(T::kCluster, {Wrap("a", "1", StaticCluster("a"))});
  ClusterProto changed = StaticCluster("a");
  changed.mutable_connect_timeout()->set_seconds(9);
  scene.SayDelta(T::kCluster, {Wrap("a", "2", changed), Wrap("b", "1", StaticCluster("b"))}, {"a"});
  EXPECT_THAT(scene.LastDelta(T::kCluster).error_detail().message(), HasSubstr("as a resource and as removed"));
  EXPECT_EQ(scene.target.VersionOf(T::kCluster, "a"), "1");
  EXPECT_TRUE(scene.target.Has(T::kCluster, "b"));
  scene.SayDelta(T::kCluster, {Wrap("c", "1", StaticCluster("c")), Wrap("c", "2", StaticCluster("c"))});
  EXPECT_THAT(scene.LastDelta(T::kCluster).error_detail().message(), HasSubstr("comes twice"));
}

TEST(DeltaStreamTest, AResourceNamedDifferentlyOutsideAndInsideRefusesItsResponse) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.SayDelta(T::kCluster, {Wrap("a", "1", StaticCluster("b"))});
  EXPECT_THAT(scene.LastDelta(T::kCluster).error_detail().message(),
              HasSubstr("is named \"a\" outside and \"b\" inside"));
}

TEST(DeltaStreamTest, ARemovedResourceThatIsAskedForByNameEndsTheWaitForItAndKeepsWhatIsInUse) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.GiveCluster("kept");
  scene.SayDelta(T::kCluster, {Wrap("new", "1", EdsCluster("new"))});
  EXPECT_FALSE(scene.target.Has(T::kCluster, "new"));
  scene.SayDelta(T::kEndpoints, {}, {"kept", "new", "stray"});
  EXPECT_TRUE(scene.target.Has(T::kCluster, "new")) << "long before its fetch timeout";
  EXPECT_TRUE(scene.target.Has(T::kEndpoints, "kept"));
  EXPECT_FALSE(scene.LastDelta(T::kEndpoints).has_error_detail());
  scene.transport.EndStream();
  scene.Run(milliseconds(600));
  EXPECT_THAT(Held(scene.LastDelta(T::kEndpoints)), IsEmpty());
  scene.SayDelta(T::kEndpoints, {Wrap("new", "2", Endpoints("new"))});
  EXPECT_TRUE(scene.target.Has(T::kEndpoints, "new"));
}

TEST(DeltaStreamTest, WhatIsNotWantedAnyMoreWhenItComesIsIgnoredCountedAndAnswered) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.GiveCluster("a");
  scene.SayDelta(T::kCluster, {}, {"a"});
  scene.SayDelta(T::kEndpoints, {Wrap("a", "9", Endpoints("a", 99))});
  EXPECT_EQ(scene.stream->counters().unwanted_resources.value(), 1u);
  EXPECT_FALSE(scene.target.Has(T::kEndpoints, "a"));
  EXPECT_EQ(scene.LastDelta(T::kEndpoints).response_nonce(), "n4");
  scene.SayDelta(T::kSecret, {Wrap("s", "1", Secret("s"))});
  EXPECT_EQ(scene.stream->counters().unwanted_types.value(), 1u) << "never asked for";
  EXPECT_THAT(scene.transport.DeltaOf(T::kSecret), IsEmpty());
}

TEST(DeltaStreamTest, ANameLetGoAndWantedAgainIsSaidAgain) {
  DeltaScene scene;
  scene.stream->Want(T::kEndpoints, "a");
  scene.stream->Start();
  scene.Run();
  scene.stream->Unwant(T::kEndpoints, "a");
  scene.stream->Want(T::kEndpoints, "a");
  scene.Run();
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kEndpoints)), ElementsAre("a"));
  EXPECT_THAT(Unsubscribed(scene.LastDelta(T::kEndpoints)), IsEmpty());
  const size_t before = scene.transport.delta_requests.size();
  scene.stream->Want(T::kEndpoints, "b");
  scene.stream->Unwant(T::kEndpoints, "b");
  scene.Run();
  EXPECT_EQ(scene.transport.delta_requests.size(), before) << "there is nothing to say";
  scene.stream->Unwant(T::kEndpoints, "a");
  scene.stream->Want(T::kEndpoints, "a");
  scene.stream->Unwant(T::kEndpoints, "a");
  scene.Run();
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kEndpoints)), IsEmpty());
  EXPECT_THAT(Unsubscribed(scene.LastDelta(T::kEndpoints)), ElementsAre("a"));
}

TEST(DeltaStreamTest, SingleClustersBesideAllOfThemAreAskedForByNameAndANewStreamSaysTheStar) {
  DeltaScene scene;
  scene.WatchBoth();
  scene.stream->Want(T::kCluster, "on-demand");
  scene.Run();
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kCluster)), ElementsAre("on-demand"));
  scene.transport.EndStream();
  scene.Run(milliseconds(600));
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kCluster)), ElementsAre("*", "on-demand"));
  scene.stream->Unwant(T::kCluster, "on-demand");
  scene.Run();
  EXPECT_THAT(Unsubscribed(scene.LastDelta(T::kCluster)), ElementsAre("on-demand"));
}

TEST(DeltaStreamTest, SingleClustersWithoutTheRestAreNoWildcard) {
  DeltaScene scene;
  scene.stream->Want(T::kCluster, "one");
  scene.stream->Start();
  scene.Run();
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kCluster)), ElementsAre("one"));
  scene.SayDelta(T::kCluster, {Wrap("other", "1", StaticCluster("other"))});
  EXPECT_FALSE(scene.target.Has(T::kCluster, "other"));
  EXPECT_EQ(scene.stream->counters().unwanted_resources.value(), 1u);
  scene.stream->WantAll(T::kCluster);
  scene.Run();
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kCluster)), ElementsAre("*"));
}

// What a virtual host's resource is called has nothing to do with what it holds; staging is not asked here.
TEST(DeltaStreamTest, VirtualHostsAreAskedForByRoutesAndDomainAndAnswerToTheirAliases) {
  struct Sink : UpdateSink {
    std::vector<Refusal> OnUpdate(const Update& update) override {
      updates.push_back(update);
      return {};
    }
    void OnRefused(ResourceType, const std::string&, const std::vector<Refusal>&) override {}
    void OnSourceFailed(const Source&) override {}
    std::vector<Update> updates;
  } sink;
  Scene scene;
  scene.stream = std::make_unique<DiscoveryStream>(*scene.loop, scene.transport, sink, scene.stats, Delta());
  scene.stream->Want(T::kVirtualHost, "routes/a.example");
  scene.stream->Want(T::kVirtualHost, "routes/b.example");
  scene.stream->Start();
  scene.Run();
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kVirtualHost)), ElementsAre("routes/a.example", "routes/b.example"));
  envoy::config::route::v3::VirtualHost host;
  host.set_name("inner");
  host.add_domains("a.example");
  Wrapped given = Wrap("routes/vhost-1", "3", host);
  given.add_aliases("routes/a.example");
  Wrapped stray = Wrap("routes/vhost-2", "3", host);
  Wrapped missing;
  missing.set_name("routes/b.example");
  missing.add_aliases("routes/b.example");
  scene.SayDelta(T::kVirtualHost, {given, stray, missing});
  ASSERT_EQ(sink.updates.size(), 1u);
  ASSERT_EQ(sink.updates[0].updated.size(), 1u);
  EXPECT_EQ(sink.updates[0].updated[0].name, "routes/vhost-1");
  EXPECT_THAT(sink.updates[0].updated[0].aliases, ElementsAre("routes/a.example"));
  EXPECT_THAT(sink.updates[0].removed, ElementsAre("routes/b.example"));
  EXPECT_EQ(scene.stream->counters().unwanted_resources.value(), 1u);
  scene.SayDelta(T::kVirtualHost, {}, {"routes/vhost-1"});
  ASSERT_EQ(sink.updates.size(), 2u);
  EXPECT_THAT(sink.updates[1].removed, ElementsAre("routes/vhost-1"));
  scene.stream.reset();
}

TEST(DeltaStreamTest, VirtualHostsHaveNoStar) {
  DeltaScene scene;
  scene.stream->WantAll(T::kVirtualHost);
  scene.stream->Start();
  scene.Run();
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kVirtualHost)), IsEmpty());
  scene.stream->Want(T::kVirtualHost, "routes/a");
  scene.Run();
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kVirtualHost)), ElementsAre("routes/a"));
  scene.transport.EndStream();
  scene.Run(milliseconds(600));
  EXPECT_THAT(Subscribed(scene.LastDelta(T::kVirtualHost)), ElementsAre("routes/a"));
}

TEST(DeltaStreamTest, AServerThatSaysWhatItCannotGiveIsHeardAndAnswered) {
  struct Sink : UpdateSink {
    std::vector<Refusal> OnUpdate(const Update&) override { return {}; }
    void OnRefused(ResourceType, const std::string&, const std::vector<Refusal>&) override {}
    void OnSourceFailed(const Source&) override {}
    void OnSourceErrors(ResourceType, const std::vector<SourceError>& all) override { errors = all; }
    std::vector<SourceError> errors;
  } sink;
  Scene scene;
  scene.stream = std::make_unique<DiscoveryStream>(*scene.loop, scene.transport, sink, scene.stats, Delta());
  scene.stream->Want(T::kEndpoints, "a");
  scene.stream->Start();
  scene.Run();
  DeltaResponse response = GiveDelta(T::kEndpoints, "n1", {});
  for (const char* name : {"a", "stray", ""}) {
    auto* error = response.add_resource_errors();
    error->mutable_resource_name()->set_name(name);
    error->mutable_error_detail()->set_code(7);
    error->mutable_error_detail()->set_message("not for you");
  }
  scene.transport.Say(response);
  scene.Run();
  ASSERT_EQ(sink.errors.size(), 1u);
  EXPECT_EQ(sink.errors[0].name, "a");
  EXPECT_EQ(sink.errors[0].code, 7u);
  EXPECT_EQ(sink.errors[0].message, "not for you");
  EXPECT_EQ(scene.LastDelta(T::kEndpoints).response_nonce(), "n1");
  EXPECT_FALSE(scene.LastDelta(T::kEndpoints).has_error_detail());
  scene.stream.reset();
}

TEST(DeltaStreamTest, EachResponseIsAnsweredEvenAboveTheRateLimit) {
  DiscoveryStream::Options options = Delta();
  options.request_limit = TokenBucket::Settings{.most = 2, .per_second = 2};
  DeltaScene scene(options);
  scene.WatchBoth();
  for (int i = 1; i <= 3; ++i) scene.SayDelta(T::kCluster, {Wrap("a", absl::StrCat(i), StaticCluster("a"))});
  EXPECT_EQ(scene.transport.delta_requests.size(), 2u);
  scene.Run(seconds(3));
  Names nonces;
  for (const DeltaRequest& request : scene.transport.DeltaOf(T::kCluster)) nonces.push_back(request.response_nonce());
  EXPECT_THAT(nonces, ElementsAre("", "n1", "n2", "n3"));
}

TEST(DeltaStreamTest, ASeparateStreamSpeaksItsTypesOwnDeltaService) {
  DiscoveryStream::Options options = Delta();
  options.only = T::kEndpoints;
  DeltaScene scene(options);
  scene.stream->Want(T::kEndpoints, "a");
  scene.stream->Start();
  scene.Run();
  EXPECT_EQ(scene.transport.last_method, "/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints");
}

TEST(DeltaStreamTest, AnEmptyResponseIsAcknowledgedAndTellsThatThereIsNothing) {
  DeltaScene scene;
  scene.WatchBoth();
  EXPECT_FALSE(scene.graph->Settled(T::kCluster));
  scene.SayDelta(T::kCluster, {});
  EXPECT_TRUE(scene.graph->Settled(T::kCluster));
  EXPECT_EQ(scene.LastDelta(T::kCluster).response_nonce(), "n1");
}

}  // namespace
}  // namespace outrigger::xds
