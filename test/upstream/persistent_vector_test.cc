#include "source/model/persistent_vector.h"

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "source/base/random.h"

namespace outrigger::model {
namespace {

using Vector = PersistentVector<int>;

std::shared_ptr<const int> Of(int value) { return std::make_shared<const int>(value); }

Vector Filled(uint32_t size) {
  Vector vector;
  for (uint32_t i = 0; i < size; ++i) vector.Set(i, Of(static_cast<int>(i)));
  return vector;
}

using Change = std::tuple<uint32_t, int, int>;  // -1: nothing
std::vector<Change> ChangesOf(const Vector& before, const Vector& after) {
  std::vector<Change> changes;
  Vector::ForEachChange(before, after, [&](uint32_t at, const int* was, const int* is) {
    changes.emplace_back(at, was == nullptr ? -1 : *was, is == nullptr ? -1 : *is);
  });
  return changes;
}

TEST(PersistentVectorTest, WhatWasSetIsThereAndNothingElse) {
  Vector vector;
  EXPECT_EQ(vector.size(), 0u);
  EXPECT_EQ(vector.Get(0), nullptr);
  vector.Set(70, Of(7));
  EXPECT_EQ(vector.size(), 71u);
  EXPECT_EQ(*vector.Get(70), 7);
  EXPECT_EQ(vector.Get(69), nullptr);
  EXPECT_EQ(vector.Get(71), nullptr);
  EXPECT_EQ(*vector.Share(70), 7);
  EXPECT_EQ(vector.Share(1000), nullptr);
  vector.Set(Vector::kMost - 1, Of(9));
  EXPECT_EQ(*vector.Get(Vector::kMost - 1), 9);
  EXPECT_EQ(*vector.Get(70), 7);
  vector.Set(Vector::kMost, Of(1));
  EXPECT_EQ(vector.size(), Vector::kMost);
}

TEST(PersistentVectorTest, AnEarlierVersionStaysAsItWas) {
  const Vector before = Filled(300);
  Vector after = before;
  EXPECT_TRUE(after.Is(before));
  after.Set(17, Of(-17));
  after.Set(299, nullptr);
  after.Set(5000, Of(5));
  EXPECT_FALSE(after.Is(before));
  for (uint32_t i = 0; i < 300; ++i) EXPECT_EQ(*before.Get(i), static_cast<int>(i));
  EXPECT_EQ(before.size(), 300u);
  EXPECT_EQ(*after.Get(17), -17);
  EXPECT_EQ(after.Get(299), nullptr);
  EXPECT_EQ(*after.Get(5000), 5);
}

TEST(PersistentVectorTest, ChangesAreFoundInOrderWhateverGrewOrShrank) {
  const Vector before = Filled(10);
  Vector after = before;
  EXPECT_TRUE(ChangesOf(before, after).empty());
  after.Set(400, Of(1));
  after.Set(3, Of(33));
  after.Set(9, nullptr);
  EXPECT_EQ(ChangesOf(before, after), (std::vector<Change>{{3, 3, 33}, {9, 9, -1}, {400, -1, 1}}));
  EXPECT_EQ(ChangesOf(after, before), (std::vector<Change>{{3, 33, 3}, {9, -1, 9}, {400, 1, -1}}));
  EXPECT_EQ(ChangesOf(Vector(), before).size(), 10u);
  EXPECT_EQ(ChangesOf(before, Vector()).size(), 10u);
}

TEST(PersistentVectorTest, NodesWithoutElementsGo) {
  const Vector full = Filled(10000);
  Vector vector = full;
  for (uint32_t i = 0; i < 10000; ++i) {
    if (i != 4321) vector.Set(i, nullptr);
  }
  EXPECT_EQ(vector.NodesNotIn(Vector()), 7u);  // those above the one that is left
  EXPECT_EQ(*vector.Get(4321), 4321);
  EXPECT_EQ(vector.Get(4320), nullptr);
  EXPECT_EQ(vector.Get(9999), nullptr);
  EXPECT_EQ(ChangesOf(full, vector).size(), 9999u);
  EXPECT_EQ(ChangesOf(vector, full).size(), 9999u);
  Vector again = vector;
  again.Set(9999, Of(1));
  EXPECT_EQ(ChangesOf(vector, again), (std::vector<Change>{{9999, -1, 1}}));
  vector.Set(4321, nullptr);
  vector.Set(77, nullptr);  // of what is not there
  EXPECT_EQ(vector.NodesNotIn(Vector()), 0u);
  EXPECT_EQ(vector.size(), 0u);
  EXPECT_TRUE(vector.Is(Vector()));
  vector.Set(5, Of(5));
  EXPECT_EQ(vector.size(), 6u);
  EXPECT_EQ(*vector.Get(5), 5);
  EXPECT_EQ(*full.Get(5), 5);  // versions share; this one has all of its own
  EXPECT_EQ(full.size(), 10000u);
}

TEST(PersistentVectorTest, AChangeCopiesOnePathAndOneThatIsNotSharedCopiesNothing) {
  const Vector before = Filled(10000);
  Vector after = before;
  after.Set(1234, Of(1));
  EXPECT_EQ(after.NodesNotIn(before), 7u);  // 4^7 > 10000
  after.Set(1235, Of(1));
  EXPECT_EQ(after.NodesNotIn(before), 7u);
  after.Set(9999, Of(1));
  EXPECT_LE(after.NodesNotIn(before), 13u);
}

TEST(PersistentVectorTest, DoesAsAMapDoesInManyVersions) {
  Random random(7);
  std::vector<std::pair<Vector, std::map<uint32_t, int>>> versions(1);
  for (int round = 0; round < 2000; ++round) {
    auto next = versions[random.Next() % versions.size()];
    for (uint64_t n = random.Next() % 4; n < 4; ++n) {
      const auto at = static_cast<uint32_t>(random.Next() % (random.Next() % 8 == 0 ? 3000 : 60));
      if (random.Next() % 4 == 0) {
        next.first.Set(at, nullptr);
        next.second.erase(at);
      } else {
        next.first.Set(at, Of(round));
        next.second[at] = round;
      }
    }
    const auto& [other, expected] = versions[random.Next() % versions.size()];
    std::map<uint32_t, int> followed = expected;
    Vector::ForEachChange(other, next.first, [&](uint32_t at, const int* was, const int* is) {
      EXPECT_EQ(followed.count(at), was == nullptr ? 0u : 1u);
      if (is == nullptr) followed.erase(at);
      if (is != nullptr) followed[at] = *is;
    });
    ASSERT_EQ(followed, next.second);
    if (versions.size() < 20) versions.push_back(next);
    versions[random.Next() % versions.size()] = std::move(next);
  }
}

}  // namespace
}  // namespace outrigger::model
