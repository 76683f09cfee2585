#include "source/model/endpoint_list.h"

#include <gtest/gtest.h>

#include <map>

#include "source/base/random.h"

namespace outrigger::model {
namespace {

EndpointRef Record(uint64_t id, uint32_t flags = 0) {
  EndpointRef record = MakeEndpointRecord(id, net::Address());
  record->flags = flags;
  return record;
}
std::vector<Endpoint> Members(uint32_t n, uint32_t weights = 1) {
  std::vector<Endpoint> members;
  for (uint32_t i = 0; i < n; ++i) members.push_back({.record = Record(i), .weight = 1 + i % weights});
  return members;
}
std::vector<uint64_t> Ids(const EndpointList& list) {
  std::vector<uint64_t> ids;
  list.ForEach([&](uint32_t i, const Endpoint& one) {
    EXPECT_EQ(i, ids.size());
    ids.push_back(one.record->id);
  });
  return ids;
}

// A plain vector beside the list: what it must say.
struct Model {
  EndpointList list;
  std::vector<Endpoint> members;
  void Check() const {
    ASSERT_EQ(list.size(), members.size());
    EndpointSum sum;
    std::vector<const Endpoint*> healthy;
    for (uint32_t i = 0; i < members.size(); ++i) {
      ASSERT_TRUE(list[i] == members[i]);
      const Availability is = AvailabilityOf(members[i].record->flags);
      ASSERT_EQ(list.availability(i), is);
      sum.Add(members[i], is);
      if (is == Availability::kHealthy) healthy.push_back(&members[i]);
    }
    const EndpointSum said = list.sum();
    ASSERT_EQ(said.total, sum.total);
    ASSERT_EQ(said.healthy, sum.healthy);
    ASSERT_EQ(said.degraded, sum.degraded);
    ASSERT_EQ(said.healthy_weight, sum.healthy_weight);
    ASSERT_EQ(said.least_weight, sum.least_weight);
    ASSERT_EQ(said.most_weight, sum.most_weight);
    uint64_t place = 0;
    for (uint32_t n = 0; n < healthy.size(); ++n) {
      ASSERT_TRUE(list.Nth(Among::kHealthy, n) == *healthy[n]);
      ASSERT_TRUE(list.AtWeight(Among::kHealthy, place) == *healthy[n]);
      place += healthy[n]->weight;
      ASSERT_TRUE(list.AtWeight(Among::kHealthy, place - 1) == *healthy[n]);
    }
  }
};

TEST(EndpointListTest, SaysWhatAVectorWouldThroughAnyChanges) {
  Random random(7);
  for (const uint32_t start : {0u, 1u, 16u, 17u, 511u, 512u, 513u, 2000u}) {
    Model model;
    model.members = Members(start, 5);
    model.list = EndpointList(model.members);
    uint64_t id = 1000000;
    std::vector<std::pair<EndpointList, std::vector<uint64_t>>> versions;
    for (int i = 0; i < 200; ++i) {
      const uint32_t all_flags[] = {0, 0, kEdsUnhealthy, kEdsDegraded};
      Endpoint fresh{.record = Record(++id, all_flags[random.Below(4)]),
                     .weight = 1 + static_cast<uint32_t>(random.Below(9))};
      const uint64_t what = model.members.empty() ? 0 : random.Below(3);
      if (what == 0) {
        model.members.push_back(fresh);
        model.list.PushBack(fresh);
      } else if (what == 1) {
        model.members.pop_back();
        model.list.PopBack();
      } else {
        const auto at = static_cast<uint32_t>(random.Below(model.members.size()));
        model.members[at] = fresh;
        model.list.Set(at, fresh);
      }
      if (i % 20 == 0) {
        model.Check();
        versions.emplace_back(model.list, Ids(model.list));
      }
    }
    for (const auto& [version, ids] : versions) EXPECT_EQ(Ids(version), ids);  // a version never changes
  }
}

TEST(EndpointListTest, AChangeInAHundredThousandCopiesAHandfulOfNodes) {
  const EndpointList before(Members(100000));
  EndpointList changed = before;
  changed.Set(54321, {.record = Record(1)});
  EXPECT_LE(changed.NodesNotIn(before), 4u);
  EndpointList longer = before;
  longer.PushBack({.record = Record(2)});
  EXPECT_LE(longer.NodesNotIn(before), 4u);
  EndpointList shorter = before;
  shorter.PopBack();
  EXPECT_LE(shorter.NodesNotIn(before), 4u);
  EndpointList small(Members(1000)), small_changed = small;
  small_changed.Set(54, {.record = Record(1)});
  EXPECT_GE(small_changed.NodesNotIn(small), 2u);
}

TEST(EndpointListTest, ADifferenceIsFoundWhereItIs) {
  const EndpointList before(Members(100000));
  EndpointList after = before;
  after.Set(777, {.record = Record(1)});
  after.PushBack({.record = Record(2)});
  before[31].record->flags = kEdsUnhealthy;  // not in the version, which was made before
  std::map<uint64_t, uint64_t> changes;
  EndpointList::ForEachChange(before, after, [&](const Endpoint* was, const Endpoint* is) {
    changes[was == nullptr ? 0 : was->record->id] = is == nullptr ? 0 : is->record->id;
  });
  EXPECT_EQ(changes, (std::map<uint64_t, uint64_t>{{777, 1}, {0, 2}}));
}

TEST(EndpointListTest, ListsOfDifferentHeightAreCompared) {
  EndpointList small(Members(16));
  EndpointList large = small;
  large.PushBack({.record = Record(99)});
  int changes = 0;
  const auto count = [&](const Endpoint*, const Endpoint*) { ++changes; };
  EndpointList::ForEachChange(small, large, count);
  EXPECT_EQ(changes, 1);
  EndpointList::ForEachChange(large, small, count);
  EXPECT_EQ(changes, 2);
  EndpointList::ForEachChange(EndpointList(), large, count);
  EXPECT_EQ(changes, 2 + 17);
}

TEST(EndpointRecordTest, AnAddressComesBackAsItWas) {
  for (const char* ip : {"10.1.2.3", "::1", "fe80::1", "::ffff:1.2.3.4", "0.0.0.0"}) {
    const net::Address address = *net::Address::ParseIp(ip, 443);
    const EndpointRef record = MakeEndpointRecord(1, address, "host");
    EXPECT_EQ(record->CopyAddress(), address) << ip;
    EXPECT_EQ(record->address(), address) << ip;
    EXPECT_TRUE(record->Is(address, "host"));
    EXPECT_FALSE(record->Is(address, ""));
    EXPECT_FALSE(record->Is(address.WithPort(444), "host"));
  }
  const net::Address path = *net::Address::UnixPath("/run/x");
  const EndpointRef record = MakeEndpointRecord(1, path);
  EXPECT_EQ(record->address(), path);
  EXPECT_EQ(record->address_text(), "/run/x");
  EXPECT_TRUE(record->Is(path, ""));
}

TEST(EndpointRecordTest, ItsConnectionLimitHoldsWheneverItIsSet) {
  const EndpointRef record = MakeEndpointRecord(1, *net::Address::ParseIp("10.0.0.1", 1));
  record->LimitConnections(5);
  EXPECT_EQ(record->connections().limit(), 5u);
  record->LimitConnections(0);
  EXPECT_EQ(record->connections().limit(), UINT64_MAX);
  record->LimitConnections(2);
  EXPECT_EQ(record->connections().limit(), 2u);
}

}  // namespace
}  // namespace outrigger::model
