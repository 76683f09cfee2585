// What is known of a resource between the wire and the workers: since when it waits for what, which publication has it,
// since when it is in use; and which version of a type is.
#include "gtest/gtest.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using T = ResourceType;
using Assignment = envoy::config::endpoint::v3::ClusterLoadAssignment;

const Staged& ActiveOf(const Scene& scene, T type, const std::string& name) {
  static const Staged none;
  const Staged* active = scene.graph->ActiveOf(type, name);
  EXPECT_NE(active, nullptr);
  return active == nullptr ? none : *active;
}
TypeUse UseOf(const Scene& scene, T type) {
  const std::vector<TypeUse>& uses = scene.graph->uses(type);
  return uses.empty() ? TypeUse() : uses.front();
}
ResourceRow RowOf(const Scene& scene, T type, const std::string& name) {
  ResourceRow found{};
  scene.graph->ForEachOf(type, name, [&](const ResourceRow& row) {
    if (row.name == name) found = row;
    return false;
  });
  EXPECT_EQ(found.name, name);
  return found;
}

TEST(StagingUseTest, AResourceIsInUseWhenEveryWorkerHasItsPublication) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("s")});
  EXPECT_EQ(ActiveOf(scene, T::kCluster, "s").generation, 0u) << "not published yet";
  scene.graph->Published(7);
  EXPECT_EQ(ActiveOf(scene, T::kCluster, "s").generation, 7u);
  scene.graph->InUse(6);
  EXPECT_EQ(ActiveOf(scene, T::kCluster, "s").in_use_since, WallTime{});
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use, "");
  scene.Run(seconds(2));
  scene.graph->InUse(7);
  EXPECT_EQ(ActiveOf(scene, T::kCluster, "s").in_use_since, scene.loop->wall_now());
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use, "v1");
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use_since, scene.loop->wall_now());
}

TEST(StagingUseTest, AVersionThatCameAfterThePublicationIsNotInUseByIt) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("s")});
  scene.graph->Published(1);
  ClusterProto changed = StaticCluster("s");
  changed.mutable_connect_timeout()->set_seconds(9);
  scene.Say<ClusterProto>(T::kCluster, "v2", {changed});
  scene.graph->Published(2);
  scene.graph->InUse(1);
  EXPECT_EQ(ActiveOf(scene, T::kCluster, "s").in_use_since, WallTime{});
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use, "") << "version 1 was overtaken before it was in use";
  scene.graph->InUse(2);
  EXPECT_NE(ActiveOf(scene, T::kCluster, "s").in_use_since, WallTime{});
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use, "v2");
}

TEST(StagingUseTest, AVersionIsNotInUseWhileSomethingOfItsTypeWaits) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("s"), EdsCluster("a")});
  scene.graph->Published(1);
  scene.graph->InUse(1);
  EXPECT_NE(ActiveOf(scene, T::kCluster, "s").in_use_since, WallTime{}) << "roots do not wait for each other";
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use, "");
  EXPECT_EQ(UseOf(scene, T::kCluster).accepted, "v1");
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a")});
  scene.graph->Published(2);
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use, "");
  scene.graph->InUse(2);
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use, "v1");
  EXPECT_EQ(UseOf(scene, T::kEndpoints).in_use, "e1");
}

TEST(StagingUseTest, AResponseThatChangesNothingIsInUseAtOnce) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("s")});
  scene.graph->Published(1);
  scene.graph->InUse(1);
  const WallTime since = ActiveOf(scene, T::kCluster, "s").in_use_since;
  scene.Run(seconds(5));
  scene.Say<ClusterProto>(T::kCluster, "v2", {StaticCluster("s")});
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use, "v2");
  EXPECT_EQ(ActiveOf(scene, T::kCluster, "s").in_use_since, since) << "the content was in use all the time";
}

TEST(StagingUseTest, ARefusedResponseLeavesTheVersionInUse) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {StaticCluster("s")});
  scene.graph->Published(1);
  scene.graph->InUse(1);
  scene.target.refuse = {"bad"};
  scene.Say<ClusterProto>(T::kCluster, "v2", {StaticCluster("s"), StaticCluster("bad"), StaticCluster("good")});
  scene.graph->Published(2);
  scene.graph->InUse(2);
  EXPECT_EQ(UseOf(scene, T::kCluster).accepted, "v1");
  EXPECT_EQ(UseOf(scene, T::kCluster).in_use, "v1");
  EXPECT_EQ(ActiveOf(scene, T::kCluster, "good").generation, 2u);
}

TEST(StagingUseTest, AWaitSaysForWhatAndSinceWhen) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ListenerProto>(T::kListener, "v1", {Listener("in", "r")});
  const WallTime asked = scene.loop->wall_now();
  scene.Run(seconds(3));
  std::vector<Missing> missing = scene.graph->MissingOf(T::kListener, "in");
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].type, T::kRoutes);
  EXPECT_EQ(missing[0].name, "r");
  EXPECT_LE(missing[0].since, asked);
  EXPECT_GT(missing[0].since, asked - seconds(1));
  EXPECT_EQ(RowOf(scene, T::kRoutes, "r").status, ClientStatus::kRequested);
  // What is waited for comes, and waits itself: since then.
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "a")});
  missing = scene.graph->MissingOf(T::kListener, "in");
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_GE(missing[0].since, asked + seconds(3));
}

TEST(StagingUseTest, WhatTheSourceSaysOfAResourceIsShownUntilItComes) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ClusterProto>(T::kCluster, "v1", {EdsCluster("a"), EdsCluster("b")});
  scene.graph->OnSourceErrors(T::kEndpoints, {{"a", 5, "no such cluster"}, {"b", 7, "not for you"}, {"x", 13, "?"}});
  EXPECT_EQ(RowOf(scene, T::kEndpoints, "a").status, ClientStatus::kDoesNotExist);
  EXPECT_EQ(RowOf(scene, T::kEndpoints, "b").status, ClientStatus::kReceivedError);
  EXPECT_EQ(RowOf(scene, T::kEndpoints, "b").source_error, "not for you");
  scene.Say<Assignment>(T::kEndpoints, "e1", {Endpoints("a"), Endpoints("b")});
  EXPECT_EQ(RowOf(scene, T::kEndpoints, "a").status, ClientStatus::kAcked);
  EXPECT_EQ(RowOf(scene, T::kEndpoints, "b").status, ClientStatus::kAcked);
}

// A source that remembers what it is told.
struct Listening final : Source {
  void WantAll(T) override {}
  void Want(T, const std::string&) override {}
  void Unwant(T, const std::string&) override {}
  std::string Describe() const override { return "listening"; }
  void ReportInUse(T type, absl::string_view version) override {
    told.push_back(absl::StrCat(ShortNameOf(type), " ", version));
  }
  std::vector<std::string> told;
};

TEST(StagingUseTest, TheSourceIsToldOnceOfEachVersionThatIsInUse) {
  Scene scene;
  Listening source;
  scene.graph->WatchAll(T::kCluster, source, seconds(15));
  scene.graph->InUse(0);
  Update update;
  update.source = &source;
  update.version = "v1";
  update.updated.push_back(
      {.name = "s", .version = "v1", .message = std::make_shared<ClusterProto>(StaticCluster("s")), .hash = 1});
  scene.graph->OnUpdate(update);
  scene.Run();
  EXPECT_TRUE(source.told.empty()) << "not published";
  scene.graph->Published(1);
  scene.graph->InUse(1);
  scene.graph->InUse(2);
  scene.graph->Published(3);
  scene.graph->InUse(3);
  EXPECT_EQ(source.told, std::vector<std::string>{"CDS v1"});
  update.version = "v2";
  scene.graph->OnUpdate(update);  // nothing new in it
  scene.Run();
  EXPECT_EQ(source.told, (std::vector<std::string>{"CDS v1", "CDS v2"}));
}

}  // namespace
}  // namespace outrigger::xds
