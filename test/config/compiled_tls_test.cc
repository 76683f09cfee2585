// Each setting of a TLS context reaches the context that is made: what is decided by it has another fingerprint.
#include "source/schema/json_writer.h"
#include "test/config/fixture.h"
#include "test/tls/authority.h"

namespace outrigger::config {
namespace {

class CompiledTlsTest : public ConfigTest {
 protected:
  std::string Inline(absl::string_view pem) const {
    return absl::StrCat("{inline_string: ", schema::JsonString(pem), "}");
  }
  // A listener that wants client certificates. `top`: fields of the context, `common`: of its common part (each with a
  // comma at the end), `validation`: the whole of it, as a field of the common part.
  std::shared_ptr<const tls::ServerContext> Server(const std::string& top, const std::string& common,
                                                   const std::string& validation) {
    const std::string chain = absl::StrCat(
        "name: only\n  transport_socket: {name: tls, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, ",
        top, "require_client_certificate: true, common_tls_context: {", common, validation,
        ", tls_certificates: [{certificate_chain: ", Inline(certificate_.chain_pem),
        ", private_key: ", Inline(certificate_.key_pem.view()), "}]}}}");
    EXPECT_TRUE(builder_->Set(Yaml<Cluster>(kBackend), {"1", false}).ok());
    const auto set = builder_->Set(Yaml<Listener>(HttpListener("in", 0, kInlineRoutes, chain)), {"1", false});
    EXPECT_TRUE(set.ok()) << set.status();
    snapshot_ = builder_->Build();
    const model::Listener* made = ListenerOf(*snapshot_, "in");
    return made == nullptr ? nullptr : made->chains[0]->tls;
  }
  std::string Settings(const std::string& top, const std::string& common = "", const std::string& more = "") {
    const auto made =
        Server(top, common, absl::StrCat("validation_context: {", more, "trusted_ca: ", Inline(authority_.pem()), "}"));
    return made == nullptr ? "nothing was made" : made->settings_hash();
  }

  tls::TestAuthority authority_{engine_->WallNow()};
  const tls::CertificateSpec certificate_ = authority_.Dns("in.test");
  std::shared_ptr<const model::Snapshot> snapshot_;
};

TEST_F(CompiledTlsTest, EachSettingOfAServerCounts) {
  const std::string base = Settings("");
  for (const char* top : {"session_timeout: 60s, ", "disable_stateful_session_resumption: true, ",
                          "disable_stateless_session_resumption: true, "}) {
    EXPECT_NE(Settings(top), base) << top;
  }
  for (const char* common :
       {"tls_params: {cipher_suites: [ECDHE-ECDSA-AES128-GCM-SHA256]}, ", "tls_params: {ecdh_curves: [P-256]}, ",
        "tls_params: {signature_algorithms: [ecdsa_secp256r1_sha256]}, ",
        "tls_params: {tls_minimum_protocol_version: TLSv1_3}, ", "alpn_protocols: [h2], "}) {
    EXPECT_NE(Settings("", common), base) << common;
  }
  for (const char* validation :
       {"allow_expired_certificate: true, ", "trust_chain_verification: ACCEPT_UNTRUSTED, ", "max_verify_depth: 1, "}) {
    EXPECT_NE(Settings("", "", validation), base) << validation;
  }
  EXPECT_EQ(Settings(""), base) << "and nothing else";
}

TEST_F(CompiledTlsTest, NamesWithoutTypeAreExpectedAsNamesOfEveryType) {
  const auto trust = [this](const std::string& more) {
    return Server("", "", absl::StrCat("validation_context: {", more, "trusted_ca: ", Inline(authority_.pem()), "}"))
        ->trust_fingerprint();
  };
  const std::string base = trust(""), any = trust("match_subject_alt_names: [{exact: a}], ");
  EXPECT_NE(any, base);
  EXPECT_NE(any, trust("match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: a}}], "));
}

TEST_F(CompiledTlsTest, ACombinedValidationContextIsTheDefaultWithTheSecretOverIt) {
  const std::string secret =
      absl::StrCat("{name: ca, validation_context: {trusted_ca: ", Inline(authority_.pem()), ", max_verify_depth: 1}}");
  const auto set = builder_->SetSecret(Yaml<Secret>(secret), {"1", true});
  ASSERT_TRUE(set.ok()) << set.status();
  const auto combined = Server("", "",
                               "combined_validation_context: {default_validation_context: {allow_expired_certificate: "
                               "true, max_verify_depth: 3}, validation_context_sds_secret_config: {name: ca}}");
  ASSERT_NE(combined, nullptr);
  EXPECT_EQ(combined->settings_hash(), Settings("", "", "allow_expired_certificate: true, max_verify_depth: 1, "));
}

TEST_F(CompiledTlsTest, TicketKeysComeInlineOrFromASecretAndHaveTheirSize) {
  const auto key = [](size_t size) { return absl::StrCat("{inline_string: ", std::string(size, 'k'), "}"); };
  const std::string with = Settings(absl::StrCat("session_ticket_keys: {keys: [", key(80), "]}, "));
  EXPECT_NE(with, Settings(""));
  const std::string secret = absl::StrCat("{name: tickets, session_ticket_keys: {keys: [", key(80), "]}}");
  ASSERT_TRUE(builder_->SetSecret(Yaml<Secret>(secret), {"1", true}).ok());
  EXPECT_EQ(Settings("session_ticket_keys_sds_secret_config: {name: tickets}, "), with);
  EXPECT_FALSE(
      builder_
          ->SetSecret(Yaml<Secret>(absl::StrCat("{name: short, session_ticket_keys: {keys: [", key(48), "]}}")),
                      {"1", true})
          .ok());
}

}  // namespace
}  // namespace outrigger::config
