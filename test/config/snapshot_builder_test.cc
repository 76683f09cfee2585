#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "test/config/fixture.h"
#include "test/tls/authority.h"

namespace outrigger::config {
namespace {

using testing::HasSubstr;

std::string PemYaml(const std::string& pem, int indent) {
  std::string out;
  for (absl::string_view line : absl::StrSplit(pem, '\n')) absl::StrAppend(&out, std::string(indent, ' '), line, "\n");
  return out;
}

std::string SecretYaml(const std::string& name, const tls::CertificateSpec& certificate) {
  return absl::StrCat("name: ", name, "\ntls_certificate:\n  certificate_chain:\n    inline_string: |\n",
                      PemYaml(certificate.chain_pem, 6), "  private_key:\n    inline_string: |\n",
                      PemYaml(std::string(certificate.key_pem.view()), 6));
}

constexpr absl::string_view kTlsBySds = R"(name: only
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
      common_tls_context:
        tls_certificate_sds_secret_configs:
        - {name: server, sds_config: {ads: {}, resource_api_version: V3}})";

class SnapshotBuilderTest : public ConfigTest {
 protected:
  const Given given_{"1", false};
  tls::TestAuthority authority_{engine_->WallNow()};
};

TEST_F(SnapshotBuilderTest, ABootstrapBecomesAListenerWithRoutesToAClusterWithEndpoints) {
  Bootstrap bootstrap;
  *bootstrap.mutable_static_resources()->add_clusters() = Yaml<Cluster>(kBackend);
  *bootstrap.mutable_static_resources()->add_listeners() = Yaml<Listener>(HttpListener("in", 10000, kInlineRoutes));
  const absl::Status loaded = builder_->SetStatic(bootstrap);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const auto snapshot = builder_->Build();
  const model::Cluster* cluster = snapshot->FindCluster("backend");
  ASSERT_NE(cluster, nullptr);
  EXPECT_EQ(cluster->config->settings->connect_timeout, seconds(1));
  ASSERT_EQ(cluster->endpoints->priorities.size(), 1u);
  ASSERT_EQ(cluster->endpoints->priorities[0].size(), 2u);
  EXPECT_EQ(stats_.main().Get(cluster->config->stats, observe::ClusterScope::kUpdates).membership_healthy.value(), 2);
  EXPECT_EQ(cluster->endpoints->priorities[0].At(1).weight, 3u);
  const model::Listener* listener = ListenerOf(*snapshot, "in");
  ASSERT_NE(listener, nullptr);
  EXPECT_EQ(listener->addresses[0].ToString(), "127.0.0.1:10000");
  ASSERT_EQ(listener->chains.size(), 1u);
  ASSERT_EQ(listener->chains[0]->filters.size(), 1u);
  EXPECT_TRUE(listener->chains[0]->filters[0].terminal);
  EXPECT_NE(listener->chains[0]->filters[0].connection_hash, 0u);
}

TEST_F(SnapshotBuilderTest, IdenticalContentIsNoChangeAndTheSnapshotStays) {
  ASSERT_EQ(*builder_->SetCluster(Yaml<Cluster>(kBackend), given_), Outcome::kChanged);
  const auto first = builder_->Build();
  EXPECT_EQ(*builder_->SetCluster(Yaml<Cluster>(kBackend), {"2", false}), Outcome::kUnchanged);
  EXPECT_EQ(builder_->Build(), first);
  EXPECT_TRUE(builder_->IsSame(Yaml<Cluster>(kBackend)));
}

TEST_F(SnapshotBuilderTest, AChangedClusterKeepsSlotEndpointsAndLimits) {
  ASSERT_TRUE(builder_->SetCluster(Yaml<Cluster>(kBackend), given_).ok());
  const auto first = builder_->Build();
  Cluster changed = Yaml<Cluster>(kBackend);
  changed.mutable_circuit_breakers()->add_thresholds()->mutable_max_requests()->set_value(7);
  ASSERT_EQ(*builder_->SetCluster(changed, given_), Outcome::kChanged);
  const auto second = builder_->Build();
  EXPECT_EQ(second->generation, first->generation + 1);
  const model::Cluster& before = *first->FindCluster("backend");
  const model::Cluster& after = *second->FindCluster("backend");
  EXPECT_TRUE(before.slot == after.slot);
  EXPECT_EQ(before.endpoints, after.endpoints);
  EXPECT_EQ(before.config->connection_hash, after.config->connection_hash);
  EXPECT_EQ(before.config->circuit_breakers, after.config->circuit_breakers);
  EXPECT_EQ(after.config->circuit_breakers->settings(0).requests, 7u);
}

TEST_F(SnapshotBuilderTest, ARefusedResourceChangesNothing) {
  ASSERT_TRUE(builder_->SetCluster(Yaml<Cluster>(kBackend), given_).ok());
  const auto first = builder_->Build();
  Cluster bad = Yaml<Cluster>(kBackend);
  bad.mutable_load_assignment()
      ->mutable_endpoints(0)
      ->mutable_lb_endpoints(1)
      ->mutable_endpoint()
      ->mutable_address()
      ->mutable_socket_address()
      ->set_address("not-an-address");
  const auto set = builder_->SetCluster(bad, {"9", false});
  ASSERT_FALSE(set.ok());
  EXPECT_EQ(
      set.status().message(),
      "cluster \"backend\" (version 9): load_assignment.endpoints[0].lb_endpoints[1].endpoint.address.socket_address"
      ".address: \"not-an-address\" is not an IP address");
  EXPECT_EQ(builder_->Build(), first);
}

TEST_F(SnapshotBuilderTest, CheckTellsWhatAResourceNeedsAndAppliesNothing) {
  const auto needs = builder_->Check(
      Yaml<Cluster>("{name: eds, type: EDS, eds_cluster_config: {service_name: svc, eds_config: {ads: {}}}}"), given_);
  ASSERT_TRUE(needs.ok()) << needs.status().message();
  ASSERT_EQ(needs->subscriptions.size(), 1u);
  EXPECT_EQ(needs->subscriptions[0].kind, ResourceKind::kEndpoints);
  EXPECT_EQ(needs->subscriptions[0].name, "svc");
  EXPECT_FALSE(builder_->Has(ResourceKind::kCluster, "eds"));
  EXPECT_EQ(builder_->Build()->FindCluster("eds"), nullptr);
}

TEST_F(SnapshotBuilderTest, TheSameSourceIsKeptOnceForAllWhoNameIt) {
  const auto source_of = [this](absl::string_view name, absl::string_view source) {
    const auto needs =
        builder_->Check(Yaml<Cluster>(absl::StrCat(
                            "{name: ", name, ", type: EDS, eds_cluster_config: ", "{eds_config: {", source, "}}}")),
                        given_);
    EXPECT_TRUE(needs.ok()) << needs.status().message();
    return needs->subscriptions[0].source;
  };
  const auto one = source_of("a", "ads: {}");
  EXPECT_EQ(source_of("b", "ads: {}"), one);
  EXPECT_NE(source_of("c", "ads: {}, initial_fetch_timeout: 1s"), one);
  EXPECT_TRUE(one->has_ads());
}

TEST_F(SnapshotBuilderTest, EndpointsReachTheirClusterWhicheverComesFirstAndKeepTheirIdentity) {
  const auto endpoints = [](int weight) {
    return Yaml<ClusterLoadAssignment>(
        absl::StrCat("{cluster_name: svc, endpoints: [{lb_endpoints: [{endpoint: {address: "
                     "{socket_address: {address: 10.0.0.1, port_value: 80}}}, "
                     "load_balancing_weight: ",
                     weight, "}]}]}"));
  };
  ASSERT_TRUE(builder_->SetEndpoints(endpoints(1), given_).ok());
  ASSERT_TRUE(
      builder_
          ->SetCluster(Yaml<Cluster>("{name: eds, type: EDS, eds_cluster_config: {service_name: svc, eds_config: "
                                     "{ads: {}}}}"),
                       given_)
          .ok());
  const auto first = builder_->Build();
  ASSERT_EQ(first->FindCluster("eds")->endpoints->priorities[0].size(), 1u);
  ASSERT_EQ(*builder_->SetEndpoints(endpoints(5), given_), Outcome::kChanged);
  const auto second = builder_->Build();
  const auto& before = first->FindCluster("eds")->endpoints->priorities[0].At(0);
  const auto& after = second->FindCluster("eds")->endpoints->priorities[0].At(0);
  EXPECT_EQ(before.record, after.record);
  EXPECT_EQ(after.weight, 5u);
  // Gone from the control plane, still subscribed to: stays in use.
  builder_->Remove(ResourceKind::kEndpoints, "svc");
  EXPECT_FALSE(builder_->Has(ResourceKind::kEndpoints, "svc"));
  EXPECT_EQ(builder_->Build()->FindCluster("eds")->endpoints->priorities[0].size(), 1u);
}

TEST_F(SnapshotBuilderTest, RoutesByDiscoveryLiveAtTheSlotThatTheListenerHolds) {
  const std::string rds = "      rds: {route_config_name: r, config_source: {ads: {}}}\n";
  ASSERT_TRUE(builder_->SetListener(Yaml<Listener>(HttpListener("in", 10000, rds)), given_).ok());
  const Dependencies* needs = builder_->DependenciesOf(ResourceKind::kListener, "in");
  ASSERT_NE(needs, nullptr);
  ASSERT_EQ(needs->subscriptions.size(), 1u);
  EXPECT_EQ(needs->subscriptions[0].kind, ResourceKind::kRoutes);
  const auto routes = Yaml<RouteConfiguration>(
      "{name: r, virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: later}}]}]}");
  ASSERT_TRUE(builder_->SetRoutes(routes, given_).ok());
  const auto snapshot = builder_->Build();
  const model::RouteTable* table = snapshot->routes.Get(0);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->name, "r");
  // The cluster is not known yet: its slot is, and the cluster takes it when it comes.
  const auto& action = std::get<model::ForwardAction>(table->virtual_hosts[0].routes[0].action);
  EXPECT_EQ(snapshot->Find(action.slot), nullptr);
  Cluster later = Yaml<Cluster>(kBackend);
  later.set_name("later");
  ASSERT_TRUE(builder_->SetCluster(later, given_).ok());
  const auto with = builder_->Build();
  ASSERT_NE(with->Find(action.slot), nullptr);
  EXPECT_EQ(with->routes.Get(0), table);  // shared, not compiled again
}

TEST_F(SnapshotBuilderTest, ARemovedNameGivesItsSlotToAnotherGeneration) {
  ASSERT_TRUE(builder_->SetCluster(Yaml<Cluster>(kBackend), given_).ok());
  const model::ClusterSlot slot = builder_->ClusterSlotOf("backend");
  EXPECT_EQ(builder_->Remove(ResourceKind::kCluster, "backend"), Outcome::kChanged);
  EXPECT_EQ(builder_->Build()->FindCluster("backend"), nullptr);
  Cluster other = Yaml<Cluster>(kBackend);
  other.set_name("other");
  ASSERT_TRUE(builder_->SetCluster(other, given_).ok());
  const auto snapshot = builder_->Build();
  EXPECT_EQ(builder_->ClusterSlotOf("other").index, slot.index);
  EXPECT_EQ(snapshot->Find(slot), nullptr);
  EXPECT_NE(snapshot->Find(builder_->ClusterSlotOf("other")), nullptr);
}

TEST_F(SnapshotBuilderTest, StaticResourcesAreNotReplacedOrRemoved) {
  ASSERT_TRUE(builder_->SetCluster(Yaml<Cluster>(kBackend), {"", true}).ok());
  Cluster changed = Yaml<Cluster>(kBackend);
  changed.mutable_connect_timeout()->set_seconds(9);
  EXPECT_THAT(std::string(builder_->SetCluster(changed, given_).status().message()),
              HasSubstr("configured statically"));
  EXPECT_EQ(builder_->Remove(ResourceKind::kCluster, "backend"), Outcome::kUnchanged);
  EXPECT_TRUE(builder_->Has(ResourceKind::kCluster, "backend"));
}

TEST_F(SnapshotBuilderTest, AChainWithoutItsSecretIsUnavailableUntilItComesAndIsRenewedInPlace) {
  ASSERT_TRUE(builder_->SetCluster(Yaml<Cluster>(kBackend), given_).ok());
  const auto set = builder_->SetListener(Yaml<Listener>(HttpListener("in", 10000, kInlineRoutes, kTlsBySds)), given_);
  ASSERT_TRUE(set.ok()) << set.status().message();
  const auto without = builder_->Build();
  EXPECT_TRUE(ListenerOf(*without, "in")->chains[0]->tls_unavailable);
  EXPECT_EQ(ListenerOf(*without, "in")->chains[0]->tls, nullptr);
  const auto secret = builder_->SetSecret(Yaml<Secret>(SecretYaml("server", authority_.Dns("a.test"))), given_);
  ASSERT_TRUE(secret.ok()) << secret.status().message();
  const auto with = builder_->Build();
  const auto& first = *ListenerOf(*with, "in")->chains[0];
  EXPECT_FALSE(first.tls_unavailable);
  ASSERT_NE(first.tls, nullptr);
  ASSERT_TRUE(builder_->SetSecret(Yaml<Secret>(SecretYaml("server", authority_.Dns("a.test"))), given_).ok());
  const auto renewed = builder_->Build();
  const auto& second = *ListenerOf(*renewed, "in")->chains[0];
  EXPECT_NE(first.tls, second.tls);
  EXPECT_EQ(first.connection_hash, second.connection_hash);
  EXPECT_EQ(first.trust_hash, second.trust_hash);
}

TEST_F(SnapshotBuilderTest, ASecretWhoseKeyDoesNotFitIsRefusedAndTheOldOneStays) {
  ASSERT_TRUE(builder_->SetCluster(Yaml<Cluster>(kBackend), given_).ok());
  ASSERT_TRUE(builder_->SetListener(Yaml<Listener>(HttpListener("in", 10000, kInlineRoutes, kTlsBySds)), given_).ok());
  ASSERT_TRUE(builder_->SetSecret(Yaml<Secret>(SecretYaml("server", authority_.Dns("a.test"))), given_).ok());
  const auto before = builder_->Build();
  tls::CertificateSpec mixed = authority_.Dns("a.test");
  mixed.key_pem = authority_.Dns("b.test").key_pem;
  const auto set = builder_->SetSecret(Yaml<Secret>(SecretYaml("server", mixed)), {"2", false});
  ASSERT_FALSE(set.ok());
  EXPECT_THAT(std::string(set.status().message()),
              HasSubstr("secret \"server\" (version 2): tls_certificate.private_key: does not belong"));
  EXPECT_EQ(builder_->Build(), before);
}

TEST_F(SnapshotBuilderTest, ACertificateOutsideOfItsTimeIsTakenWithAWarning) {
  tls::IssueOptions options = authority_.Options({.dns = {"a.test"}});
  options.not_before = engine_->WallNow() - hours(2);
  options.not_after = engine_->WallNow() - hours(1);
  ASSERT_TRUE(builder_->SetCluster(Yaml<Cluster>(kBackend), given_).ok());
  ASSERT_TRUE(builder_->SetSecret(Yaml<Secret>(SecretYaml("server", authority_.Leaf(options))), given_).ok());
  ASSERT_TRUE(builder_->SetListener(Yaml<Listener>(HttpListener("in", 10000, kInlineRoutes, kTlsBySds)), given_).ok());
  ASSERT_FALSE(warnings_.empty());
  EXPECT_THAT(warnings_.back(), HasSubstr("has expired"));
}

TEST_F(SnapshotBuilderTest, AChangedFileCompilesWhatReadItAndABrokenOneChangesNothing) {
  const std::string folder = testing::TempDir();
  const auto write = [&](const tls::CertificateSpec& certificate) {
    ASSERT_TRUE(engine_->ReplaceFile(folder + "/chain.pem", certificate.chain_pem, 0600).ok());
    ASSERT_TRUE(engine_->ReplaceFile(folder + "/key.pem", certificate.key_pem.view(), 0600).ok());
  };
  write(authority_.Dns("a.test"));
  ASSERT_TRUE(builder_->SetCluster(Yaml<Cluster>(kBackend), given_).ok());
  const std::string tls = absl::StrCat(R"(name: only
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
      common_tls_context:
        tls_certificates:
        - certificate_chain: {filename: )",
                                       folder, R"(/chain.pem}
          private_key: {filename: )",
                                       folder, R"(/key.pem})");
  const auto set = builder_->SetListener(Yaml<Listener>(HttpListener("in", 10000, kInlineRoutes, tls)), given_);
  ASSERT_TRUE(set.ok()) << set.status().message();
  EXPECT_EQ(builder_->DependenciesOf(ResourceKind::kListener, "in")->files,
            (std::vector<std::string>{folder + "/chain.pem", folder + "/key.pem"}));
  const auto first = builder_->Build();
  ASSERT_TRUE(builder_->FilesChanged({"/somewhere/else"}).ok());
  EXPECT_EQ(builder_->Build(), first);
  // Removing the cluster must not keep a certificate from being renewed.
  builder_->Remove(ResourceKind::kCluster, "backend");
  write(authority_.Dns("a.test"));
  ASSERT_TRUE(builder_->FilesChanged({folder + "/chain.pem"}).ok());
  const auto second = builder_->Build();
  EXPECT_NE(ListenerOf(*first, "in")->chains[0]->tls, ListenerOf(*second, "in")->chains[0]->tls);
  ASSERT_TRUE(engine_->ReplaceFile(folder + "/key.pem", "junk", 0600).ok());
  const absl::Status broken = builder_->FilesChanged({folder + "/key.pem"});
  EXPECT_THAT(
      std::string(broken.message()),
      HasSubstr("listener \"in\" (version 1): filter_chains[0].transport_socket.typed_config.common_tls_context."
                "tls_certificates[0].private_key"));
  EXPECT_EQ(builder_->Build(), second);
}

TEST_F(SnapshotBuilderTest, EndpointsWhoseTransportHasNoSecretAreLeftOutInsteadOfTalkingPlaintext) {
  Cluster cluster = Yaml<Cluster>(absl::StrCat(kBackend, R"(
transport_socket:
  name: tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    common_tls_context:
      validation_context_sds_secret_config: {name: roots, sds_config: {ads: {}}}
)"));
  const auto set = builder_->SetCluster(cluster, given_);
  ASSERT_TRUE(set.ok()) << set.status().message();
  EXPECT_TRUE(builder_->Build()->FindCluster("backend")->endpoints->priorities[0].empty());
  const auto secret = builder_->SetSecret(
      Yaml<Secret>(absl::StrCat("name: roots\nvalidation_context:\n  trusted_ca:\n    inline_string: |\n",
                                PemYaml(authority_.pem(), 6))),
      given_);
  ASSERT_TRUE(secret.ok()) << secret.status().message();
  const auto with = builder_->Build();
  EXPECT_EQ(with->FindCluster("backend")->endpoints->priorities[0].size(), 2u);
  EXPECT_NE((*with->FindCluster("backend")->config->transports)[0].tls, nullptr);
}

TEST_F(SnapshotBuilderTest, DnsClustersSayWhatToResolveAndTakeTheAnswers) {
  ASSERT_TRUE(
      builder_
          ->SetCluster(Yaml<Cluster>("{name: d, type: STRICT_DNS, load_assignment: {cluster_name: d, endpoints: "
                                     "[{lb_endpoints: [{endpoint: {address: {socket_address: {address: "
                                     "a.example, port_value: 443}}}}]}]}}"),
                       given_)
          .ok());
  const std::vector<DnsTarget>* targets = builder_->DnsTargetsOf("d");
  ASSERT_NE(targets, nullptr);
  ASSERT_EQ(targets->size(), 1u);
  EXPECT_EQ((*targets)[0].host, "a.example");
  EXPECT_TRUE(builder_->Build()->FindCluster("d")->endpoints->priorities[0].empty());
  const std::vector<net::Address> answer = {*net::Address::ParseIp("10.0.0.1", 0),
                                            *net::Address::ParseIp("10.0.0.2", 0)};
  EXPECT_EQ(builder_->SetResolved("d", 0, answer), Outcome::kChanged);
  EXPECT_EQ(builder_->SetResolved("d", 0, answer), Outcome::kUnchanged);
  const auto& endpoints = builder_->Build()->FindCluster("d")->endpoints->priorities[0];
  ASSERT_EQ(endpoints.size(), 2u);
  EXPECT_EQ(endpoints.At(1).record->address_text(), "10.0.0.2:443");
  EXPECT_EQ(endpoints.At(1).record->hostname(), "a.example");
}

TEST_F(SnapshotBuilderTest, ClusterOptionsOfEveryKindArriveWhereRequestsReadThem) {
  const auto set = builder_->SetCluster(Yaml<Cluster>(absl::StrCat(kBackend, R"(
lb_policy: LEAST_REQUEST
least_request_lb_config: {choice_count: 4}
common_lb_config: {healthy_panic_threshold: {value: 10}, locality_weighted_lb_config: {}}
circuit_breakers: {thresholds: [{max_retries: 9, retry_budget: {budget_percent: {value: 30}, min_retry_concurrency: 5}}]}
upstream_bind_config: {source_address: {address: 127.0.0.1, port_value: 0}}
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    common_http_protocol_options: {idle_timeout: 7s, max_requests_per_connection: 3}
    upstream_http_protocol_options: {auto_sni: true}
    explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 17}}
)")),
                                        given_);
  ASSERT_TRUE(set.ok()) << set.status().message();
  const model::ClusterConfig& config = *builder_->Build()->FindCluster("backend")->config;
  EXPECT_EQ(config.settings->lb.policy, model::LbPolicy::kLeastRequest);
  EXPECT_EQ(config.settings->lb.choice_count, 4u);
  EXPECT_TRUE(config.settings->lb.locality_weighted);
  EXPECT_EQ(config.settings->lb.healthy_panic_threshold, 10.0);
  EXPECT_EQ(*config.circuit_breakers->Get(0)->retry_budget_percent, 30.0);
  EXPECT_EQ(config.settings->bind_to.IpString(), "127.0.0.1");
  EXPECT_EQ(config.settings->idle_timeout, seconds(7));
  EXPECT_EQ(config.settings->max_requests_per_connection, 3u);
  EXPECT_TRUE(config.settings->auto_sni);
  EXPECT_EQ(config.settings->protocol, model::UpstreamProtocol::kHttp2);
  EXPECT_EQ(config.settings->http2.max_concurrent_streams, 17u);
}

}  // namespace
}  // namespace outrigger::config
