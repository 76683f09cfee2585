#include "source/base/shared_text.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"

namespace outrigger {
namespace {

TEST(SharedTextTest, EqualTextsAreHeldOnceAndFreedWithTheLast) {
  const size_t before = SharedText::Held();
  {
    const SharedText one = std::string("some name that is long enough for the heap");
    const SharedText two = absl::StrCat("some name that is long ", "enough for the heap");
    EXPECT_EQ(SharedText::Held(), before + 1);
    EXPECT_EQ(&one.str(), &two.str());
    EXPECT_EQ(one, two);
    SharedText third = one;
    SharedText fourth = std::move(third);
    EXPECT_TRUE(third.empty());  // NOLINT(bugprone-use-after-move): said in the header
    third = fourth;
    third = third;
    EXPECT_EQ(third, "some name that is long enough for the heap");
    EXPECT_EQ(SharedText::Held(), before + 1);
  }
  EXPECT_EQ(SharedText::Held(), before);
}

TEST(SharedTextTest, TheEmptyOneIsNoneAndReadsAsOne) {
  const size_t before = SharedText::Held();
  const SharedText none, empty = "";
  EXPECT_EQ(SharedText::Held(), before);
  EXPECT_TRUE(none == empty && none == "" && none.empty());
  EXPECT_EQ(none.str(), "");
  EXPECT_TRUE(none < SharedText("a"));
}

TEST(SharedTextTest, ItSortsAndIsFoundAsAStringWouldBe) {
  std::map<SharedText, int, std::less<>> map{{"b", 2}, {"a", 1}, {"", 0}};
  EXPECT_EQ(map.begin()->first, "");
  EXPECT_EQ(map.rbegin()->first, "b");
  EXPECT_EQ(map.find(absl::string_view("a"))->second, 1);
  EXPECT_EQ(map.find(std::string("b"))->second, 2);
  EXPECT_EQ(absl::HashOf(SharedText("abc")), absl::HashOf(absl::string_view("abc")));
}

TEST(SharedTextTest, ManyThreadsMayHoldAndDropTheSame) {
  const size_t before = SharedText::Held();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 20000; ++i) {
        const SharedText one = absl::StrCat("text ", i % 3);
        const SharedText two = one;
        if (two.size() != 6) ADD_FAILURE();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(SharedText::Held(), before);
}

}  // namespace
}  // namespace outrigger
