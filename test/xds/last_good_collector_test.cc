// What is in use is listed in parts, and is of one moment all the same.
#include "source/xds/last_good_collector.h"

#include "gtest/gtest.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using T = ResourceType;
using Assignment = envoy::config::endpoint::v3::ClusterLoadAssignment;

std::vector<std::string> NamesOf(const LastGood& content) {
  std::vector<std::string> names;
  for (const LastGoodResource& one : content.resources)
    names.push_back(absl::StrCat(ShortNameOf(one.type), " ", one.name, " ", one.version));
  return names;
}

// Every part of `most` resources; a bound, in case there is no end.
LastGood All(LastGoodCollector& collector, size_t most, int* parts) {
  for (*parts = 1; !collector.Step(most) && *parts < 100; ++*parts) {
  }
  return collector.Take();
}

struct Two : Scene {  // clusters that are their own, and one with endpoints
  Two() {
    WatchBoth();
    Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("a"), StaticCluster("b"), EdsCluster("c"), StaticCluster("d")});
    Say<Assignment>(T::kEndpoints, "e1", {Endpoints("c")});
  }
};

TEST(LastGoodCollectorTest, PartsOfAnySizeAreTheSameTogether) {
  Two scene;
  int parts = 0;
  LastGoodCollector at_once(*scene.graph);
  const std::vector<std::string> all = NamesOf(All(at_once, 1000, &parts));
  EXPECT_EQ(parts, 1);
  ASSERT_EQ(all.size(), 5u);
  for (const size_t most : {1, 2, 3, 4, 5}) {
    LastGoodCollector collector(*scene.graph);
    EXPECT_EQ(NamesOf(All(collector, most, &parts)), all);
    EXPECT_EQ(parts, static_cast<int>((5 + most - 1) / most));
  }
}

TEST(LastGoodCollectorTest, AChangeInBetweenBeginsAgain) {
  Two scene;
  LastGoodCollector collector(*scene.graph);
  EXPECT_FALSE(collector.Step(3));
  scene.Say<ClusterProto>(T::kCluster, "v2", {StaticCluster("b")});  // the others are gone
  collector.Changed();
  int parts = 0;
  EXPECT_EQ(NamesOf(All(collector, 3, &parts)), (std::vector<std::string>{"CDS b v2"}));
}

TEST(LastGoodCollectorTest, WhatChangesAllTheTimeIsListedAtOnce) {
  Two scene;
  LastGoodCollector collector(*scene.graph);
  for (int i = 0; i < LastGoodCollector::kMostRestarts; ++i) {
    EXPECT_FALSE(collector.Step(1));
    collector.Changed();
    collector.Changed();  // before it began again this is no other change
  }
  EXPECT_TRUE(collector.Step(1));
  EXPECT_EQ(collector.Take().resources.size(), 5u);
}

}  // namespace
}  // namespace outrigger::xds
