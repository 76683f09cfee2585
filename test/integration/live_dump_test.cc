// /config_dump of a server that a control plane configures, with each thing that can become of a resource.
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "envoy/admin/v3/config_dump.pb.h"
#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/schema/json_writer.h"
#include "source/schema/reader.h"
#include "test/integration/live_config.h"
#include "test/integration/scripted_ads.h"
#include "test/integration/small_proxy.h"
#include "test/tls/authority.h"

namespace outrigger::integration {
namespace {

namespace admin = envoy::admin::v3;
using absl::StrContains;
using harness::ProxyHarness;
using harness::WaitFor;

constexpr char kCluster[] = "{name: a, connect_timeout: 1s, type: EDS, eds_cluster_config: {eds_config: {ads: {}}}}";

// A listener "in" with a certificate and routes by ADS. `more`: further lines.
std::string SecureListener(const std::string& routes, const std::string& more = "") {
  return absl::Substitute(R"yaml(
name: in
address: {socket_address: {address: 127.0.0.1, port_value: 0}}
$1
filter_chains:
- transport_socket:
    name: tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
      common_tls_context: {tls_certificate_sds_secret_configs: [{name: cert, sds_config: {ads: {}}}]}
  filters:
  - name: hcm
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      rds: {route_config_name: $0, config_source: {ads: {}}}
      http_filters:
      - name: router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
)yaml",
                          routes, more);
}
std::string RoutesTo(const std::string& name, const std::string& domains = "'*'") {
  return absl::StrCat("{name: ", name, ", virtual_hosts: [{name: all, domains: [", domains,
                      "], routes: [{match: {prefix: /}, route: {cluster: a}}]}]}");
}

class LiveDumpTest : public testing::Test {
 protected:
  LiveDumpTest() : proxy_(AdsBootstrap(ads_.port()), {}, Xds) { EXPECT_EQ(proxy_.error(), ""); }

  // Once somebody asked for `wanted` (any resource: ""), a response with these resources, each the fields of one.
  void Say(absl::string_view type, const std::string& version, const std::vector<std::string>& resources,
           const std::string& wanted = "") {
    EXPECT_TRUE(WaitFor([&] {
      for (const auto& request : ads_.heard(type)) {
        const auto& names = request.resource_names();
        if (wanted.empty() || std::find(names.begin(), names.end(), wanted) != names.end()) return true;
      }
      return false;
    })) << "nobody wants "
        << type << " " << wanted;
    ScriptedAds::Response response;
    response.set_type_url(std::string(type));
    response.set_version_info(version);
    response.set_nonce(absl::StrCat("nonce-", version));
    for (const std::string& fields : resources) {
      const bool flow = absl::StartsWith(fields, "{");
      const cp::ResourcePtr one = cp::ResourceOf(flow ? absl::StrCat("{\"@type\": ", type, ", ", fields.substr(1))
                                                      : absl::StrCat("\"@type\": ", type, fields));
      response.add_resources()->set_type_url(one->type_url);
      response.mutable_resources(response.resources_size() - 1)->set_value(one->bytes);
    }
    ads_.Say(response);
    EXPECT_TRUE(WaitFor([&] {
      for (const auto& request : ads_.heard(type)) {
        if (request.response_nonce() == response.nonce()) return true;
      }
      return false;
    })) << "no answer to "
        << version;
  }
  // One part of the dump.
  template <class Part>
  Part Read(const std::string& query = "?include_eds") {
    Part part;
    admin::ConfigDump dump;
    const std::string text = proxy_.Admin("/config_dump" + query);
    const absl::Status read = schema::ReadMessage(text, dump);
    EXPECT_TRUE(read.ok()) << read << text;
    for (const auto& any : dump.configs()) {
      if (any.Is<Part>()) any.UnpackTo(&part);
    }
    return part;
  }
  admin::ListenersConfigDump::DynamicListener In() {
    const auto all = Read<admin::ListenersConfigDump>();
    return all.dynamic_listeners_size() == 1 ? all.dynamic_listeners(0) : admin::ListenersConfigDump::DynamicListener();
  }
  // The pieces that make listener "in" work, in version 1 of each type.
  void Configure() {
    Say(cp::kClusterType, "c1", {kCluster});
    Say(cp::kEndpointType, "e1", {Endpoints("1")}, "a");
    Say(cp::kListenerType, "l1", {SecureListener("r1")});
    Say(cp::kRouteType, "r1", {RoutesTo("r1")}, "r1");
    Say(cp::kSecretType, "s1", {Secret()}, "cert");
    ASSERT_TRUE(proxy_.WaitUntilLive());
  }
  // What /stats says: "NAME: NUMBER" lines.
  std::string Stat(const std::string& name) { return proxy_.Admin(absl::StrCat("/stats?filter=^", name, "$")); }
  // SecureListener without TLS.
  static std::string PlainListener() {
    std::string plain = SecureListener("r1");
    const size_t from = plain.find("- transport_socket:"), to = plain.find("  filters:");
    plain.replace(from, to - from + 2, "- ");
    return plain;
  }
  std::string Endpoints(const std::string& weight) const {
    return absl::StrCat("{cluster_name: a, endpoints: [{lb_endpoints: [{load_balancing_weight: ", weight,
                        ", endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ", upstream_.port(),
                        "}}}}]}]}");
  }
  std::string Secret() const {
    const auto line = [](absl::string_view pem) { return absl::StrCat(schema::JsonString(pem)); };
    return absl::StrCat(
        "{name: cert, tls_certificate: {certificate_chain: {inline_string: ", line(certificate_.chain_pem),
        "}, private_key: {inline_string: ", line(certificate_.key_pem.view()), "}}}");
  }
  template <class T>
  static T Unpacked(const google::protobuf::Any& any) {
    T out;
    EXPECT_TRUE(any.UnpackTo(&out)) << any.type_url();
    return out;
  }
  static WallTime Now() { return std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now()); }
  static void ExpectRecent(const google::protobuf::Timestamp& time) {
    const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(Now().time_since_epoch()).count();
    EXPECT_LE(time.seconds(), now);
    EXPECT_GT(time.seconds(), now - 600);
  }
  // What was refused is shown with version, time, reason and itself.
  template <class T>
  static T ExpectRefused(const admin::UpdateFailureState& error, const std::string& version, const std::string& why) {
    EXPECT_EQ(error.version_info(), version);
    EXPECT_TRUE(StrContains(error.details(), why)) << error.details();
    ExpectRecent(error.last_update_attempt());
    return Unpacked<T>(error.failed_configuration());
  }

  harness::HttpUpstream upstream_{"one", http::Protocol::kHttp11};
  tls::TestAuthority authority_{Now()};
  const tls::CertificateSpec certificate_ = authority_.Dns("in.test");
  ScriptedAds ads_;
  ProxyHarness proxy_;
};

TEST_F(LiveDumpTest, EachResourceWarmsUntilItHasWhatItNeeds) {
  Say(cp::kClusterType, "c1", {kCluster});
  auto clusters = Read<admin::ClustersConfigDump>();
  ASSERT_EQ(clusters.dynamic_warming_clusters_size(), 1);
  EXPECT_EQ(clusters.dynamic_active_clusters_size(), 0);
  EXPECT_EQ(clusters.dynamic_warming_clusters(0).version_info(), "c1");
  EXPECT_EQ(clusters.dynamic_warming_clusters(0).client_status(), admin::ACKED);
  EXPECT_EQ(Stat("cluster_manager.warming_clusters"), "cluster_manager.warming_clusters: 1\n");
  auto endpoints = Read<admin::EndpointsConfigDump>();
  ASSERT_EQ(endpoints.dynamic_endpoint_configs_size(), 1);
  EXPECT_EQ(endpoints.dynamic_endpoint_configs(0).client_status(), admin::REQUESTED);
  EXPECT_FALSE(endpoints.dynamic_endpoint_configs(0).has_endpoint_config());

  Say(cp::kEndpointType, "e1", {Endpoints("1")}, "a");
  clusters = Read<admin::ClustersConfigDump>();
  ASSERT_EQ(clusters.dynamic_active_clusters_size(), 1);
  EXPECT_EQ(clusters.dynamic_warming_clusters_size(), 0);
  EXPECT_EQ(Stat("cluster_manager.warming_clusters"), "cluster_manager.warming_clusters: 0\n");
  EXPECT_EQ(clusters.version_info(), "c1");
  ExpectRecent(clusters.dynamic_active_clusters(0).last_updated());
  EXPECT_EQ(Unpacked<envoy::config::cluster::v3::Cluster>(clusters.dynamic_active_clusters(0).cluster()).name(), "a");

  Say(cp::kListenerType, "l1", {SecureListener("r1")});
  EXPECT_EQ(In().warming_state().version_info(), "l1");
  EXPECT_FALSE(In().has_active_state());
  EXPECT_EQ(Stat("listener_manager.total_listeners_warming"), "listener_manager.total_listeners_warming: 1\n");
  auto secrets = Read<admin::SecretsConfigDump>();
  ASSERT_EQ(secrets.dynamic_warming_secrets_size(), 1);
  EXPECT_EQ(secrets.dynamic_warming_secrets(0).name(), "cert");
  EXPECT_EQ(secrets.dynamic_warming_secrets(0).client_status(), admin::REQUESTED);
  Say(cp::kRouteType, "r1", {RoutesTo("r1")}, "r1");
  EXPECT_FALSE(In().has_active_state());
  Say(cp::kSecretType, "s1", {Secret()}, "cert");
  EXPECT_EQ(In().active_state().version_info(), "l1");
  EXPECT_FALSE(In().has_warming_state());
  EXPECT_EQ(Stat("listener_manager.total_listeners_warming"), "listener_manager.total_listeners_warming: 0\n");
  EXPECT_EQ(In().client_status(), admin::ACKED);
}

TEST_F(LiveDumpTest, WhatIsInUseIsShownWithVersionTimeAndContent) {
  Configure();
  const auto listeners = Read<admin::ListenersConfigDump>();
  EXPECT_EQ(listeners.version_info(), "l1");
  ASSERT_EQ(listeners.dynamic_listeners_size(), 1);
  EXPECT_EQ(listeners.dynamic_listeners(0).name(), "in");
  ExpectRecent(listeners.dynamic_listeners(0).active_state().last_updated());
  EXPECT_EQ(Unpacked<envoy::config::listener::v3::Listener>(listeners.dynamic_listeners(0).active_state().listener())
                .filter_chains_size(),
            1);
  const auto routes = Read<admin::RoutesConfigDump>();
  ASSERT_EQ(routes.dynamic_route_configs_size(), 1);
  EXPECT_EQ(routes.dynamic_route_configs(0).version_info(), "r1");
  EXPECT_EQ(routes.dynamic_route_configs(0).client_status(), admin::ACKED);
  ExpectRecent(routes.dynamic_route_configs(0).last_updated());
  const auto endpoints = Read<admin::EndpointsConfigDump>();
  ASSERT_EQ(endpoints.dynamic_endpoint_configs_size(), 1);
  EXPECT_EQ(endpoints.dynamic_endpoint_configs(0).version_info(), "e1");
  EXPECT_EQ(endpoints.dynamic_endpoint_configs(0).client_status(), admin::ACKED);
  EXPECT_EQ(Read<admin::EndpointsConfigDump>("").dynamic_endpoint_configs_size(), 0) << "only where asked for";
  const auto secrets = Read<admin::SecretsConfigDump>();
  ASSERT_EQ(secrets.dynamic_active_secrets_size(), 1);
  EXPECT_EQ(secrets.dynamic_active_secrets(0).version_info(), "s1");
  EXPECT_EQ(secrets.dynamic_active_secrets(0).client_status(), admin::ACKED);
  ExpectRecent(secrets.dynamic_active_secrets(0).last_updated());
}

TEST_F(LiveDumpTest, KeysAreNeverShownWhateverBecameOfTheirSecret) {
  Configure();
  // A key that does not belong to its certificate: refused, and shown as such.
  const tls::CertificateSpec other = authority_.Dns("in.test");
  Say(cp::kSecretType, "s2",
      {absl::StrCat("{name: cert, tls_certificate: {certificate_chain: {inline_string: ",
                    schema::JsonString(certificate_.chain_pem),
                    "}, private_key: {inline_string: ", schema::JsonString(other.key_pem.view()), "}}}")});
  const auto secrets = Read<admin::SecretsConfigDump>();
  ASSERT_EQ(secrets.dynamic_active_secrets_size(), 1);
  const auto& secret = secrets.dynamic_active_secrets(0);
  EXPECT_EQ(secret.client_status(), admin::NACKED);
  EXPECT_EQ(secret.version_info(), "s1");
  using envoy::extensions::transport_sockets::tls::v3::Secret;
  const auto shown = Unpacked<Secret>(secret.secret());
  EXPECT_EQ(shown.tls_certificate().private_key().inline_string(), "[redacted]");
  EXPECT_TRUE(StrContains(shown.tls_certificate().certificate_chain().inline_string(), "BEGIN CERTIFICATE"));
  const auto failed = ExpectRefused<Secret>(secret.error_state(), "s2", "secret \"cert\" (version s2)");
  EXPECT_EQ(failed.tls_certificate().private_key().inline_string(), "[redacted]");
  EXPECT_FALSE(StrContains(proxy_.Admin("/config_dump?include_eds"), "PRIVATE KEY"));
}

TEST_F(LiveDumpTest, ARefusedVersionIsShownBesideTheOneInUseUntilAnotherIsAccepted) {
  Configure();
  Say(cp::kListenerType, "l2",
      {SecureListener("r1",
                      "additional_addresses: [{address: {socket_address: {address: 192.0.2.1, port_value: 1}}}]")});
  EXPECT_EQ(In().client_status(), admin::NACKED);
  EXPECT_EQ(In().active_state().version_info(), "l1");
  EXPECT_FALSE(In().has_warming_state());
  EXPECT_EQ(ExpectRefused<envoy::config::listener::v3::Listener>(
                In().error_state(), "l2", "listener \"in\" (version l2): additional_addresses[0].address: cannot bind")
                .additional_addresses_size(),
            1);
  Say(cp::kListenerType, "l3", {SecureListener("r1", "tcp_backlog_size: 77")});
  EXPECT_EQ(In().active_state().version_info(), "l3");
  EXPECT_EQ(In().client_status(), admin::ACKED);
  EXPECT_FALSE(In().has_error_state());
}

TEST_F(LiveDumpTest, RefusedClustersRoutesAndEndpointsAreShownEachInItsPart) {
  Configure();
  Say(cp::kClusterType, "c2",
      {kCluster, "{name: b, type: STATIC, lb_policy: MAGLEV, maglev_lb_config: {table_size: 7}}"});
  const auto clusters = Read<admin::ClustersConfigDump>();
  ASSERT_EQ(clusters.dynamic_active_clusters_size(), 1);
  EXPECT_EQ(clusters.dynamic_active_clusters(0).client_status(), admin::ACKED);
  ASSERT_EQ(clusters.dynamic_warming_clusters_size(), 1) << "never in use";
  const auto& b = clusters.dynamic_warming_clusters(0);
  EXPECT_EQ(b.client_status(), admin::NACKED);
  EXPECT_FALSE(b.has_cluster());
  EXPECT_EQ(
      ExpectRefused<envoy::config::cluster::v3::Cluster>(b.error_state(), "c2", "cluster \"b\" (version c2)").name(),
      "b");

  Say(cp::kRouteType, "r2", {RoutesTo("r1", "x, x")});
  const auto routes = Read<admin::RoutesConfigDump>();
  ASSERT_EQ(routes.dynamic_route_configs_size(), 1);
  EXPECT_EQ(routes.dynamic_route_configs(0).version_info(), "r1");
  EXPECT_EQ(routes.dynamic_route_configs(0).client_status(), admin::NACKED);
  ExpectRefused<envoy::config::route::v3::RouteConfiguration>(routes.dynamic_route_configs(0).error_state(), "r2",
                                                              "route configuration \"r1\" (version r2)");

  Say(cp::kEndpointType, "e2",
      {"{cluster_name: a, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: not.an.address, "
       "port_value: 1}}}}]}]}"});
  const auto endpoints = Read<admin::EndpointsConfigDump>();
  ASSERT_EQ(endpoints.dynamic_endpoint_configs_size(), 1);
  EXPECT_EQ(endpoints.dynamic_endpoint_configs(0).version_info(), "e1");
  ExpectRefused<envoy::config::endpoint::v3::ClusterLoadAssignment>(endpoints.dynamic_endpoint_configs(0).error_state(),
                                                                    "e2", "(version e2): endpoints[0].lb_endpoints[0]");
}

TEST_F(LiveDumpTest, AnUpdateThatWaitsIsShownBesideTheVersionInUse) {
  Configure();
  Say(cp::kListenerType, "l2", {SecureListener("r2")});
  EXPECT_EQ(In().active_state().version_info(), "l1");
  EXPECT_EQ(In().warming_state().version_info(), "l2");
  Say(cp::kRouteType, "r2", {RoutesTo("r2")}, "r2");
  EXPECT_EQ(In().active_state().version_info(), "l2");
  EXPECT_FALSE(In().has_warming_state());
}

TEST_F(LiveDumpTest, ARemovedListenerDrainsAsLongAsItHasConnections) {
  Say(cp::kClusterType, "c1", {kCluster});
  Say(cp::kEndpointType, "e1", {Endpoints("1")}, "a");
  Say(cp::kListenerType, "l1", {PlainListener()});
  Say(cp::kRouteType, "r1", {RoutesTo("r1")}, "r1");
  ASSERT_TRUE(proxy_.WaitUntilLive());
  ASSERT_TRUE(WaitFor([this] { return proxy_.port("in") != 0; }));
  std::optional<Client> client(proxy_.port("in"));
  client->Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na");
  ASSERT_TRUE(WaitFor([this] { return upstream_.requests() == 1; }));

  Say(cp::kListenerType, "l2", {});
  EXPECT_EQ(In().name(), "in");
  EXPECT_EQ(In().draining_state().version_info(), "l1");
  EXPECT_EQ(Unpacked<envoy::config::listener::v3::Listener>(In().draining_state().listener()).name(), "in");
  EXPECT_FALSE(In().has_active_state());
  const std::string draining = "listener_manager.total_listeners_draining";
  EXPECT_EQ(Stat(draining), draining + ": 1\n");
  client->Send("b");
  client->ReadResponse();
  client.reset();  // a gradual drain would ask it to go within 600 seconds
  EXPECT_TRUE(WaitFor([this] { return Read<admin::ListenersConfigDump>().dynamic_listeners_size() == 0; }));
  EXPECT_TRUE(WaitFor([&] { return Stat(draining) == draining + ": 0\n"; }));
}

TEST_F(LiveDumpTest, AChainThatIsReplacedIsCountedAsLongAsItHasConnections) {
  Say(cp::kClusterType, "c1", {kCluster});
  Say(cp::kEndpointType, "e1", {Endpoints("1")}, "a");
  const std::string plain = PlainListener();
  Say(cp::kListenerType, "l1", {plain});
  Say(cp::kRouteType, "r1", {RoutesTo("r1")}, "r1");
  ASSERT_TRUE(proxy_.WaitUntilLive());
  ASSERT_TRUE(WaitFor([this] { return proxy_.port("in") != 0; }));
  std::optional<Client> client(proxy_.port("in"));
  client->Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na");
  ASSERT_TRUE(WaitFor([this] { return upstream_.requests() == 1; }));

  const std::string draining = "listener_manager.total_filter_chains_draining";
  EXPECT_EQ(Stat(draining), draining + ": 0\n");
  std::string named = plain;
  const size_t at = named.find("- filters:");
  ASSERT_NE(at, std::string::npos);
  named.insert(at + 2, absl::StrCat("name: other\n", std::string(at - named.rfind('\n', at) + 1, ' ')));
  Say(cp::kListenerType, "l2", {named});
  EXPECT_TRUE(WaitFor([&] { return Stat(draining) == draining + ": 1\n"; })) << Stat(draining);
  client->Send("b");
  client->ReadResponse();
  client.reset();  // a gradual drain would ask it to go within 600 seconds
  EXPECT_TRUE(WaitFor([&] { return Stat(draining) == draining + ": 0\n"; }));
}

TEST_F(LiveDumpTest, ThePartsOfTheControlPlaneAreCutAsAsked) {
  Configure();
  const std::string one = proxy_.Admin("/config_dump?resource=dynamic_active_clusters&mask=cluster.name,version_info");
  EXPECT_TRUE(StrContains(one, "\"version_info\": \"c1\"") && StrContains(one, "\"name\": \"a\"")) << one;
  EXPECT_FALSE(StrContains(one, "eds_cluster_config") || StrContains(one, "client_status")) << one;
  for (const char* list :
       {"dynamic_listeners", "dynamic_route_configs", "dynamic_endpoint_configs", "dynamic_active_secrets"}) {
    int status = 0;
    const std::string page = proxy_.Admin(absl::StrCat("/config_dump?resource=", list), "GET", &status);
    EXPECT_EQ(status, 200) << list;
    EXPECT_TRUE(StrContains(page, "\"client_status\": \"ACKED\"")) << list << page;
  }
  EXPECT_TRUE(StrContains(proxy_.Admin("/config_dump?resource=dynamic_listeners&name_regex=^in$"), "\"l1\""));
  EXPECT_FALSE(StrContains(proxy_.Admin("/config_dump?resource=dynamic_listeners&name_regex=^out$"), "\"l1\""));
}

}  // namespace
}  // namespace outrigger::integration
