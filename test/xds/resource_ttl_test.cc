// Resources with a time to live, in both wire forms.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using testing::HasSubstr;
using T = ResourceType;

class ResourceTtlTest : public testing::TestWithParam<bool> {
 protected:
  ResourceTtlTest() : scene_(1, OptionsFor(GetParam())) { scene_.WatchBoth(); }
  static DiscoveryStream::Options OptionsFor(bool delta) {
    DiscoveryStream::Options options;
    options.delta = delta;
    return options;
  }
  void Say(T type, const std::string& version, const std::vector<Wrapped>& resources) {
    if (GetParam()) {
      scene_.SayDelta(type, resources);
    } else {
      scene_.Say<Wrapped>(type, version, resources);
    }
  }
  std::string Refusal(T type) {
    return GetParam() ? scene_.LastDelta(type).error_detail().message() : scene_.Last(type).error_detail().message();
  }
  Wrapped Beat(const std::string& name, const std::string& version, int ttl_seconds) {
    Wrapped beat;
    beat.set_name(name);
    beat.set_version(version);
    if (ttl_seconds != 0) beat.mutable_ttl()->set_seconds(ttl_seconds);
    return beat;
  }
  Scene scene_;
};
INSTANTIATE_TEST_SUITE_P(Forms, ResourceTtlTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Delta" : "StateOfTheWorld"; });

TEST_P(ResourceTtlTest, AResourceGoesWhenItsTimeIsOverAndOthersStay) {
  Say(T::kCluster, "1", {Wrap("a", "1", StaticCluster("a"), 5), Wrap("b", "1", StaticCluster("b"))});
  scene_.Run(milliseconds(4900));
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "a"));
  scene_.Run(milliseconds(200));
  EXPECT_FALSE(scene_.target.Has(T::kCluster, "a"));
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "b"));
  EXPECT_EQ(scene_.stream->counters().expired.value(), 1u);
}

TEST_P(ResourceTtlTest, ComingAgainBeginsTheTimeAgainAndWithoutTimeItStays) {
  Say(T::kCluster, "1", {Wrap("a", "1", StaticCluster("a"), 5)});
  scene_.Run(seconds(3));
  Say(T::kCluster, "2", {Wrap("a", "1", StaticCluster("a"), 5)});
  scene_.Run(seconds(4));
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "a"));
  Say(T::kCluster, "3", {Wrap("a", "1", StaticCluster("a"))});
  scene_.Run(seconds(60));
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "a"));
}

TEST_P(ResourceTtlTest, AHeartbeatKeepsTheContentAndBeginsTheTimeAgain) {
  Say(T::kCluster, "1", {Wrap("a", "1", StaticCluster("a"), 5), Wrap("b", "1", StaticCluster("b"))});
  for (int i = 0; i < 5; ++i) {
    scene_.Run(seconds(4));
    Say(T::kCluster, "1", {Beat("a", "1", 5)});
  }
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "a"));
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "b")) << "a response of heartbeats is not complete";
  EXPECT_EQ(scene_.stream->counters().heartbeats.value(), 5u);
  EXPECT_EQ(scene_.target.log.size(), 2u);
  scene_.Run(seconds(6));
  EXPECT_FALSE(scene_.target.Has(T::kCluster, "a"));
}

TEST_P(ResourceTtlTest, AHeartbeatOfAVersionThatIsNotHeldIsIgnoredAndCounted) {
  Say(T::kCluster, "1", {Wrap("a", "1", StaticCluster("a"), 5)});
  scene_.Run(seconds(4));
  Say(T::kCluster, "1", {Beat("a", "2", 50), Beat("stranger", "1", 50)});
  EXPECT_EQ(scene_.stream->counters().stray_heartbeats.value(), 2u);
  EXPECT_EQ(Refusal(T::kCluster), "");
  scene_.Run(seconds(2));
  EXPECT_FALSE(scene_.target.Has(T::kCluster, "a"));
}

TEST_P(ResourceTtlTest, TheTimeRunsOnWhileTheControlPlaneIsAwayAndIsNotClaimedToBeHeldAfterwards) {
  Say(T::kCluster, "1", {Wrap("a", "1", StaticCluster("a"), 5)});
  scene_.transport.EndStream();
  scene_.Run(seconds(6));
  EXPECT_FALSE(scene_.target.Has(T::kCluster, "a"));
  scene_.transport.EndStream();
  scene_.Run(seconds(2));
  if (GetParam()) {
    EXPECT_EQ(scene_.LastDelta(T::kCluster).initial_resource_versions_size(), 0);
  } else {
    EXPECT_EQ(scene_.Last(T::kCluster).version_info(), "") << "or the server would stay silent";
  }
  Say(T::kCluster, "1", {Wrap("a", "1", StaticCluster("a"), 5)});
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "a"));
}

TEST_P(ResourceTtlTest, EndpointsThatEndStayInUseAsIfTheServerHadSaidThatThereAreNone) {
  Say(T::kCluster, "1", {Wrap("a", "1", EdsCluster("a"))});
  Say(T::kEndpoints, "1", {Wrap("a", "1", Endpoints("a"), 5)});
  scene_.Run(seconds(6));
  EXPECT_EQ(scene_.stream->counters().expired.value(), 1u);
  EXPECT_TRUE(scene_.target.Has(T::kEndpoints, "a"));
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "a"));
}

TEST_P(ResourceTtlTest, WhatIsNotWantedAnyMoreDoesNotEndLater) {
  Say(T::kCluster, "1", {Wrap("a", "1", EdsCluster("a")), Wrap("b", "1", StaticCluster("b"))});
  Say(T::kEndpoints, "1", {Wrap("a", "1", Endpoints("a"), 5)});
  if (GetParam()) {
    scene_.SayDelta(T::kCluster, {}, {"a"});
  } else {
    Say(T::kCluster, "2", {Wrap("b", "1", StaticCluster("b"))});
  }
  scene_.Run(seconds(20));
  EXPECT_EQ(scene_.stream->counters().expired.value(), 0u);
}

TEST_P(ResourceTtlTest, ATimeOfNothingIsRefused) {
  Wrapped wrapped = Wrap("a", "1", StaticCluster("a"));
  wrapped.mutable_ttl();
  Say(T::kCluster, "1", {wrapped});
  EXPECT_THAT(Refusal(T::kCluster), HasSubstr("resources[0]: ttl: must be greater than 0"));
  EXPECT_FALSE(scene_.target.Has(T::kCluster, "a"));
}

}  // namespace
}  // namespace outrigger::xds
