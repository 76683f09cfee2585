#include "gtest/gtest.h"
#include "source/observe/response_code_details.h"
#include "source/observe/response_flags.h"
#include "source/observe/trace_context.h"

namespace outrigger::observe {
namespace {

TEST(ResponseFlagsTest, SeveralFlagsPrintInThePublishedOrder) {
  ResponseFlags flags;
  std::string none;
  flags.AppendShort(none);
  EXPECT_EQ(none, "-");
  flags.Set(ResponseFlag::kUpstreamRetryLimitExceeded);
  flags.Set(ResponseFlag::kUpstreamConnectionFailure);
  std::string short_text, long_text;
  flags.AppendShort(short_text);
  flags.AppendLong(long_text);
  EXPECT_EQ(short_text, "UF,URX");
  EXPECT_EQ(long_text, "UpstreamConnectionFailure,UpstreamRetryLimitExceeded");
  flags.Clear(ResponseFlag::kUpstreamConnectionFailure);
  EXPECT_FALSE(flags.Has(ResponseFlag::kUpstreamConnectionFailure));
}

TEST(ResponseFlagsTest, EveryShortNameParsesBackAndIsUnique) {
  for (int i = 0; i < static_cast<int>(ResponseFlag::kCount); ++i) {
    const ResponseFlag flag = static_cast<ResponseFlag>(i);
    ASSERT_TRUE(ParseResponseFlag(ShortName(flag)).has_value());
    EXPECT_EQ(*ParseResponseFlag(ShortName(flag)), flag);
  }
  EXPECT_FALSE(ParseResponseFlag("XX").has_value());
}

TEST(RequestIdTest, IsAVersionFourUuidOfTheGivenBits) {
  const RequestIdText id = MakeRequestId(0x0123456789abcdefull, 0xfedcba9876543210ull);
  EXPECT_EQ(View(id), "01234567-89ab-4def-bedc-ba9876543210");
  EXPECT_TRUE(IsUuid(View(id)));
  EXPECT_EQ(*RequestIdNumber(View(id)), 0x01234567u);
}

TEST(RequestIdTest, CarriesTheReasonOfTracing) {
  RequestIdText id = MakeRequestId(1, 2);
  EXPECT_EQ(TraceReasonOf(View(id)), TraceReason::kNotTraceable);
  for (TraceReason reason :
       {TraceReason::kSampled, TraceReason::kForced, TraceReason::kClient, TraceReason::kNotTraceable}) {
    EXPECT_TRUE(SetTraceReason(id.data(), id.size(), reason));
    EXPECT_EQ(TraceReasonOf(View(id)), reason);
    EXPECT_TRUE(IsUuid(View(id)));
  }
}

TEST(RequestIdTest, ForeignTextIsNoUuidAndIsLeftAlone) {
  char text[] = "hello";
  EXPECT_FALSE(SetTraceReason(text, 5, TraceReason::kForced));
  EXPECT_STREQ(text, "hello");
  for (const char* bad : {"", "01234567-89ab-4def-bedc-ba987654321", "0123456789ab-4def-bedc-ba9876543210-x",
                          "zz234567-89ab-4def-bedc-ba9876543210"}) {
    EXPECT_FALSE(IsUuid(bad)) << bad;
  }
  EXPECT_FALSE(RequestIdNumber("1234567").has_value());
  EXPECT_FALSE(RequestIdNumber("1234567g").has_value());
}

TEST(TraceParentTest, AValidHeaderIsTakenApart) {
  const auto parsed = ParseTraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(parsed->parent_id, "00f067aa0ba902b7");
  EXPECT_TRUE(parsed->sampled());
  EXPECT_TRUE(ParseTraceParent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more").has_value());
}

TEST(TraceParentTest, MalformedHeadersAreRefused) {
  for (const char* bad : {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                          "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                          "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x"}) {
    EXPECT_FALSE(ParseTraceParent(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace outrigger::observe
