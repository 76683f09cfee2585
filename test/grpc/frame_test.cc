#include "source/grpc/frame.h"

#include "gtest/gtest.h"
#include "source/grpc/wire.h"

namespace outrigger::grpc {
namespace {

using R = FrameDecoder::Result;

TEST(FrameTest, WholeMessagesComeOutOfAnyCutting) {
  Buffer wire;
  AppendFrame("first", wire);
  AppendFrame("", wire);
  AppendFrame(std::string(100'000, 'x'), wire);
  const std::string bytes = wire.ToString();
  for (const size_t step : {size_t{1}, size_t{2}, size_t{7}, size_t{16 * 1024}, bytes.size()}) {
    FrameDecoder decoder;
    std::vector<size_t> sizes;
    for (size_t at = 0; at < bytes.size(); at += step) {
      Buffer piece(absl::string_view(bytes).substr(at, step));
      decoder.Add(piece);
      absl::string_view message;
      while (decoder.Next(&message) == R::kMessage) sizes.push_back(message.size());
    }
    EXPECT_EQ(sizes, (std::vector<size_t>{5, 0, 100'000})) << step;
    EXPECT_FALSE(decoder.partial());
  }
}

TEST(FrameTest, AMessageAboveTheLimitIsRefusedByItsPrefixAlone) {
  FrameDecoder decoder(10);
  Buffer head(absl::string_view("\0\0\0\0\x0b", 5));
  decoder.Add(head);
  EXPECT_TRUE(decoder.Ready());
  absl::string_view message;
  EXPECT_EQ(decoder.Next(&message), R::kTooLarge);
}

TEST(FrameTest, CompressedMessagesAndUnknownFlagsAreRefused) {
  absl::string_view message;
  FrameDecoder compressed;
  Buffer one(absl::string_view("\1\0\0\0\0", 5));
  compressed.Add(one);
  EXPECT_EQ(compressed.Next(&message), R::kCompressed);
  FrameDecoder bad;
  Buffer two(absl::string_view("\2\0\0\0\0", 5));
  bad.Add(two);
  EXPECT_EQ(bad.Next(&message), R::kBadFlag);
}

TEST(WireTest, StatusMessagesAreDecodedAndWhatIsMalformedStays) {
  EXPECT_EQ(PercentDecode("a%20b%C3%A9"), "a b\xc3\xa9");
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%zz%4"), "%zz%4");
}

TEST(WireTest, DeadlinesUseTheFinestUnitThatFitsEightDigits) {
  EXPECT_EQ(TimeoutText(nanoseconds(5)), "5n");
  EXPECT_EQ(TimeoutText(milliseconds(250)), "250000u");
  EXPECT_EQ(TimeoutText(seconds(15)), "15000000u");
  EXPECT_EQ(TimeoutText(hours(24)), "86400000m");
  EXPECT_EQ(TimeoutText(nanoseconds(0)), "1n");
}

TEST(WireTest, AClusterNameThatCannotBeAnAuthorityIsNotUsedAsOne) {
  EXPECT_EQ(AuthorityFrom("xds_cluster"), "xds_cluster");
  EXPECT_EQ(AuthorityFrom("outbound|80||a.b"), "localhost");
  EXPECT_EQ(AuthorityFrom(""), "localhost");
}

}  // namespace
}  // namespace outrigger::grpc
