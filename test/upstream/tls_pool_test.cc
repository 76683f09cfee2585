#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "source/tls/tls_transport.h"
#include "test/tls/authority.h"
#include "test/upstream/harness.h"

namespace outrigger::upstream {
namespace {

using http::ResetReason;

// A cluster with TLS towards a server whose certificate names server.example.
struct TlsWorld : World {
  tls::TestAuthority authority{loop->wall_now()};
  tls::ServerSpec server_spec;
  tls::ClientSpec client_spec;
  std::shared_ptr<const tls::ServerContext> server_context;
  std::vector<std::string> names_seen;

  TlsWorld() {
    server_spec.certificates.push_back(authority.Dns("server.example"));
    client_spec.validation = authority.Trusting();
    config->stats.Show(observe::ClusterScope::kSsl);
  }
  void Serve(FakeUpstream& server) {
    auto built = tls::ServerContext::Build(server_spec);
    OUTRIGGER_CHECK(built.ok());
    server_context = *built;
    server.transport = [this] { return tls::MakeServerTransport({.context = server_context}); };
    server.Echo();
  }
  void StartTls(std::shared_ptr<model::EndpointSet> endpoints) {
    auto built = tls::ClientContext::Build(client_spec);
    OUTRIGGER_CHECK(built.ok());
    config->transports.Edit().push_back({"", *built, {}});
    Start(std::move(endpoints));
  }
  observe::SslStats& ssl() { return registry.main().Get(config->stats, observe::ClusterScope::kSsl); }
};

TEST(TlsPoolTest, AlpnChoosesTheProtocol) {
  for (const bool http2 : {true, false}) {
    TlsWorld world;
    world.config->settings.Edit().protocol = model::UpstreamProtocol::kAuto;
    world.server_spec.alpn = {http2 ? "h2" : "http/1.1"};
    FakeUpstream server(*world.loop, http2);
    world.Serve(server);
    world.StartTls(SetOf({Record(server.address(), 1)}));
    Wish wish;
    world.Ask(wish);
    ASSERT_TRUE(world.Until([&] { return wish.done(); }));
    EXPECT_EQ(wish.failed, 0) << wish.transport_failure;
    EXPECT_EQ(wish.facts.protocol, http2 ? http::Protocol::kHttp2 : http::Protocol::kHttp11);
    EXPECT_EQ((http2 ? world.stats().upstream_cx_http2_total : world.stats().upstream_cx_http1_total).value(), 1u);
    EXPECT_EQ(world.ssl().handshake.value(), 1u);
  }
}

TEST(TlsPoolTest, ACertificateThatIsNotTrustedFailsTheRequestWithTheReason) {
  TlsWorld world;
  tls::TestAuthority other(world.loop->wall_now());
  world.client_spec.validation = other.Trusting();
  FakeUpstream server(*world.loop, false);
  world.Serve(server);
  world.StartTls(SetOf({Record(server.address(), 1)}));
  Wish wish;
  world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return wish.done(); }));
  EXPECT_EQ(wish.reason, ResetReason::kConnectFailure);
  EXPECT_TRUE(absl::StrContains(wish.transport_failure, "TLS_error")) << wish.transport_failure;
  EXPECT_EQ(world.stats().upstream_cx_connect_fail.value(), 1u);
  EXPECT_EQ(world.ssl().fail_verify_error.value(), 1u);
}

TEST(TlsPoolTest, TheRequestsAuthorityIsTheNameAndMustBeInTheCertificate) {
  TlsWorld world;
  world.config->settings.Edit().auto_sni = world.config->settings.Edit().auto_san_validation = true;
  FakeUpstream server(*world.loop, false);
  world.Serve(server);
  world.StartTls(SetOf({Record(server.address(), 1)}));
  Wish right, again, wrong;
  world.Ask(right, {.authority = "Server.Example:8443"});
  ASSERT_TRUE(world.Until([&] { return right.done(); }));
  EXPECT_EQ(right.failed, 0) << right.transport_failure;
  EXPECT_EQ(server.served[0]->connection->transport().tls()->server_name(), "server.example");
  world.Ask(again, {.authority = "server.example"});
  ASSERT_TRUE(world.Until([&] { return again.done(); }));
  EXPECT_EQ(server.served.size(), 1u);
  world.Ask(wrong, {.authority = "other.example"});
  ASSERT_TRUE(world.Until([&] { return wrong.done(); }));
  EXPECT_EQ(wrong.failed, 1);
}

TEST(TlsPoolTest, AnEndpointMayHaveAnotherTransport) {
  TlsWorld world;
  FakeUpstream server(*world.loop, false);
  server.Echo();
  auto set = SetOf({});
  set->priorities[0].Add({.record = Record(server.address(), 1), .transport_socket_match = 1});
  auto built = tls::ClientContext::Build(world.client_spec);
  ASSERT_TRUE(built.ok());
  world.config->transports.Edit() = {{"", *built, {}}, {"plain", nullptr, {}}};
  world.Start(set);
  Wish wish;
  world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return wish.done(); }));
  EXPECT_EQ(wish.failed, 0);
}

// Its cluster speaks plain to another endpoint now: nothing of that change is for those who wait for this one.
TEST(TlsPoolTest, WhoWaitsForAnEndpointThatLeftTalksToItAsItWas) {
  TlsWorld world;
  FakeUpstream server(*world.loop, false), other(*world.loop, false);
  world.Serve(server);
  world.StartTls(SetOf({Record(server.address(), 1)}));
  Wish one, two;
  world.Ask(one);
  world.Ask(two);
  auto changed = std::make_shared<model::ClusterConfig>(*world.config);
  changed->transports.Edit().clear();
  changed->connection_hash = 7;
  world.context->Publish(world.Snapshot(SetOf({Record(other.address(), 2)}), changed));
  ASSERT_TRUE(world.Until([&] { return one.done() && two.done(); }));
  EXPECT_EQ(one.failed + two.failed, 0) << one.transport_failure << two.transport_failure;
  EXPECT_EQ(server.requests(), 2u);
}

TEST(TlsPoolTest, APeerThatNeverAnswersTimesOut) {
  TlsWorld world;
  world.config->settings.Edit().connect_timeout = milliseconds(30);
  net::ListenOptions options;
  auto socket = *net::ListenSocket::Bind(world.loop->engine(), *net::Address::ParseIp("127.0.0.1", 0), options, 1);
  ASSERT_TRUE(socket->Listen().ok());  // nobody accepts
  world.StartTls(SetOf({Record(socket->address(), 1)}));
  Wish wish;
  world.Ask(wish);
  ASSERT_TRUE(world.Until([&] { return wish.done(); }));
  EXPECT_EQ(wish.reason, ResetReason::kConnectTimeout);
  EXPECT_EQ(world.stats().upstream_cx_connect_timeout.value(), 1u);
}

}  // namespace
}  // namespace outrigger::upstream
