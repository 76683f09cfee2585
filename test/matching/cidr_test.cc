#include "source/matching/cidr.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "source/base/ip_text.h"

namespace outrigger::matching {
namespace {

IpAddress Ip(absl::string_view text) {
  absl::StatusOr<IpAddress> parsed = IpAddress::Parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? *parsed : IpAddress();
}

TEST(IpAddressTest, WhatIsNoAddressIsNone) {
  EXPECT_EQ(ParseIpOrNone("10.0.0.1").ToString(), "10.0.0.1");
  EXPECT_EQ(ParseIpOrNone("::1").ToString(), "::1");
  for (const char* text : {"", "10.0.0", "10.0.0.1:80", "[::1]", "::g", "10.0.0.256"}) {
    EXPECT_TRUE(ParseIpOrNone(text) == IpAddress()) << text;
  }
}

TEST(IpAddressTest, ParsesAndPrintsBothFamiliesAndRefusesTheRest) {
  EXPECT_EQ(Ip("10.0.0.1").ToString(), "10.0.0.1");
  EXPECT_EQ(Ip("2001:DB8::1").ToString(), "2001:db8::1");
  EXPECT_EQ(Ip("::ffff:1.2.3.4").Unmapped(), Ip("1.2.3.4"));
  EXPECT_EQ(IpAddress::FromBytes(Ip("1.2.3.4").view()), Ip("1.2.3.4"));
  EXPECT_EQ(IpAddress::FromBytes("12345").family, IpAddress::Family::kNone);
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "01.2.3.4x", "[::1]", "::1%eth0", "1.2.3.4:80", "host",
                          "11111111111111111111111111111111111111111111111111111111111"}) {
    EXPECT_FALSE(IpAddress::Parse(bad).ok()) << bad;
  }
  EXPECT_FALSE(IpAddress::Parse(absl::string_view("1.2.3.4\0", 8)).ok());
}

TEST(CidrRangeTest, ComparesLeadingBitsOfTheSameFamily) {
  const CidrRange range = *CidrRange::Create("10.1.2.3", 12);
  EXPECT_EQ(range.ToString(), "10.0.0.0/12");
  EXPECT_TRUE(range.Contains(Ip("10.15.255.255")));
  EXPECT_FALSE(range.Contains(Ip("10.16.0.0")));
  EXPECT_FALSE(range.Contains(Ip("a00::")));
  EXPECT_TRUE(CidrRange::Create("::", 0)->Contains(Ip("ff::")));
  EXPECT_FALSE(CidrRange::Create("0.0.0.0", 33).ok());
  EXPECT_TRUE(CidrRange::Parse("::1")->Contains(Ip("::1")));
  EXPECT_FALSE(CidrRange::Parse("::1")->Contains(Ip("::2")));
  EXPECT_FALSE(CidrRange::Parse("10.0.0.0/x").ok());
}

TEST(CidrSetTest, AgreesWithAskingEveryRange) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<CidrRange> ranges;
    const auto pick = [&](bool v6) {
      IpAddress a;
      a.family = v6 ? IpAddress::Family::kIpv6 : IpAddress::Family::kIpv4;
      for (int i = 0; i < a.bit_length() / 8; ++i) a.bytes[i] = static_cast<uint8_t>(random() % 3 == 0 ? random() : 10);
      return a;
    };
    for (int i = 0; i < 12; ++i) {
      const IpAddress a = pick(i % 3 == 0);
      ranges.push_back(*CidrRange::Create(a.ToString(), random() % static_cast<uint32_t>(a.bit_length() + 1)));
    }
    if (round % 4 != 0) ranges.resize(3);
    const CidrSet set(ranges);
    for (int i = 0; i < 50; ++i) {
      const IpAddress a = pick(i % 2 == 0);
      bool expected = false;
      for (const CidrRange& range : ranges) expected |= range.Contains(a);
      ASSERT_EQ(set.Contains(a), expected) << a.ToString();
    }
  }
  EXPECT_FALSE(CidrSet().Contains(Ip("1.2.3.4")));
}

}  // namespace
}  // namespace outrigger::matching
