#include "source/filters/common/rbac/engine.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "gtest/gtest.h"
#include "source/base/arena.h"
#include "source/filters/common/rbac/build.h"
#include "test/harness/factory_context.h"
#include "test/harness/fake_tls.h"

namespace outrigger::filters::rbac {
namespace {

namespace v3 = envoy::config::rbac::v3;
using Fact = net::TlsInfo::Fact;

class RbacEngineTest : public testing::Test {
 protected:
  RbacEngineTest() : subject_(nullptr), headers_(arena_) {
    headers_.AddCopy(http::KnownHeader::kMethod, "GET");
    headers_.AddCopy(http::KnownHeader::kPath, "/admin/users?x=/public");
    headers_.AddCopy(http::HeaderName(absl::string_view("x-team")), "blue");
    subject_.headers = &headers_;
    subject_.connection_remote = subject_.direct_remote = *IpAddress::Parse("10.0.0.7");
    subject_.remote = *IpAddress::Parse("192.0.2.9");
    subject_.local = *IpAddress::Parse("10.1.0.1");
    subject_.local_port = 8443;
    subject_.server_name = "api.example.com";
  }
  static absl::StatusOr<Engine> Build(const std::string& text, bool with_requests = true) {
    observe::StatsRegistry stats;
    harness::FakeFactoryContext context(stats);
    return BuildEngine(harness::FromText<v3::RBAC>(text), "rules", with_requests, context);
  }
  static std::string Policies(const std::string& permission, const std::string& principal) {
    return absl::StrCat("policies { key: 'p' value { permissions { ", permission, " } principals { ", principal,
                        " } } }");
  }
  bool Permits(const std::string& permission) {
    absl::StatusOr<Engine> engine = Build(Policies(permission, "any: true"));
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() && engine->Decide(subject_).allowed;
  }
  bool Admits(const std::string& principal) {
    absl::StatusOr<Engine> engine = Build(Policies("any: true", principal));
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() && engine->Decide(subject_).allowed;
  }
  static std::string Error(const std::string& text, bool with_requests = true) {
    return std::string(Build(text, with_requests).status().message());
  }
  std::string Name(const std::string& exact) {
    return absl::StrCat("authenticated { principal_name { exact: '", exact, "' } }");
  }

  Arena arena_;
  Subject subject_;
  http::HeaderMap headers_;
  harness::FakeTls tls_;
};

TEST_F(RbacEngineTest, SaysWhichPolicyOfWhichResourceDecided) {
  const auto engine = Build(Policies("any: true", "remote_ip { address_prefix: '10.0.0.0' prefix_len { value: 8 } }"));
  EXPECT_EQ(engine->Decide(subject_).origin.ToString(), "test \"harness\": rules");
  subject_.remote = *IpAddress::Parse("10.9.9.9");
  EXPECT_EQ(engine->Decide(subject_).origin.ToString(), "test \"harness\": rules.policies[\"p\"]");
}

TEST_F(RbacEngineTest, AllowsOnlyWhatAPolicyMatches) {
  const auto engine = Build(Policies("any: true", "remote_ip { address_prefix: '10.0.0.0' prefix_len { value: 8 } }"));
  EXPECT_FALSE(engine->Decide(subject_).allowed);
  EXPECT_EQ(engine->Decide(subject_).policy_name(), "none");
  subject_.remote = *IpAddress::Parse("10.9.9.9");
  EXPECT_TRUE(engine->Decide(subject_).allowed);
  EXPECT_EQ(engine->Decide(subject_).policy_name(), "p");
}

TEST_F(RbacEngineTest, NoPolicyAllowsNothingAndDeniesNothing) {
  EXPECT_FALSE(Build("action: ALLOW")->Decide(subject_).allowed);
  EXPECT_TRUE(Build("action: DENY")->Decide(subject_).allowed);
  EXPECT_TRUE(Build("action: LOG")->Decide(subject_).allowed);
}

TEST_F(RbacEngineTest, DeniesWhatAPolicyMatchesAndNamesTheFirstByName) {
  const auto engine = Build(
      "action: DENY policies { key: 'z' value { permissions { any: true } principals { any: true } } } "
      "policies { key: 'b' value { permissions { any: true } principals { any: true } } } "
      "policies { key: 'a' value { permissions { not_rule { any: true } } principals { any: true } } }");
  EXPECT_FALSE(engine->Decide(subject_).allowed);
  EXPECT_EQ(engine->Decide(subject_).policy_name(), "b");
}

TEST_F(RbacEngineTest, LoggingAllowsAndSaysWhetherItMatched) {
  const auto engine = Build("action: LOG " + Policies("url_path { path { prefix: '/admin' } }", "any: true"));
  EXPECT_TRUE(engine->Decide(subject_).allowed);
  EXPECT_NE(engine->Decide(subject_).policy, nullptr);
}

TEST_F(RbacEngineTest, PermissionsAskAboutTheRequest) {
  EXPECT_TRUE(Permits("url_path { path { exact: '/admin/users' } }"));
  EXPECT_FALSE(Permits("url_path { path { contains: 'public' } }"));  // the query is not the path
  EXPECT_TRUE(Permits("header { name: ':method' string_match { exact: 'GET' } }"));
  EXPECT_FALSE(Permits("header { name: 'x-none' present_match: true }"));
  EXPECT_TRUE(Permits("destination_port: 8443"));
  EXPECT_FALSE(Permits("destination_port: 8444"));
  EXPECT_TRUE(Permits("destination_port_range { start: 8000 end: 8444 }"));
  EXPECT_FALSE(Permits("destination_port_range { start: 8000 end: 8443 }"));
  EXPECT_TRUE(Permits("destination_ip { address_prefix: '10.1.0.0' prefix_len { value: 16 } }"));
  EXPECT_TRUE(Permits("requested_server_name { suffix: '.example.com' }"));
  EXPECT_TRUE(Permits("and_rules { rules { any: true } rules { destination_port: 8443 } }"));
  EXPECT_FALSE(Permits("and_rules { rules { any: true } rules { destination_port: 1 } }"));
  EXPECT_TRUE(Permits("or_rules { rules { destination_port: 1 } rules { destination_port: 8443 } }"));
  EXPECT_TRUE(Permits("not_rule { destination_port: 1 }"));
}

TEST_F(RbacEngineTest, PrincipalsAskAboutTheCaller) {
  EXPECT_TRUE(Admits("remote_ip { address_prefix: '192.0.2.0' prefix_len { value: 24 } }"));
  EXPECT_TRUE(Admits("direct_remote_ip { address_prefix: '10.0.0.7' prefix_len { value: 32 } }"));
  EXPECT_TRUE(Admits("source_ip { address_prefix: '10.0.0.0' prefix_len { value: 8 } }"));
  EXPECT_FALSE(Admits("direct_remote_ip { address_prefix: '192.0.2.0' prefix_len { value: 24 } }"));
  EXPECT_TRUE(Admits("header { name: 'x-team' string_match { exact: 'blue' } }"));
  EXPECT_FALSE(Admits("not_id { header { name: 'x-team' string_match { exact: 'blue' } } }"));
  EXPECT_TRUE(Admits("and_ids { ids { any: true } ids { url_path { path { prefix: '/admin' } } } }"));
  EXPECT_FALSE(Admits("or_ids { ids { not_id { any: true } } }"));
}

TEST_F(RbacEngineTest, AnIpv6CallerIsNotInAnIpv4Range) {
  subject_.remote = *IpAddress::Parse("2001:db8::1");
  EXPECT_FALSE(Admits("remote_ip { address_prefix: '0.0.0.0' prefix_len { value: 0 } }"));
  EXPECT_TRUE(Admits("remote_ip { address_prefix: '2001:db8::' prefix_len { value: 32 } }"));
}

TEST_F(RbacEngineTest, NobodyIsAuthenticatedWithoutAVerifiedCertificate) {
  EXPECT_FALSE(Admits("authenticated { }"));
  subject_.tls = &tls_;
  tls_.peer_facts[Fact::kUriSans] = {"spiffe://a/x"};
  EXPECT_TRUE(Admits("authenticated { }"));
  EXPECT_TRUE(Admits(Name("spiffe://a/x")));
  tls_.validated = false;
  EXPECT_FALSE(Admits("authenticated { }"));
  EXPECT_FALSE(Admits(Name("spiffe://a/x")));
  tls_.presented = false;
  EXPECT_FALSE(Admits("authenticated { }"));
}

TEST_F(RbacEngineTest, TheNameIsTheUriElseTheDnsElseTheSubject) {
  subject_.tls = &tls_;
  tls_.peer_facts[Fact::kSubject] = {"CN=me"};
  EXPECT_TRUE(Admits(Name("CN=me")));
  tls_.peer_facts[Fact::kDnsSans] = {"one.example.com", "two.example.com"};
  EXPECT_TRUE(Admits(Name("two.example.com")));
  EXPECT_FALSE(Admits(Name("CN=me")));
  tls_.peer_facts[Fact::kUriSans] = {"spiffe://a/x", "spiffe://a/y"};
  EXPECT_TRUE(Admits(Name("spiffe://a/y")));
  EXPECT_FALSE(Admits(Name("two.example.com")));
}

TEST_F(RbacEngineTest, MetadataAndFilterStateMatchWhatFiltersLeft) {
  const std::string metadata = "metadata { filter: 'f' path { key: 'k' } value { string_match { exact: 'v' } } }";
  EXPECT_FALSE(Admits(metadata));
  http::DynamicMetadata left;
  left.Merge("f", {{"k", Value(std::string("v"))}});
  subject_.metadata = left.get();
  EXPECT_TRUE(Admits(metadata));
  EXPECT_TRUE(Permits(metadata));

  struct Said final : http::FilterState::Object {
    std::string Text() const override { return "said"; }
  };
  const std::string state = "filter_state { key: 'o' string_match { prefix: 'sa' } }";
  EXPECT_FALSE(Admits(state));
  http::FilterState objects;
  objects.Set("o", std::make_shared<Said>());
  subject_.filter_state = &objects;
  EXPECT_TRUE(Admits(state));
}

TEST_F(RbacEngineTest, RefusesWhatItDoesNotKnowAndSaysWhere) {
  EXPECT_EQ(Error("policies { key: 'p' value { permissions { } principals { any: true } } }"),
            "policies[\"p\"].permissions[0]: this kind of permission is not supported");
  EXPECT_EQ(Error("policies { key: 'p' value { permissions { any: true } principals { any: true } principals { } } }"),
            "policies[\"p\"].principals[1]: this kind of principal is not supported");
  EXPECT_EQ(Error("policies { key: 'p' value { permissions { matcher { name: 'x' } } principals { any: true } } }"),
            "policies[\"p\"].permissions[0]: this kind of permission is not supported");
  EXPECT_EQ(Error("policies { key: 'p' value { permissions { any: true } } }"),
            "policies[\"p\"].principals: needs at least one");
  EXPECT_EQ(Error("policies { key: 'p' value { permissions { any: true } principals { any: true } condition { } } }"),
            "policies[\"p\"].condition: conditions are not supported");
  EXPECT_EQ(Error("audit_logging_options { }"), "audit_logging_options: is not supported");
  EXPECT_EQ(
      Error(Policies(
                "not_rule { and_rules { rules { header { name: 'x' string_match { safe_regex { regex: '(' } } } } } }",
                "any: true"))
          .substr(0, 82),
      "policies[\"p\"].permissions[0].not_rule.and_rules.rules[0].header.string_match.safe_");
  EXPECT_EQ(Error(Policies("destination_port_range { start: 5 end: 5 }", "any: true")),
            "policies[\"p\"].permissions[0].destination_port_range: start must be below end");
}

TEST_F(RbacEngineTest, RefusesRulesAboutRequestsOnAConnection) {
  EXPECT_EQ(Error(Policies("any: true", "header { name: 'x' present_match: true }"), false),
            "policies[\"p\"].principals[0].header: a connection has no requests");
  EXPECT_EQ(Error(Policies("url_path { path { exact: '/' } }", "any: true"), false),
            "policies[\"p\"].permissions[0].url_path: a connection has no requests");
}

}  // namespace
}  // namespace outrigger::filters::rbac
