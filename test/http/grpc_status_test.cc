#include "source/http/grpc_status.h"

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

int64_t Nanoseconds(absl::string_view text) {
  int64_t nanoseconds = -1;
  return ParseGrpcTimeout(text, &nanoseconds) ? nanoseconds : -1;
}

TEST(GrpcTimeoutTest, HasAUnit) {
  EXPECT_EQ(Nanoseconds("1n"), 1);
  EXPECT_EQ(Nanoseconds("2u"), 2'000);
  EXPECT_EQ(Nanoseconds("3m"), 3'000'000);
  EXPECT_EQ(Nanoseconds("4S"), 4'000'000'000);
  EXPECT_EQ(Nanoseconds("5M"), 300'000'000'000);
  EXPECT_EQ(Nanoseconds("6H"), 21'600'000'000'000);
  for (const char* bad : {"", "1", "S", "1s", "-1S", "123456789S", " 1S"}) EXPECT_EQ(Nanoseconds(bad), -1) << bad;
}

TEST(GrpcTimeoutTest, TheLongestAreLongNotOverflown) {
  const int64_t decade = int64_t{10} * 365 * 24 * 3600 * 1'000'000'000;
  EXPECT_GE(Nanoseconds("99999999H"), decade);
  EXPECT_GE(Nanoseconds("99999999H"), Nanoseconds("1000000H"));
  EXPECT_GE(Nanoseconds("99999999M"), decade);
}

}  // namespace
}  // namespace outrigger::http
