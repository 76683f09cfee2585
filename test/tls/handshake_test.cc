#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/tls/certificate_reader.h"
#include "test/tls/tls_pair.h"

namespace outrigger::tls {
namespace {

using Fact = net::TlsInfo::Fact;
using How = matching::StringMatcher::Kind;

class HandshakeTest : public TlsPairTest {};

TEST_F(HandshakeTest, Tls13AndTls12CarryBytesBothWays) {
  for (const auto& [version, name] :
       {std::pair(ProtocolVersion::kTls13, "TLSv1.3"), std::pair(ProtocolVersion::kTls12, "TLSv1.2")}) {
    Versions(version);
    Connect();
    ASSERT_TRUE(Established()) << client_->text() << server_->text();
    EXPECT_TRUE(Exchange());
    EXPECT_EQ(client_->info().version(), name);
    EXPECT_EQ(server_->info().version(), name);
    EXPECT_EQ(server_->info().server_name(), "server.example");
    EXPECT_EQ(client_->recorder.connected, 1);
  }
  EXPECT_EQ(client_stats_.handshake, 2u);
  EXPECT_EQ(server_stats_.handshake, 2u);
  EXPECT_EQ(server_stats_.no_certificate, 2u);
  EXPECT_EQ(server_stats_.ciphers[IndexOf(CipherNames(), "TLS_AES_128_GCM_SHA256")], 1u);
  EXPECT_EQ(server_stats_.ciphers[IndexOf(CipherNames(), "ECDHE-ECDSA-AES128-GCM-SHA256")], 1u);
  EXPECT_EQ(server_stats_.versions[IndexOf(VersionNames(), "TLSv1.3")], 1u);
  EXPECT_EQ(server_stats_.curves[IndexOf(CurveNames(), "X25519")], 2u);
  EXPECT_EQ(client_stats_.sigalgs[IndexOf(SignatureNames(), "ecdsa_secp256r1_sha256")], 2u);
  EXPECT_EQ(client_stats_.connection_error + server_stats_.connection_error, 0u);
}

TEST_F(HandshakeTest, FactsOfBothPeersAreKnown) {
  Mutual();
  Connect();
  ASSERT_TRUE(Established());
  const net::TlsInfo& seen = server_->info();
  EXPECT_TRUE(seen.peer_presented());
  EXPECT_TRUE(seen.peer_validated());
  EXPECT_EQ(seen.Peer(Fact::kUriSans), "spiffe://mesh/client");
  EXPECT_EQ(seen.PeerSanCount(Fact::kUriSans), 1u);
  EXPECT_EQ(seen.PeerSan(Fact::kUriSans, 0), "spiffe://mesh/client");
  EXPECT_EQ(seen.PeerSan(Fact::kUriSans, 1), "");
  EXPECT_EQ(seen.Peer(Fact::kDnsSans), "");
  EXPECT_EQ(seen.Peer(Fact::kIssuer), "CN=test authority");
  EXPECT_EQ(seen.Local(Fact::kDnsSans), "server.example,*.wild.example");
  EXPECT_EQ(seen.Local(Fact::kIpSans), "10.0.0.9");
  EXPECT_EQ(client_->info().Peer(Fact::kSha256), seen.Local(Fact::kSha256));
  EXPECT_EQ(client_->info().Peer(Fact::kSha256).size(), 64u);
  EXPECT_EQ(client_->info().Peer(Fact::kSha1).size(), 40u);
  EXPECT_EQ(client_->info().Peer(Fact::kSerial), seen.Local(Fact::kSerial));
  EXPECT_TRUE(absl::StartsWith(seen.Peer(Fact::kPemEncoded), "-----BEGIN%20CERTIFICATE-----%0A"));
  EXPECT_TRUE(absl::StrContains(seen.Peer(Fact::kPemChainEncoded), "END%20CERTIFICATE"));
  EXPECT_EQ(seen.Peer(Fact::kNotAfter).size(), 24u);
  EXPECT_TRUE(client_->info().peer_validated());
  EXPECT_EQ(server_stats_.no_certificate, 0u);
}

TEST_F(HandshakeTest, OurPreferenceDecidesAlpn) {
  server_spec_.alpn = {"h2", "http/1.1"};
  client_spec_.alpn = {"http/1.1", "h2"};
  Connect();
  ASSERT_TRUE(Established());
  EXPECT_EQ((*client_)->transport().alpn(), "h2");
  EXPECT_EQ((*server_)->transport().alpn(), "h2");
  const std::vector<std::string> only{"http/1.1"};
  client_options_.alpn = &only;
  Connect();
  ASSERT_TRUE(Established());
  EXPECT_EQ((*client_)->transport().alpn(), "http/1.1");
}

TEST_F(HandshakeTest, Http2IsNotChosenBelowTls12) {  // RFC 9113 9.2
  server_spec_.alpn = {"h2", "http/1.1"};
  client_spec_.alpn = {"h2", "http/1.1"};
  server_spec_.params.min_version = ProtocolVersion::kTls10;
  Versions(ProtocolVersion::kTls11);
  server_spec_.params.cipher_suites = client_spec_.params.cipher_suites = {"ECDHE-ECDSA-AES128-SHA"};
  Connect();
  ASSERT_TRUE(Established()) << client_->text() << server_->text();
  EXPECT_EQ(client_->info().version(), "TLSv1.1");
  EXPECT_EQ((*client_)->transport().alpn(), "http/1.1");
  server_spec_.alpn = {"h2"};
  Connect();
  ASSERT_TRUE(Established()) << client_->text() << server_->text();
  EXPECT_EQ((*client_)->transport().alpn(), "");
}

// RFC 9113 9.2.2 asks for this one of TLS 1.2, and for P-256.
TEST_F(HandshakeTest, TheMandatorySuiteOfHttp2IsThere) {
  server_spec_.certificates = {authority_->Dns("server.example", KeyKind::kRsa2048)};
  Versions(ProtocolVersion::kTls12);
  client_spec_.params.cipher_suites = {"ECDHE-RSA-AES128-GCM-SHA256"};
  client_spec_.params.ecdh_curves = {"P-256"};
  Connect();
  ASSERT_TRUE(Established()) << client_->text() << server_->text();
  EXPECT_EQ(server_stats_.ciphers[IndexOf(CipherNames(), "ECDHE-RSA-AES128-GCM-SHA256")], 1u);
  EXPECT_EQ(server_stats_.curves[IndexOf(CurveNames(), "P-256")], 1u);
  client_spec_.params = {};
  server_spec_.params.cipher_suites = {"ECDHE-RSA-AES128-GCM-SHA256"};
  server_spec_.params.ecdh_curves = {"P-256"};
  Versions(ProtocolVersion::kTls12);
  Connect();
  EXPECT_TRUE(Established()) << client_->text() << server_->text();
}

TEST_F(HandshakeTest, NoAlpnInCommonIsNoAlpn) {
  server_spec_.alpn = {"h2"};
  client_spec_.alpn = {"istio"};
  Connect();
  ASSERT_TRUE(Established());
  EXPECT_EQ((*client_)->transport().alpn(), "");
}

TEST_F(HandshakeTest, TheServerNameChoosesTheCertificate) {
  server_spec_.certificates = {authority_->Dns("first.example"), authority_->Dns("server.example"),
                               authority_->Dns("*.wild.example", KeyKind::kRsa2048)};
  for (const auto& [sni, expected] :
       {std::pair("server.example", "server.example"), std::pair("x.wild.example", "*.wild.example"),
        std::pair("other", "first.example"), std::pair("", "first.example")}) {
    client_spec_.sni = sni;
    for (const auto version : {ProtocolVersion::kTls12, ProtocolVersion::kTls13}) {
      Versions(version);
      Connect();
      ASSERT_TRUE(Established()) << sni << client_->text() << server_->text();
      EXPECT_EQ(client_->info().Peer(Fact::kDnsSans), expected);
    }
  }
}

TEST_F(HandshakeTest, EcdsaIsPreferredAndRsaServesWhoCannot) {
  server_spec_.certificates = {authority_->Dns("server.example", KeyKind::kRsa2048), authority_->Dns("server.example")};
  Connect();
  ASSERT_TRUE(Established());
  EXPECT_EQ(client_stats_.sigalgs[IndexOf(SignatureNames(), "ecdsa_secp256r1_sha256")], 1u);
  client_spec_.params.signature_algorithms = {"rsa_pss_rsae_sha256", "ecdsa_secp384r1_sha384"};
  // The authority signs with ECDSA on SHA-256, which such a client does not take: only the key type matters here.
  client_spec_.validation = {};
  Connect();
  ASSERT_TRUE(Established()) << client_->text() << server_->text();
  EXPECT_EQ(client_stats_.sigalgs[IndexOf(SignatureNames(), "rsa_pss_rsae_sha256")], 1u);
}

TEST_F(HandshakeTest, PerConnectionNamesOverrideTheContext) {
  client_options_.sni = "a.wild.example";
  client_options_.verify_dns = "a.wild.example";
  Connect();
  ASSERT_TRUE(Established()) << client_->text();
  EXPECT_EQ(server_->info().server_name(), "a.wild.example");
  client_options_.verify_dns = "b.c.wild.example";
  ExpectClientRefuses("san_mismatch");
}

TEST_F(HandshakeTest, TheNameSentAsSniMustBeInTheCertificateIfAsked) {
  client_spec_.auto_sni_san_validation = true;
  Connect();
  ASSERT_TRUE(Established()) << client_->text();
  client_spec_.sni = "other.example";
  ExpectClientRefuses("san_mismatch");
  EXPECT_TRUE(absl::StrContains(client_->text(), "expected DNS other.example")) << client_->text();
}

TEST_F(HandshakeTest, TheCommonNameOfASubjectIsNoName) {  // RFC 9110 4.3.4
  server_spec_.certificates = {authority_->Leaf(SubjectNames{.common_name = "server.example", .dns = {"x.example"}})};
  client_spec_.auto_sni_san_validation = true;
  ExpectClientRefuses("san_mismatch");
  client_spec_.auto_sni_san_validation = false;
  for (const SanKind kind : {SanKind::kDns, SanKind::kUri, SanKind::kIp}) {
    client_spec_.validation.san_matchers = {San(kind, How::kExact, "server.example")};
    ExpectClientRefuses("san_mismatch");
  }
}

TEST_F(HandshakeTest, EveryKindOfNameMatcherDecides) {
  const struct {
    SanKind kind;
    How how;
    const char* pattern;
    bool good;
  } cases[] = {
      {SanKind::kUri, How::kExact, "spiffe://mesh/server", true},
      {SanKind::kUri, How::kExact, "spiffe://mesh/serve", false},
      {SanKind::kUri, How::kPrefix, "spiffe://mesh/", true},
      {SanKind::kUri, How::kPrefix, "spiffe://other/", false},
      {SanKind::kUri, How::kSuffix, "/server", true},
      {SanKind::kUri, How::kContains, "mesh", true},
      {SanKind::kUri, How::kRegex, "spiffe://m.*/s[a-z]+", true},
      {SanKind::kUri, How::kRegex, "spiffe", false},
      {SanKind::kDns, How::kExact, "SERVER.example", true},
      {SanKind::kDns, How::kExact, "a.wild.example", true},
      {SanKind::kDns, How::kExact, "a.b.wild.example", false},
      {SanKind::kDns, How::kExact, "wild.example", false},
      {SanKind::kDns, How::kExact, "spiffe://mesh/server", false},
      {SanKind::kIp, How::kExact, "10.0.0.9", true},
      {SanKind::kIp, How::kPrefix, "10.0.", true},
      {SanKind::kIp, How::kExact, "10.0.0.90", false},
      {SanKind::kEmail, How::kExact, "server.example", false},
  };
  for (const auto& c : cases) {
    client_spec_.validation.san_matchers = {San(SanKind::kUri, How::kExact, "never"), San(c.kind, c.how, c.pattern)};
    Connect();
    EXPECT_EQ(Established(), c.good) << c.pattern << " " << client_->text();
    if (!c.good) {
      EXPECT_EQ(client_->code(), "san_mismatch");
    }
  }
  EXPECT_EQ(client_stats_.fail_verify_san, 8u);
  EXPECT_EQ(client_stats_.connection_error, 0u);
}

TEST_F(HandshakeTest, PinsOfCertificateAndKeyDecide) {
  auto certificates = ReadPemCertificates(server_spec_.certificates[0].chain_pem);
  std::string hex = FingerprintHex(certificates->front().get(), EVP_sha256());
  std::string colons;
  for (size_t i = 0; i < hex.size(); i += 2) absl::StrAppend(&colons, i ? ":" : "", hex.substr(i, 2));
  client_spec_.validation = {};
  client_spec_.validation.certificate_hashes = {std::string(64, '0'), colons};
  Connect();
  ASSERT_TRUE(Established()) << client_->text();
  EXPECT_TRUE(client_->info().peer_validated());
  client_spec_.validation.certificate_hashes = {std::string(64, '0')};
  ExpectClientRefuses("hash_mismatch");
  EXPECT_EQ(client_stats_.fail_verify_cert_hash, 1u);
  const std::string spki = absl::Base64Escape(DigestOfSpki(certificates->front().get()));
  client_spec_.validation.spki_hashes = {spki};
  Connect();
  ASSERT_TRUE(Established()) << client_->text();
}

TEST_F(HandshakeTest, WithoutValidationEveryServerIsTakenButNotValidated) {
  client_spec_.validation = {};
  Connect();
  ASSERT_TRUE(Established());
  EXPECT_TRUE(client_->info().peer_presented());
  EXPECT_FALSE(client_->info().peer_validated());
}

TEST_F(HandshakeTest, AcceptUntrustedTakesAnybodyAndSaysSo) {
  TestAuthority other(loop_.wall_now(), "other");
  client_spec_.validation = other.Trusting({"spiffe://nobody"});
  client_spec_.validation.accept_untrusted = true;
  Connect();
  ASSERT_TRUE(Established()) << client_->text();
  EXPECT_FALSE(client_->info().peer_validated());
}

TEST_F(HandshakeTest, AnOptionalClientCertificateMayBeMissingButNotWrong) {
  server_spec_.validation = authority_->Trusting();
  Connect();
  ASSERT_TRUE(Established());
  EXPECT_FALSE(server_->info().peer_presented());
  EXPECT_EQ(server_->info().Peer(Fact::kUriSans), "");
  TestAuthority other(loop_.wall_now(), "other");
  client_spec_.certificates = {other.Uri("spiffe://mesh/client")};
  Versions(ProtocolVersion::kTls12);
  ExpectServerRefuses("unknown_ca");
}

TEST_F(HandshakeTest, ARotationLeavesLivingConnectionsAlone) {
  Connect();
  ASSERT_TRUE(Established());
  auto old_client = std::move(client_);
  auto old_server = std::move(server_);
  const std::string old_serial(old_client->info().Peer(Fact::kSerial));
  server_spec_.certificates = {authority_->Dns("server.example")};
  Connect();
  ASSERT_TRUE(Established());
  EXPECT_NE(client_->info().Peer(Fact::kSerial), old_serial);
  (*old_client)->Write("still here");
  EXPECT_TRUE(harness::RunUntil(loop_, [&] { return old_server->recorder.got == "still here"; }));
  EXPECT_EQ(old_client->info().Peer(Fact::kSerial), old_serial);
}

}  // namespace
}  // namespace outrigger::tls
