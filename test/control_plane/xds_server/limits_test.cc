// What a hostile client can do to the server, and what it cannot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/control_plane/xds_server/xds_server.h"
#include "source/event/simulated_world.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::control_plane {
namespace {

using testing::HasSubstr;

class Client : public AnswerSink {
 public:
  explicit Client(XdsServer& server, PeerFacts peer = {}, const std::string& only_type = "")
      : server_(server), session_(server.Open(*this, std::move(peer), only_type)) {}
  ~Client() {
    if (session_ != nullptr) server_.Close(session_);
  }
  bool open() const { return session_ != nullptr; }
  DiscoveryAsk AskFor(const std::string& type, std::vector<std::string> names = {}) {
    DiscoveryAsk ask;
    ask.type_url = type;
    ask.names = std::move(names);
    ask.has_node = true;
    ask.node = {"n", ""};
    return ask;
  }
  void Ask(const std::string& type, std::vector<std::string> names = {}) { Say(AskFor(type, std::move(names))); }
  void Say(const DiscoveryAsk& ask) { session_->OnAsk(ask); }
  const Session& session() const { return *session_; }

  std::string ended;  // why
  int answers = 0;
  DiscoveryAnswer last;

 private:
  void Send(const DiscoveryAnswer& answer) override {
    ++answers;
    last = answer;
  }
  void End(bool, const std::string& reason) override { ended = reason; }

  XdsServer& server_;
  Session* session_;
};

class LimitsTest : public testing::Test {
 protected:
  XdsServer::Options Small() {
    XdsServer::Options options;
    options.limits.most_types = 3;
    options.limits.most_names = 10;
    options.limits.most_names_bytes = 100;
    options.limits.most_name_bytes = 80;
    options.limits.most_request_bytes = 1000;
    options.most_streams = 5;
    options.most_streams_of_source = 2;
    return options;
  }
  void Publish() {
    auto catalog = std::make_shared<Catalog>();
    ASSERT_TRUE(catalog->AddForAll(EdsCluster("a")));
    ASSERT_TRUE(catalog->AddForAll(Endpoints("a", 1)));
    server_.Publish(catalog);
  }
  static std::vector<std::string> Names(int n, const std::string& prefix = "") {
    std::vector<std::string> names;
    for (int i = 0; i < n; ++i) names.push_back(absl::StrCat(prefix, i));
    return names;
  }
  const Session::Events& events() const { return server_.counters().events; }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
  XdsServer server_{*dispatcher_, Small()};
  const std::string endpoints_{kEndpointType}, routes_{kRouteType}, clusters_{kClusterType};
};

TEST_F(LimitsTest, NamesAreCountedOverAllTypesOfAStream) {
  Client client(server_);
  client.Ask(endpoints_, Names(6));
  client.Ask(routes_, Names(4));
  EXPECT_EQ(client.ended, "");
  client.Ask(endpoints_, Names(5));  // others in place of the six
  client.Ask(routes_, Names(5));
  EXPECT_EQ(client.ended, "");
  client.Ask(routes_, Names(6));
  EXPECT_EQ(client.ended, "more names than the server takes");
  EXPECT_EQ(events().limits_exceeded, 1u);
  Client long_ones(server_);
  long_ones.Ask(endpoints_, {std::string(60, 'x')});
  EXPECT_EQ(long_ones.ended, "");
  long_ones.Ask(routes_, {std::string(41, 'x')});
  EXPECT_EQ(long_ones.ended, "more names than the server takes") << "together more than 100 bytes";
}

TEST_F(LimitsTest, ALongNameTypeOrNodeIsRefusedAndKeptNowhere) {
  const std::string too_long(81, 'x');
  for (int which = 0; which < 4; ++which) {
    Client client(server_);
    DiscoveryAsk ask = client.AskFor(which == 0 ? too_long : endpoints_, {which == 1 ? too_long : "a"});
    if (which == 2) ask.node.id = too_long;
    if (which == 3) ask.node.cluster = too_long;
    client.Say(ask);
    EXPECT_EQ(client.ended, "a longer name, type or node id than the server takes") << which;
    EXPECT_EQ(client.session().node().id, "");
  }
  EXPECT_EQ(events().limits_exceeded, 4u);
}

TEST_F(LimitsTest, TypesThatNobodyKnowsAreAnsweredOnceWithNothingAndAreFew) {
  Publish();
  Client client(server_);
  for (int i = 0; i < 2; ++i) client.Ask(absl::StrCat("type.googleapis.com/no.such.Type", i));
  EXPECT_EQ(client.answers, 2);
  EXPECT_TRUE(client.last.resources.empty());
  Publish();
  EXPECT_EQ(client.answers, 2);
  client.Ask(clusters_);
  EXPECT_EQ(client.answers, 3) << "the known type of the same stream is served";
  client.Ask(endpoints_, {"a"});
  EXPECT_EQ(client.ended, "more types than the server takes");
  Client typeless(server_);
  typeless.Ask("");
  EXPECT_EQ(typeless.ended, "the request has no type");
  EXPECT_EQ(events().malformed, 1u);
}

TEST_F(LimitsTest, AServiceOfOneTypeServesNoOther) {
  Client client(server_, {}, endpoints_);
  client.Ask(clusters_);
  EXPECT_THAT(client.ended, HasSubstr("this service has no resources of type"));
  EXPECT_EQ(events().malformed, 1u);
}

TEST_F(LimitsTest, ARequestWithHugeMetadataIsRefused) {
  Client client(server_);
  DiscoveryAsk ask = client.AskFor(clusters_);
  ask.bytes = 1001;
  client.Say(ask);
  EXPECT_EQ(client.ended, "a larger request than the server takes");
  EXPECT_EQ(events().limits_exceeded, 1u);
}

TEST_F(LimitsTest, AStreamThatNeverSaysWhoItIsEnds) {
  Client silent(server_), other(server_, {.address = "ipv4:10.0.0.1:1"});
  other.Ask(clusters_);
  world_.RunFor(seconds(29));
  EXPECT_EQ(silent.ended, "");
  world_.RunFor(seconds(2));
  EXPECT_EQ(silent.ended, "no request came");
  EXPECT_EQ(events().silent, 1u);
  world_.RunFor(minutes(60));
  EXPECT_EQ(other.ended, "") << "who asked once may be silent for ever";
}

TEST_F(LimitsTest, OneSourceCannotHaveAllStreamsAndGetsThemBackWhenItClosesSome) {
  const auto at = [](const std::string& host, int port) {
    return PeerFacts{.address = absl::StrCat("ipv4:", host, ":", port)};
  };
  {
    Client one(server_, at("10.0.0.1", 1)), two(server_, at("10.0.0.1", 2)), three(server_, at("10.0.0.1", 3));
    EXPECT_TRUE(one.open() && two.open());
    EXPECT_FALSE(three.open());
    EXPECT_EQ(server_.counters().rejected_of_source, 1u);
    // A node that is proved is counted as that, wherever it comes from.
    const PeerFacts bound{.address = "unix:", .bound_node = "a"};
    Client a(server_, bound), b(server_, bound), c(server_, bound), d(server_, {.address = "unix:", .bound_node = "b"});
    EXPECT_TRUE(a.open() && b.open() && d.open());
    EXPECT_FALSE(c.open());
    EXPECT_EQ(server_.counters().rejected_of_source, 2u);
    Client of_all(server_, at("10.0.0.2", 1));
    EXPECT_FALSE(of_all.open());
    EXPECT_EQ(server_.counters().rejected, 1u);
  }
  Client again(server_, at("10.0.0.1", 4));
  EXPECT_TRUE(again.open());
}

TEST_F(LimitsTest, AThousandReconnectsLeaveNothingBehind) {
  Publish();
  for (int i = 0; i < 1000; ++i) {
    Client client(server_, {.address = absl::StrCat("ipv4:10.0.0.1:", i)});
    ASSERT_TRUE(client.open());
    DiscoveryAsk ask = client.AskFor(clusters_);
    ask.node.id = absl::StrCat("nobody-", i);
    client.Say(ask);
    EXPECT_EQ(client.answers, 1);
  }
  EXPECT_EQ(server_.counters().opened, 1000u);
  EXPECT_EQ(server_.counters().closed, 1000u);
  EXPECT_TRUE(server_.sessions().empty());
}

TEST_F(LimitsTest, WhoNeverAcceptsGetsNoSecondResponseHoweverOftenThingsChange) {
  Publish();
  Client client(server_);
  client.Ask(clusters_);
  client.Ask(endpoints_, {"a"});
  for (int i = 2; i < 100; ++i) {
    auto catalog = std::make_shared<Catalog>();
    ASSERT_TRUE(catalog->AddForAll(EdsCluster("a", absl::StrCat(i, "s"))));
    ASSERT_TRUE(catalog->AddForAll(Endpoints("a", i)));
    server_.Publish(catalog);
    world_.RunFor(seconds(1));
  }
  EXPECT_EQ(client.answers, 2);
  EXPECT_EQ(client.ended, "");
}

TEST_F(LimitsTest, AClientThatRefusesEverythingIsToldEachVersionOnceAndFillsNoLog) {
  Publish();
  Client client(server_);
  client.Ask(endpoints_, {"a"});
  constexpr int kChanges = 500;
  for (int i = 1; i <= kChanges; ++i) {
    DiscoveryAsk nack = client.AskFor(endpoints_, {"a"});
    nack.nonce = client.last.nonce;
    nack.refused = true;
    nack.refusal = std::string(8192, 'x');
    client.Say(nack);
    EXPECT_EQ(client.answers, i) << "not again what was refused";
    auto catalog = std::make_shared<Catalog>();
    ASSERT_TRUE(catalog->AddForAll(Endpoints("a", i + 1)));
    server_.Publish(catalog);
  }
  EXPECT_EQ(events().nacks, static_cast<uint64_t>(kChanges));
  EXPECT_EQ(server_.log_budget().suppressed(), kChanges - LogBudget::kMostLines);
}

}  // namespace
}  // namespace outrigger::control_plane
