#include "source/base/indexed_map.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "source/base/random.h"

namespace outrigger {
namespace {

TEST(IndexedMapTest, FindsWhatAnOrderedMapWould) {
  IndexedMap<std::string, int> indexed;
  std::map<std::string, int> plain;
  Random random(5);
  for (int i = 0; i < 5000; ++i) {
    const std::string key = absl::StrCat("a long beginning that all keys share ", random.Below(300));
    if (random.OneIn(3)) {
      if (const auto at = indexed.find(absl::string_view(key)); at != indexed.end()) indexed.erase(at);
      plain.erase(key);
    } else {
      indexed[key] = i;
      plain[key] = i;
    }
    const auto at = indexed.find(key);
    ASSERT_EQ(at != indexed.end(), plain.contains(key));
    if (at != indexed.end()) {
      ASSERT_EQ(at->second, plain[key]);
    }
    ASSERT_EQ(indexed.size(), plain.size());
  }
  std::vector<std::pair<std::string, int>> walked(indexed.begin(), indexed.end());
  EXPECT_EQ(walked, (std::vector<std::pair<std::string, int>>(plain.begin(), plain.end())));
  EXPECT_EQ(indexed.lower_bound(absl::string_view(""))->first, plain.begin()->first);
}

TEST(IndexedMapTest, AnElementStaysWhereItIs) {
  IndexedMap<std::string, int> map;
  const int* first = &map["x"];
  for (int i = 0; i < 1000; ++i) map[absl::StrCat(i)] = i;
  EXPECT_EQ(first, &map.find(std::string("x"))->second);
  EXPECT_FALSE(map.try_emplace("x").second);
}

}  // namespace
}  // namespace outrigger
