// The delta form, rule by rule, and that a client of it ends with what a client of the other form has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/base/random.h"
#include "source/control_plane/xds_server/xds_server.h"
#include "source/event/simulated_world.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::control_plane {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Names = std::vector<std::string>;

// A client that does what the test says, in delta form.
class Client : public AnswerSink {
 public:
  explicit Client(XdsServer& server) : session_(server.Open(*this, {}, "", WireForm::kDelta)) {}

  static DiscoveryAsk About(absl::string_view type) {
    DiscoveryAsk ask;
    ask.type_url = std::string(type);
    ask.has_node = true;
    ask.node = {"n1", "c"};
    return ask;
  }
  void Say(const DiscoveryAsk& ask) { session_->OnAsk(ask); }
  void Ask(absl::string_view type, Names add = {}, Names drop = {},
           std::map<std::string, std::string> initial_versions = {}) {
    DiscoveryAsk ask = About(type);
    ask.names = std::move(add);
    ask.dropped_names = std::move(drop);
    ask.initial_versions = std::move(initial_versions);
    Say(ask);
  }
  void Ack(absl::string_view type, Names add = {}, Names drop = {}) {
    DiscoveryAsk ask = About(type);
    ask.names = std::move(add);
    ask.dropped_names = std::move(drop);
    ask.nonce = last(type).nonce;
    Say(ask);
  }
  void Nack(absl::string_view type, const std::string& why) {
    DiscoveryAsk ask = About(type);
    ask.nonce = last(type).nonce;
    ask.refused = true;
    ask.refusal = why;
    Say(ask);
  }
  // What came of a type since the last call: "+name" and "-name"; "=" for an answer of nothing.
  Names Came(absl::string_view type) { return std::exchange(came_[std::string(type)], {}); }
  // Types of answers since the last call, in order.
  Names Log() { return std::exchange(log_, {}); }
  const DiscoveryAnswer& last(absl::string_view type) { return last_[std::string(type)]; }
  const Subscription::Facts& facts(absl::string_view type) {
    return session_->subscriptions().find(type)->second.facts();
  }

 private:
  void Send(const DiscoveryAnswer& answer) override {
    log_.emplace_back(ShortType(answer.type_url));
    Names& came = came_[answer.type_url];
    for (const ResourcePtr& resource : answer.resources) came.push_back("+" + resource->name);
    for (const std::string& name : answer.removed) came.push_back("-" + name);
    if (answer.resources.empty() && answer.removed.empty()) came.push_back("=");
    last_[answer.type_url] = answer;
  }
  void End(bool, const std::string& reason) override { ADD_FAILURE() << reason; }

  Session* session_;
  Names log_;
  std::map<std::string, Names> came_;
  std::map<std::string, DiscoveryAnswer> last_;
};

class DeltaTest : public testing::Test {
 protected:
  void Publish(const std::vector<ResourcePtr>& resources) {
    auto catalog = std::make_shared<Catalog>();
    for (const ResourcePtr& resource : resources) ASSERT_TRUE(catalog->AddForAll(resource));
    server_.Publish(catalog);
  }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
  XdsServer server_{*dispatcher_, {}};
};

TEST_F(DeltaTest, AFirstRequestWithoutNamesMeansAllClustersAndListenersButNothingElse) {
  Publish({EdsCluster("a"), EdsCluster("b"), Endpoints("a", 1), ListenerWith("l", "r")});
  Client client(server_);
  client.Ask(kClusterType);
  client.Ask(kListenerType);
  client.Ask(kEndpointType);
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("+a", "+b"));
  EXPECT_THAT(client.Came(kListenerType), ElementsAre("+l"));
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("=")) << "it does not wait for a timeout";
}

TEST_F(DeltaTest, OnlyWhatChangedIsSentAndWhatIsGoneIsRemoved) {
  Publish({Endpoints("a", 1), Endpoints("b", 1), Endpoints("c", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a", "b", "c"});
  client.Ack(kEndpointType);
  client.Came(kEndpointType);
  Publish({Endpoints("a", 1), Endpoints("b", 2)});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+b", "-c"));
  client.Ack(kEndpointType);
  EXPECT_THAT(client.Came(kEndpointType), IsEmpty());
  Publish({Endpoints("a", 1), Endpoints("b", 2), Endpoints("c", 1)});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+c")) << "the subscription goes on";
}

TEST_F(DeltaTest, ANameThatDoesNotExistIsAnsweredOnceAsRemoved) {
  Publish({Endpoints("a", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a", "none"});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+a", "-none"));
  client.Ack(kEndpointType);
  Publish({Endpoints("a", 2)});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+a"));
}

TEST_F(DeltaTest, NamesComeAndGoByThemselvesWithoutANonce) {
  Publish({Endpoints("a", 1), Endpoints("b", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a"});
  client.Ack(kEndpointType);
  client.Came(kEndpointType);
  client.Ask(kEndpointType, {"b"});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+b"));
  client.Ack(kEndpointType);
  client.Ask(kEndpointType, {}, {"a"});
  EXPECT_THAT(client.Came(kEndpointType), IsEmpty()) << "who unsubscribes is not told";
  Publish({Endpoints("a", 2), Endpoints("b", 2)});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+b"));
}

TEST_F(DeltaTest, WhoSubscribesAgainGetsItAgain) {
  Publish({Endpoints("a", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a"});
  client.Ack(kEndpointType);
  client.Came(kEndpointType);
  client.Ask(kEndpointType, {"a"});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+a"));
}

TEST_F(DeltaTest, NamesBesideTheWildcardAreAnsweredAndItsEndLeavesThem) {
  Publish({EdsCluster("a"), EdsCluster("b")});
  Client client(server_);
  client.Ask(kClusterType, {"*", "b", "none"});
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("+a", "+b", "-none"));
  client.Ack(kClusterType, {}, {"*"});
  EXPECT_THAT(client.Came(kClusterType), IsEmpty());
  Publish({EdsCluster("a", "2s"), EdsCluster("b", "2s")});
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("+b"));
}

TEST_F(DeltaTest, ALegacyWildcardStaysBesideNamesAndEndsByItsStar) {
  Publish({EdsCluster("a"), EdsCluster("b")});
  Client client(server_);
  client.Ask(kClusterType);
  client.Ack(kClusterType, {"b"});
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("+a", "+b", "+b"));
  client.Ack(kClusterType);
  Publish({EdsCluster("a", "2s"), EdsCluster("b")});
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("+a"));
  client.Ack(kClusterType, {}, {"*"});
  Publish({EdsCluster("a", "3s"), EdsCluster("b", "3s")});
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("+b"));
}

TEST_F(DeltaTest, ANameDroppedBesideTheWildcardIsAnswered) {
  Publish({EdsCluster("a"), EdsCluster("b")});
  Client client(server_);
  client.Ask(kClusterType, {"*", "a", "none"});
  client.Ack(kClusterType);
  client.Came(kClusterType);
  client.Ask(kClusterType, {}, {"a", "none", "never asked"});
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("+a", "-none"));
}

TEST_F(DeltaTest, WhoComesBackGetsTheDifferenceOnly) {
  const ResourcePtr same = EdsCluster("same"), changed = EdsCluster("changed", "2s");
  Publish({same, changed, EdsCluster("fresh")});
  Client client(server_);
  client.Ask(kClusterType, {}, {}, {{"same", same->version}, {"changed", "older"}, {"gone", "x"}});
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("+changed", "+fresh", "-gone"));
  Client named(server_);
  named.Ask(kClusterType, {"same", "gone"}, {}, {{"same", same->version}, {"gone", "x"}, {"not wanted", "x"}});
  EXPECT_THAT(named.Came(kClusterType), ElementsAre("-gone"));
  Client complete(server_);
  complete.Ask(kClusterType, {"same"}, {}, {{"same", same->version}});
  EXPECT_THAT(complete.Came(kClusterType), ElementsAre("=")) << "it learns that it has all";
}

TEST_F(DeltaTest, AStaleNonceIsNoAnswerButItsNamesCount) {
  Publish({Endpoints("a", 1), Endpoints("b", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a"});
  client.Ack(kEndpointType);
  Publish({Endpoints("a", 2), Endpoints("b", 1)});
  client.Came(kEndpointType);
  DiscoveryAsk late = Client::About(kEndpointType);
  late.nonce = "1";
  late.names = {"b"};
  client.Say(late);
  EXPECT_EQ(server_.counters().events.stale, 1u);
  EXPECT_EQ(client.facts(kEndpointType).acks, 1u);
  EXPECT_THAT(client.Came(kEndpointType), IsEmpty()) << "one response at a time";
  client.Ack(kEndpointType);
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+b"));
}

TEST_F(DeltaTest, WhatWasRefusedIsNotRepeatedUntilItChangesAndItsReasonIsKept) {
  Publish({Endpoints("a", 1), Endpoints("b", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a", "b"});
  client.Ack(kEndpointType);
  Publish({Endpoints("a", 2), Endpoints("b", 1)});
  client.Nack(kEndpointType, "no such port");
  client.Came(kEndpointType);
  EXPECT_TRUE(client.facts(kEndpointType).refusing);
  EXPECT_EQ(client.facts(kEndpointType).refusal, "no such port");
  Publish({Endpoints("a", 2), Endpoints("b", 2)});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+b"));
  client.Ack(kEndpointType);
  Publish({Endpoints("a", 1), Endpoints("b", 2)});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+a")) << "nobody knows what it has of it";
  client.Nack(kEndpointType, "no");
  Publish({Endpoints("b", 2)});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("-a"));
  client.Nack(kEndpointType, "I keep it");
  Publish({Endpoints("b", 3)});
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+b")) << "a refused removal is not repeated either";
}

TEST_F(DeltaTest, ATypeThatNobodyKnowsIsAnsweredWithNothing) {
  Publish({});
  Client client(server_);
  client.Ask("type.googleapis.com/no.such.Type", {"x"});
  client.Ask("type.googleapis.com/no.such.Other");
  EXPECT_THAT(client.Came("type.googleapis.com/no.such.Type"), ElementsAre("-x"));
  EXPECT_THAT(client.Came("type.googleapis.com/no.such.Other"), ElementsAre("="));
}

TEST_F(DeltaTest, MakesBeforeItBreaks) {
  Publish({EdsCluster("old"), Endpoints("old", 1), ListenerWith("l", "r"), RoutesTo("r", "old"), RoutesTo("q", "old")});
  Client client(server_);
  client.Ask(kClusterType);
  client.Ack(kClusterType);
  client.Ask(kEndpointType, {"old"});
  client.Ack(kEndpointType);
  client.Ask(kListenerType);
  client.Ack(kListenerType);
  client.Ask(kRouteType, {"r", "q"});
  client.Ack(kRouteType);
  client.Log();
  for (const absl::string_view type : {kClusterType, kEndpointType, kRouteType}) client.Came(type);
  Publish(
      {EdsCluster("new"), Endpoints("new", 1), ListenerWith("l", "r"), ListenerWith("m", "r"), RoutesTo("r", "new")});
  EXPECT_THAT(client.Log(), ElementsAre("Cluster"));
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("+new"));
  client.Ack(kClusterType);
  EXPECT_THAT(client.Log(), IsEmpty());
  client.Ask(kEndpointType, {"new"});
  client.Ack(kEndpointType);
  EXPECT_THAT(client.Log(), ElementsAre("ClusterLoadAssignment", "Listener", "RouteConfiguration"));
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("+new"));
  EXPECT_THAT(client.Came(kRouteType), ElementsAre("+r")) << "q goes when nothing leads there any more";
  client.Ack(kListenerType);
  client.Ack(kRouteType);
  EXPECT_THAT(client.Log(), IsEmpty());
  world_.RunFor(seconds(2));
  EXPECT_THAT(client.Came(kClusterType), ElementsAre("-old"));
  EXPECT_THAT(client.Came(kEndpointType), ElementsAre("-old"));
  EXPECT_THAT(client.Came(kRouteType), ElementsAre("-q"));
}

TEST_F(DeltaTest, VirtualHostsAreFoundByTheHostThatARequestIsFor) {
  Publish({HostOf("r/exact", "[shop.example, 'Shop.Example:8080']"), HostOf("r/suffix", "['*.example']"),
           HostOf("r/longer", "['*.b.example']"), HostOf("r/prefix", "['api.*']"), HostOf("other/all", "['*']")});
  Client client(server_);
  const auto found = [&](const std::string& host) {
    client.Ack(kVirtualHostType);
    client.Came(kVirtualHostType);
    client.Ask(kVirtualHostType, {host});
    return client.Came(kVirtualHostType);
  };
  client.Ask(kVirtualHostType);
  EXPECT_THAT(found("r/shop.example"), ElementsAre("+r/exact"));
  EXPECT_THAT(client.last(kVirtualHostType).resources[0]->aliases,
              ElementsAre("r/shop.example", "r/shop.example:8080"));
  EXPECT_THAT(found("r/shop.example:8080"), ElementsAre("+r/exact"));
  EXPECT_THAT(found("r/shop.example:9090"), ElementsAre("+r/exact"));
  EXPECT_THAT(client.last(kVirtualHostType).asked_as.at("r/exact"), Contains("r/shop.example:9090"));
  EXPECT_THAT(found("r/a.example"), ElementsAre("+r/suffix"));
  EXPECT_THAT(found("r/a.b.example"), ElementsAre("+r/longer"));
  EXPECT_THAT(found("r/api.org"), ElementsAre("+r/prefix"));
  EXPECT_THAT(found("r/nowhere.org"), ElementsAre("-r/nowhere.org"));
  EXPECT_THAT(found("other/whatever"), ElementsAre("+other/all"));
  EXPECT_THAT(found("r/suffix"), ElementsAre("+r/suffix")) << "by its own name";
  client.Ack(kVirtualHostType);
  client.Came(kVirtualHostType);
  Publish({HostOf("r/suffix", "['*.example']")});
  EXPECT_THAT(client.Came(kVirtualHostType), ElementsAre("+r/suffix")) << "it serves shop.example now";
  client.Ack(kVirtualHostType);
  EXPECT_THAT(client.Came(kVirtualHostType), UnorderedElementsAre("-r/exact", "-r/longer", "-r/prefix", "-other/all",
                                                                  "-r/api.org", "-other/whatever"));
}

// The same configuration by both forms, through the same changes, refusals and reconnects.
class Mirror : public AnswerSink {
 public:
  using Content = std::map<std::string, std::map<std::string, std::string>, std::less<>>;  // type → name → version

  Mirror(XdsServer& server, WireForm form) : server_(server), form_(form) { Connect(); }
  ~Mirror() { server_.Close(session_); }

  void Reconnect() {
    server_.Close(session_);
    inbox_.clear();
    Connect();
  }
  bool busy() const { return !inbox_.empty(); }
  void TakeOne() {
    const DiscoveryAnswer answer = inbox_.front();
    inbox_.pop_front();
    auto& have = content_[answer.type_url];
    if (form_ == WireForm::kWorld && LegacyWildcard(answer.type_url)) have.clear();
    const Names& wanted = wanted_[std::string(kEndpointType)];
    for (const ResourcePtr& resource : answer.resources) {
      const bool late =
          answer.type_url == kEndpointType && std::find(wanted.begin(), wanted.end(), resource->name) == wanted.end();
      if (!late) have[resource->name] = resource->version;  // it was on its way when the client lost interest
    }
    for (const std::string& name : answer.removed) have.erase(name);
    DiscoveryAsk ask = Client::About(answer.type_url);
    ask.nonce = answer.nonce;
    ask.version = answer.version;
    if (form_ == WireForm::kWorld) ask.names = wanted_[answer.type_url];
    last_[answer.type_url] = answer;
    session_->OnAsk(ask);
  }
  // Asks for these endpoints, and no others.
  void Want(const Names& names) {
    Names& wanted = wanted_[std::string(kEndpointType)];
    DiscoveryAsk ask = Client::About(kEndpointType);
    for (const std::string& name : names) {
      if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) ask.names.push_back(name);
    }
    for (const std::string& name : wanted) {
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      ask.dropped_names.push_back(name);
      if (form_ == WireForm::kDelta) content_[kEndpointType.data()].erase(name);
    }
    wanted = names;
    if (form_ == WireForm::kWorld) {
      ask.names = names;
      ask.nonce = last_[std::string(kEndpointType)].nonce;
    }
    session_->OnAsk(ask);
  }
  // In the other form a name that comes and goes while a response is on its way is never seen to go, so that client
  // keeps what it lost interest in.
  Content content() const {
    Content content = content_;
    auto& endpoints = content[std::string(kEndpointType)];
    const auto wanted = wanted_.find(std::string(kEndpointType));
    for (auto it = endpoints.begin(); it != endpoints.end();) {
      const bool used = wanted != wanted_.end() &&
                        std::find(wanted->second.begin(), wanted->second.end(), it->first) != wanted->second.end();
      it = used ? std::next(it) : endpoints.erase(it);
    }
    return content;
  }

 private:
  void Connect() {
    session_ = server_.Open(*this, {}, "", form_);
    last_.clear();
    for (const absl::string_view type : {kClusterType, kListenerType, kEndpointType}) {
      DiscoveryAsk ask = Client::About(type);
      ask.names = wanted_[std::string(type)];
      if (form_ == WireForm::kDelta) ask.initial_versions = content_[std::string(type)];
      session_->OnAsk(ask);
    }
  }
  void Send(const DiscoveryAnswer& answer) override { inbox_.push_back(answer); }
  void End(bool, const std::string& reason) override { ADD_FAILURE() << reason; }

  XdsServer& server_;
  const WireForm form_;
  Session* session_ = nullptr;
  std::deque<DiscoveryAnswer> inbox_;
  std::map<std::string, Names> wanted_;
  std::map<std::string, DiscoveryAnswer> last_;
  Content content_;
};

TEST(DeltaPropertyTest, BothFormsEndWithTheSameWhateverHappens) {
  constexpr int kThings = 6;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    event::SimulatedWorld world(seed, event::FaultPlan::None());
    auto dispatcher = world.MakeDispatcher();
    XdsServer::Options options;
    options.ordering.longest_warming = seconds(2);
    XdsServer server(*dispatcher, options);
    Random random(seed);
    Mirror::Content published;
    Names wanted;
    const auto publish = [&] {
      auto catalog = std::make_shared<Catalog>();
      published.clear();
      const auto add = [&](const ResourcePtr& resource) {
        catalog->AddForAll(resource);
        published[resource->type_url][resource->name] = resource->version;
      };
      for (int i = 0; i < kThings; ++i) {
        const std::string name = absl::StrCat("c", i);
        if (random.OneIn(2)) add(EdsCluster(name, random.OneIn(2) ? "1s" : "2s"));
        if (random.OneIn(3)) add(ListenerWith(absl::StrCat("l", i), random.OneIn(2) ? "r" : "q"));
        add(Endpoints(name, 1 + static_cast<int>(random.Below(3))));
      }
      server.Publish(catalog);
    };
    publish();
    Mirror delta(server, WireForm::kDelta), whole(server, WireForm::kWorld);
    for (int step = 0; step < 120; ++step) {
      Mirror& one = random.OneIn(2) ? delta : whole;
      const uint64_t what = random.Below(12);
      if (what == 0) {
        publish();
      } else if (what == 1) {
        one.Reconnect();
      } else if (what == 2) {
        wanted.clear();
        for (int i = 0; i < kThings; ++i) {
          if (random.OneIn(2)) wanted.push_back(absl::StrCat("c", i));
        }
        delta.Want(wanted);
        whole.Want(wanted);
      } else if (what == 3) {
        world.RunFor(milliseconds(random.Below(1500)));
      } else if (one.busy()) {
        one.TakeOne();
      }
    }
    for (int i = 0; i < 20; ++i) {
      while (delta.busy()) delta.TakeOne();
      while (whole.busy()) whole.TakeOne();
      world.RunFor(seconds(1));
    }
    Mirror::Content expected = published;
    auto& endpoints = expected[kEndpointType.data()];
    for (auto it = endpoints.begin(); it != endpoints.end();) {
      it = std::find(wanted.begin(), wanted.end(), it->first) == wanted.end() ? endpoints.erase(it) : std::next(it);
    }
    for (const absl::string_view type : {kClusterType, kListenerType, kEndpointType}) {
      const std::string key(type);
      EXPECT_EQ(delta.content()[key], expected[key]) << "seed " << seed << ", " << ShortType(type);
      EXPECT_EQ(whole.content()[key], expected[key]) << "seed " << seed << ", " << ShortType(type);
    }
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace outrigger::control_plane
