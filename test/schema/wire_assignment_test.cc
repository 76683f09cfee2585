#include "source/schema/wire_assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <set>

#include "absl/strings/str_cat.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "source/base/random.h"

namespace outrigger::schema {
namespace {

using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::endpoint::v3::LbEndpoint;

LbEndpoint Endpoint(uint64_t port, uint32_t weight = 0) {
  LbEndpoint endpoint;
  auto& socket = *endpoint.mutable_endpoint()->mutable_address()->mutable_socket_address();
  socket.set_address("10.0.0.1");
  socket.set_port_value(static_cast<uint32_t>(port));
  if (weight != 0) endpoint.mutable_load_balancing_weight()->set_value(weight);
  return endpoint;
}
ClusterLoadAssignment Assignment(const std::vector<std::vector<LbEndpoint>>& localities) {
  ClusterLoadAssignment assignment;
  assignment.set_cluster_name("c");
  for (const auto& endpoints : localities) {
    auto& locality = *assignment.add_endpoints();
    locality.mutable_locality()->set_zone(absl::StrCat("z", assignment.endpoints_size()));
    for (const LbEndpoint& one : endpoints) *locality.add_lb_endpoints() = one;
    locality.set_priority(1);  // a field after the list
  }
  assignment.mutable_policy()->mutable_overprovisioning_factor()->set_value(150);
  return assignment;
}
std::multiset<std::string> Bytes(const std::vector<LbEndpoint>& endpoints) {
  std::multiset<std::string> bytes;
  for (const LbEndpoint& one : endpoints) bytes.insert(one.SerializeAsString());
  return bytes;
}

TEST(WireAssignmentTest, TheDifferenceMakesOneOutOfTheOther) {
  Random random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::vector<LbEndpoint>> before(1 + random.Below(3)), after;
    for (auto& locality : before) {
      for (uint64_t n = random.Below(40); n > 0; --n) locality.push_back(Endpoint(random.Below(30)));
    }
    after = before;
    for (auto& locality : after) {
      if (random.OneIn(2)) continue;
      for (uint64_t n = random.Below(4); n > 0 && !locality.empty(); --n)
        locality.erase(locality.begin() + static_cast<ptrdiff_t>(random.Below(locality.size())));
      for (uint64_t n = random.Below(4); n > 0; --n)
        locality.insert(locality.begin() + static_cast<ptrdiff_t>(random.Below(locality.size() + 1)),
                        Endpoint(random.Below(30), static_cast<uint32_t>(random.Below(3))));
      if (random.OneIn(4)) std::reverse(locality.begin(), locality.end());
    }
    const auto difference = DifferenceOf(Assignment(before).SerializeAsString(), Assignment(after).SerializeAsString());
    ASSERT_TRUE(difference.has_value());
    size_t at = 0;
    ClusterLoadAssignment reduced;
    ASSERT_TRUE(reduced.ParseFromString(difference->Reduced()));
    EXPECT_EQ(reduced.cluster_name(), "c");
    EXPECT_EQ(reduced.policy().overprovisioning_factor().value(), 150u);
    for (size_t l = 0; l < before.size(); ++l) {
      if (Assignment(before).endpoints(static_cast<int>(l)).SerializeAsString() ==
          Assignment(after).endpoints(static_cast<int>(l)).SerializeAsString())
        continue;
      ASSERT_LT(at, difference->parts.size());
      const AssignmentDifference::Part& part = difference->parts[at];
      EXPECT_EQ(reduced.endpoints(static_cast<int>(at)).locality().zone(), absl::StrCat("z", l + 1));
      EXPECT_EQ(reduced.endpoints(static_cast<int>(at)).lb_endpoints_size(), static_cast<int>(part.came.size()));
      std::multiset<std::string> made = Bytes(before[l]);
      for (const std::string& one : part.left) {
        const auto gone = made.find(one);
        ASSERT_NE(gone, made.end());
        made.erase(gone);
      }
      made.insert(part.came.begin(), part.came.end());
      EXPECT_EQ(made, Bytes(after[l]));
      ++at;
    }
    EXPECT_EQ(at, difference->parts.size());
  }
}

TEST(WireAssignmentTest, OneChangedOfManyIsAllThatDiffers) {
  std::vector<LbEndpoint> many;
  for (uint64_t i = 0; i < 20000; ++i) many.push_back(Endpoint(i));
  const std::string before = Assignment({many, {}}).SerializeAsString();
  many[12345] = Endpoint(12345, 7);
  const auto difference = DifferenceOf(before, Assignment({many, {}}).SerializeAsString());
  ASSERT_TRUE(difference.has_value());
  ASSERT_EQ(difference->parts.size(), 1u);
  EXPECT_EQ(difference->parts[0].left, std::vector<std::string>{Endpoint(12345).SerializeAsString()});
  EXPECT_EQ(difference->parts[0].came, std::vector<std::string>{Endpoint(12345, 7).SerializeAsString()});
}

TEST(WireAssignmentTest, OtherDifferencesAreNone) {
  const ClusterLoadAssignment one = Assignment({{Endpoint(1)}, {Endpoint(2)}});
  const std::string before = one.SerializeAsString();
  ClusterLoadAssignment other = one;
  other.mutable_policy()->mutable_overprovisioning_factor()->set_value(140);
  EXPECT_FALSE(DifferenceOf(before, other.SerializeAsString()).has_value());
  other = one;
  other.mutable_endpoints(0)->mutable_load_balancing_weight()->set_value(3);
  EXPECT_FALSE(DifferenceOf(before, other.SerializeAsString()).has_value());
  other = one;
  other.mutable_endpoints()->RemoveLast();
  EXPECT_FALSE(DifferenceOf(before, other.SerializeAsString()).has_value());
  EXPECT_TRUE(DifferenceOf(before, before).has_value());
}

TEST(WireAssignmentTest, WhatProtobufRefusesIsRefused) {
  const auto bytes = [](std::initializer_list<int> list) { return std::string(list.begin(), list.end()); };
  const std::pair<std::string, bool> cases[] = {
      {bytes({0x8a, 0x80, 0x80, 0x80, 0x00, 1, 'c'}), true},         // a tag of five bytes
      {bytes({0x8a, 0x80, 0x80, 0x80, 0x80, 0x00, 1, 'c'}), false},  // of six
      {bytes({0x0a, 0x81, 0x80, 0x80, 0x80, 0x00, 'c'}), true},      // a length of five
      {bytes({0x0a, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 'c'}), false},
      {bytes({0x02, 0, 0x0a, 1, 'c'}), false},  // field 0
      {bytes({0x78, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x0a, 1, 'c'}), true},
  };
  for (const auto& [text, good] : cases) {
    ClusterLoadAssignment parsed;
    EXPECT_EQ(parsed.ParseFromString(text), good) << testing::PrintToString(text);
    EXPECT_EQ(NameOfAssignment(text), good ? "c" : "") << testing::PrintToString(text);
    EXPECT_EQ(DifferenceOf(text, text).has_value(), good) << testing::PrintToString(text);
  }
}

TEST(WireAssignmentTest, BytesOfAnyKindAreNoDanger) {
  const std::string good = Assignment({{Endpoint(1)}, {Endpoint(2)}}).SerializeAsString();
  EXPECT_EQ(NameOfAssignment(good), "c");
  for (size_t cut = 0; cut < good.size(); ++cut) {
    DifferenceOf(good, good.substr(0, cut));
    NameOfAssignment(good.substr(0, cut));
  }
  Random random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string bad = good;
    bad[random.Below(bad.size())] = static_cast<char>(random.Below(256));
    DifferenceOf(good, bad);
    DifferenceOf(bad, good);
    NameOfAssignment(bad);
  }
  EXPECT_EQ(NameOfAssignment("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "");
  EXPECT_FALSE(DifferenceOf("\x12\x05", good).has_value());
}

}  // namespace
}  // namespace outrigger::schema
