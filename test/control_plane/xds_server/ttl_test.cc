// Resources that live a while at the client, and the heartbeats that prolong it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "source/control_plane/xds_server/xds_server.h"
#include "source/event/simulated_world.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::control_plane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class Client : public AnswerSink {
 public:
  Client(XdsServer& server, WireForm form) : form_(form), session_(server.Open(*this, {}, "", form)) {}
  void Ask(absl::string_view type, std::vector<std::string> names = {}) { Say(type, std::move(names), "", ""); }
  void Answer(absl::string_view type, const std::string& refusal = "") {
    Say(type, form_ == WireForm::kWorld ? names_[std::string(type)] : std::vector<std::string>(), last.nonce, refusal);
  }

  DiscoveryAnswer last;
  int answers = 0;

 private:
  void Say(absl::string_view type, std::vector<std::string> names, const std::string& nonce, const std::string& why) {
    DiscoveryAsk ask;
    ask.type_url = std::string(type);
    ask.has_node = true;
    ask.node = {"n", ""};
    if (nonce.empty()) names_[ask.type_url] = names;
    ask.names = std::move(names);
    ask.nonce = nonce;
    ask.refused = !why.empty();
    ask.refusal = why;
    session_->OnAsk(ask);
  }
  void Send(const DiscoveryAnswer& answer) override {
    ++answers;
    last = answer;
  }
  void End(bool, const std::string& reason) override { ADD_FAILURE() << reason; }

  const WireForm form_;
  Session* session_;
  std::map<std::string, std::vector<std::string>> names_;
};

class TtlTest : public testing::TestWithParam<WireForm> {
 protected:
  void Publish(const std::vector<ResourcePtr>& resources) {
    auto catalog = std::make_shared<Catalog>();
    for (const ResourcePtr& resource : resources) ASSERT_TRUE(catalog->AddForAll(resource));
    server_->Publish(catalog);
  }
  void Serve(Duration ttl) {
    XdsServer::Options options;
    options.resource_ttl = ttl;
    server_ = std::make_unique<XdsServer>(*dispatcher_, options);
  }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
  std::unique_ptr<XdsServer> server_;
  const ResourcePtr a_ = Endpoints("a", 1), b_ = Endpoints("b", 1);
};

TEST_P(TtlTest, WhatWasAcceptedIsMentionedAtAThirdOfItsTime) {
  Serve(seconds(30));
  Publish({a_, b_});
  Client client(*server_, GetParam());
  client.Ask(kEndpointType, {"a", "b"});
  EXPECT_EQ(client.last.ttl, Duration(seconds(30)));
  const std::string version = client.last.version;
  client.Answer(kEndpointType);
  world_.RunFor(seconds(9));
  EXPECT_EQ(client.answers, 1);
  world_.RunFor(seconds(2));
  EXPECT_EQ(client.answers, 2);
  EXPECT_THAT(client.last.heartbeats, ElementsAre(Pair("a", a_->version), Pair("b", b_->version)));
  EXPECT_THAT(client.last.resources, IsEmpty());
  EXPECT_EQ(client.last.version, version);
  EXPECT_EQ(client.last.ttl, Duration(seconds(30)));
  client.Answer(kEndpointType);
  world_.RunFor(seconds(10));
  EXPECT_EQ(client.answers, 3);
  world_.RunFor(seconds(30));
  EXPECT_EQ(client.answers, 3) << "the last one is not answered yet";
  EXPECT_EQ(server_->counters().events.heartbeats, 2u);
  EXPECT_EQ(server_->counters().events.sent, 1u);
}

TEST_P(TtlTest, WhatIsNewIsSentWholeAndWhatWasRefusedLivesOnAsItWas) {
  Serve(seconds(30));
  Publish({a_});
  Client client(*server_, GetParam());
  client.Ask(kEndpointType, {"a"});
  client.Answer(kEndpointType);
  Publish({Endpoints("a", 2)});
  EXPECT_THAT(client.last.heartbeats, IsEmpty());
  client.Answer(kEndpointType, "no");
  world_.RunFor(seconds(11));
  EXPECT_THAT(client.last.heartbeats, ElementsAre(Pair("a", a_->version)));
  client.Answer(kEndpointType);
  EXPECT_TRUE(server_->sessions().begin()->second->subscriptions().begin()->second.facts().refusing);
  Publish({Endpoints("a", 3)});
  EXPECT_EQ(client.last.resources.size(), 1u);
}

TEST_P(TtlTest, WithoutATimeThereAreNone) {
  Serve(Duration(0));
  Publish({a_});
  Client client(*server_, GetParam());
  client.Ask(kEndpointType, {"a"});
  EXPECT_EQ(client.last.ttl, Duration(0));
  client.Answer(kEndpointType);
  world_.RunFor(hours(1));
  EXPECT_EQ(client.answers, 1);
}

INSTANTIATE_TEST_SUITE_P(Forms, TtlTest, testing::Values(WireForm::kWorld, WireForm::kDelta), [](const auto& form) {
  return std::string(form.param == WireForm::kWorld ? "World" : "Delta");
});

}  // namespace
}  // namespace outrigger::control_plane
