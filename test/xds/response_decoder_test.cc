#include "source/xds/response_decoder.h"

#include "absl/strings/str_cat.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "gtest/gtest.h"
#include "source/base/hash.h"
#include "source/xds/resource_type.h"

namespace outrigger::xds {
namespace {

using Unknown = DecodeOptions::UnknownFields;

// A cluster with a field that no published API has, twice.
envoy::service::discovery::v3::DiscoveryResponse NewerResponse() {
  envoy::config::cluster::v3::Cluster cluster;
  cluster.set_name("a");
  cluster.mutable_load_assignment()->set_cluster_name("a");
  cluster.GetReflection()->MutableUnknownFields(&cluster)->AddVarint(5000, 1);
  auto* endpoints = cluster.mutable_load_assignment();
  endpoints->GetReflection()->MutableUnknownFields(endpoints)->AddVarint(5000, 1);
  envoy::service::discovery::v3::DiscoveryResponse response;
  response.set_version_info("1");
  response.add_resources()->PackFrom(cluster);
  return response;
}

TEST(ResponseDecoderTest, UnknownFieldsAreCountedEachTime) {
  observe::Counter counter;
  UnknownFieldLog log(counter);
  for (int i = 0; i < 2; ++i) {
    const DecodedResponse decoded = DecodeResponse(ResourceType::kCluster, NewerResponse(), {Unknown::kTolerate, &log});
    EXPECT_EQ(decoded.resources.size(), 1u);
    EXPECT_EQ(decoded.unknown_fields, 2u);
  }
  EXPECT_EQ(counter.value(), 4u);
}

TEST(ResponseDecoderTest, UnknownFieldsAreNotMentionedIfIgnored) {
  observe::Counter counter;
  UnknownFieldLog log(counter);
  const DecodedResponse decoded = DecodeResponse(ResourceType::kCluster, NewerResponse(), {Unknown::kIgnore, &log});
  EXPECT_EQ(decoded.resources.size(), 1u);
  EXPECT_EQ(decoded.unknown_fields, 0u);
  EXPECT_EQ(counter.value(), 0u);
}

TEST(ResponseDecoderTest, UnknownFieldsRefuseTheResourceIfAsked) {
  const DecodedResponse decoded = DecodeResponse(ResourceType::kCluster, NewerResponse(), {Unknown::kRefuse, nullptr});
  EXPECT_TRUE(decoded.resources.empty());
  EXPECT_TRUE(!decoded.whole.ok() || decoded.refused.size() == 1u);
}

using envoy::config::endpoint::v3::ClusterLoadAssignment;

ClusterLoadAssignment Thousand(int changed, const std::string& to) {
  ClusterLoadAssignment assignment;
  assignment.set_cluster_name("c");
  auto& locality = *assignment.add_endpoints();
  for (int i = 0; i < 1000; ++i) {
    auto& socket = *locality.add_lb_endpoints()->mutable_endpoint()->mutable_address()->mutable_socket_address();
    socket.set_address(i == changed ? to : absl::StrCat("10.0.", i / 250, ".", i % 250));
    socket.set_port_value(80);
  }
  return assignment;
}
DecodedResponse Decoded(const ClusterLoadAssignment& assignment,
                        std::shared_ptr<const schema::WireAssignment> before = nullptr) {
  envoy::service::discovery::v3::DiscoveryResponse response;
  response.set_version_info("1");
  response.add_resources()->PackFrom(assignment);
  DecodeOptions options;
  options.known = [before](const std::string& name) { return name == "c" ? before : nullptr; };
  return DecodeResponse(ResourceType::kEndpoints, response, options);
}

TEST(ResponseDecoderTest, OfEndpointsThatAreKnownOnlyWhatDiffersIsParsed) {
  const DecodedResponse first = Decoded(Thousand(-1, ""));
  ASSERT_EQ(first.resources.size(), 1u);
  ASSERT_NE(first.resources[0].message, nullptr);
  const auto before = first.resources[0].wire;
  const DecodedResponse second = Decoded(Thousand(500, "11.0.0.1"), before);
  ASSERT_EQ(second.resources.size(), 1u);
  const Resource& resource = second.resources[0];
  EXPECT_EQ(resource.name, "c");
  EXPECT_TRUE(resource.message.packed());
  ASSERT_NE(resource.difference, nullptr);
  EXPECT_EQ(resource.difference->base, before);
  ASSERT_EQ(resource.difference->parts.size(), 1u);
  EXPECT_EQ(resource.difference->parts[0].left.size(), 1u);
  EXPECT_EQ(resource.difference->parts[0].came.size(), 1u);
  EXPECT_EQ(resource.message.Get()->SerializeAsString(), Thousand(500, "11.0.0.1").SerializeAsString());
  const DecodedResponse same = Decoded(Thousand(-1, ""), before);
  ASSERT_EQ(same.resources.size(), 1u);
  EXPECT_EQ(same.resources[0].wire, before);
  EXPECT_EQ(same.resources[0].hash, before->hash);
}

TEST(ResponseDecoderTest, EndpointsWithTheHashOfOthersAreNotTakenForThem) {
  const auto first = Decoded(Thousand(-1, "")).resources[0].wire;
  const ClusterLoadAssignment next = Thousand(500, "11.0.0.1");
  // As if somebody had found bytes that hash alike.
  const auto colliding = std::make_shared<const schema::WireAssignment>(
      schema::WireAssignment{first->bytes, StableHash(next.SerializeAsString()), true});
  const DecodedResponse decoded = Decoded(next, colliding);
  ASSERT_EQ(decoded.resources.size(), 1u);
  EXPECT_EQ(decoded.resources[0].hash, colliding->hash);
  EXPECT_NE(decoded.resources[0].wire, colliding);
  ASSERT_NE(decoded.resources[0].difference, nullptr);
  EXPECT_EQ(decoded.resources[0].difference->parts.size(), 1u);
  EXPECT_FALSE(decoded.resources[0].wire->Is(*colliding));
  EXPECT_TRUE(colliding->Is(schema::WireAssignment{first->bytes, colliding->hash, false}));
}

TEST(ResponseDecoderTest, WhatIsWrongWithADifferenceIsSaidAsOfTheWhole) {
  const auto before = Decoded(Thousand(-1, "")).resources[0].wire;
  ClusterLoadAssignment broken = Thousand(-1, "");
  broken.mutable_endpoints(0)->mutable_lb_endpoints(700)->mutable_load_balancing_weight()->set_value(0);
  const DecodedResponse known = Decoded(broken, before), unknown = Decoded(broken);
  EXPECT_FALSE(known.whole.ok());
  EXPECT_EQ(known.whole.message(), unknown.whole.message());
  ClusterLoadAssignment warned = Thousand(-1, "");
  warned.mutable_endpoints(0)->mutable_lb_endpoints(700)->mutable_endpoint()->mutable_health_check_config();
  EXPECT_EQ(Decoded(warned, before).warnings, Decoded(warned).warnings);
  EXPECT_FALSE(Decoded(warned).warnings.empty());
}

}  // namespace
}  // namespace outrigger::xds
