#include "source/config/slot_table.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace outrigger::config {
namespace {

TEST(SlotTableTest, ANameKeepsItsSlotWhileAnythingRefersToIt) {
  ClusterNames names;
  const ClusterNames::Ref first = names.Get("a");
  EXPECT_EQ(names.Get("a"), first);
  EXPECT_EQ(names.Find("a"), first);
  EXPECT_EQ(names.Find("b"), nullptr);
  EXPECT_NE(names.Get("b")->slot.index, first->slot.index);
  EXPECT_EQ(first->name, "a");
}

TEST(SlotTableTest, ASlotComesBackWithTheNextGeneration) {
  ClusterNames names;
  ClusterNames::Ref first = names.Get("a");
  const model::ClusterSlot before = first->slot;
  first = nullptr;
  EXPECT_EQ(names.Find("a"), nullptr);
  const ClusterNames::Ref next = names.Get("b");
  EXPECT_EQ(next->slot.index, before.index);
  EXPECT_EQ(next->slot.generation, before.generation + 1);
  EXPECT_NE(names.Get("a")->slot.index, before.index);
}

TEST(SlotTableTest, VeryManyThatGoLeaveTheirSlotsAndTheOthers) {
  ClusterNames names;
  const ClusterNames::Ref kept = names.Get("kept");
  std::vector<ClusterNames::Ref> many;
  for (int i = 0; i < 1000; ++i) many.push_back(names.Get(absl::StrCat("n", i)));
  many.clear();
  EXPECT_EQ(names.Find("kept"), kept);
  for (int i = 0; i < 1000; ++i) {
    many.push_back(names.Get(absl::StrCat("m", i)));
    EXPECT_LE(many.back()->slot.index, 1000u);
  }
}

TEST(SlotTableTest, ANameMayOutliveTheTable) {
  std::optional<ClusterNames> names(std::in_place);
  ClusterNames::Ref ref = names->Get("a");
  names.reset();
  EXPECT_EQ(ref->name, "a");
  ref = nullptr;
}

}  // namespace
}  // namespace outrigger::config
