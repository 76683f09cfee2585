#include "source/model/endpoint_registry.h"

#include <gtest/gtest.h>

#include <set>

#include "source/base/random.h"

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
  EXPECT_EQ(first->priorities[0].At(1).record, second->priorities[0].At(0).record);
  EXPECT_EQ(second->priorities[0].At(0).weight, 7u);
  EXPECT_NE(first->version, second->version);
  EXPECT_EQ(first->health_epoch, second->health_epoch);
}

TEST(EndpointRegistryTest, IdentityIsClusterAddressAndHostname) {
  EndpointRegistry registry;
  const auto a = registry.Build("a", One({Spec(1), Spec(1, "x"), Spec(1)}));
  const auto b = registry.Build("b", One({Spec(1)}));
  ASSERT_EQ(a->priorities[0].size(), 2u);  // the third is the first
  EXPECT_NE(a->priorities[0].At(0).record->id, a->priorities[0].At(1).record->id);
  EXPECT_NE(a->priorities[0].At(0).record->id, b->priorities[0].At(0).record->id);
}

TEST(EndpointRegistryTest, HealthOfAnUpdateReachesTheRecordAndTheEpoch) {
  EndpointRegistry registry;
  const auto first = registry.Build("c", One({Spec(1)}));
  EndpointRecord& record = *first->priorities[0].At(0).record;
  const uint64_t epoch = first->health_epoch->load();
  registry.SetFlags("c", record, kEjected, 0);
  EXPECT_EQ(first->health_epoch->load(), epoch + 1);
  EndpointSetSpec sick = One({Spec(1)});
  sick.localities[0].endpoints[0].health = kEdsUnhealthy;
  EXPECT_FALSE(first->SumsHold());
  const auto second = registry.Build("c", sick);
  EXPECT_EQ(record.flags.load(), kEdsUnhealthy | kEjected);  // only the Eds bits are the update's
  EXPECT_TRUE(second->SumsHold());                           // what comes with a set is in its sums
  EXPECT_EQ(first->health_epoch->load(), epoch + 1);
  EXPECT_EQ(CountMembers(*second).healthy, 0u);
  EXPECT_EQ(CountMembers(*second).total, 1u);
}

TEST(EndpointRegistryTest, AnEndpointThatLeftIsForgottenWhenNobodyHoldsIt) {
  EndpointRegistry registry;
  auto held = registry.Build("c", One({Spec(1)}))->priorities[0].At(0).record;
  registry.Build("c", One({}));
  EXPECT_EQ(registry.Build("c", One({Spec(1)}))->priorities[0].At(0).record, held);
  const uint64_t id = held->id;
  held = {};
  registry.Build("c", One({}));
  EXPECT_NE(registry.Build("c", One({Spec(1)}))->priorities[0].At(0).record->id, id);
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
  EXPECT_EQ(set->priorities[0].localities[0].endpoints.size(), 2u);
  EXPECT_TRUE(set->priorities[1].empty());
}

// A cluster of `n` in two zones.
EndpointSetSpec Zones(uint16_t n) {
  EndpointSetSpec spec;
  spec.localities.resize(2);
  for (uint16_t z = 0; z < 2; ++z) spec.localities[z].locality.zone = z == 0 ? "a" : "b";
  for (uint16_t i = 0; i < n; ++i) spec.localities[i % 2].endpoints.push_back(Spec(static_cast<uint16_t>(i + 1)));
  return spec;
}
EndpointPatch InZone(const char* zone, std::vector<EndpointSpec> left, std::vector<EndpointSpec> came) {
  EndpointPatch patch;
  patch.parts.push_back({{"", zone, ""}, 0, std::move(left), std::move(came)});
  return patch;
}
std::set<uint16_t> PortsOf(const EndpointSet& set) {
  std::set<uint16_t> ports;
  set.priorities[0].ForEach([&](const LocalityEndpoints&, const Endpoint& one) {
    EXPECT_TRUE(ports.insert(one.record->CopyAddress().port()).second);
  });
  return ports;
}

TEST(EndpointRegistryTest, APatchTakesThePlacesOfThoseThatLeft) {
  for (const uint16_t n : {8, 1000}) {  // searched, and by an index
    EndpointRegistry registry;
    const auto first = registry.Build("c", Zones(n));
    const auto second = registry.Patch("c", InZone("a", {Spec(3)}, {Spec(5000)}));
    ASSERT_NE(second, nullptr);
    EXPECT_GT(second->version, first->version);
    EXPECT_EQ(second->priorities[0].localities[0].endpoints[1].record->CopyAddress().port(), 5000);
    EXPECT_EQ(second->priorities[0].localities[0].endpoints[2].record,
              first->priorities[0].localities[0].endpoints[2].record);
    EXPECT_EQ(second->priorities[0].localities[1].endpoints.NodesNotIn(first->priorities[0].localities[1].endpoints),
              0u);
    const auto third = registry.Patch("c", InZone("b", {Spec(2), Spec(8)}, {}));
    ASSERT_NE(third, nullptr);
    const auto fourth = registry.Patch("c", InZone("b", {}, {Spec(5001), Spec(2)}));
    ASSERT_NE(fourth, nullptr);
    std::set<uint16_t> expected;
    for (uint16_t i = 1; i <= n; ++i) expected.insert(i);
    expected.erase(3), expected.erase(8), expected.insert(5000), expected.insert(5001);
    EXPECT_EQ(PortsOf(*fourth), expected);
    EXPECT_EQ(PortsOf(*first).size(), n);  // a version never changes
  }
}

TEST(EndpointRegistryTest, ManyPatchesSayWhatBuildingAllWouldSay) {
  Random random(3);
  EndpointRegistry registry;
  registry.Build("c", Zones(40));
  std::set<uint16_t> there[2];
  for (uint16_t i = 0; i < 40; ++i) there[i % 2].insert(static_cast<uint16_t>(i + 1));
  for (int round = 0; round < 500; ++round) {
    const size_t zone = random.Below(2);
    std::vector<EndpointSpec> left, came;
    for (const uint16_t port : std::set<uint16_t>(there[zone])) {
      if (!random.OneIn(8)) continue;
      left.push_back(Spec(port));
      if (random.OneIn(3)) {  // only changes
        came.push_back(Spec(port));
        came.back().weight = 1 + static_cast<uint32_t>(random.Below(4));
        came.back().health = random.OneIn(2) ? uint32_t{kEdsUnhealthy} : 0;
      } else {
        there[zone].erase(port);
      }
    }
    for (uint64_t more = random.Below(5); more > 0; --more) {
      const auto port = static_cast<uint16_t>(1 + random.Below(200));
      if (there[0].contains(port) || there[1].contains(port)) continue;
      const bool leaves =
          std::any_of(left.begin(), left.end(), [&](const auto& s) { return s.address.port() == port; });
      if (leaves) continue;
      there[zone].insert(port);
      came.push_back(Spec(port));
    }
    const auto set = registry.Patch("c", InZone(zone == 0 ? "a" : "b", left, came));
    ASSERT_NE(set, nullptr);
    std::set<uint16_t> all = there[0];
    all.insert(there[1].begin(), there[1].end());
    ASSERT_EQ(PortsOf(*set), all);
    uint32_t healthy = 0;
    set->priorities[0].ForEach([&](const LocalityEndpoints&, const Endpoint& one) {
      healthy += AvailabilityOf(one.record->flags) == Availability::kHealthy ? 1 : 0;
    });
    ASSERT_EQ(CountMembers(*set).healthy, healthy);
  }
}

TEST(EndpointRegistryTest, APatchThatDoesNotFitChangesNothing) {
  EndpointRegistry registry;
  EXPECT_EQ(registry.Patch("c", InZone("a", {}, {Spec(1)})), nullptr);  // of nothing
  const auto set = registry.Build("c", Zones(10));
  EXPECT_EQ(registry.Patch("c", InZone("z", {}, {Spec(99)})), nullptr);            // an unknown locality
  EXPECT_EQ(registry.Patch("c", InZone("a", {Spec(2)}, {})), nullptr);             // of the other
  EXPECT_EQ(registry.Patch("c", InZone("a", {Spec(77)}, {})), nullptr);            // not there
  EXPECT_EQ(registry.Patch("c", InZone("a", {}, {Spec(2)})), nullptr);             // there already
  EXPECT_EQ(registry.Patch("c", InZone("a", {}, {Spec(99), Spec(99)})), nullptr);  // twice
  EndpointSpec heavy = Spec(99);
  heavy.weight = UINT32_MAX;
  EXPECT_EQ(registry.Patch("c", InZone("a", {}, {heavy})), nullptr);
  EXPECT_EQ(PortsOf(*set).size(), 10u);
  registry.SetFlags("c", *set->priorities[0].At(0).record, kEjected, 0);
  EXPECT_EQ(registry.Patch("c", InZone("a", {}, {Spec(99)})), nullptr);  // its sums do not hold
  EndpointSetSpec twice = Zones(10);
  twice.localities[1].endpoints.push_back(Spec(1));
  registry.Build("c", twice);
  EXPECT_EQ(registry.Patch("c", InZone("a", {Spec(1)}, {})), nullptr);  // the other would take its place
}

}  // namespace
}  // namespace outrigger::model
