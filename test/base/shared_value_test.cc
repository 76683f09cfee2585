#include "source/base/shared_value.h"

#include <vector>

#include "gtest/gtest.h"

namespace outrigger {
namespace {

struct Numbers {
  int first = 1, second = 2;
  friend bool operator==(const Numbers& a, const Numbers& b) = default;
};

TEST(SharedTest, OneThatWasNeverEditedIsTheValueAsItIsMade) {
  const Shared<Numbers> one, other;
  EXPECT_EQ(one->first, 1);
  EXPECT_EQ(one->second, 2);
  EXPECT_EQ(&*one, &*other) << "and takes no memory";
}

TEST(SharedTest, EditingACopyLeavesTheOtherAsItWas) {
  Shared<Numbers> one;
  one.Edit().first = 7;
  Shared<Numbers> other = one;
  EXPECT_EQ(&*one, &*other);
  other.Edit().second = 8;
  EXPECT_EQ(*one, (Numbers{7, 2}));
  EXPECT_EQ(*other, (Numbers{7, 8}));
}

TEST(SharedTest, OneThatNobodySharesIsEditedInItsPlace) {
  Shared<Numbers> one;
  one.Edit().first = 7;
  const Numbers* const place = &*one;
  one.Edit().second = 8;
  EXPECT_EQ(&*one, place);
}

TEST(SharedValuesTest, EqualOnesAreKeptOnce) {
  SharedValues<Numbers> values;
  Shared<Numbers> one, other, third;
  one.Edit().first = 7;
  other.Edit().first = 7;
  third.Edit().first = 8;
  for (Shared<Numbers>* each : {&one, &other, &third}) values.Share(5, each);
  EXPECT_EQ(&*one, &*other);
  EXPECT_NE(&*one, &*third) << "the same hash does not make them equal";
  EXPECT_EQ(third->first, 8);
  other.Edit().first = 9;
  EXPECT_EQ(one->first, 7);
}

TEST(SharedValuesTest, OneThatIsEqualToTheUntouchedOneTakesNothing) {
  SharedValues<Numbers> values;
  Shared<Numbers> one;
  one.Edit().first = 1;
  values.Share(5, &one);
  EXPECT_EQ(&*one, &*Shared<Numbers>());
  EXPECT_EQ(values.size(), 0u);
}

TEST(SharedValuesTest, WhatNobodyHoldsIsForgotten) {
  SharedValues<Numbers> values;
  Shared<Numbers> kept;
  kept.Edit().first = -1;
  values.Share(1, &kept);
  for (int i = 2; i < 5000; ++i) {
    Shared<Numbers> passing;
    passing.Edit().first = i;
    values.Share(static_cast<uint64_t>(i), &passing);
  }
  EXPECT_LT(values.size(), 200u);
  Shared<Numbers> again;
  again.Edit().first = -1;
  values.Share(1, &again);
  EXPECT_EQ(&*again, &*kept);
}

TEST(SharedValuesTest, OfVeryManyThatCollideSomeStandAlone) {
  SharedValues<Numbers> values;
  std::vector<Shared<Numbers>> all(100);
  for (int i = 0; i < 100; ++i) {
    all[i].Edit().first = 100 + i;
    values.Share(1, &all[i]);
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(all[i]->first, 100 + i);
  Shared<Numbers> first, last;
  first.Edit().first = 100;
  last.Edit().first = 199;
  values.Share(1, &first);
  values.Share(1, &last);
  EXPECT_EQ(&*first, &*all[0]);
  EXPECT_NE(&*last, &*all[99]);
}

}  // namespace
}  // namespace outrigger
