#include "source/config/origins.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace outrigger::config {
namespace {

TEST(OriginsTest, FieldsAreExplainedWithTheirResource) {
  Origins origins;
  const model::OriginId listener = origins.Add({"listener", "in", "7", ""});
  const model::OriginId chain = origins.AddField(listener, "filter_chains[0]");
  const model::OriginId filter = origins.AddField(listener, "filter_chains[0].filters[1]");
  const model::OriginId cluster = origins.Add({"cluster", "a", "", ""});
  EXPECT_EQ(origins.Explain(listener)->ToString(), "listener \"in\" (version 7)");
  EXPECT_EQ(origins.Explain(chain)->ToString(), "listener \"in\" (version 7): filter_chains[0]");
  EXPECT_EQ(origins.Explain(filter)->ToString(), "listener \"in\" (version 7): filter_chains[0].filters[1]");
  EXPECT_EQ(origins.Explain(cluster)->ToString(), "cluster \"a\"");
  EXPECT_EQ(origins.Find(filter)->ToString(), origins.Find(listener)->ToString());
  EXPECT_EQ(origins.Find(listener)->type, "listener");
  EXPECT_EQ(origins.Find(listener)->name, "in");
  EXPECT_EQ(origins.Find(listener)->version, "7");
  EXPECT_EQ(origins.Find(cluster)->version, "");
  EXPECT_FALSE(origins.Explain(0).has_value());
  EXPECT_FALSE(origins.Explain(cluster + 1).has_value());
}

TEST(OriginsTest, AResourceIsGivenBackWhateverItsNameHas) {
  Origins origins;
  for (const char* name : {"", "a\" (version 3)", "b", "\"", "(version "}) {
    const schema::Origin whole{"type.googleapis.com/envoy.config.cluster.v3.Cluster", name, "9) \"", ""};
    const std::optional<schema::Origin> found = origins.Find(origins.Add(whole));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->type, whole.type);
    EXPECT_EQ(found->name, whole.name);
    EXPECT_EQ(found->version, whole.version);
  }
}

TEST(OriginsTest, AFieldOfAnOlderResourceIsTheResource) {
  Origins origins;
  const model::OriginId first = origins.Add({"listener", "in", "", ""});
  origins.Add({"cluster", "a", "", ""});
  EXPECT_EQ(origins.AddField(first, "filter_chains[0]"), first);
}

TEST(OriginsTest, ARetiredOneIsKnownAsLongAsItsTextsAreHeld) {
  Origins origins;
  const model::OriginId routes = origins.Add({"route configuration", "all", "1", ""});
  const model::OriginId route = origins.AddField(routes, "virtual_hosts[0]");
  auto held = origins.TextsOf(routes);
  origins.Retire(routes);
  const auto retire_some = [&origins] {
    for (int i = 0; i < 20; ++i) origins.Retire(origins.Add({"cluster", "a", "", ""}));
  };
  retire_some();
  EXPECT_EQ(origins.Explain(route)->ToString(), "route configuration \"all\" (version 1): virtual_hosts[0]");
  EXPECT_EQ(origins.TextsOf(routes), held);
  EXPECT_EQ(origins.known(), 1u);

  held = nullptr;
  EXPECT_FALSE(origins.Explain(route).has_value());
  retire_some();
  EXPECT_EQ(origins.known(), 0u);
  EXPECT_FALSE(origins.Find(routes).has_value());
}

TEST(OriginsTest, ASweepForgetsAllThatNobodyHolds) {
  Origins origins;
  std::vector<model::OriginId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(origins.Add({"cluster", "a", "", ""}));
  std::vector<std::shared_ptr<const ResourceOrigin>> held;
  for (const model::OriginId id : ids) held.push_back(origins.TextsOf(id));
  for (const model::OriginId id : ids) origins.Retire(id);
  origins.Sweep();
  EXPECT_EQ(origins.known(), 100u);
  held.resize(1);
  origins.Sweep();
  EXPECT_EQ(origins.known(), 1u);
  EXPECT_TRUE(origins.Find(ids[0]).has_value());
}

TEST(OriginsTest, ManyThatWereHeldAreForgottenOneAfterTheOther) {
  Origins origins;
  std::vector<std::shared_ptr<const ResourceOrigin>> held;
  for (int i = 0; i < 1000; ++i) {
    const model::OriginId id = origins.Add({"cluster", "a", "", ""});
    held.push_back(origins.TextsOf(id));
    origins.Retire(id);
  }
  EXPECT_EQ(origins.known(), 1000u);
  held.clear();
  for (int i = 0; i < 500; ++i) origins.Retire(origins.Add({"cluster", "a", "", ""}));
  EXPECT_EQ(origins.known(), 0u);
}

}  // namespace
}  // namespace outrigger::config
