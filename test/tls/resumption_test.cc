#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "test/tls/tls_pair.h"

namespace outrigger::tls {
namespace {

using Fact = net::TlsInfo::Fact;

class ResumptionTest : public TlsPairTest {
 protected:
  ResumptionTest() {
    client_options_.sessions = &sessions_;
    client_options_.endpoint = "10.0.0.1:443";
  }
  // One connection, a message each way, an orderly end.
  bool Resumed(bool new_contexts = false) {
    Connect(new_contexts);
    if (!Established() || !Exchange()) {
      ADD_FAILURE() << client_->text() << server_->text();
      return false;
    }
    EXPECT_EQ(client_->info().resumed(), server_->info().resumed());
    return server_->info().resumed();
  }

  SessionCache sessions_;
};

TEST_F(ResumptionTest, SessionsAreResumedInBothVersionsAndKeepTheIdentity) {
  Mutual();
  for (const auto version : {ProtocolVersion::kTls13, ProtocolVersion::kTls12}) {
    Versions(version);
    EXPECT_FALSE(Resumed(true));
    EXPECT_TRUE(Resumed());
    EXPECT_EQ(server_->info().Peer(Fact::kUriSans), "spiffe://mesh/client");
    EXPECT_TRUE(server_->info().peer_validated());
    EXPECT_TRUE(client_->info().peer_validated());
    EXPECT_TRUE(Resumed()) << "each handshake leaves a session for the next";
    EXPECT_EQ(sessions_.size(), version == ProtocolVersion::kTls13 ? 1u : 2u);
  }
  EXPECT_EQ(server_stats_.session_reused, 4u);
}

TEST_F(ResumptionTest, AnotherEndpointNameOrExpectationIsAnotherSession) {
  EXPECT_FALSE(Resumed(true));
  client_options_.endpoint = "10.0.0.2:443";
  EXPECT_FALSE(Resumed());
  client_options_.endpoint = "10.0.0.1:443";
  client_options_.sni = "a.wild.example";
  EXPECT_FALSE(Resumed());
  client_options_.sni = "";
  client_options_.verify_dns = "server.example";
  EXPECT_FALSE(Resumed());
  client_options_.verify_dns = "";
  EXPECT_TRUE(Resumed());
}

TEST_F(ResumptionTest, NoSessionSurvivesAChangeOfTrustOfTheClient) {
  EXPECT_FALSE(Resumed(true));
  const auto keep_server = server_context_;
  client_spec_.validation = authority_->Trusting({"spiffe://mesh/server"});
  client_context_ = nullptr;
  EXPECT_FALSE(Resumed());
  EXPECT_TRUE(Resumed());
  client_spec_.validation.max_verify_depth = 5;
  client_context_ = nullptr;
  EXPECT_FALSE(Resumed());
  EXPECT_EQ(server_context_, keep_server);
}

TEST_F(ResumptionTest, NoTicketSurvivesAChangeOfTrustOfTheServer) {
  Mutual();
  server_spec_.ticket_keys = {Secret(std::string(80, 'k'))};  // both contexts can open the tickets
  EXPECT_FALSE(Resumed(true));
  server_context_ = nullptr;
  EXPECT_TRUE(Resumed()) << "the same keys and the same trust";
  server_spec_.validation = authority_->Trusting({"spiffe://mesh/client"});
  server_context_ = nullptr;
  for (const auto version : {ProtocolVersion::kTls13, ProtocolVersion::kTls12}) {
    server_spec_.validation = authority_->Trusting();
    server_context_ = nullptr;
    Versions(version);
    client_context_ = nullptr;
    Resumed();
    EXPECT_TRUE(Resumed());
    server_spec_.validation = authority_->Trusting({"spiffe://mesh/client"});
    server_context_ = nullptr;
    EXPECT_FALSE(Resumed());
  }
}

TEST_F(ResumptionTest, OldTicketKeysStillOpenAndANewTicketFollows) {
  const Secret one(std::string(80, '1'));
  const Secret two(std::string(80, '2'));
  server_spec_.ticket_keys = {one};
  EXPECT_FALSE(Resumed(true));
  server_spec_.ticket_keys = {two, one};
  server_context_ = nullptr;
  EXPECT_TRUE(Resumed());
  server_spec_.ticket_keys = {two};
  server_context_ = nullptr;
  EXPECT_TRUE(Resumed());
  server_spec_.ticket_keys = {one};
  server_context_ = nullptr;
  EXPECT_FALSE(Resumed());
  server_spec_.ticket_keys = {Secret("short")};
  EXPECT_FALSE(ServerContext::Build(server_spec_).ok());
}

TEST_F(ResumptionTest, ResumptionCanBeSwitchedOff) {
  server_spec_.disable_stateless_resumption = true;
  EXPECT_FALSE(Resumed(true));
  EXPECT_TRUE(Resumed()) << "the stateful kind is left";
  server_spec_.disable_stateful_resumption = true;
  EXPECT_FALSE(Resumed(true));
  EXPECT_FALSE(Resumed());
  EXPECT_EQ(sessions_.size(), 0u);
  server_spec_ = {.certificates = server_spec_.certificates};
  client_spec_.max_session_keys = 0;
  EXPECT_FALSE(Resumed(true));
  EXPECT_FALSE(Resumed());
}

TEST_F(ResumptionTest, ASessionIsNotOfferedAfterTheServersCertificateEnded) {
  IssueOptions options = authority_->Options({.dns = {"server.example"}});
  options.not_after = loop_.wall_now() + minutes(30);
  server_spec_.certificates = {authority_->Leaf(options)};
  EXPECT_FALSE(Resumed(true));
  EXPECT_EQ(sessions_.size(), 1u);
  counts_.wall_shift = minutes(31);
  harness::Turns(loop_, 2);
  Connect(false);
  ASSERT_TRUE(BothClosed());
  EXPECT_EQ(client_->code(), "certificate_expired") << "the full handshake looked at it";
}

TEST_F(ResumptionTest, AClientCertificateThatEndedEndsItsSessions) {
  Mutual();
  for (const bool stateful : {false, true}) {
    for (const auto version : {ProtocolVersion::kTls12, ProtocolVersion::kTls13}) {
      server_spec_.disable_stateless_resumption = stateful;
      counts_.wall_shift = Duration::zero();
      harness::Turns(loop_, 2);
      IssueOptions options = authority_->Options({.uri = {"spiffe://mesh/client"}});
      options.not_after = loop_.wall_now() + minutes(30);
      client_spec_.certificates = {authority_->Leaf(options)};
      Versions(version);
      EXPECT_FALSE(Resumed(true));
      EXPECT_TRUE(Resumed());
      counts_.wall_shift = minutes(31);
      harness::Turns(loop_, 2);
      Connect(false);
      ASSERT_TRUE(BothClosed());
      EXPECT_EQ(server_->code(), "certificate_expired") << stateful << server_->text();
      EXPECT_EQ(server_->recorder.connected, 0);
    }
  }
}

TEST_F(ResumptionTest, TheCacheIsBounded) {
  SessionCache cache(3);
  const WallTime later = loop_.wall_now() + hours(1);
  for (const char* key : {"a", "b", "b", "c", "d"}) cache.Put(key, SSL_SESSION_new(), later, 1);
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_EQ(cache.Take("a", loop_.wall_now()), nullptr);
  for (const char* key : {"b", "c", "d"}) {
    SSL_SESSION* session = cache.Take(key, loop_.wall_now());
    EXPECT_NE(session, nullptr) << key;
    SSL_SESSION_free(session);
  }
  cache.Put("e", SSL_SESSION_new(), later, 0);
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace outrigger::tls
