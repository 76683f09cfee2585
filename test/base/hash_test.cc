#include "source/base/hash.h"

#include <string>

#include "gtest/gtest.h"

namespace outrigger {
namespace {

// Published values of XXH64.
TEST(StableHashTest, MatchesTheSpecification) {
  EXPECT_EQ(StableHash(""), 0xEF46DB3751D8E999ull);
  EXPECT_EQ(StableHash("a"), 0xD24EC4F1A98C6E5Bull);
  EXPECT_EQ(StableHash("abc"), 0x44BC2CF5AD770999ull);
  EXPECT_EQ(StableHash("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1ull);
}

TEST(StableHashTest, EveryByteAndTheSeedMatter) {
  const std::string text(77, 'x');
  const uint64_t hash = StableHash(text);
  EXPECT_NE(hash, StableHash(text, 1));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = 'y';
    EXPECT_NE(StableHash(other), hash) << i;
  }
}

}  // namespace
}  // namespace outrigger
