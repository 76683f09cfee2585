#include "source/model/endpoint_registry.h"

#include <gtest/gtest.h>

namespace outrigger::model {
namespace {

EndpointSpec Spec(uint16_t port, std::string hostname = "") {
  EndpointSpec spec;
  spec.address = *net::Address::ParseIp("10.0.0.1", port);
  spec.hostname = std::move(hostname);
  return spec;
}
EndpointSetSpec One(std::vector<EndpointSpec> endpoints) {
  EndpointSetSpec spec;
  spec.localities.push_back({});
  spec.localities[0].endpoints = std::move(endpoints);
  return spec;
}

TEST(EndpointRegistryTest, AnEndpointKeepsItsRecordWhenItsWeightChanges) {
  EndpointRegistry registry;
  const auto first = registry.Build("c", One({Spec(1), Spec(2)}));
  EndpointSetSpec changed = One({Spec(2), Spec(1)});
  changed.localities[0].endpoints[0].weight = 7;
  changed.localities[0].locality.zone = "z";
  const auto second = registry.Build("c", changed);
  EXPECT_EQ(first->priorities[0].endpoints[1].record, second->priorities[0].endpoints[0].record);
  EXPECT_EQ(second->priorities[0].endpoints[0].weight, 7u);
  EXPECT_NE(first->version, second->version);
  EXPECT_EQ(first->health_epoch, second->health_epoch);
}

TEST(EndpointRegistryTest, IdentityIsClusterAddressAndHostname) {
  EndpointRegistry registry;
  const auto a = registry.Build("a", One({Spec(1), Spec(1, "x"), Spec(1)}));
  const auto b = registry.Build("b", One({Spec(1)}));
  ASSERT_EQ(a->priorities[0].endpoints.size(), 2u);  // the third is the first
  EXPECT_NE(a->priorities[0].endpoints[0].record->id, a->priorities[0].endpoints[1].record->id);
  EXPECT_NE(a->priorities[0].endpoints[0].record->id, b->priorities[0].endpoints[0].record->id);
}

TEST(EndpointRegistryTest, HealthOfAnUpdateReachesTheRecordAndTheEpoch) {
  EndpointRegistry registry;
  const auto first = registry.Build("c", One({Spec(1)}));
  EndpointRecord& record = *first->priorities[0].endpoints[0].record;
  const uint64_t epoch = first->health_epoch->load();
  registry.SetFlags("c", record, kEjected, 0);
  EXPECT_EQ(first->health_epoch->load(), epoch + 1);
  EndpointSetSpec sick = One({Spec(1)});
  sick.localities[0].endpoints[0].health = kEdsUnhealthy;
  const auto second = registry.Build("c", sick);
  EXPECT_EQ(record.flags.load(), kEdsUnhealthy | kEjected);  // only the Eds bits are the update's
  EXPECT_EQ(first->health_epoch->load(), epoch + 2);
  registry.Build("c", sick);
  EXPECT_EQ(first->health_epoch->load(), epoch + 2);
  EXPECT_EQ(CountMembers(*second).healthy, 0u);
  EXPECT_EQ(CountMembers(*second).total, 1u);
}

TEST(EndpointRegistryTest, AnEndpointThatLeftIsForgottenWhenNobodyHoldsIt) {
  EndpointRegistry registry;
  auto held = registry.Build("c", One({Spec(1)}))->priorities[0].endpoints[0].record;
  registry.Build("c", One({}));
  EXPECT_EQ(registry.Build("c", One({Spec(1)}))->priorities[0].endpoints[0].record, held);
  const uint64_t id = held->id;
  held.reset();
  registry.Build("c", One({}));
  EXPECT_NE(registry.Build("c", One({Spec(1)}))->priorities[0].endpoints[0].record->id, id);
}

TEST(EndpointRegistryTest, PartsOfALocalityAreJoinedAndPrioritiesMayHaveGaps) {
  EndpointRegistry registry;
  EndpointSetSpec spec;
  spec.localities.resize(3);
  spec.localities[0].endpoints = {Spec(1)};
  spec.localities[1].endpoints = {Spec(2)};
  spec.localities[2].priority = 2;
  spec.localities[2].endpoints = {Spec(3)};
  const auto set = registry.Build("c", spec);
  ASSERT_EQ(set->priorities.size(), 3u);
  ASSERT_EQ(set->priorities[0].localities.size(), 1u);
  EXPECT_EQ(set->priorities[0].localities[0].members.size(), 2u);
  EXPECT_TRUE(set->priorities[1].endpoints.empty());
}

}  // namespace
}  // namespace outrigger::model
