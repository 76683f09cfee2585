#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "absl/strings/escaping.h"
#include "source/tls/certificate_reader.h"
#include "source/tls/client_context.h"
#include "source/tls/context_store.h"
#include "source/tls/server_context.h"
#include "test/tls/authority.h"

namespace outrigger::tls {
namespace {

const WallTime kNow{seconds(1'790'000'000)};

std::string EncryptKey(EVP_PKEY* key, const std::string& password) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, EVP_aes_128_cbc(), password.data(), static_cast<int>(password.size()),
                                nullptr, nullptr);
  return TakeBio(out.get());
}

class ContextTest : public testing::Test {
 protected:
  ServerSpec Server() {
    ServerSpec spec;
    spec.certificates.push_back(authority_.Dns("a.example"));
    return spec;
  }
  static std::string Error(const ServerSpec& spec) {
    auto built = ServerContext::Build(spec);
    return built.ok() ? "ok" : std::string(built.status().message());
  }
  static std::string Error(const ClientSpec& spec) {
    auto built = ClientContext::Build(spec);
    return built.ok() ? "ok" : std::string(built.status().message());
  }
  static void ExpectError(const std::string& got, absl::string_view part) {
    EXPECT_NE(got.find(std::string(part)), std::string::npos) << got;
  }

  TestAuthority authority_{kNow};
};

TEST_F(ContextTest, ACertificateWithAnotherKeyIsRefused) {
  ServerSpec spec = Server();
  spec.certificates.push_back(authority_.Dns("b.example"));
  spec.certificates[1].key_pem = spec.certificates[0].key_pem;
  ExpectError(Error(spec), "tls_certificates[1]: private_key: does not belong to the certificate of CN=b.example");
}

TEST_F(ContextTest, BrokenPemSaysWhichPart) {
  ServerSpec spec = Server();
  spec.certificates[0].chain_pem += "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  ExpectError(Error(spec), "tls_certificates[0]: certificate_chain: certificate 2 is broken");
  spec = Server();
  spec.certificates[0].chain_pem = "hello";
  ExpectError(Error(spec), "certificate_chain: has no PEM block");
  spec.certificates[0].chain_pem = "";
  ExpectError(Error(spec), "certificate_chain: is empty");
  spec = Server();
  spec.certificates[0].key_pem = Secret("hello");
  ExpectError(Error(spec), "private_key: is not a PEM private key");
  spec.certificates[0].key_pem = Secret();
  ExpectError(Error(spec), "private_key: is empty");
  spec.certificates.clear();
  ExpectError(Error(spec), "tls_certificates: a server needs one");
}

TEST_F(ContextTest, WeakRsaKeysAreRefused) {
  ServerSpec spec;
  spec.certificates.push_back(authority_.Dns("a.example", KeyKind::kRsa1024));
  ExpectError(Error(spec), "an RSA key of 1024 bits is too weak");
}

TEST_F(ContextTest, EmptyOrBrokenAuthoritiesAreRefused) {
  ServerSpec spec = Server();
  spec.validation.trusted_ca_pem = "\n";
  ExpectError(Error(spec), "validation_context: trusted_ca: has no PEM block");
  spec.validation.trusted_ca_pem = authority_.pem() + "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
  ExpectError(Error(spec), "trusted_ca: certificate 2 is broken");
}

TEST_F(ContextTest, NamesWithoutAuthoritiesAreRefused) {
  ClientSpec spec;
  spec.validation = authority_.Trusting({"spiffe://a"});
  spec.validation.trusted_ca_pem = "";
  ExpectError(Error(spec), "without trusted_ca");
  ContextStore store;
  EXPECT_FALSE(store.Client(spec).ok());
}

TEST_F(ContextTest, PinsMustBeSha256) {
  ServerSpec spec = Server();
  spec.validation.certificate_hashes = {"12ab"};
  ExpectError(Error(spec), "verify_certificate_hash: \"12ab\"");
  spec.validation.certificate_hashes.clear();
  spec.validation.spki_hashes = {"abc"};
  ExpectError(Error(spec), "verify_certificate_spki: \"abc\"");
}

TEST_F(ContextTest, RevocationListsAreChecked) {
  ServerSpec spec = Server();
  spec.validation.crl_pem = "x";
  ExpectError(Error(spec), "crl: needs trusted_ca");
  spec.validation = authority_.Trusting();
  spec.validation.crl_pem = "x";
  ExpectError(Error(spec), "crl: has no PEM block");
  spec.validation.crl_pem = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
  ExpectError(Error(spec), "crl: list 1 is broken");
}

TEST_F(ContextTest, UnknownParametersAreRefusedByName) {
  ServerSpec spec = Server();
  spec.params.cipher_suites = {"ECDHE-ECDSA-AES128-GCM-SHA256", "NO-SUCH-CIPHER"};
  ExpectError(Error(spec), "cipher_suites: \"NO-SUCH-CIPHER\"");
  spec.params = {};
  spec.params.ecdh_curves = {"P-256", "P-257"};
  ExpectError(Error(spec), "ecdh_curves");
  spec.params = {};
  spec.params.signature_algorithms = {"ecdsa_secp256r1_sha256", "rot13"};
  ExpectError(Error(spec), "signature_algorithms");
  spec.params = {};
  spec.params.min_version = ProtocolVersion::kTls13;
  spec.params.max_version = ProtocolVersion::kTls12;
  ExpectError(Error(spec), "above");
}

TEST_F(ContextTest, TheListSyntaxOfEnvoyIsAccepted) {
  ServerSpec spec = Server();
  spec.params.cipher_suites = {"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]",
                               "ECDHE-RSA-AES256-GCM-SHA384", "AES128-SHA"};
  spec.params.ecdh_curves = {"X25519", "P-256", "P-384"};
  spec.params.signature_algorithms = {"ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256", "rsa_pkcs1_sha256"};
  EXPECT_EQ(Error(spec), "ok");
}

TEST_F(ContextTest, AnEncryptedKeyNeedsItsPassword) {
  ServerSpec spec = Server();
  const KeyAndCertificate pair = *Issue(authority_.ca(), KeyKind::kEcdsaP256, authority_.Options({.dns = {"a"}}));
  BioPtr in = ReadBio(pair.key_pem);
  PkeyPtr key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  spec.certificates[0].chain_pem = pair.certificate_pem;
  spec.certificates[0].key_pem = Secret(EncryptKey(key.get(), "sesame"));
  ExpectError(Error(spec), "private_key: is encrypted and there is no password");
  spec.certificates[0].password = Secret("wrong");
  ExpectError(Error(spec), "private_key: the password is wrong");
  spec.certificates[0].password = Secret("sesame");
  EXPECT_EQ(Error(spec), "ok");
}

TEST_F(ContextTest, ExpiredCertificatesWarnAndAreAccepted) {
  ServerSpec spec;
  IssueOptions options = authority_.Options({.common_name = "old"});
  options.not_after = kNow - hours(1);
  spec.certificates.push_back(authority_.Leaf(options));
  auto built = ServerContext::Build(spec);
  ASSERT_TRUE(built.ok()) << built.status();
  ASSERT_EQ((*built)->Warnings(kNow).size(), 1u);
  ExpectError((*built)->Warnings(kNow)[0], "CN=old (<inline>) has expired");
  EXPECT_TRUE((*built)->Warnings(kNow - hours(2)).empty());
}

TEST_F(ContextTest, EqualContentIsOneContext) {
  ContextStore store;
  ServerSpec spec = Server();
  auto one = store.Server(spec);
  auto two = store.Server(spec);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(*one, *two);
  spec.alpn = {"h2"};
  auto three = store.Server(spec);
  EXPECT_NE(*one, *three);
  EXPECT_EQ(store.LiveSizes().servers, 2u);
  one = two = three = absl::CancelledError();
  EXPECT_EQ(store.LiveSizes().servers, 0u);
}

TEST_F(ContextTest, ClustersThatDifferInNamesShareCredentials) {
  ContextStore store;
  ClientSpec spec;
  spec.certificates.push_back(authority_.Uri("spiffe://me"));
  spec.validation = authority_.Trusting({"spiffe://a"});
  spec.sni = "a";
  auto a = store.Client(spec);
  spec.validation = authority_.Trusting({"spiffe://b"});
  spec.sni = "b";
  auto b = store.Client(spec);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(&(*a)->credentials(), &(*b)->credentials());
  EXPECT_EQ((*a)->sni(), "a");
  EXPECT_EQ((*b)->sni(), "b");
  EXPECT_NE((*a)->trust_fingerprint(), (*b)->trust_fingerprint());
  EXPECT_EQ(store.LiveSizes().credentials, 1u);
}

TEST_F(ContextTest, CertificatesAreChosenByNameThenWildcardThenFirst) {
  ServerSpec spec;
  spec.certificates = {authority_.Dns("first.example"), authority_.Dns("*.wild.example"),
                       authority_.Dns("a.wild.example", KeyKind::kRsa2048), authority_.Dns("A.wild.example")};
  auto built = ServerContext::Build(spec);
  ASSERT_TRUE(built.ok()) << built.status();
  using List = std::vector<size_t>;
  EXPECT_EQ((*built)->CertificatesFor("first.example"), List{0});
  EXPECT_EQ((*built)->CertificatesFor("A.Wild.Example"), (List{3, 2}));
  EXPECT_EQ((*built)->CertificatesFor("b.wild.example"), List{1});
  EXPECT_EQ((*built)->CertificatesFor("b.c.wild.example"), List{0});
  EXPECT_EQ((*built)->CertificatesFor("unknown"), List{0});
  EXPECT_EQ((*built)->CertificatesFor(""), (List{0, 2}));
  spec.full_scan_certs_on_sni_mismatch = true;
  built = ServerContext::Build(spec);
  EXPECT_EQ((*built)->CertificatesFor("unknown"), (List{0, 2}));
}

TEST_F(ContextTest, TrustThatGrowsIsNotTightened) {
  TestAuthority other(kNow, "other");
  ServerSpec before = Server();
  before.validation = authority_.Trusting({"spiffe://a"});
  ServerSpec after = before;
  EXPECT_FALSE(TightensTrust(before, after));
  after.validation.trusted_ca_pem += other.pem();
  after.validation.san_matchers.push_back(San(SanKind::kUri, matching::StringMatcher::Kind::kExact, "spiffe://b"));
  EXPECT_FALSE(TightensTrust(before, after));
  EXPECT_TRUE(TightensTrust(after, before));
  EXPECT_NE(TrustFingerprint(before), TrustFingerprint(after));
  ServerSpec renewed = after;
  renewed.certificates = {authority_.Dns("renewed")};
  EXPECT_EQ(TrustFingerprint(after), TrustFingerprint(renewed));
  EXPECT_EQ(SettingsHash(after), SettingsHash(renewed));
  EXPECT_NE(ContentHash(after), ContentHash(renewed));
}

TEST_F(ContextTest, EachTighteningIsSeen) {
  const ServerSpec open = Server();
  ServerSpec before = open;
  before.validation = authority_.Trusting();
  const auto tightens = [&](auto change) {
    ServerSpec after = before;
    change(after);
    return TightensTrust(before, after);
  };
  EXPECT_TRUE(TightensTrust(open, before));
  EXPECT_FALSE(TightensTrust(before, open));
  EXPECT_TRUE(tightens([](ServerSpec& s) { s.require_client_certificate = true; }));
  EXPECT_TRUE(tightens([](ServerSpec& s) { s.validation.certificate_hashes = {std::string(64, 'a')}; }));
  EXPECT_TRUE(tightens([](ServerSpec& s) { s.validation.crl_pem = "new list"; }));
  EXPECT_TRUE(tightens([](ServerSpec& s) { s.validation.max_verify_depth = 1; }));
  EXPECT_TRUE(tightens([](ServerSpec& s) {
    s.validation.san_matchers = {San(SanKind::kDns, matching::StringMatcher::Kind::kExact, "x")};
  }));
  EXPECT_FALSE(tightens([](ServerSpec& s) { s.validation.accept_untrusted = true; }));
  EXPECT_FALSE(tightens([](ServerSpec& s) { s.validation.allow_expired_certificate = true; }));
  before.validation.allow_expired_certificate = true;
  EXPECT_TRUE(tightens([](ServerSpec& s) { s.validation.allow_expired_certificate = false; }));
  before.validation.accept_untrusted = true;
  EXPECT_TRUE(tightens([](ServerSpec& s) { s.validation.accept_untrusted = false; }));
}

}  // namespace

}  // namespace outrigger::tls
