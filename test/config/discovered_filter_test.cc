#include "envoy/config/core/v3/extension.pb.h"
#include "gmock/gmock.h"
#include "source/filters/http/buffer/factory.h"
#include "source/filters/http/rbac/factory.h"
#include "source/filters/listener/tls_inspector/factory.h"
#include "source/filters/network/http_connection_manager/hcm_config.h"
#include "source/filters/network/rbac/factory.h"
#include "test/config/fixture.h"

namespace outrigger::config {
namespace {

using envoy::config::core::v3::TypedExtensionConfig;
using testing::HasSubstr;

constexpr char kBuffer[] = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer";
constexpr char kHttpRbac[] = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
constexpr char kNetworkRbac[] = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC";
constexpr char kTlsInspector[] = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";

class DiscoveredFilterTest : public ConfigTest {
 protected:
  DiscoveredFilterTest() {
    factories_.http.push_back(&filters::kBufferFactory);
    factories_.http.push_back(&filters::kHttpRbacFactory);
    factories_.network.push_back(&filters::kNetworkRbacFactory);
    factories_.listener.push_back(&filters::kTlsInspectorFactory);
    const auto set =
        builder_->SetCluster(Yaml<Cluster>("{name: backend, load_assignment: {cluster_name: backend}}"), {"1", false});
    EXPECT_TRUE(set.ok()) << set.status();
  }

  // A listener whose first HTTP filter "x" is discovered; `more`: of its config_discovery.
  static std::string Discovering(const std::string& type, const std::string& more = "",
                                 const std::string& name = "in") {
    return absl::StrCat("name: ", name, R"(
address: {socket_address: {address: 127.0.0.1, port_value: 8080}}
filter_chains:
- filters:
  - name: hcm
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      http_filters:
      - name: x
        config_discovery: {config_source: {ads: {}}, type_urls: [")",
                        type, R"("])", more, R"(}
      - name: router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
)",
                        kInlineRoutes);
  }
  static std::string Buffer(int bytes) {
    return absl::StrCat("name: x\ntyped_config: {\"@type\": ", kBuffer, ", max_request_bytes: ", bytes, "}");
  }
  const http::FilterChainSpec& ChainOf(absl::string_view listener) {
    snapshot_ = builder_->Build();
    const model::Listener* found = ListenerOf(*snapshot_, listener);
    return *static_cast<const filters::hcm::HcmConfig*>(found->chains[0]->filters.back().config.get())->chain;
  }
  std::string TypeOfFirst(absl::string_view listener = "in") { return ChainOf(listener).filters()[0].type; }
  absl::StatusOr<Outcome> Set(const google::protobuf::Message& message) { return builder_->Set(message, {"7", false}); }

  std::shared_ptr<const model::Snapshot> snapshot_;
};

TEST_F(DiscoveredFilterTest, AFilterWithoutItsConfigurationStandsInTheWayUntilItComes) {
  const auto needs = builder_->Check(Yaml<Listener>(Discovering(kBuffer)), {"7", false});
  ASSERT_TRUE(needs.ok()) << needs.status();
  ASSERT_EQ(needs->subscriptions.size(), 1u);
  EXPECT_EQ(needs->subscriptions[0].kind, ResourceKind::kExtension);
  EXPECT_EQ(needs->subscriptions[0].name, "x");
  EXPECT_TRUE(needs->subscriptions[0].waits);
  EXPECT_EQ(needs->subscriptions[0].stats_prefix, "extension_config_discovery.http_filter.x.");
  ASSERT_TRUE(Set(Yaml<Listener>(Discovering(kBuffer))).ok());
  EXPECT_EQ(TypeOfFirst(), "missing");
  const uint64_t before = ListenerOf(*snapshot_, "in")->chains[0]->connection_hash;
  ASSERT_TRUE(Set(Yaml<TypedExtensionConfig>(Buffer(100))).ok());
  EXPECT_EQ(TypeOfFirst(), "envoy.filters.http.buffer");
  EXPECT_EQ(ListenerOf(*snapshot_, "in")->chains[0]->connection_hash, before) << "connections stay";
}

TEST_F(DiscoveredFilterTest, ADefaultStandsForWhatHasNotComeAndForWhatWasRemoved) {
  const std::string by_default =
      absl::StrCat(", default_config: {\"@type\": ", kHttpRbac, "}, apply_default_config_without_warming: true");
  const std::string types = absl::StrCat(kBuffer, "\", \"", kHttpRbac);
  const auto needs = builder_->Check(Yaml<Listener>(Discovering(types, by_default)), {"7", false});
  ASSERT_TRUE(needs.ok()) << needs.status();
  EXPECT_FALSE(needs->subscriptions[0].waits);
  ASSERT_TRUE(Set(Yaml<Listener>(Discovering(types, by_default))).ok());
  EXPECT_EQ(TypeOfFirst(), "envoy.filters.http.rbac");
  ASSERT_TRUE(Set(Yaml<TypedExtensionConfig>(Buffer(100))).ok());
  EXPECT_EQ(TypeOfFirst(), "envoy.filters.http.buffer");
  EXPECT_EQ(builder_->Remove(ResourceKind::kExtension, "x"), Outcome::kChanged);
  EXPECT_EQ(TypeOfFirst(), "envoy.filters.http.rbac");
}

TEST_F(DiscoveredFilterTest, WhatAFilterCannotUseIsRefusedWithThePlaceAndTheOldStays) {
  ASSERT_TRUE(Set(Yaml<Listener>(Discovering(kBuffer))).ok());
  ASSERT_TRUE(Set(Yaml<TypedExtensionConfig>(Buffer(100))).ok());
  EXPECT_EQ(TypeOfFirst(), "envoy.filters.http.buffer");
  const std::string wrong_type = absl::StrCat("name: x\ntyped_config: {\"@type\": ", kHttpRbac, "}");
  EXPECT_THAT(ErrorOf<TypedExtensionConfig>(wrong_type),
              testing::AllOf(HasSubstr("\"x\" (version 7)"), HasSubstr("http_filters[0].config_discovery"),
                             HasSubstr("envoy.extensions.filters.http.rbac.v3.RBAC is none of type_urls")));
  EXPECT_THAT(ErrorOf<TypedExtensionConfig>(Buffer(0)), HasSubstr("max_request_bytes"));
  EXPECT_THAT(ErrorOf<TypedExtensionConfig>("name: x"), HasSubstr("typed_config"));
  EXPECT_EQ(TypeOfFirst(), "envoy.filters.http.buffer");
  EXPECT_FALSE(builder_->Check(Yaml<TypedExtensionConfig>(wrong_type), {"7", false}).ok());
}

TEST_F(DiscoveredFilterTest, AListenerThatWaitsIsAskedToo) {
  ASSERT_TRUE(builder_->Check(Yaml<Listener>(Discovering(kBuffer)), {"7", false}).ok());
  const std::string wrong_type = absl::StrCat("name: x\ntyped_config: {\"@type\": ", kHttpRbac, "}");
  EXPECT_THAT(ErrorOf<TypedExtensionConfig>(wrong_type), HasSubstr("is none of type_urls"));
  builder_->GiveUp(ResourceKind::kListener, "in");
  EXPECT_EQ(ErrorOf<TypedExtensionConfig>(wrong_type), "no error") << "nobody takes it as anything";
}

TEST_F(DiscoveredFilterTest, OneThatComesAfterAConflictDoesWithout) {
  ASSERT_TRUE(Set(Yaml<Listener>(Discovering(kBuffer))).ok());
  ASSERT_TRUE(Set(Yaml<TypedExtensionConfig>(Buffer(100))).ok());
  ASSERT_TRUE(Set(Yaml<Listener>(Discovering(kHttpRbac, "", "other"))).ok());
  EXPECT_EQ(TypeOfFirst("other"), "missing");
  EXPECT_EQ(TypeOfFirst("in"), "envoy.filters.http.buffer");
}

TEST_F(DiscoveredFilterTest, PromisesThatCannotBeKeptAreRefusedWhereTheyStand) {
  EXPECT_THAT(ErrorOf<Listener>(Discovering(kTlsInspector)), HasSubstr("config_discovery.type_urls[0]"));
  EXPECT_THAT(ErrorOf<Listener>(Discovering(kBuffer, absl::StrCat(", default_config: {\"@type\": ", kHttpRbac, "}"))),
              HasSubstr("config_discovery.default_config"));
  EXPECT_THAT(ErrorOf<Listener>(Discovering(kBuffer, ", apply_default_config_without_warming: true")),
              HasSubstr("apply_default_config_without_warming: there is no default_config"));
}

TEST_F(DiscoveredFilterTest, ListenerAndNetworkFiltersThatMissTheirConfigurationLetNobodyIn) {
  const std::string listener = absl::StrCat(R"(
name: in
address: {socket_address: {address: 127.0.0.1, port_value: 8080}}
listener_filters:
- {name: l, config_discovery: {config_source: {ads: {}}, type_urls: [")",
                                            kTlsInspector, R"("]}}
filter_chains:
- filters:
  - {name: n, config_discovery: {config_source: {ads: {}}, type_urls: [")",
                                            kNetworkRbac, R"("]}}
  - name: hcm
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      http_filters:
      - name: router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
)",
                                            kInlineRoutes);
  const auto set = Set(Yaml<Listener>(listener));
  ASSERT_TRUE(set.ok()) << set.status();
  snapshot_ = builder_->Build();
  EXPECT_TRUE(ListenerOf(*snapshot_, "in")->filter_config_missing);
  EXPECT_TRUE(ListenerOf(*snapshot_, "in")->chains[0]->filter_config_missing);
  ASSERT_TRUE(
      Set(Yaml<TypedExtensionConfig>(absl::StrCat("name: l\ntyped_config: {\"@type\": ", kTlsInspector, "}"))).ok());
  ASSERT_TRUE(Set(Yaml<TypedExtensionConfig>(
                      absl::StrCat("name: n\ntyped_config: {\"@type\": ", kNetworkRbac, ", stat_prefix: n}")))
                  .ok());
  snapshot_ = builder_->Build();
  const model::Listener& in = *ListenerOf(*snapshot_, "in");
  EXPECT_FALSE(in.filter_config_missing);
  EXPECT_EQ(in.listener_filters.size(), 1u);
  EXPECT_FALSE(in.chains[0]->filter_config_missing);
  EXPECT_EQ(in.chains[0]->filters.size(), 2u);
  const uint64_t before = in.chains[0]->connection_hash;
  ASSERT_TRUE(Set(Yaml<TypedExtensionConfig>(
                      absl::StrCat("name: n\ntyped_config: {\"@type\": ", kNetworkRbac, ", stat_prefix: other}")))
                  .ok());
  EXPECT_NE(ListenerOf(*builder_->Build(), "in")->chains[0]->connection_hash, before) << "as any changed filter";
}

}  // namespace
}  // namespace outrigger::config
