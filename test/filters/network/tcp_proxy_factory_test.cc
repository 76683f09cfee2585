// What the configuration of a TCP proxy becomes, and what is refused.
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "source/filters/network/tcp_proxy/factory.h"
#include "source/filters/network/tcp_proxy/tcp_proxy_config.h"
#include "test/harness/factory_context.h"

namespace outrigger::filters {
namespace {

namespace v3 = envoy::extensions::filters::network::tcp_proxy::v3;
using testing::ElementsAre;
using testing::HasSubstr;

class TcpProxyFactoryTest : public testing::Test {
 protected:
  absl::StatusOr<model::NetworkFilterSpec> Create(const std::string& text) {
    return kTcpProxyFactory.create(harness::FromText<v3::TcpProxy>("stat_prefix: 's' " + text), context_);
  }
  std::string ErrorOf(const std::string& text) { return std::string(Create(text).status().message()); }
  static const TcpProxyConfig& ConfigOf(const model::NetworkFilterSpec& spec) {
    return *static_cast<const TcpProxyConfig*>(spec.config.get());
  }

  observe::StatsRegistry stats_;
  harness::FakeFactoryContext context_{stats_};
};

TEST_F(TcpProxyFactoryTest, OneClusterIsTheOnlyTarget) {
  const auto spec = Create("cluster: 'a'");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(spec->terminal);
  ASSERT_EQ(ConfigOf(*spec).targets.size(), 1u);
  EXPECT_EQ(ConfigOf(*spec).targets[0].cluster, "a");
  EXPECT_THAT(context_.clusters, ElementsAre("a"));
}

TEST_F(TcpProxyFactoryTest, WeightsAreKeptAndSummed) {
  const auto spec = Create("weighted_clusters { clusters { name: 'a' weight: 9 } clusters { name: 'b' weight: 1 } }");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(ConfigOf(*spec).total_weight, 10u);
  EXPECT_THAT(context_.clusters, ElementsAre("a", "b"));
}

TEST_F(TcpProxyFactoryTest, TimesAndAttemptsAreRead) {
  const auto spec = Create(
      "cluster: 'a' idle_timeout { seconds: 7 } max_downstream_connection_duration { seconds: 60 } "
      "max_connect_attempts { value: 3 }");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(ConfigOf(*spec).idle_timeout, seconds(7));
  EXPECT_EQ(ConfigOf(*spec).max_connection_duration, seconds(60));
  EXPECT_EQ(ConfigOf(*spec).max_connect_attempts, 3u);
  EXPECT_EQ(ConfigOf(*Create("cluster: 'a'")).idle_timeout, hours(1));  // as published
}

TEST_F(TcpProxyFactoryTest, WhatCannotWorkIsRefusedByName) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("cluster or weighted_clusters is needed"));
  EXPECT_THAT(ErrorOf("cluster: ''"), HasSubstr("cluster: must not be empty"));
  EXPECT_THAT(ErrorOf("weighted_clusters { clusters { name: 'a' weight: 0 } }"),
              HasSubstr("the weights sum up to nothing"));
  EXPECT_THAT(
      ErrorOf("weighted_clusters { clusters { name: 'a' weight: 4294967295 } clusters { name: 'b' weight: 1 } }"),
      HasSubstr("above 4294967295"));
  EXPECT_THAT(ErrorOf("cluster: 'a' tunneling_config { hostname: 'h' }"),
              HasSubstr("tunneling_config: is not supported"));
  EXPECT_THAT(ErrorOf("cluster: 'a' access_log { name: 'l' }"), HasSubstr("access_log[0]: no logs here"));
  EXPECT_THAT(ErrorOf("cluster: 'a' flush_access_log_on_connected: true access_log_options { "
                      "flush_access_log_on_connected: true }"),
              HasSubstr("access_log_options: "));
}

// Law 9: whatever changes in it is decided when the connection comes, so the connection must not go on under the old
// one.
TEST_F(TcpProxyFactoryTest, AnyChangeIsAChangeForConnections) {
  const uint64_t first = Create("cluster: 'a'")->connection_hash;
  EXPECT_EQ(Create("cluster: 'a'")->connection_hash, first);
  EXPECT_NE(Create("cluster: 'b'")->connection_hash, first);
  EXPECT_NE(Create("cluster: 'a' idle_timeout { seconds: 7 }")->connection_hash, first);
}

}  // namespace
}  // namespace outrigger::filters
