#include "source/server/listener_sockets.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace outrigger::server {
namespace {

net::Address Loopback(uint16_t port) { return *net::Address::ParseIp("127.0.0.1", port); }

std::shared_ptr<const model::Listener> MakeListener(uint32_t slot, const std::string& name, std::vector<net::Address> addresses) {
  auto listener = std::make_shared<model::Listener>();
  listener->slot = {slot, 1};
  listener->name = name;
  listener->addresses = std::move(addresses);
  return listener;
}

class ListenerSocketsTest : public testing::Test {
 protected:
  absl::flat_hash_map<uint32_t, ListenSockets> Assign(std::vector<std::shared_ptr<const model::Listener>> listeners) {
    model::Snapshot snapshot;
    for (const auto& listener : listeners) snapshot.listeners.Set(listener->slot.index, listener);
    failures_.clear();
    return sockets_.Assign(snapshot, [](const model::Listener&) { return true; }, &failures_);
  }

  std::unique_ptr<event::Engine> engine_ = event::MakeEpollEngine();
  ListenerSockets sockets_{*engine_, 2};
  std::vector<ListenerSockets::Failure> failures_;
};

TEST_F(ListenerSocketsTest, ASocketSurvivesANewVersionOfItsListener) {
  auto first = Assign({MakeListener(0, "a", {Loopback(0)})});
  auto second = Assign({MakeListener(0, "a", {Loopback(0)})});
  ASSERT_EQ(first[0].size(), 1u);
  EXPECT_EQ(first[0], second[0]);
  EXPECT_TRUE(first[0][0]->listening());
  EXPECT_NE(sockets_.AddressesOf("a").front().port(), 0);
}

TEST_F(ListenerSocketsTest, AnAddressPassesFromTheListenerThatGoesToTheOneThatComes) {
  auto probe = Assign({MakeListener(0, "probe", {Loopback(0)})});
  const net::Address address = probe[0][0]->address();
  probe.clear();
  Assign({});
  EXPECT_FALSE(sockets_.Reap());
  auto before = Assign({MakeListener(0, "old", {address})});
  auto after = Assign({MakeListener(3, "new", {address})});
  EXPECT_TRUE(failures_.empty());
  EXPECT_EQ(before[0], after[3]);
}

TEST_F(ListenerSocketsTest, ASecondListenerOfAnAddressIsRefusedAndTheFirstKeepsIt) {
  auto probe = Assign({MakeListener(0, "probe", {Loopback(0)})});
  const net::Address address = probe[0][0]->address();
  probe.clear();
  Assign({MakeListener(5, "first", {address})});
  auto both = Assign({MakeListener(1, "late", {address}), MakeListener(5, "first", {address})});
  EXPECT_EQ(both.count(5), 1u);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_EQ(failures_[0].listener, "late");
  EXPECT_TRUE(absl::StrContains(failures_[0].error, address.ToString())) << failures_[0].error;
}

TEST_F(ListenerSocketsTest, AnAddressThatCannotBeBoundTakesNothingFromTheOthers) {
  const net::Address foreign = *net::Address::ParseIp("192.0.2.1", 1);
  auto assigned = Assign({MakeListener(0, "a", {Loopback(0), foreign})});
  EXPECT_EQ(assigned[0].size(), 1u);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_TRUE(absl::StrContains(failures_[0].error, "192.0.2.1:1")) << failures_[0].error;
}

TEST_F(ListenerSocketsTest, ASocketIsClosedOnceNobodyWatchesIt) {
  auto assigned = Assign({MakeListener(0, "a", {Loopback(0)})});
  Assign({});
  EXPECT_TRUE(sockets_.Reap());
  assigned.clear();
  EXPECT_FALSE(sockets_.Reap());
}

TEST_F(ListenerSocketsTest, AConflictNamesTheListenerThatHasTheAddress) {
  auto assigned = Assign({MakeListener(0, "a", {Loopback(0)})});
  BindRequest request;
  request.listener = "b";
  request.addresses = {Loopback(0)};
  EXPECT_EQ(sockets_.ConflictOf(request), nullptr);  // port 0 is each listener's own
  EXPECT_TRUE(sockets_.Prepare(request).ok());
}

}  // namespace
}  // namespace outrigger::server
