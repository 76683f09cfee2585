#include "gtest/gtest.h"
#include "test/xds/scripted.h"

// Filters' configurations between the wire and the Snapshot.
namespace outrigger::xds {
namespace {

using T = ResourceType;
using ExtensionProto = envoy::config::core::v3::TypedExtensionConfig;

// Watches both, with routes "r" there for whoever wants them.
void Begin(Scene& scene, const ListenerProto& listener) {
  scene.WatchBoth();
  scene.Say<ListenerProto>(T::kListener, "v1", {listener});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "nowhere")});
}

TEST(ExtensionStagingTest, AListenerWaitsForItsFiltersConfigurations) {
  Scene scene;
  Begin(scene, Discovering("in", "x"));
  EXPECT_EQ(scene.graph->WaitsFor(T::kListener, "in"), "typed_extension_config \"x\"");
  EXPECT_EQ(NamesOf(scene.Last(T::kExtension)), std::vector<std::string>{"x"});
  scene.Say<ExtensionProto>(T::kExtension, "e1", {Extension("x")});
  EXPECT_LT(scene.target.IndexOf("+ECDS x@e1"), scene.target.IndexOf("+LDS in@v1"));
  EXPECT_TRUE(scene.target.Has(T::kListener, "in"));
  EXPECT_EQ(scene.Last(T::kExtension).version_info(), "e1");
}

TEST(ExtensionStagingTest, AListenerGoesOnWithoutAfterTheFetchTimeoutAndLateIsNotNever) {
  Scene scene;
  Begin(scene, Discovering("in", "x"));
  scene.Run(seconds(16));
  EXPECT_TRUE(scene.target.Has(T::kListener, "in"));
  scene.Say<ExtensionProto>(T::kExtension, "e1", {Extension("x")});
  EXPECT_TRUE(scene.target.Has(T::kExtension, "x"));
}

TEST(ExtensionStagingTest, ADefaultThatServesAtOnceIsNotWaitedFor) {
  Scene scene;
  Begin(scene, Discovering("in", "x", /*at_once=*/true));
  EXPECT_TRUE(scene.target.Has(T::kListener, "in"));
  EXPECT_EQ(NamesOf(scene.Last(T::kExtension)), std::vector<std::string>{"x"}) << "asked for all the same";
}

TEST(ExtensionStagingTest, OneSubscriptionServesAllAndEndsWithTheLast) {
  Scene scene;
  scene.WatchBoth();
  scene.Say<ListenerProto>(T::kListener, "v1", {Discovering("a", "x"), Discovering("b", "x")});
  scene.Say<RouteProto>(T::kRoutes, "v1", {Routes("r", "nowhere")});
  scene.Say<ExtensionProto>(T::kExtension, "e1", {Extension("x")});
  EXPECT_TRUE(scene.target.Has(T::kListener, "a"));
  EXPECT_TRUE(scene.target.Has(T::kListener, "b"));
  scene.Say<ExtensionProto>(T::kExtension, "e2", {Extension("x", true)});
  EXPECT_EQ(scene.target.VersionOf(T::kExtension, "x"), "e2");
  scene.Say<ListenerProto>(T::kListener, "v2", {Discovering("b", "x")});
  EXPECT_TRUE(scene.target.Has(T::kExtension, "x"));
  scene.Say<ListenerProto>(T::kListener, "v3", {Listener("b", "r")});
  EXPECT_FALSE(scene.target.Has(T::kExtension, "x"));
  EXPECT_GT(scene.target.IndexOf("-ECDS x"), scene.target.IndexOf("+LDS b@v3"));
}

TEST(ExtensionStagingTest, ARefusedOneIsNamedAndTheOldOneStays) {
  Scene scene;
  Begin(scene, Discovering("in", "x"));
  scene.Say<ExtensionProto>(T::kExtension, "e1", {Extension("x")});
  scene.target.refuse.insert("x");
  scene.Say<ExtensionProto>(T::kExtension, "e2", {Extension("x", true)});
  EXPECT_EQ(scene.target.VersionOf(T::kExtension, "x"), "e1");
  EXPECT_NE(scene.Last(T::kExtension).error_detail().message().find("typed_extension_config \"x\" (version e2)"),
            std::string::npos);
}

// Only delta can say so.
TEST(ExtensionStagingTest, OneThatIsWithdrawnLeavesItsPlaceToTheDefaultAndMayComeAgain) {
  Scene scene;
  Begin(scene, Discovering("in", "x"));
  scene.Say<ExtensionProto>(T::kExtension, "e1", {Extension("x")});
  Update gone;
  gone.type = T::kExtension;
  gone.removed = {"x"};
  EXPECT_TRUE(scene.graph->OnUpdate(gone).empty());
  EXPECT_FALSE(scene.target.Has(T::kExtension, "x"));
  EXPECT_TRUE(scene.target.Has(T::kListener, "in"));
  scene.Say<ExtensionProto>(T::kExtension, "e2", {Extension("x")});
  EXPECT_EQ(scene.target.VersionOf(T::kExtension, "x"), "e2");
}

}  // namespace
}  // namespace outrigger::xds
