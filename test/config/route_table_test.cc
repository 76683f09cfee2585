#include "gmock/gmock.h"
#include "test/config/fixture.h"

namespace outrigger::config {
namespace {

class RouteTableTest : public ConfigTest {
 protected:
  // The one table of a snapshot.
  const model::RouteTable* Routes(absl::string_view yaml) {
    const auto set = builder_->SetRoutes(Yaml<RouteConfiguration>(yaml), {"3", false});
    EXPECT_TRUE(set.ok()) << set.status().message();
    snapshot_ = builder_->Build();
    return snapshot_->routes.Get(0);
  }
  static const model::ForwardAction& Forward(const model::Route& route) {
    return std::get<model::ForwardAction>(route.action);
  }
  std::shared_ptr<const model::Snapshot> snapshot_;
};

TEST_F(RouteTableTest, ActionsArriveWithWhatTheySay) {
  const model::RouteTable* table = Routes(R"(
name: r
virtual_hosts:
- name: v
  domains: ["*"]
  require_tls: ALL
  include_request_attempt_count: true
  per_request_buffer_limit_bytes: 100
  retry_policy: {retry_on: "5xx,connect-failure", num_retries: 4}
  request_mirror_policies: [{cluster: mirror, runtime_fraction: {default_value: {numerator: 5, denominator: TEN_THOUSAND}}}]
  routes:
  - name: first
    match: {path: /exact}
    route:
      weighted_clusters: {clusters: [{name: a, weight: 90}, {name: b, weight: 10}]}
      timeout: 0s
      idle_timeout: 3s
      host_rewrite_literal: other.example
      max_stream_duration: {grpc_timeout_header_max: 9s}
      upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]
  - match: {prefix: /own}
    route:
      cluster: a
      prefix_rewrite: /new
      priority: HIGH
      cluster_not_found_response_code: NOT_FOUND
      retry_policy: {retry_on: reset, retry_back_off: {base_interval: 1s}, retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts}]}
    per_request_buffer_limit_bytes: 7
  - match: {prefix: /go}
    redirect: {https_redirect: true, response_code: PERMANENT_REDIRECT, prefix_rewrite: /gone, strip_query: true}
  - match: {safe_regex: {regex: "/b.*"}}
    direct_response: {status: 418, body: {environment_variable: BODY}}
)");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->version, "3");
  const model::VirtualHost& host = table->virtual_hosts[0];
  EXPECT_EQ(host.require_tls, model::VirtualHost::RequireTls::kAll);
  EXPECT_TRUE(host.include_request_attempt_count);

  const model::Route& first = host.routes[0];
  EXPECT_EQ(first.table, table);
  EXPECT_EQ(first.virtual_host, &host);
  EXPECT_TRUE(first.match_is_exact_path);
  EXPECT_EQ(first.request_buffer_limit, 100u);
  const model::ForwardAction& weighted = Forward(first);
  EXPECT_EQ(weighted.total_weight, 100u);
  EXPECT_TRUE(weighted.weighted[0].slot == builder_->ClusterSlotOf("a"));
  EXPECT_EQ(weighted.timeout, Duration::zero());
  EXPECT_EQ(weighted.idle_timeout, seconds(3));
  EXPECT_EQ(weighted.grpc_timeout_header_max, seconds(9));
  EXPECT_EQ(weighted.host_rewrite, "other.example");
  ASSERT_NE(weighted.retry, nullptr);
  EXPECT_EQ(weighted.retry->on, uint32_t{model::kRetry5xx | model::kRetryConnectFailure});
  EXPECT_EQ(weighted.retry->retries, 4u);
  ASSERT_EQ(weighted.mirrors.size(), 1u);
  EXPECT_EQ(weighted.mirrors[0].denominator, 10000u);
  ASSERT_EQ(weighted.upgrades.size(), 1u);
  EXPECT_TRUE(weighted.upgrades[0].connect_terminate);

  const model::ForwardAction& own = Forward(host.routes[1]);
  EXPECT_EQ(host.routes[1].matched_prefix, "/own");
  EXPECT_EQ(host.routes[1].request_buffer_limit, 7u);
  EXPECT_EQ(own.timeout, seconds(15));
  EXPECT_EQ(own.cluster_not_found_code, 404u);
  EXPECT_EQ(own.priority, model::RoutingPriority::kHigh);
  EXPECT_EQ(own.retry->on, uint32_t{model::kRetryReset});
  EXPECT_EQ(own.retry->back_off_max, seconds(10));
  EXPECT_TRUE(own.retry->previous_hosts);

  const auto& redirect = std::get<model::RedirectAction>(host.routes[2].action);
  EXPECT_TRUE(redirect.https && redirect.has_prefix && redirect.strip_query);
  EXPECT_EQ(redirect.code, 308u);
  EXPECT_EQ(std::get<model::DirectResponse>(host.routes[3].action).body, "from the environment");
}

TEST_F(RouteTableTest, HostMeansTheAuthorityInHeaderMutations) {
  const model::RouteTable* table = Routes(R"(
name: r
request_headers_to_add: [{header: {key: Host, value: x}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]
response_headers_to_remove: [X-Gone]
response_headers_to_add: [{header: {key: X-Here, value: "%RESPONSE_CODE%"}, append: false}]
)");
  ASSERT_NE(table, nullptr);
  ASSERT_EQ(table->headers.request.add.size(), 1u);
  EXPECT_EQ(table->headers.request.add[0].name, ":authority");
  EXPECT_EQ(table->headers.response.remove, std::vector<std::string>{"x-gone"});
  EXPECT_EQ(table->headers.response.add[0].name, "x-here");
  EXPECT_EQ(table->headers.response.add[0].action, model::HeaderMutation::Action::kOverwriteIfExistsOrAdd);
}

TEST_F(RouteTableTest, ARuntimeValueReplacesTheDefaultBesideItsKey) {
  const absl::Status loaded = Load(R"(
layered_runtime:
  layers:
  - name: base
    static_layer: {mirror: {some: 20}, other: 1}
  - name: over
    static_layer: {mirror.some: {numerator: 7, denominator: MILLION}}
)");
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const model::RouteTable* table = Routes(
      "{name: r, virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: a, "
      "request_mirror_policies: [{cluster: b, runtime_fraction: {default_value: {numerator: 1}, runtime_key: "
      "mirror.some}}, "
      "{cluster: c, runtime_fraction: {default_value: {numerator: 3}, runtime_key: unset}}]}}]}]}");
  ASSERT_NE(table, nullptr);
  const auto& mirrors = Forward(table->virtual_hosts[0].routes[0]).mirrors;
  EXPECT_EQ(mirrors[0].numerator, 7u);
  EXPECT_EQ(mirrors[0].denominator, 1000000u);
  EXPECT_EQ(mirrors[1].numerator, 3u);
}

TEST_F(RouteTableTest, AFilterIsTurnedOffOrLeftOutByItsWrapper) {
  const model::RouteTable* table = Routes(R"(
name: r
typed_per_filter_config:
  off: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}
  optional:
    "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
    is_optional: true
    config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute, disabled: true}
)");
  ASSERT_NE(table, nullptr);
  ASSERT_NE(table->per_filter.Find("off"), nullptr);
  EXPECT_TRUE(table->per_filter.Find("off")->disabled);
  ASSERT_NE(table->per_filter.Find("optional"), nullptr);
  EXPECT_EQ(table->per_filter.Find("optional")->config, nullptr);
}

TEST_F(RouteTableTest, EveryClusterThatRoutesNameIsADependency) {
  Routes(
      "{name: r, virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: b}}, {match: "
      "{prefix: /}, route: {cluster: a, request_mirror_policies: [{cluster: c}]}}]}]}");
  EXPECT_EQ(builder_->DependenciesOf(ResourceKind::kRoutes, "r")->clusters, (std::vector<std::string>{"a", "b", "c"}));
}

}  // namespace
}  // namespace outrigger::config
