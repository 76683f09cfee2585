#include <memory>
#include <string>
#include <utility>

#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "gtest/gtest.h"
#include "source/filters/http/rbac/factory.h"
#include "source/filters/http/rbac/http_rbac.h"
#include "test/harness/factory_context.h"
#include "test/harness/fake_tls.h"
#include "test/harness/stream_harness.h"

namespace outrigger::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::rbac::v3;
using harness::FromText;

constexpr char kOnlyBob[] =
    "rules { policies { key: 'only bob' value { permissions { url_path { path { prefix: '/bob' } } } "
    "principals { authenticated { principal_name { exact: 'spiffe://mesh/bob' } } } } } }";

class HttpRbacTest : public testing::Test {
 protected:
  void Use(const std::string& text) {
    absl::StatusOr<http::FilterSpec> spec = kHttpRbacFactory.create(FromText<v3::RBAC>(text), context_);
    ASSERT_TRUE(spec.ok()) << spec.status();
    h_.Add(*std::move(spec), "rbac");
  }
  void Route(const std::string& text) {
    auto made = kHttpRbacFactory.create_route(FromText<v3::RBACPerRoute>(text), context_);
    ASSERT_TRUE(made.ok()) << made.status();
    route_ = *made;
    h_.per_route["rbac"] = {route_.get()};
  }
  void From(const std::string& identity) {
    auto tls = std::make_unique<harness::FakeTls>();
    tls->peer_facts[net::TlsInfo::Fact::kUriSans] = {identity};
    net::ConnectionProperties properties;
    properties.remote = *net::Address::ParseIp("10.0.0.1", 1234);
    properties.local = *net::Address::ParseIp("10.0.0.2", 443);
    h_.SetConnection(std::move(properties), std::move(tls));
  }
  const Value* Left(const char* key) {
    const Metadata* all = h_.stream().metadata().get();
    if (all == nullptr) return nullptr;
    const auto at = all->find("envoy.filters.http.rbac");
    return at == all->end() ? nullptr : at->second.Find(key);
  }

  std::shared_ptr<const void> route_;
  harness::StreamHarness h_;
  harness::FakeFactoryContext context_{h_.stats()};
};

TEST_F(HttpRbacTest, LetsTheRightCallerThrough) {
  Use(kOnlyBob);
  From("spiffe://mesh/bob");
  h_.Get("/bob/1");
  EXPECT_TRUE(h_.arrived.headers);
  EXPECT_EQ(h_.Counter("http.test.rbac.allowed"), 1u);
  EXPECT_EQ(h_.Counter("http.test.rbac.denied"), 0u);
}

TEST_F(HttpRbacTest, NotesWhichPolicyDecided) {
  Use(kOnlyBob);
  From("spiffe://mesh/bob");
  h_.Get("/bob/1");
  EXPECT_EQ(h_.stream().info().policy.ToString(), "test \"harness\": rules.policies[\"only bob\"]");
}

TEST_F(HttpRbacTest, NotesThePolicyOfTheRouteThatStandsInItsPlace) {
  Use(kOnlyBob);
  Route(
      "rbac { rules { action: DENY policies { key: 'none' value { permissions { any: true } principals { any: true } "
      "} } } }");
  From("spiffe://mesh/bob");
  h_.Get("/bob/1");
  EXPECT_EQ(h_.sender.status(), "403");
  EXPECT_EQ(h_.stream().info().policy.ToString(), "test \"harness\": rbac.rules.policies[\"none\"]");
}

TEST_F(HttpRbacTest, AnswersOthers403AndSaysWhy) {
  Use(kOnlyBob);
  From("spiffe://mesh/eve");
  h_.Get("/bob/1");
  EXPECT_FALSE(h_.arrived.headers);
  EXPECT_EQ(h_.sender.status(), "403");
  EXPECT_EQ(h_.sender.body, "RBAC: access denied");
  EXPECT_EQ(h_.details, "rbac_access_denied_matched_policy[none]");
  EXPECT_EQ(h_.Counter("http.test.rbac.denied"), 1u);
}

TEST_F(HttpRbacTest, NamesTheDenyingPolicyWithoutSpaces) {
  Use("rules { action: DENY policies { key: 'no one' value { permissions { any: true } principals { any: true } } } } "
      "rules_stat_prefix: 'p' track_per_rule_stats: true");
  From("spiffe://mesh/bob");
  h_.Get();
  EXPECT_EQ(h_.details, "rbac_access_denied_matched_policy[no_one]");
  EXPECT_EQ(h_.Counter("http.test.rbac.p.denied"), 1u);
  EXPECT_EQ(h_.Counter("http.test.rbac.p.policy.no one.denied"), 1u);
}

TEST_F(HttpRbacTest, WorksWithoutTlsAndDeniesWhatNeedsIt) {
  Use(kOnlyBob);
  net::ConnectionProperties properties;
  properties.remote = *net::Address::ParseIp("10.0.0.1", 1234);
  h_.SetConnection(std::move(properties));
  h_.Get("/bob/1");
  EXPECT_EQ(h_.sender.status(), "403");
}

TEST_F(HttpRbacTest, ShadowRulesOnlyCountAndLeaveMetadata) {
  Use("shadow_rules { policies { key: 'p' value { permissions { any: true } principals { header { name: 'x' "
      "present_match: true } } } } } shadow_rules_stat_prefix: 'dry_'");
  From("spiffe://mesh/eve");
  h_.Get();
  EXPECT_TRUE(h_.arrived.headers);
  EXPECT_EQ(h_.Counter("http.test.rbac.dry_.shadow_denied"), 1u);
  ASSERT_NE(Left("dry_shadow_engine_result"), nullptr);
  EXPECT_EQ(*Left("dry_shadow_engine_result")->as_string(), "denied");
  EXPECT_EQ(Left("dry_shadow_effective_policy_id"), nullptr);
}

TEST_F(HttpRbacTest, ShadowMetadataNamesThePolicy) {
  Use("shadow_rules { policies { key: 'p' value { permissions { any: true } principals { any: true } } } } "
      "track_per_rule_stats: true");
  h_.Get();
  EXPECT_EQ(*Left("shadow_engine_result")->as_string(), "allowed");
  EXPECT_EQ(*Left("shadow_effective_policy_id")->as_string(), "p");
  EXPECT_EQ(h_.Counter("http.test.rbac.policy.p.shadow_allowed"), 1u);
}

TEST_F(HttpRbacTest, ARouteMayTurnItOff) {
  Use(kOnlyBob);
  Route("");
  From("spiffe://mesh/eve");
  h_.Get();
  EXPECT_TRUE(h_.arrived.headers);
}

TEST_F(HttpRbacTest, ARouteMayHaveItsOwnRules) {
  Use("rules { action: DENY }");
  Route("rbac { rules { action: ALLOW } }");
  h_.Get();
  EXPECT_EQ(h_.sender.status(), "403");
  EXPECT_EQ(h_.Counter("http.test.rbac.denied"), 1u);
}

TEST_F(HttpRbacTest, RemoteIpIsTheTrustedClient) {
  Use("rules { policies { key: 'p' value { permissions { any: true } principals { remote_ip { address_prefix: "
      "'192.0.2.0' "
      "prefix_len { value: 24 } } } } } }");
  From("spiffe://mesh/bob");
  h_.client = *IpAddress::Parse("192.0.2.1");
  h_.Get();
  EXPECT_TRUE(h_.arrived.headers);
}

TEST_F(HttpRbacTest, LoggingLeavesAHintForAccessLogs) {
  Use("rules { action: LOG policies { key: 'p' value { permissions { any: true } principals { any: true } } } }");
  h_.Get();
  EXPECT_TRUE(h_.arrived.headers);
  const Metadata* all = h_.stream().metadata().get();
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(*all->find("envoy.common")->second.Find("access_log_hint")->as_bool(), true);
  EXPECT_EQ(h_.Counter("http.test.rbac.logged"), 1u);
}

TEST_F(HttpRbacTest, RefusesMatchers) {
  v3::RBAC proto;
  proto.mutable_matcher();
  EXPECT_EQ(kHttpRbacFactory.create(proto, context_).status().message(), "matcher: is not supported");
  proto.Clear();
  (*proto.mutable_shadow_rules()->mutable_policies())["p"];
  EXPECT_EQ(kHttpRbacFactory.create(proto, context_).status().message(),
            "shadow_rules.policies[\"p\"].permissions: needs at least one");
}

}  // namespace
}  // namespace outrigger::filters
