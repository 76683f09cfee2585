#include "source/filters/network/rbac/network_rbac.h"

#include <memory>
#include <string>

#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "gtest/gtest.h"
#include "source/filters/network/rbac/factory.h"
#include "test/filters/network/proxied.h"
#include "test/harness/factory_context.h"

namespace outrigger::filters {
namespace {

namespace v3 = envoy::extensions::filters::network::rbac::v3;

// The end of the chain: keeps what passes.
class Sink final : public net::NetworkFilter {
 public:
  explicit Sink(std::string& got) : got_(got) {
    recorder_.on_data = [this](Buffer& data, bool) {
      got_ += data.ToString();
      data.Clear();
    };
  }
  net::ConnectionHandler* terminal() override { return &recorder_; }

 private:
  std::string& got_;
  harness::Recorder recorder_;
};

class NetworkRbacTest : public testing::Test {
 protected:
  void Use(const std::string& text) {
    absl::StatusOr<model::NetworkFilterSpec> spec =
        kNetworkRbacFactory.create(harness::FromText<v3::RBAC>("stat_prefix: 's' " + text), context_);
    ASSERT_TRUE(spec.ok()) << spec.status();
    spec_ = *std::move(spec);
    p_.Start({[this](model::DownstreamContext& context) { return spec_.make(spec_.config, context); },
              [this](model::DownstreamContext&) { return std::make_unique<Sink>(got_); }});
    p_.recorder.on_connected = [this] { p_.client->Write("hello"); };
    p_.ConnectClient();
  }
  observe::RbacStats& Stats() {
    return p_.upstream.registry.main().Get(static_cast<const NetworkRbacConfig*>(spec_.config.get())->stats);
  }
  static std::string From(const std::string& address) {
    return "policies { key: 'near by' value { permissions { any: true } principals { direct_remote_ip { "
           "address_prefix: '" +
           address + "' prefix_len { value: 8 } } } } }";
  }

  Proxied p_;
  harness::FakeFactoryContext context_{p_.upstream.registry};
  model::NetworkFilterSpec spec_;
  std::string got_;
};

TEST_F(NetworkRbacTest, LetsAllowedConnectionsThrough) {
  Use("rules { " + From("127.0.0.0") + " }");
  ASSERT_TRUE(p_.Until([&] { return got_ == "hello"; }));
  p_.client->Write(" again");
  ASSERT_TRUE(p_.Until([&] { return got_ == "hello again"; }));
  EXPECT_EQ(Stats().allowed.value(), 1u);
}

TEST_F(NetworkRbacTest, ClosesOthersBeforeTheirFirstByteArrives) {
  Use("rules { " + From("10.0.0.0") + " }");
  ASSERT_TRUE(p_.Closed());
  EXPECT_EQ(got_, "");
  EXPECT_EQ(Stats().denied.value(), 1u);
  EXPECT_EQ(p_.close_detail, "rbac_access_denied_matched_policy[none]");
}

TEST_F(NetworkRbacTest, NamesThePolicyThatDenied) {
  Use("rules { action: DENY " + From("127.0.0.0") + " }");
  ASSERT_TRUE(p_.Closed());
  EXPECT_EQ(p_.close_detail, "rbac_access_denied_matched_policy[near_by]");
}

TEST_F(NetworkRbacTest, ShadowRulesOnlyCount) {
  Use("shadow_rules { " + From("10.0.0.0") + " }");
  ASSERT_TRUE(p_.Until([&] { return got_ == "hello"; }));
  EXPECT_EQ(Stats().shadow_denied.value(), 1u);
}

TEST_F(NetworkRbacTest, ContinuousDecidesWithEachRead) {
  Use("enforcement_type: CONTINUOUS rules { " + From("127.0.0.0") + " }");
  ASSERT_TRUE(p_.Until([&] { return got_ == "hello"; }));
  p_.client->Write("x");
  ASSERT_TRUE(p_.Until([&] { return got_ == "hellox"; }));
  EXPECT_GE(Stats().allowed.value(), 3u);
}

TEST_F(NetworkRbacTest, RefusesRulesThatNeedRequests) {
  const auto refused = kNetworkRbacFactory.create(
      harness::FromText<v3::RBAC>(
          "stat_prefix: 's' rules { policies { key: 'p' value { permissions { header { name: 'x' "
          "present_match: true } } principals { any: true } } } }"),
      context_);
  EXPECT_EQ(refused.status().message(), "rules.policies[\"p\"].permissions[0].header: a connection has no requests");
}

}  // namespace
}  // namespace outrigger::filters
