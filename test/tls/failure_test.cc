#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "test/tls/tls_pair.h"

namespace outrigger::tls {
namespace {

class FailureTest : public TlsPairTest {
 protected:
  // A server that is spoken to in plain bytes.
  harness::End& PlainPeer() {
    const auto [client_fd, server_fd] = harness::TcpPair(loop_);
    server_context_ = nullptr;
    server_ = std::make_unique<TlsEnd>(loop_, server_fd, ServerTransport(), false);
    plain_ = std::make_unique<harness::End>(loop_, client_fd);
    return *plain_;
  }
  bool ServerClosed() {
    return harness::RunUntil(loop_, [&] { return server_->recorder.closed.has_value(); });
  }
  ~FailureTest() override { plain_.reset(); }

  std::unique_ptr<harness::End> plain_;
};

TEST_F(FailureTest, AnExpiredCertificateIsRefusedUnlessAllowed) {
  IssueOptions options = authority_->Options({.dns = {"server.example"}});
  options.not_after = loop_.wall_now() - minutes(1);
  server_spec_.certificates = {authority_->Leaf(options)};
  ExpectClientRefuses("certificate_expired");
  EXPECT_TRUE(absl::StartsWith(client_->text(), "TLS_error:|")) << client_->text();
  EXPECT_TRUE(absl::StrContains(
      client_->text(), "CERTIFICATE_VERIFY_FAILED:verify cert failed: certificate has expired (depth 0):TLS_error_end"))
      << client_->text();
  EXPECT_TRUE(absl::StrContains(server_->text(), "ALERT_CERTIFICATE_EXPIRED")) << server_->text();
  EXPECT_EQ(client_stats_.fail_verify_error, 1u);
  EXPECT_EQ(client_stats_.connection_error, 0u);
  EXPECT_EQ(client_->recorder.closed->reason, net::CloseReason::kTransportFailed);
  client_spec_.validation.allow_expired_certificate = true;
  Connect();
  EXPECT_TRUE(Established()) << client_->text();
}

TEST_F(FailureTest, ACertificateOfTomorrowIsRefused) {
  IssueOptions options = authority_->Options({.dns = {"server.example"}});
  options.not_before = loop_.wall_now() + hours(2);
  server_spec_.certificates = {authority_->Leaf(options)};
  ExpectClientRefuses("certificate_not_yet_valid");
}

TEST_F(FailureTest, AnUnknownAuthorityIsRefusedOnBothSides) {
  TestAuthority other(loop_.wall_now(), "other");
  client_spec_.validation = other.Trusting();
  ExpectClientRefuses("unknown_ca");
  client_spec_.validation = authority_->Trusting();
  client_spec_.certificates = {authority_->Uri("spiffe://mesh/client")};
  server_spec_.validation = other.Trusting();
  ExpectServerRefuses("unknown_ca");
  EXPECT_EQ(server_stats_.fail_verify_error, 1u);
}

TEST_F(FailureTest, ASelfSignedCertificateIsRefused) {
  const KeyAndCertificate made = *MakeSelfSigned(KeyKind::kEcdsaP256, authority_->Options({.dns = {"server.example"}}));
  server_spec_.certificates[0].chain_pem = made.certificate_pem;
  server_spec_.certificates[0].key_pem = Secret(made.key_pem);
  ExpectClientRefuses("self_signed");
}

TEST_F(FailureTest, AMissingClientCertificateIsRefusedWhenRequired) {
  Mutual();
  client_spec_.certificates.clear();
  for (const auto version : {ProtocolVersion::kTls12, ProtocolVersion::kTls13}) {
    Versions(version);
    ExpectServerRefuses("no_certificate");
  }
  EXPECT_EQ(server_stats_.fail_verify_no_cert, 2u);
  EXPECT_EQ(server_stats_.connection_error, 0u);
  EXPECT_EQ(client_stats_.connection_error, 2u);
}

TEST_F(FailureTest, AClientWithAnotherNameIsRefused) {
  Mutual();
  server_spec_.validation = authority_->Trusting({"spiffe://mesh/friend"});
  ExpectServerRefuses("san_mismatch");
  EXPECT_TRUE(absl::StrContains(server_->text(),
                                "certificate has URI spiffe://mesh/client; expected URI exact "
                                "\"spiffe://mesh/friend\""))
      << server_->text();
  EXPECT_EQ(server_stats_.fail_verify_san, 1u);
}

TEST_F(FailureTest, RevokedCertificatesAreRefusedAndListsMustCoverTheIssuer) {
  const WallTime now = loop_.wall_now();
  auto list = MakeRevocationList(authority_->ca(), {authority_->Dns("x").chain_pem}, now - hours(1), now + hours(1));
  ASSERT_TRUE(list.ok()) << list.status();
  client_spec_.validation.crl_pem = *list;
  Connect();
  EXPECT_TRUE(Established()) << client_->text();
  client_spec_.validation.crl_pem =
      *MakeRevocationList(authority_->ca(), {server_spec_.certificates[0].chain_pem}, now - hours(1), now + hours(1));
  ExpectClientRefuses("revoked");
  client_spec_.validation.crl_pem = *MakeRevocationList(authority_->ca(), {}, now - hours(2), now - hours(1));
  ExpectClientRefuses("crl_unusable");
}

TEST_F(FailureTest, RevocationOfIntermediatesIsAskedUnlessOnlyTheLeafCounts) {
  const WallTime now = loop_.wall_now();
  TestAuthority middle = authority_->Intermediate("middle");
  server_spec_.certificates = {middle.Dns("server.example")};
  Connect();
  ASSERT_TRUE(Established()) << client_->text();
  const std::string leaves = *MakeRevocationList(middle.ca(), {}, now - hours(1), now + hours(1));
  client_spec_.validation.crl_pem = leaves;
  ExpectClientRefuses("crl_unusable");
  client_spec_.validation.only_leaf_crl = true;
  Connect();
  EXPECT_TRUE(Established()) << client_->text();
}

TEST_F(FailureTest, AChainDeeperThanAllowedIsRefused) {
  TestAuthority one = authority_->Intermediate("one");
  TestAuthority two = one.Intermediate("two");
  server_spec_.certificates = {two.Dns("server.example")};
  client_spec_.validation.max_verify_depth = 2;
  Connect();
  ASSERT_TRUE(Established()) << client_->text();
  client_spec_.validation.max_verify_depth = 1;
  Connect();
  ASSERT_TRUE(BothClosed());
  EXPECT_EQ(client_->code(), "chain_too_long") << client_->text();
}

TEST_F(FailureTest, AnIntermediateAloneCanBeTheAnchor) {
  TestAuthority middle = authority_->Intermediate("middle");
  server_spec_.certificates = {middle.Dns("server.example")};
  client_spec_.validation = middle.Trusting();
  Connect();
  EXPECT_TRUE(Established()) << client_->text();
}

TEST_F(FailureTest, ACertificateForClientsIsNoServer) {
  IssueOptions options = authority_->Options({.dns = {"server.example"}});
  options.server_auth = false;
  server_spec_.certificates = {authority_->Leaf(options)};
  ExpectClientRefuses("wrong_purpose");
}

TEST_F(FailureTest, VersionsWithoutOverlapAreNamed) {
  server_spec_.params.min_version = ProtocolVersion::kTls13;
  Versions(ProtocolVersion::kTls12);
  ExpectServerRefuses("protocol_version");
  EXPECT_TRUE(absl::StrContains(client_->text(), "PROTOCOL_VERSION")) << client_->text();
  EXPECT_EQ(server_stats_.connection_error, 1u);
}

TEST_F(FailureTest, CiphersWithoutOverlapAreNamed) {
  Versions(ProtocolVersion::kTls12);
  server_spec_.params.cipher_suites = {"ECDHE-ECDSA-AES128-GCM-SHA256"};
  client_spec_.params.cipher_suites = {"ECDHE-ECDSA-AES256-GCM-SHA384"};
  ExpectServerRefuses("no_shared_cipher");
}

TEST_F(FailureTest, PlainHttpIsRecognised) {
  PlainPeer()->Write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  ASSERT_TRUE(ServerClosed());
  EXPECT_EQ(server_->code(), "http_request") << server_->text();
  EXPECT_EQ(server_stats_.connection_error, 1u);
}

TEST_F(FailureTest, OtherBytesAreNotTls) {
  PlainPeer()->Write(std::string("\x00\x01\x02\x03\x04 SSH-2.0-OpenSSH and more bytes", 36));
  ASSERT_TRUE(ServerClosed());
  EXPECT_EQ(server_->code(), "not_tls") << server_->text();
}

TEST_F(FailureTest, GarbageOfAnySeedEndsTheConnectionAndNothingElse) {
  uint64_t state = 1;
  for (int round = 0; round < 200; ++round) {
    std::string bytes(1 + round * 7 % 900, '\0');
    for (char& c : bytes) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      c = static_cast<char>(state >> 56);
    }
    // Half of them begin as a handshake record or hello does.
    if (round % 2 == 0) bytes.replace(0, std::min<size_t>(bytes.size(), 6), std::string("\x16\x03\x01\x00\x40\x01", 6));
    harness::End& peer = PlainPeer();
    peer->Write(bytes);
    peer->EndWrite();
    ASSERT_TRUE(ServerClosed()) << round;
    EXPECT_NE(server_->code(), "");
    EXPECT_EQ(server_->recorder.connected, 0);
  }
}

TEST_F(FailureTest, AnEndDuringTheHandshakeIsUnexpected) {
  harness::End& peer = PlainPeer();
  peer->Write(std::string("\x16\x03\x01", 3));
  peer->EndWrite();
  ASSERT_TRUE(ServerClosed());
  EXPECT_EQ(server_->code(), "unexpected_eof") << server_->text();
  EXPECT_EQ(server_stats_.connection_error, 1u);
}

TEST_F(FailureTest, ARsaCertificateThatMayNotSignIsRefusedIfAsked) {
  client_spec_.enforce_rsa_key_usage = true;
  server_spec_.certificates = {authority_->Dns("server.example", KeyKind::kRsa2048)};
  Connect();
  EXPECT_TRUE(Established()) << client_->text();
}

}  // namespace
}  // namespace outrigger::tls
