#include "source/server/listener_sockets.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace outrigger::server {
namespace {

net::Address Loopback(uint16_t port) { return *net::Address::ParseIp("127.0.0.1", port); }

std::shared_ptr<const model::Listener> MakeListener(uint32_t slot, const std::string& name,
                                                    std::vector<net::Address> addresses) {
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
    return sockets_.Assign(
        snapshot, [](const model::Listener&) { return true; }, &failures_);
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

BindRequest RequestOf(const std::string& listener, std::vector<net::Address> addresses) {
  BindRequest request;
  request.listener = listener;
  request.addresses = std::move(addresses);
  return request;
}

TEST_F(ListenerSocketsTest, AConflictNamesTheFieldAndTheListenerThatHasTheAddress) {
  auto assigned = Assign({MakeListener(0, "a", {Loopback(0)})});
  const net::Address taken = assigned[0][0]->address();
  EXPECT_TRUE(sockets_.Prepare(RequestOf("b", {Loopback(0)})).ok()) << "port 0 is each listener's own";
  Assign({MakeListener(0, "a", {taken})});
  const absl::Status status = sockets_.Prepare(RequestOf("b", {Loopback(0), taken}));
  EXPECT_EQ(status.message(),
            absl::StrCat("additional_addresses[0].address: ", taken.ToString(), " is in use by listener \"a\""));
  EXPECT_TRUE(sockets_.Prepare(RequestOf("b", {taken}), {"a"}).ok()) << "it leaves";
}

TEST_F(ListenerSocketsTest, WhatWasPreparedIsKeptForItsListenerAsLongAsItWaits) {
  auto other = net::ListenSocket::Bind(*engine_, Loopback(0), {.reuse_port = false}, 1);
  ASSERT_TRUE((*other)->Listen().ok());
  const net::Address address = (*other)->address();
  const absl::Status refused = sockets_.Prepare(RequestOf("b", {Loopback(0), address}));
  EXPECT_TRUE(absl::StartsWith(refused.message(), "additional_addresses[0].address: cannot bind")) << refused;
  other->reset();
  ASSERT_TRUE(sockets_.Prepare(RequestOf("b", {address})).ok());
  for (int i = 0; i < 3; ++i) Assign({});  // publications for others
  EXPECT_EQ(sockets_.Prepare(RequestOf("c", {address})).message(),
            absl::StrCat("address: ", address.ToString(), " is in use by listener \"b\""));
  sockets_.StopKeeping("b");
  Assign({});
  EXPECT_TRUE(sockets_.Prepare(RequestOf("c", {address})).ok());
}

// With SO_REUSEADDR the system lets anybody bind what does not listen yet; whoever listens first has it then.
TEST_F(ListenerSocketsTest, WhatIsBoundAndDoesNotListenYetCannotBeTaken) {
  for (const bool reuse_port : {true, false}) {
    auto bound = net::ListenSocket::Bind(*engine_, Loopback(0), {.reuse_port = reuse_port}, 2);
    ASSERT_TRUE(bound.ok());
    const net::Address address = (*bound)->address();
    auto thief = net::ListenSocket::Bind(*engine_, address, {.reuse_port = false}, 1);
    EXPECT_FALSE(thief.ok() && (*thief)->Listen().ok()) << reuse_port;
    EXPECT_TRUE((*bound)->Listen().ok()) << reuse_port;
  }
}

TEST_F(ListenerSocketsTest, TwoListenersOfOneUpdateWhoseAddressesOverlapAreToldApartBeforeTheyListen) {
  uint16_t port = 0;
  {
    auto free = net::ListenSocket::Bind(*engine_, Loopback(0), {.reuse_port = false}, 1);
    port = (*free)->address().port();
  }
  BindRequest all = RequestOf("all", {*net::Address::ParseIp("0.0.0.0", port)}),
              one = RequestOf("one", {Loopback(port)});
  all.options.reuse_port = one.options.reuse_port = false;
  ASSERT_TRUE(sockets_.Prepare(all).ok());
  const absl::Status status = sockets_.Prepare(one);
  EXPECT_TRUE(absl::StartsWith(status.message(), "address: cannot bind")) << status;
}

TEST_F(ListenerSocketsTest, OtherSocketOptionsGiveAnAddressANewSocketWhenTheyAreInUse) {
  auto listener = std::make_shared<model::Listener>();
  listener->slot = {0, 1};
  listener->name = "a";
  listener->addresses = {Loopback(0)};
  auto first = Assign({listener});
  listener = std::make_shared<model::Listener>(*listener);
  listener->addresses = {first[0][0]->address()};
  first = Assign({listener});
  auto changed = std::make_shared<model::Listener>(*listener);
  changed->freebind = true;
  ASSERT_TRUE(sockets_.Prepare(BindRequestOf(*changed)).ok());
  auto same = Assign({listener});
  EXPECT_EQ(same[0], first[0]) << "the one before serves until the change is in use";
  sockets_.StopKeeping("a");
  auto second = Assign({changed});
  EXPECT_TRUE(failures_.empty());
  EXPECT_NE(second[0], first[0]);
  EXPECT_TRUE(second[0][0]->options().freebind);
  EXPECT_EQ(second[0][0]->address(), first[0][0]->address());
}

TEST_F(ListenerSocketsTest, OtherOptionsThatCannotBeHadBesideTheSocketInUseAreRefused) {
  auto listener = std::make_shared<model::Listener>();
  listener->slot = {0, 1};
  listener->name = "a";
  listener->addresses = {Loopback(0)};
  listener->reuse_port = false;
  auto first = Assign({listener});
  auto changed = RequestOf("a", {Loopback(0)});
  changed.options.reuse_port = false;
  changed.options.socket_options = {net::IntOption(SOL_SOCKET, 9999, 1, "no such option")};
  const absl::Status status = sockets_.Prepare(changed);
  EXPECT_TRUE(absl::StrContains(status.message(), "no such option")) << status;
  EXPECT_EQ(Assign({listener})[0], first[0]);
}

}  // namespace
}  // namespace outrigger::server
