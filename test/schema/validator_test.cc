#include "source/schema/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "source/schema/reader.h"
#include "source/schema/typed_struct.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace outrigger::schema {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::listener::v3::Listener;
using testing::ElementsAre;
using testing::IsEmpty;

template <class T>
T Read(absl::string_view yaml) {
  T out;
  const absl::Status status = ReadMessage(yaml, out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

std::vector<std::string> Lines(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const Finding& finding : findings) out.push_back(ToString(finding));
  return out;
}

template <class T>
std::vector<std::string> Errors(absl::string_view yaml) {
  return Lines(Validate(Read<T>(yaml)).errors);
}

TEST(Validator, AcceptsAPlainCluster) {
  const ValidationResult result = Validate(Read<Cluster>("name: a\ntype: STRICT_DNS\nconnect_timeout: 1s"));
  EXPECT_THAT(Lines(result.errors), IsEmpty());
  EXPECT_THAT(Lines(result.warnings), IsEmpty());
  EXPECT_TRUE(result.ToStatus().ok());
}

TEST(Validator, NamesTheWholePathOfABrokenRule) {
  const auto bootstrap = Read<envoy::config::bootstrap::v3::Bootstrap>(
      "static_resources: {clusters: [{name: a}, {name: b, load_assignment: {cluster_name: b, endpoints: [{priority: "
      "200}]}}]}");
  const ValidationResult result = Validate(bootstrap);
  EXPECT_THAT(Lines(result.errors),
              ElementsAre("static_resources.clusters[1].load_assignment.endpoints[0].priority: must be at most 128"));
  EXPECT_TRUE(result.breaks_rules());
}

TEST(Validator, ChecksFieldsThatAreNotSet) {
  EXPECT_THAT(Errors<Cluster>("type: EDS"), ElementsAre("name: must have at least 1 character"));
  EXPECT_THAT(Errors<envoy::config::route::v3::Route>("direct_response: {status: 200}"),
              ElementsAre("match: is required"));
  EXPECT_THAT(Errors<envoy::config::route::v3::Route>("match: {prefix: /}"),
              ElementsAre("action: one of its members must be set"));
}

TEST(Validator, ChecksDurationsInNanoseconds) {
  EXPECT_THAT(Errors<Cluster>("name: a\ndns_refresh_rate: 0.001s"),
              ElementsAre("dns_refresh_rate: must be above 0.001s"));
  EXPECT_THAT(Errors<Cluster>("name: a\ndns_refresh_rate: 0.001000001s"), IsEmpty());
  Cluster cluster = Read<Cluster>("name: a\nconnect_timeout: 1s");
  cluster.mutable_connect_timeout()->set_nanos(-5);
  EXPECT_THAT(Lines(Validate(cluster).errors), testing::Contains("connect_timeout: is no valid duration"));
}

TEST(Validator, RefusesFieldsThatAreNotImplementedWithoutLookingInside) {
  const ValidationResult result = Validate(Read<Cluster>("name: a\nhealth_checks: [{}]\nlrs_server: {self: {}}"));
  EXPECT_THAT(Lines(result.errors),
              testing::UnorderedElementsAre("health_checks: is not supported", "lrs_server: is not supported"));
  EXPECT_FALSE(result.breaks_rules());
}

TEST(Validator, RefusesSingleEnumValues) {
  EXPECT_THAT(Errors<Cluster>("name: a\nlb_policy: MAGLEV"), ElementsAre("lb_policy: MAGLEV is not supported"));
  EXPECT_THAT(Errors<Cluster>("name: a\nlb_policy: 99"), ElementsAre("lb_policy: has no such value: 99"));
}

TEST(Validator, WarnsAboutFieldsWithoutEffectButKeepsTheirRules) {
  const ValidationResult result =
      Validate(Read<Cluster>("name: a\npreconnect_policy: {per_upstream_preconnect_ratio: 2}"));
  EXPECT_THAT(Lines(result.errors), IsEmpty());
  EXPECT_THAT(Lines(result.warnings),
              ElementsAre("preconnect_policy: has no effect: connections are made when they are needed."));
  EXPECT_THAT(Errors<Cluster>("name: a\npreconnect_policy: {per_upstream_preconnect_ratio: 9}"),
              ElementsAre("preconnect_policy.per_upstream_preconnect_ratio: must be at most 3"));
}

TEST(Validator, LooksIntoEachAny) {
  const auto listener = Read<Listener>(R"(
name: l
filter_chains:
- filters:
  - name: hcm
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: s
      route_config: {virtual_hosts: [{name: v, domains: [], routes: []}]}
      http_filters:
      - name: b
        typed_config: {"@type": t/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 0}
)");
  EXPECT_THAT(
      Lines(Validate(listener).errors),
      ElementsAre(
          "filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].domains: must have at least 1 item",
          "filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.max_request_bytes: must be above 0"));
}

TEST(Validator, RefusesExtensionsOfUnknownAndOfUnsupportedTypeUnlessOptional) {
  using envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
  EXPECT_THAT(Errors<HttpFilter>("{name: x, typed_config: {'@type': type.googleapis.com/acme.Filter}}"),
              ElementsAre("typed_config: extension type type.googleapis.com/acme.Filter is not known"));
  EXPECT_THAT(
      Errors<HttpFilter>(
          "{name: x, typed_config: {'@type': t/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol}}"),
      ElementsAre("typed_config: extension type envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol is "
                  "not supported"));
  const ValidationResult optional = Validate(
      Read<HttpFilter>("{name: x, typed_config: {'@type': type.googleapis.com/acme.Filter}, is_optional: true}"));
  EXPECT_THAT(Lines(optional.errors), IsEmpty());
  EXPECT_THAT(Lines(optional.warnings),
              ElementsAre("typed_config: extension type type.googleapis.com/acme.Filter is not known"));
}

TEST(Validator, WarnsAboutExtensionsWithoutEffect) {
  const ValidationResult result = Validate(Read<envoy::config::bootstrap::v3::Bootstrap>(
      "bootstrap_extensions: [{name: i, typed_config: {'@type': "
      "t/envoy.extensions.bootstrap.internal_listener.v3.InternalListener}}]"));
  EXPECT_THAT(Lines(result.errors), IsEmpty());
  ASSERT_EQ(result.warnings.size(), 1u);
  EXPECT_EQ(result.warnings[0].path, "bootstrap_extensions[0].typed_config");
}

TEST(Validator, ToleratesUnknownFieldsOnlyWhereAskedAndNeverInStrictMessages) {
  Cluster cluster = Read<Cluster>("name: a");
  cluster.GetReflection()->MutableUnknownFields(&cluster)->AddVarint(5000, 1);
  EXPECT_THAT(Lines(Validate(cluster).errors), ElementsAre("#5000: no such field in envoy.config.cluster.v3.Cluster"));
  ValidateOptions tolerant;
  tolerant.unknown = ValidateOptions::Unknown::kCollect;
  const ValidationResult tolerated = Validate(cluster, tolerant);
  EXPECT_TRUE(tolerated.ok());
  EXPECT_EQ(tolerated.unknown_fields.size(), 1u);

  envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext context;
  auto* source = context.mutable_common_tls_context()->add_tls_certificates()->mutable_private_key();
  source->set_inline_string("k");
  source->GetReflection()->MutableUnknownFields(source)->AddVarint(5000, 1);
  cluster.Clear();
  cluster.set_name("a");
  cluster.mutable_transport_socket()->set_name("tls");
  cluster.mutable_transport_socket()->mutable_typed_config()->PackFrom(context);
  EXPECT_THAT(Lines(Validate(cluster, tolerant).errors),
              ElementsAre("transport_socket.typed_config.common_tls_context.tls_certificates[0].private_key.#5000: "
                          "no such field in envoy.config.core.v3.DataSource"));
}

TEST(Validator, ChecksATypedStructAsTheTypeItNames) {
  xds::type::v3::TypedStruct typed;
  typed.set_type_url("type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer");
  (*typed.mutable_value()->mutable_fields())["max_request_bytes"].set_number_value(0);
  envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter filter;
  filter.set_name("x");
  filter.mutable_typed_config()->PackFrom(typed);
  EXPECT_THAT(Lines(Validate(filter).errors), ElementsAre("typed_config.max_request_bytes: must be above 0"));
  ASSERT_TRUE(ExpandTypedStructs(filter).ok());
  EXPECT_EQ(filter.typed_config().type_url(), "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer");
}

TEST(Validator, RefusesContentThatDoesNotDecodeAsItsType) {
  Cluster cluster = Read<Cluster>("name: a\ntransport_socket: {name: t}");
  cluster.mutable_transport_socket()->mutable_typed_config()->set_type_url(
      "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext");
  cluster.mutable_transport_socket()->mutable_typed_config()->set_value("\xFF\xFF");
  EXPECT_THAT(Lines(Validate(cluster).errors),
              ElementsAre("transport_socket.typed_config: is no valid encoding of "
                          "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"));
}

TEST(Validator, StopsAtADepthNoConfigurationHas) {
  envoy::config::rbac::v3::Permission permission;
  envoy::config::rbac::v3::Permission* at = &permission;
  for (int i = 0; i < 2000; ++i) at = at->mutable_not_rule();
  at->set_any(true);
  const ValidationResult result = Validate(permission);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.errors[0].message, "is nested too deeply");
}

TEST(Validator, ChecksRulesAloneForAControlPlane) {
  ValidateOptions options;
  options.check_support = false;
  EXPECT_TRUE(Validate(Read<Listener>("api_listener: {api_listener: {'@type': t/acme.Unknown}}"), options).ok());
  EXPECT_FALSE(Validate(Read<Cluster>("name: ''"), options).ok());
}

TEST(Validator, BoundsTheNumberOfFindings) {
  envoy::config::route::v3::VirtualHost host;
  host.set_name("a");
  for (int i = 0; i < 10000; ++i) host.add_domains("a\nb");
  EXPECT_EQ(Validate(host).errors.size(), 100u);
}

}  // namespace
}  // namespace outrigger::schema
