#include "source/base/intrusive_list.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace outrigger {
namespace {

struct OtherTag;
struct Item : ListHook<>, ListHook<OtherTag> {
  explicit Item(int n) : n(n) {}
  int n;
};

std::vector<int> Numbers(IntrusiveList<Item>& list) {
  std::vector<int> numbers;
  list.ForEach([&](Item& item) { numbers.push_back(item.n); });
  return numbers;
}

TEST(IntrusiveListTest, KeepsOrderAndMovesAnItemThatIsInsertedAgain) {
  Item a(1), b(2), c(3);
  IntrusiveList<Item> list;
  list.PushBack(a);
  list.PushBack(b);
  list.PushFront(c);
  EXPECT_EQ(Numbers(list), (std::vector<int>{3, 1, 2}));
  list.PushBack(c);
  EXPECT_EQ(Numbers(list), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(list.PopFront().n, 1);
  EXPECT_EQ(list.back().n, 3);
  EXPECT_EQ(list.CountSlow(), 2u);
}

TEST(IntrusiveListTest, AnItemThatDiesLeavesItsListsAlsoDuringForEach) {
  IntrusiveList<Item> list;
  IntrusiveList<Item, OtherTag> other;
  auto a = std::make_unique<Item>(1);
  auto b = std::make_unique<Item>(2);
  list.PushBack(*a);
  list.PushBack(*b);
  other.PushBack(*a);
  list.ForEach([&](Item& item) {
    if (item.n == 1) a.reset();
  });
  EXPECT_EQ(Numbers(list), (std::vector<int>{2}));
  EXPECT_TRUE(other.empty());
}

TEST(IntrusiveListTest, AListThatDiesUnlinksItsItems) {
  Item a(1);
  {
    IntrusiveList<Item> list;
    list.PushBack(a);
    EXPECT_TRUE(static_cast<ListHook<>&>(a).linked());
  }
  EXPECT_FALSE(static_cast<ListHook<>&>(a).linked());
}

}  // namespace
}  // namespace outrigger
