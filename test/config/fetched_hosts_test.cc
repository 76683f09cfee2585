#include "envoy/config/route/v3/route_components.pb.h"
#include "gmock/gmock.h"
#include "test/config/fixture.h"

namespace outrigger::config {
namespace {

using envoy::config::route::v3::VirtualHost;
using testing::HasSubstr;

class FetchedHostsTest : public ConfigTest {
 protected:
  FetchedHostsTest() {
    EXPECT_EQ(ErrorOf<Listener>(HttpListener("in", 8080, R"(
      rds: {route_config_name: some/r, config_source: {ads: {}}}
)")),
              "no error");
    SetRoutes("[fixed.com]");
  }
  void SetRoutes(const std::string& domains, const std::string& more = "") {
    EXPECT_EQ(ErrorOf<RouteConfiguration>(absl::StrCat(R"(
name: some/r
vhds: {config_source: {ads: {}}}
virtual_hosts:
- name: fixed
  domains: )",
                                                       domains, R"(
  routes: [{match: {prefix: /}, direct_response: {status: 201}}]
)",
                                                       more)),
              "no error");
  }
  static VirtualHost Host(const std::string& name, const std::string& domains, const std::string& prefix = "/") {
    return Yaml<VirtualHost>(absl::StrCat("name: ", name, "\ndomains: ", domains,
                                          "\nroutes: [{match: {prefix: ", prefix, "}, route: {cluster: ", name, "}}]"));
  }
  std::string Set(const std::string& resource, const VirtualHost& host) {
    const auto set = builder_->SetVirtualHost(resource, host, {"7", false});
    return set.ok() ? "no error" : std::string(set.status().message());
  }
  const model::RouteTable& Table() {
    snapshot_ = builder_->Build();
    for (uint32_t i = 0; i < snapshot_->routes.size(); ++i) {
      if (const model::RouteTable* table = snapshot_->routes.Get(i)) return *table;
    }
    static const model::RouteTable none;
    return none;
  }
  // The name of the virtual host for a host; "" if there is none.
  std::string HostFor(absl::string_view host) {
    const model::RouteTable& table = Table();
    if (!table.HasHost(host)) return "";
    const model::RouteTable& whose =
        table.fetched.empty() ? table : *table.fetched[static_cast<size_t>(table.domains.Find(host))];
    return whose.virtual_hosts[static_cast<size_t>(whose.matcher.FindVirtualHost(host))].name;
  }
  std::shared_ptr<const model::Snapshot> snapshot_;
};

TEST_F(FetchedHostsTest, RoutesThatFetchHostsWorkWithout) {
  EXPECT_TRUE(Table().fetches_hosts);
  EXPECT_EQ(HostFor("fixed.com"), "fixed");
  EXPECT_EQ(HostFor("a.com"), "");
  const Dependencies* needs = builder_->DependenciesOf(ResourceKind::kRoutes, "some/r");
  ASSERT_EQ(needs->subscriptions.size(), 1u);
  EXPECT_EQ(needs->subscriptions[0].kind, ResourceKind::kVirtualHost);
  EXPECT_EQ(needs->subscriptions[0].name, "some/r");
}

// They come for a version of the routes that waits for something.
TEST_F(FetchedHostsTest, RoutesThatDoNotFetchHostsHaveNone) {
  EXPECT_EQ(ErrorOf<RouteConfiguration>(R"(
name: some/r
virtual_hosts:
- {name: fixed, domains: [fixed.com], routes: [{match: {prefix: /}, direct_response: {status: 201}}]}
)"),
            "no error");
  EXPECT_EQ(Set("some/r/a", Host("a", "[a.com]")), "no error");
  EXPECT_EQ(HostFor("a.com"), "");
  EXPECT_EQ(HostFor("fixed.com"), "fixed");
  SetRoutes("[fixed.com]");
  EXPECT_EQ(HostFor("a.com"), "a");
}

TEST_F(FetchedHostsTest, HostsComeChangeAndGo) {
  EXPECT_EQ(Set("some/r/a", Host("a", "[a.com, '*.a.com']")), "no error");
  EXPECT_EQ(Set("some/r/b", Host("b", "['x.a.com']")), "no error");
  EXPECT_EQ(HostFor("fixed.com"), "fixed");
  EXPECT_EQ(HostFor("a.com"), "a");
  EXPECT_EQ(HostFor("Y.A.com"), "a");
  EXPECT_EQ(HostFor("x.a.com"), "b") << "an exact domain wins, whoever has it";
  EXPECT_EQ(Set("some/r/a", Host("a", "[other.com]")), "no error");
  EXPECT_EQ(HostFor("a.com"), "");
  EXPECT_EQ(HostFor("other.com"), "a");
  EXPECT_EQ(builder_->Remove(ResourceKind::kVirtualHost, "some/r/a"), Outcome::kChanged);
  EXPECT_EQ(HostFor("other.com"), "");
  EXPECT_EQ(builder_->Remove(ResourceKind::kVirtualHost, "some/r/b"), Outcome::kChanged);
  EXPECT_TRUE(Table().fetched.empty());
}

TEST_F(FetchedHostsTest, WhatDidNotChangeIsShared) {
  EXPECT_EQ(Set("some/r/a", Host("a", "[a.com]")), "no error");
  const model::RouteTable* before = Table().fetched[1].get();
  EXPECT_EQ(Set("some/r/b", Host("b", "[b.com]")), "no error");
  EXPECT_EQ(Table().fetched[1].get(), before);
  SetRoutes("[fixed.com, more.com]");
  EXPECT_EQ(Table().fetched[1].get(), before) << "the configuration around it says the same";
  EXPECT_EQ(HostFor("a.com"), "a");
  EXPECT_EQ(HostFor("more.com"), "fixed");
  SetRoutes("[fixed.com]", "most_specific_header_mutations_wins: true");
  EXPECT_NE(Table().fetched[1].get(), before);
  EXPECT_TRUE(Table().fetched[1]->most_specific_header_mutations_wins);
}

TEST_F(FetchedHostsTest, ADomainOfAnotherIsRefused) {
  EXPECT_THAT(Set("some/r/a", Host("a", "[new.com, Fixed.com]")),
              HasSubstr("domains[1]: \"Fixed.com\" is a domain of the route configuration \"some/r\" already"));
  EXPECT_EQ(Set("some/r/a", Host("a", "[a.com]")), "no error");
  EXPECT_THAT(Set("some/r/b", Host("b", "[a.com]")),
              HasSubstr("domains[0]: \"a.com\" is a domain of \"some/r/a\" already"));
  EXPECT_EQ(HostFor("a.com"), "a");
  EXPECT_EQ(HostFor("new.com"), "");
}

TEST_F(FetchedHostsTest, WhatTheConfigurationItselfHasComesFirst) {
  EXPECT_EQ(Set("some/r/a", Host("a", "[a.com]")), "no error");
  SetRoutes("[fixed.com, a.com]");
  EXPECT_EQ(HostFor("a.com"), "fixed");
  SetRoutes("[fixed.com]");
  EXPECT_EQ(HostFor("a.com"), "a");
}

TEST_F(FetchedHostsTest, WhatIsPutAsideFollowsTheRuntimeValues) {
  ASSERT_TRUE(Load("layered_runtime: {layers: [{name: hand, admin_layer: {}}]}").ok());
  EXPECT_EQ(Set("some/r/a", Yaml<VirtualHost>(R"(
name: a
domains: [a.com]
routes:
- match: {prefix: /}
  route:
    cluster: a
    request_mirror_policies: [{cluster: b, runtime_fraction: {default_value: {numerator: 1}, runtime_key: some}}]
)")),
            "no error");
  SetRoutes("[fixed.com, a.com]");
  EXPECT_EQ(HostFor("a.com"), "fixed");
  EXPECT_TRUE(builder_->ModifyRuntime({{"some", "20"}}).ok());
  EXPECT_EQ(HostFor("a.com"), "fixed");
  SetRoutes("[fixed.com]");
  ASSERT_EQ(HostFor("a.com"), "a");
  const model::Route& route = Table().fetched[1]->virtual_hosts[0].routes[0];
  EXPECT_EQ(std::get<model::ForwardAction>(route.action).mirrors[0].numerator, 20u);
}

TEST_F(FetchedHostsTest, AnErrorNamesResourceFieldAndCause) {
  const std::string error =
      Set("some/r/a", Yaml<VirtualHost>("name: a\ndomains: [a.com]\nroutes: [{match: {prefix: /}}]"));
  EXPECT_THAT(error, HasSubstr("some/r/a"));
  EXPECT_THAT(error, HasSubstr("routes[0]"));
}

TEST_F(FetchedHostsTest, HostsComeByDeltaOnlyAndForFetchedRoutesOnly) {
  EXPECT_THAT(ErrorOf<RouteConfiguration>(R"(
name: q
vhds: {config_source: {api_config_source: {api_type: GRPC, transport_api_version: V3,
       grpc_services: [{envoy_grpc: {cluster_name: x}}]}}}
)"),
              HasSubstr("vhds.config_source.api_config_source.api_type: virtual hosts come over a delta stream only"));
  EXPECT_THAT(ErrorOf<RouteConfiguration>("name: q\nvhds: {config_source: {path_config_source: {path: /x}}}"),
              HasSubstr("vhds.config_source: virtual hosts come over a delta stream only"));
  EXPECT_THAT(ErrorOf<Listener>(HttpListener("other", 8081, R"(
      route_config: {name: q, vhds: {config_source: {ads: {}}}}
)")),
              HasSubstr("route_config.vhds: only a route configuration that is fetched itself (rds)"));
}

}  // namespace
}  // namespace outrigger::config
