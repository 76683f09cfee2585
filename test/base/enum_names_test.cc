#include "source/base/enum_names.h"

#include "gtest/gtest.h"

namespace outrigger {
namespace {

#define COLOURS(X) X(kRed, "red") X(kDarkBlue, "dark-blue")
OUTRIGGER_NAMED_ENUM(Colour, uint8_t, COLOURS);

TEST(EnumNamesTest, NamesGoBothWays) {
  EXPECT_EQ(EnumName(Colour::kDarkBlue), "dark-blue");
  EXPECT_EQ(EnumName(static_cast<Colour>(77)), "?");
  Colour colour = Colour::kRed;
  EXPECT_TRUE(EnumFromName("DARK-blue", &colour));
  EXPECT_EQ(colour, Colour::kDarkBlue);
  EXPECT_FALSE(EnumFromName("green", &colour));
}

}  // namespace
}  // namespace outrigger
