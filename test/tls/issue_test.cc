#include "source/tls/issue.h"

#include <gtest/gtest.h>

#include "source/tls/certificate_reader.h"
#include "test/tls/authority.h"

namespace outrigger::tls {
namespace {

const WallTime kNow{seconds(1'790'000'000)};

TEST(IssueTest, LeafCarriesNamesValidityAndSerial) {
  TestAuthority authority(kNow);
  IssueOptions options = authority.Options({.common_name = "web",
                                            .organization = "Example",
                                            .dns = {"web.example", "*.web.example"},
                                            .uri = {"spiffe://example/ns/a/sa/web"},
                                            .ip = {"10.1.2.3", "::1"},
                                            .email = {"web@example"}});
  options.serial = std::string("\x0f\xab", 2);
  auto certificates = ReadPemCertificates(authority.Leaf(options).chain_pem);
  ASSERT_TRUE(certificates.ok()) << certificates.status();
  const CertificateInfo info = ReadInfo(certificates->front().get(), "here");
  EXPECT_EQ(info.subject, "CN=web,O=Example");
  EXPECT_EQ(info.issuer, "CN=test authority");
  EXPECT_EQ(info.serial, "0fab");
  EXPECT_EQ(info.names.dns, (std::vector<std::string>{"web.example", "*.web.example"}));
  EXPECT_EQ(info.names.uri, std::vector<std::string>{"spiffe://example/ns/a/sa/web"});
  EXPECT_EQ(info.names.ip, (std::vector<std::string>{"10.1.2.3", "::1"}));
  EXPECT_EQ(info.names.email, std::vector<std::string>{"web@example"});
  EXPECT_EQ(info.not_before, kNow - hours(24));
  EXPECT_EQ(info.not_after, kNow + hours(24));
  EXPECT_EQ(info.DaysUntilExpiration(kNow), 1u);
  EXPECT_EQ(info.DaysUntilExpiration(kNow + hours(48)), 0u);
  EXPECT_EQ(info.sha256.size(), 64u);
}

TEST(IssueTest, RequestKeepsItsKeyAndTheAuthorityChoosesTheNames) {
  TestAuthority authority(kNow);
  auto key = MakeKey(KeyKind::kEcdsaP256);
  ASSERT_TRUE(key.ok());
  auto request = MakeRequest(*key, {.common_name = "node", .uri = {"spiffe://example/wanted"}, .ip = {"10.0.0.1"}});
  ASSERT_TRUE(request.ok()) << request.status();
  auto names = ParseRequest(*request);
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(names->common_name, "node");
  EXPECT_EQ(names->uri, std::vector<std::string>{"spiffe://example/wanted"});
  EXPECT_EQ(names->ip, std::vector<std::string>{"10.0.0.1"});

  auto signed_pem = SignRequest(authority.ca(), *request, authority.Options({.uri = {"spiffe://example/granted"}}));
  ASSERT_TRUE(signed_pem.ok()) << signed_pem.status();
  auto certificates = ReadPemCertificates(*signed_pem);
  ASSERT_TRUE(certificates.ok());
  EXPECT_EQ(ReadInfo(certificates->front().get(), "").names.uri, std::vector<std::string>{"spiffe://example/granted"});
  ServerSpec server;
  server.certificates.push_back({*signed_pem, Secret(*key)});
  EXPECT_EQ(server.certificates[0].chain_pem, *signed_pem);
}

TEST(IssueTest, BrokenRequestsAreRefusedWithTheReason) {
  EXPECT_FALSE(ParseRequest("").ok());
  EXPECT_FALSE(ParseRequest("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n").ok());
  EXPECT_FALSE(ParseRequest(std::string(100'000, 'x')).ok());
  auto key = MakeKey(KeyKind::kEcdsaP256);
  EXPECT_FALSE(MakeRequest("no key", {.common_name = "a"}).ok());
  EXPECT_FALSE(MakeRequest(*key, {.ip = {"not an address"}}).ok());
}

TEST(IssueTest, AnAuthorityWithAnotherKeyCannotSign) {
  TestAuthority one(kNow);
  TestAuthority two(kNow);
  const KeyAndCertificate mixed{one.ca().key_pem, two.ca().certificate_pem};
  const auto made = Issue(mixed, KeyKind::kEcdsaP256, one.Options({.dns = {"a"}}));
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.status().message().find("does not belong"), absl::string_view::npos) << made.status();
}

TEST(IssueTest, SerialsAndValidityAreChecked) {
  TestAuthority authority(kNow);
  IssueOptions options = authority.Options({.dns = {"a"}});
  options.serial = "";
  EXPECT_FALSE(Issue(authority.ca(), KeyKind::kEcdsaP256, options).ok());
  options.serial = std::string(21, 'a');
  EXPECT_FALSE(Issue(authority.ca(), KeyKind::kEcdsaP256, options).ok());
  options.serial = "a";
  options.not_after = options.not_before;
  EXPECT_FALSE(Issue(authority.ca(), KeyKind::kEcdsaP256, options).ok());
}

}  // namespace
}  // namespace outrigger::tls
