#include "source/control_plane/status/in_use.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "source/event/simulated_world.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::control_plane {
namespace {

using testing::HasSubstr;
using testing::Not;
using State = InUseAnswer::State;

class Client : public AnswerSink {
 public:
  Client(XdsServer& server, std::string node, WireForm form, std::string agent = "outrigger")
      : node_(std::move(node)), agent_(std::move(agent)), form_(form), session_(server.Open(*this, {}, "", form)) {}

  void Ask(absl::string_view type, std::vector<std::string> names = {}) { Say(type, std::move(names), "", ""); }
  void Ack(absl::string_view type) {
    std::vector<std::string> names = form_ == WireForm::kWorld ? names_[type] : std::vector<std::string>();
    Say(type, std::move(names), last[std::string(type)].nonce, "");
  }
  void Nack(absl::string_view type, const std::string& why) {
    Say(type, names_[type], last[std::string(type)].nonce, why);
  }
  void Uses(absl::string_view type, const std::string& version) {
    DiscoveryAsk ask = Base(type);
    ask.in_use = version;
    if (form_ == WireForm::kWorld) ask.names = {"anything"};
    session_->OnAsk(ask);
  }
  void UsesLast(absl::string_view type) { Uses(type, last[std::string(type)].version); }
  const Subscription& subscription(absl::string_view type) { return session_->subscriptions().find(type)->second; }

  std::map<std::string, DiscoveryAnswer> last;
  int answers = 0;

 private:
  DiscoveryAsk Base(absl::string_view type) {
    DiscoveryAsk ask;
    ask.type_url = std::string(type);
    ask.has_node = true;
    ask.node = {node_, ""};
    ask.user_agent = agent_;
    return ask;
  }
  void Say(absl::string_view type, std::vector<std::string> names, const std::string& nonce, const std::string& why) {
    DiscoveryAsk ask = Base(type);
    names_[type] = names;
    ask.names = std::move(names);
    ask.nonce = nonce;
    ask.refused = !why.empty();
    ask.refusal = why;
    session_->OnAsk(ask);
  }
  void Send(const DiscoveryAnswer& answer) override {
    ++answers;
    last[answer.type_url] = answer;
  }
  void End(bool, const std::string& reason) override { ADD_FAILURE() << reason; }

  const std::string node_, agent_;
  const WireForm form_;
  Session* session_;
  std::map<absl::string_view, std::vector<std::string>> names_;
};

class InUseTest : public testing::TestWithParam<WireForm> {
 protected:
  std::string Publish(const std::vector<ResourcePtr>& resources) {
    auto catalog = std::make_shared<Catalog>();
    for (const ResourcePtr& resource : resources) EXPECT_TRUE(catalog->AddForAll(resource));
    server_.Publish(catalog);
    return server_.version();
  }
  InUseAnswer Ask(const std::string& version = "latest", const std::string& node = "", bool ignore_silent = false) {
    return WhoUses(server_, {.version = version, .node = node, .ignore_silent = ignore_silent});
  }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
  XdsServer server_{*dispatcher_, {}};
};

TEST_P(InUseTest, AProxyIsDoneWhenItSaysSoOfEachTypeThatItWasSent) {
  const std::string version = Publish({EdsCluster("a"), Endpoints("a", 1)});
  Client client(server_, "n1", GetParam());
  client.Ask(kClusterType);
  client.Ask(kEndpointType, {"a"});
  client.Ask(kRouteType, {});
  EXPECT_THAT(Ask().text, HasSubstr("n1: Cluster: sent, not accepted yet\n"));
  client.Ack(kClusterType);
  client.Ack(kEndpointType);
  client.Ack(kRouteType);
  EXPECT_THAT(Ask().text, HasSubstr("n1: Cluster: accepted, not in use yet\n"));
  client.UsesLast(kClusterType);
  EXPECT_EQ(Ask().state, State::kWaiting);
  EXPECT_THAT(Ask().text, Not(HasSubstr("n1: Cluster:")));
  const int answers = client.answers;
  client.UsesLast(kEndpointType);
  if (GetParam() == WireForm::kDelta) client.UsesLast(kRouteType);  // it was sent an answer of nothing
  EXPECT_EQ(Ask().state, State::kDone) << Ask().text;
  EXPECT_EQ(Ask(version, "n1").state, State::kDone);
  EXPECT_THAT(Ask().text, HasSubstr("is in use\nin use: n1\n"));
  EXPECT_EQ(client.answers, answers) << "a report changes no subscription";
  EXPECT_EQ(client.subscription(kEndpointType).facts().acks, 1u) << "and accepts nothing";
  EXPECT_EQ(client.subscription(kEndpointType).deliveries().in_use_version(),
            client.last[std::string(kEndpointType)].version);
}

TEST_P(InUseTest, WhatDidNotChangeNeedsNoNewReportAndANewerConfigurationCountsForAnOlder) {
  const std::string first = Publish({EdsCluster("a"), Endpoints("a", 1)});
  Client client(server_, "n1", GetParam());
  client.Ask(kClusterType);
  client.Ask(kEndpointType, {"a"});
  for (const absl::string_view type : {kClusterType, kEndpointType}) {
    client.Ack(type);
    client.UsesLast(type);
  }
  const std::string second = Publish({EdsCluster("a"), Endpoints("a", 2)});
  EXPECT_NE(first, second);
  EXPECT_EQ(Ask(first).state, State::kDone);
  EXPECT_EQ(Ask(second).text, absl::StrCat("version ", second, " is not in use everywhere yet\n  n1: ",
                                           "ClusterLoadAssignment: sent, not accepted yet\n"));
  const std::string third = Publish({EdsCluster("a"), Endpoints("a", 3)});
  EXPECT_THAT(Ask(third).text, HasSubstr("ClusterLoadAssignment: not sent yet"));
  client.Ack(kEndpointType);
  client.Ack(kEndpointType);
  client.UsesLast(kEndpointType);
  EXPECT_EQ(Ask(second).state, State::kDone);
  EXPECT_EQ(Ask(third).state, State::kDone);
  EXPECT_EQ(Publish({EdsCluster("a"), Endpoints("a", 3)}), third);
  EXPECT_EQ(Ask(third).state, State::kDone) << "the same again is no new one";
  EXPECT_EQ(Ask("0000").state, State::kUnknownVersion);
}

TEST_P(InUseTest, ARemovedClusterIsWaitedForToo) {
  Publish({EdsCluster("old"), Endpoints("old", 1)});
  Client client(server_, "n1", GetParam());
  client.Ask(kClusterType);
  client.Ack(kClusterType);
  client.UsesLast(kClusterType);
  ASSERT_EQ(Ask().state, State::kDone) << Ask().text;
  Publish({EdsCluster("new"), Endpoints("new", 1)});
  client.Ack(kClusterType);
  client.UsesLast(kClusterType);
  EXPECT_EQ(Ask().state, State::kWaiting) << "the old one is there still";
  world_.RunFor(seconds(20));
  client.Ack(kClusterType);
  client.UsesLast(kClusterType);
  EXPECT_EQ(Ask().state, State::kDone) << Ask().text;
}

TEST_P(InUseTest, ARefusalIsToldWithItsReason) {
  Publish({Endpoints("a", 1)});
  Client client(server_, "n1", GetParam());
  client.Ask(kEndpointType, {"a"});
  client.Nack(kEndpointType, "no such port");
  EXPECT_THAT(Ask().text, HasSubstr("n1: ClusterLoadAssignment: refused: no such port"));
}

TEST_P(InUseTest, WhoNeverSaysWhatItUsesIsWaitedForUntilItAccepts) {
  Publish({Endpoints("a", 1)});
  Client client(server_, "other", GetParam(), "somebody");
  client.Ask(kEndpointType, {"a"});
  EXPECT_EQ(Ask().state, State::kWaiting);
  EXPECT_EQ(Ask("latest", "", true).state, State::kDone);
  EXPECT_THAT(Ask("latest", "", true).text, HasSubstr("ignored, says nothing of use: other\n"));
  client.Ack(kEndpointType);
  EXPECT_EQ(Ask().state, State::kDone);
  EXPECT_THAT(Ask().text, HasSubstr("acknowledged, says nothing of use: other\n"));
}

TEST_P(InUseTest, ANodeThatIsNotConnectedIsWaitedForIfItIsNamed) {
  Publish({Endpoints("a", 1)});
  EXPECT_EQ(Ask().state, State::kDone);
  EXPECT_THAT(Ask("latest", "n9").text, HasSubstr("n9: not connected"));
}

TEST_P(InUseTest, AReportOfAVersionThatWasNotSentIsCounted) {
  Publish({Endpoints("a", 1)});
  Client client(server_, "n1", GetParam());
  client.Ask(kEndpointType, {"a"});
  client.Uses(kEndpointType, "nonsense");
  client.Uses(kRouteType, "nonsense");
  EXPECT_EQ(server_.counters().events.in_use_unknown, 2u);
  EXPECT_EQ(client.subscription(kEndpointType).deliveries().in_use_version(), "");
}

INSTANTIATE_TEST_SUITE_P(Forms, InUseTest, testing::Values(WireForm::kWorld, WireForm::kDelta),
                         [](const auto& form) { return form.param == WireForm::kWorld ? "World" : "Delta"; });

TEST(InUseQueryTest, ComesBackAsItWas) {
  const InUseQuery query{.version = "a b&c", .node = "sidecar~10.0.0.1~x%y.z~", .ignore_silent = true};
  InUseQuery parsed;
  ASSERT_TRUE(ParseInUseQuery(InUseQueryText(query), parsed));
  EXPECT_EQ(parsed.version, query.version);
  EXPECT_EQ(parsed.node, query.node);
  EXPECT_TRUE(parsed.ignore_silent);
  EXPECT_FALSE(ParseInUseQuery("versoin=x", parsed));
  EXPECT_TRUE(ParseInUseQuery("node=%4&version=%zz", parsed));
  EXPECT_EQ(parsed.node, "%4");
  EXPECT_EQ(parsed.version, "%zz");
}

}  // namespace
}  // namespace outrigger::control_plane
