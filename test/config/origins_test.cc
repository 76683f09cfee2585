#include "source/config/origins.h"

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
  EXPECT_EQ(origins.Find(filter), origins.Find(listener));
  EXPECT_FALSE(origins.Explain(0).has_value());
  EXPECT_FALSE(origins.Explain(cluster + 1).has_value());
}

TEST(OriginsTest, AFieldOfAnOlderResourceIsTheResource) {
  Origins origins;
  const model::OriginId first = origins.Add({"listener", "in", "", ""});
  origins.Add({"cluster", "a", "", ""});
  EXPECT_EQ(origins.AddField(first, "filter_chains[0]"), first);
}

TEST(OriginsTest, RetiredOnesAreKeptForAWhileByTheirSize) {
  Origins origins;
  const model::OriginId big = origins.Add({"route configuration", "big", "", ""});
  for (size_t i = 0; i < Origins::kMostRetired; ++i) origins.AddField(big, "x");
  const model::OriginId next = origins.Add({"cluster", "a", "", ""});
  origins.Retire(big);
  EXPECT_TRUE(origins.Explain(big).has_value());  // somebody may still hold it
  origins.Retire(next);
  EXPECT_FALSE(origins.Explain(big).has_value());
  EXPECT_FALSE(origins.Explain(big + 5).has_value());
  EXPECT_TRUE(origins.Explain(next).has_value());
}

}  // namespace
}  // namespace outrigger::config
