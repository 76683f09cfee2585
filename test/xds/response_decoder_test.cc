#include "source/xds/response_decoder.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "gtest/gtest.h"
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

}  // namespace
}  // namespace outrigger::xds
