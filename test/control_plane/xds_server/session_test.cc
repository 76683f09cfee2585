#include "source/control_plane/xds_server/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "source/control_plane/xds_server/xds_server.h"
#include "source/event/simulated_world.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::control_plane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A client that does what the test says.
class Client : public AnswerSink {
 public:
  explicit Client(XdsServer& server, PeerFacts peer = {}, std::string only_type = "")
      : session_(server.Open(*this, std::move(peer), std::move(only_type))) {}

  void Ask(absl::string_view type, std::vector<std::string> names = {}, const std::string& version = "") {
    DiscoveryAsk ask = Base(type, std::move(names));
    ask.version = version;
    ask.nonce = last_[std::string(type)].nonce;
    session_->OnAsk(ask);
  }
  // Answers the last response of this type; its names stay as given.
  void Ack(absl::string_view type, std::vector<std::string> names = {}) {
    DiscoveryAsk ask = Base(type, std::move(names));
    ask.version = last_[std::string(type)].version;
    ask.nonce = last_[std::string(type)].nonce;
    session_->OnAsk(ask);
  }
  void Nack(absl::string_view type, std::vector<std::string> names, const std::string& why) {
    DiscoveryAsk ask = Base(type, std::move(names));
    ask.nonce = last_[std::string(type)].nonce;
    ask.refused = true;
    ask.refusal = why;
    session_->OnAsk(ask);
  }
  void AskWithNonce(absl::string_view type, std::vector<std::string> names, const std::string& nonce) {
    DiscoveryAsk ask = Base(type, std::move(names));
    ask.nonce = nonce;
    session_->OnAsk(ask);
  }
  DiscoveryAsk Base(absl::string_view type, std::vector<std::string> names) {
    DiscoveryAsk ask;
    ask.type_url = std::string(type);
    ask.names = std::move(names);
    ask.has_node = true;
    ask.node = {node, "c"};
    return ask;
  }
  // Types of responses since the last call, in order.
  std::vector<std::string> Log() { return std::exchange(log_, {}); }
  std::vector<std::string> NamesOf(absl::string_view type) {
    std::vector<std::string> names;
    for (const ResourcePtr& resource : last_[std::string(type)].resources) names.push_back(resource->name);
    return names;
  }
  const DiscoveryAnswer& last(absl::string_view type) { return last_[std::string(type)]; }
  const Subscription::Facts& facts(absl::string_view type) {
    return session_->subscriptions().find(type)->second.facts();
  }

  std::string node = "n1";
  bool ended = false, denied = false;
  std::string reason;

 private:
  void Send(const DiscoveryAnswer& answer) override {
    log_.emplace_back(ShortType(answer.type_url));
    last_[answer.type_url] = answer;
  }
  void End(bool was_denied, const std::string& why) override {
    ended = true;
    denied = was_denied;
    reason = why;
  }

  Session* session_;
  std::vector<std::string> log_;
  std::map<std::string, DiscoveryAnswer> last_;
};

class SessionTest : public testing::Test {
 protected:
  void Publish(const std::vector<ResourcePtr>& resources) {
    auto catalog = std::make_shared<Catalog>();
    for (const ResourcePtr& resource : resources) ASSERT_TRUE(catalog->AddForAll(resource));
    server_.Publish(catalog);
  }
  // A proxy's start: clusters, endpoints, listener, routes, each accepted.
  void Start(Client& client, const std::vector<std::string>& clusters) {
    client.Ask(kClusterType);
    client.Ack(kClusterType);
    client.Ask(kEndpointType, clusters);
    client.Ack(kEndpointType, clusters);
    client.Ask(kListenerType);
    client.Ack(kListenerType);
    client.Ask(kRouteType, {"r"});
    client.Ack(kRouteType, {"r"});
  }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
  XdsServer server_{*dispatcher_, {}};
};

TEST_F(SessionTest, AnswersEachTypeAsTheClientAsksForIt) {
  Publish({EdsCluster("a"), Endpoints("a", 1), ListenerWith("l", "r"), RoutesTo("r", "a")});
  Client client(server_);
  Start(client, {"a"});
  EXPECT_THAT(client.Log(), ElementsAre("Cluster", "ClusterLoadAssignment", "Listener", "RouteConfiguration"));
  EXPECT_EQ(client.facts(kClusterType).acks, 1u);
  EXPECT_EQ(client.facts(kRouteType).acked_version, client.last(kRouteType).version);
}

TEST_F(SessionTest, IsSilentToAClientThatComesBackWithWhatItHas) {
  Publish({EdsCluster("a"), Endpoints("a", 1)});
  Client first(server_);
  first.Ask(kClusterType);
  first.Ask(kEndpointType, {"a"});
  Client again(server_);
  again.Ask(kClusterType, {}, first.last(kClusterType).version);
  again.Ask(kEndpointType, {"a"}, first.last(kEndpointType).version);
  EXPECT_THAT(again.Log(), IsEmpty());
  Publish({EdsCluster("a"), Endpoints("a", 2)});
  EXPECT_THAT(again.Log(), ElementsAre("ClusterLoadAssignment"));
}

TEST_F(SessionTest, SendsNothingForAnUnchangedSnapshot) {
  Publish({EdsCluster("a"), Endpoints("a", 1), ListenerWith("l", "r"), RoutesTo("r", "a")});
  Client client(server_);
  Start(client, {"a"});
  client.Log();
  Publish({EdsCluster("a"), Endpoints("a", 1), ListenerWith("l", "r"), RoutesTo("r", "a")});
  EXPECT_THAT(client.Log(), IsEmpty());
}

TEST_F(SessionTest, NamesThatDoNotExistStaySilentUntilTheyDo) {
  Publish({Endpoints("a", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"b"});
  EXPECT_THAT(client.Log(), IsEmpty());
  Publish({Endpoints("a", 1), Endpoints("b", 1)});
  EXPECT_THAT(client.NamesOf(kEndpointType), ElementsAre("b"));
}

TEST_F(SessionTest, AnswersAnAskForListenersThatDoNotExistBecauseAbsenceIsNews) {
  Publish({});
  Client client(server_);
  client.Ask(kListenerType, {"none"});
  EXPECT_THAT(client.Log(), ElementsAre("Listener"));
  EXPECT_THAT(client.NamesOf(kListenerType), IsEmpty());
}

TEST_F(SessionTest, SendsOnlyTheEndpointsThatTheClientLacks) {
  Publish({Endpoints("a", 1), Endpoints("b", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a"});
  client.Ack(kEndpointType, {"a", "b"});
  EXPECT_THAT(client.NamesOf(kEndpointType), ElementsAre("b"));
  client.Ack(kEndpointType, {"a", "b"});
  Publish({Endpoints("a", 2), Endpoints("b", 1)});
  EXPECT_THAT(client.NamesOf(kEndpointType), ElementsAre("a"));
}

TEST_F(SessionTest, IgnoresAnAskAboutAnOlderResponse) {
  Publish({Endpoints("a", 1), Endpoints("b", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a"});
  client.Ack(kEndpointType, {"a"});
  Publish({Endpoints("a", 2), Endpoints("b", 1)});
  client.Log();
  // Sent before the second response was seen; what answers the second will say the same names.
  client.AskWithNonce(kEndpointType, {"a", "b"}, "1");
  EXPECT_THAT(client.Log(), IsEmpty());
  EXPECT_EQ(server_.counters().events.stale, 1u);
  client.Ack(kEndpointType, {"a", "b"});
  EXPECT_THAT(client.NamesOf(kEndpointType), ElementsAre("b"));
}

TEST_F(SessionTest, DoesNotRepeatWhatWasRefusedAndShowsWhy) {
  Publish({RoutesTo("r", "a"), RoutesTo("s", "a")});
  Client client(server_);
  client.Ask(kRouteType, {"r", "s"});
  client.Ack(kRouteType, {"r", "s"});
  Publish({RoutesTo("r", "b"), RoutesTo("s", "a")});
  client.Nack(kRouteType, {"r", "s"}, "no such cluster");
  client.Log();
  Publish({RoutesTo("r", "b"), RoutesTo("s", "a")});
  EXPECT_THAT(client.Log(), IsEmpty());
  EXPECT_TRUE(client.facts(kRouteType).refusing);
  EXPECT_EQ(client.facts(kRouteType).refusal, "no such cluster");
  Publish({RoutesTo("r", "c"), RoutesTo("s", "a")});
  EXPECT_THAT(client.NamesOf(kRouteType), ElementsAre("r"));
}

TEST_F(SessionTest, ARefusedResourceThatGoesBackIsSentAgain) {
  Publish({RoutesTo("r", "a")});
  Client client(server_);
  client.Ask(kRouteType, {"r"});
  client.Ack(kRouteType, {"r"});
  Publish({RoutesTo("r", "b")});
  client.Nack(kRouteType, {"r"}, "no");
  client.Log();
  Publish({RoutesTo("r", "a")});
  EXPECT_THAT(client.Log(), ElementsAre("RouteConfiguration"));
}

TEST_F(SessionTest, CoalescesChangesWhileAnAnswerIsAwaited) {
  Publish({Endpoints("a", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a"});
  Publish({Endpoints("a", 2)});
  Publish({Endpoints("a", 3)});
  EXPECT_THAT(client.Log(), ElementsAre("ClusterLoadAssignment"));
  client.Ack(kEndpointType, {"a"});
  EXPECT_THAT(client.Log(), ElementsAre("ClusterLoadAssignment"));
  EXPECT_EQ(client.last(kEndpointType).resources[0]->bytes, Endpoints("a", 3)->bytes);
}

TEST_F(SessionTest, MakesBeforeItBreaks) {
  Publish({EdsCluster("old"), Endpoints("old", 1), ListenerWith("l", "r"), RoutesTo("r", "old")});
  Client client(server_);
  Start(client, {"old"});
  client.Log();
  Publish({EdsCluster("new"), Endpoints("new", 1), ListenerWith("l", "r"), RoutesTo("r", "new")});
  // The new cluster comes beside the old one; the routes wait.
  EXPECT_THAT(client.Log(), ElementsAre("Cluster"));
  EXPECT_THAT(client.NamesOf(kClusterType), ElementsAre("new", "old"));
  client.Ack(kClusterType);
  EXPECT_THAT(client.Log(), IsEmpty());
  client.Ask(kEndpointType, {"new", "old"});
  EXPECT_THAT(client.Log(), ElementsAre("ClusterLoadAssignment"));
  client.Ack(kEndpointType, {"new", "old"});
  EXPECT_THAT(client.Log(), ElementsAre("RouteConfiguration"));
  client.Ack(kRouteType, {"r"});
  EXPECT_THAT(client.Log(), IsEmpty());
  // Only now the old cluster goes.
  world_.RunFor(seconds(2));
  EXPECT_THAT(client.Log(), ElementsAre("Cluster"));
  EXPECT_THAT(client.NamesOf(kClusterType), ElementsAre("new"));
}

TEST_F(SessionTest, OldClustersGoAlsoWhenChangesNeverPause) {
  const auto publish = [this](int version, int endpoint) {
    const std::string name = absl::StrCat("c", version);
    Publish({EdsCluster(name), Endpoints(name, endpoint), ListenerWith("l", "r"), RoutesTo("r", name)});
  };
  publish(1, 1);
  Client client(server_);
  Start(client, {"c1"});
  publish(2, 1);
  client.Ack(kClusterType);
  client.Ask(kEndpointType, {"c1", "c2"});
  client.Ack(kEndpointType, {"c1", "c2"});
  client.Ack(kRouteType, {"r"});
  // Endpoints change more often than old clusters take to go.
  for (int i = 2; i < 12; ++i) {
    EXPECT_EQ(client.NamesOf(kClusterType).size(), i < 5 ? 2u : 1u) << i;
    world_.RunFor(milliseconds(400));
    for (const std::string& type : client.Log()) {
      if (type == "Cluster") client.Ack(kClusterType);
    }
    publish(2, i);
    client.Ack(kEndpointType, {"c2"});
  }
  EXPECT_THAT(client.NamesOf(kClusterType), ElementsAre("c2"));
}

TEST_F(SessionTest, KeepsOldClustersWhileTheNewRoutesAreRefused) {
  Publish({EdsCluster("old"), Endpoints("old", 1), ListenerWith("l", "r"), RoutesTo("r", "old")});
  Client client(server_);
  Start(client, {"old"});
  Publish({EdsCluster("new"), Endpoints("new", 1), ListenerWith("l", "r"), RoutesTo("r", "new")});
  client.Ack(kClusterType);
  client.Ask(kEndpointType, {"new", "old"});
  client.Ack(kEndpointType, {"new", "old"});
  client.Nack(kRouteType, {"r"}, "no");
  world_.RunFor(minutes(1));
  EXPECT_THAT(client.NamesOf(kClusterType), ElementsAre("new", "old"));
}

TEST_F(SessionTest, RoutesFollowAtLastWhenTheClientNeverAsksForEndpoints) {
  Publish({EdsCluster("old"), Endpoints("old", 1), ListenerWith("l", "r"), RoutesTo("r", "old")});
  Client client(server_);
  Start(client, {"old"});
  Publish({EdsCluster("new"), Endpoints("new", 1), ListenerWith("l", "r"), RoutesTo("r", "new")});
  client.Ack(kClusterType);
  client.Log();
  world_.RunFor(seconds(11));
  EXPECT_THAT(client.Log(), ElementsAre("RouteConfiguration"));
}

TEST_F(SessionTest, EndpointsComeAgainAfterTheirClusterChanged) {
  Publish({EdsCluster("a", "1s"), Endpoints("a", 1)});
  Client client(server_);
  client.Ask(kClusterType);
  client.Ack(kClusterType);
  client.Ask(kEndpointType, {"a"});
  client.Ack(kEndpointType, {"a"});
  client.Log();
  Publish({EdsCluster("a", "2s"), Endpoints("a", 1)});
  EXPECT_THAT(client.Log(), ElementsAre("Cluster", "ClusterLoadAssignment"));
}

TEST_F(SessionTest, ASocketOfOneNodeServesNoOther) {
  Publish({SecretOf("default", "key")});
  PeerFacts peer;
  peer.bound_node = "n1";
  Client own(server_, peer);
  own.Ask(kSecretType, {"default"});
  EXPECT_THAT(own.NamesOf(kSecretType), ElementsAre("default"));
  Client other(server_, peer);
  other.node = "n2";
  other.Ask(kSecretType, {"default"});
  EXPECT_TRUE(other.denied);
  EXPECT_THAT(other.Log(), IsEmpty());
  EXPECT_EQ(server_.counters().events.denied_nodes, 1u);
}

TEST_F(SessionTest, AnonymousClientsGetEverythingButSecrets) {
  Publish({SecretOf("default", "key"), Endpoints("a", 1)});
  PeerFacts peer;
  peer.loopback = true;
  Client client(server_, peer);
  client.Ask(kSecretType, {"default"});
  client.Ask(kEndpointType, {"a"});
  EXPECT_THAT(client.Log(), ElementsAre("ClusterLoadAssignment"));
  EXPECT_FALSE(client.ended);
  EXPECT_EQ(server_.counters().events.denied_secrets, 1u);
  Client separate(server_, peer, std::string(kSecretType));
  separate.Ask(kSecretType, {"default"});
  EXPECT_TRUE(separate.denied);
}

TEST_F(SessionTest, AStreamCannotBecomeAnotherNode) {
  Publish({Endpoints("a", 1)});
  Client client(server_);
  client.Ask(kEndpointType, {"a"});
  client.node = "n2";
  client.Ack(kEndpointType, {"a"});
  EXPECT_TRUE(client.denied);
}

TEST(AdmissionTest, ACertificateSpeaksForItsOwnNodeOnly) {
  const AdmissionPolicy policy{"example.org", false};
  PeerFacts peer;
  peer.certified = true;
  peer.uri_sans = {"spiffe://example.org/node/a"};
  EXPECT_TRUE(Admit(policy, peer, {"a", ""}).secrets);
  EXPECT_EQ(Admit(policy, peer, {"b", ""}).kind, Admission::Kind::kRefused);
  EXPECT_EQ(Admit({"other.org", false}, peer, {"a", ""}).kind, Admission::Kind::kRefused);
}

TEST(AdmissionTest, StateIsShownOnThisHostToItsNodeAndToAdmins) {
  const AdmissionPolicy policy{"example.org", false};
  const auto certified = [&](const std::string& san) {
    PeerFacts peer;
    peer.certified = true;
    peer.loopback = true;
    peer.uri_sans = {san};
    return MaySee(policy, peer);
  };
  EXPECT_TRUE(MaySee(policy, {.loopback = true}).all);
  EXPECT_FALSE(MaySee(policy, {.address = "ipv4:10.0.0.1:1"}).reason.empty());
  EXPECT_FALSE(MaySee(policy, {.loopback = true, .bound_node = "a"}).all);
  EXPECT_THAT(MaySee(policy, {.loopback = true, .bound_node = "a"}).nodes, ElementsAre("a"));
  EXPECT_THAT(certified("spiffe://example.org/node/a").nodes, ElementsAre("a"));
  EXPECT_FALSE(certified("spiffe://example.org/node/a").all);
  EXPECT_TRUE(certified("spiffe://example.org/admin/ops").all);
  EXPECT_FALSE(certified("spiffe://example.org/service/a").reason.empty());
  EXPECT_FALSE(certified("spiffe://other.org/admin/ops").reason.empty());
}

TEST(AdmissionTest, UnauthenticatedSecretsNeedLoopback) {
  const AdmissionPolicy policy{"", true};
  PeerFacts peer;
  EXPECT_FALSE(Admit(policy, peer, {"a", ""}).secrets);
  peer.loopback = true;
  EXPECT_TRUE(Admit(policy, peer, {"a", ""}).secrets);
}

}  // namespace
}  // namespace outrigger::control_plane
