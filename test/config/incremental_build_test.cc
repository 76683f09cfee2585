// Whatever changes came, and in whatever order: what is published is what would be built at once from the resources
// that are there at the end.
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "source/base/hash.h"
#include "source/base/random.h"
#include "test/config/fixture.h"
#include "test/tls/authority.h"

namespace outrigger::config {
namespace {

constexpr int kNames = 5;

class IncrementalBuildTest : public ConfigTest {
 protected:
  uint64_t Below(uint64_t n) { return random_.Below(n); }
  std::string NameOfOne() { return absl::StrCat("n", Below(kNames)); }

  std::string RandomCluster(const std::string& name) {
    std::string yaml = absl::StrCat("name: ", name, "\nconnect_timeout: ", 1 + Below(3), "s\n");
    if (Below(4) == 0) {
      absl::StrAppend(&yaml, "load_assignment: {cluster_name: ", name, ", endpoints: [{lb_endpoints: [", Endpoint(),
                      "]}]}\n");
    } else {
      absl::StrAppend(&yaml, "type: EDS\neds_cluster_config: {eds_config: {ads: {}}, service_name: ", NameOfOne(),
                      "}\n");
    }
    if (Below(3) == 0) {
      absl::StrAppend(
          &yaml, "transport_socket:\n  name: envoy.transport_sockets.tls\n  typed_config:\n",
          "    \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\n",
          "    common_tls_context:\n      validation_context_sds_secret_config: {name: ", NameOfOne(),
          ", sds_config: {ads: {}}}\n");
    }
    return yaml;
  }
  std::string Endpoint() {
    return absl::StrCat("{endpoint: {address: {socket_address: {address: 10.0.0.", 1 + Below(6),
                        ", port_value: 80}}}, load_balancing_weight: ", 1 + Below(3),
                        Below(4) == 0 ? ", health_status: UNHEALTHY}" : "}");
  }
  std::string RandomEndpoints(const std::string& name) {
    std::string yaml = absl::StrCat("cluster_name: ", name, "\nendpoints:\n- priority: 0\n  lb_endpoints:\n");
    for (uint64_t n = 1 + Below(4); n > 0; --n) absl::StrAppend(&yaml, "  - ", Endpoint(), "\n");
    return yaml;
  }
  std::string RandomRoutes(const std::string& name) {
    std::string yaml = absl::StrCat("name: ", name, "\nvirtual_hosts:\n");
    for (int host = 0; host < 3; ++host) {
      if (host != 0 && Below(2) == 0) continue;
      absl::StrAppend(&yaml, "- {name: h", host, ", domains: [h", host,
                      "], routes: [{match: {prefix: /}, route: {cluster: ", NameOfOne(), "}}]}\n");
    }
    return yaml;
  }
  std::string RandomListener(const std::string& name) {
    return HttpListener(
        name, 0, absl::StrCat("\n      rds: {route_config_name: ", NameOfOne(), ", config_source: {ads: {}}}\n"));
  }
  std::string RandomSecret(const std::string& name) {
    const std::string& pem = Below(2) == 0 ? authority_.pem() : other_.pem();
    std::string indented = "      ";
    for (const char c : pem) absl::StrAppend(&indented, std::string(1, c), c == '\n' ? "      " : "");
    return absl::StrCat("name: ", name, "\nvalidation_context:\n  trusted_ca:\n    inline_string: |\n", indented, "\n");
  }

  // What is there, as it was given last.
  using Kept = std::map<std::pair<ResourceKind, std::string>, std::shared_ptr<const google::protobuf::Message>>;

  template <class Proto>
  void Set(ResourceKind kind, const std::string& name, const std::string& yaml) {
    auto proto = std::make_shared<const Proto>(Yaml<Proto>(yaml));
    const auto set = builder_->Set(proto, given_);
    ASSERT_TRUE(set.ok()) << set.status().message();
    kept_[{kind, name}] = proto;
  }
  // As a stream gives them: by their bytes, with the difference to what came before under that name.
  void Receive(const std::string& name, const std::string& yaml, bool known) {
    auto proto = std::make_shared<const ClusterLoadAssignment>(Yaml<ClusterLoadAssignment>(yaml));
    const std::string bytes = proto->SerializeAsString();
    ReceivedEndpoints received;
    received.name = name;
    received.wire =
        std::make_shared<const schema::WireAssignment>(schema::WireAssignment{bytes, StableHash(bytes), true});
    received.message = schema::KeptMessage::OfBytes(*proto, {received.wire, &received.wire->bytes});
    auto& before = received_[name];
    if (before != nullptr && known) {
      if (auto difference = schema::DifferenceOf(before->bytes, bytes); difference.has_value()) {
        difference->base = before;
        received.difference = std::make_shared<const schema::AssignmentDifference>(*std::move(difference));
      }
    }
    before = received.wire;
    const auto set = builder_->SetEndpoints(received, {.version = "1", .validated = true});
    ASSERT_TRUE(set.ok()) << set.status().message();
    kept_[{ResourceKind::kEndpoints, name}] = proto;
  }
  void Step() {
    const std::string name = NameOfOne();
    switch (Below(9)) {
      case 0:
      case 1:
        return Set<Cluster>(ResourceKind::kCluster, name, RandomCluster(name));
      case 2:
      case 3:
        return Receive(name, RandomEndpoints(name), Below(8) != 0);
      case 4:
        return Set<RouteConfiguration>(ResourceKind::kRoutes, name, RandomRoutes(name));
      case 5:
        return Set<Listener>(ResourceKind::kListener, name, RandomListener(name));
      case 6:
        return Set<Secret>(ResourceKind::kSecret, name, RandomSecret(name));
      case 7: {
        const ResourceKind kind = Below(2) == 0 ? ResourceKind::kCluster : ResourceKind::kListener;
        builder_->Remove(kind, name);
        kept_.erase({kind, name});
        return;
      }
      default:
        builder_->Build();
    }
  }

  // All that a worker can see of a Snapshot, by names: slots differ.
  static std::string Describe(const model::Snapshot& snapshot) {
    std::set<std::string> lines;
    for (uint32_t i = 0; i < snapshot.clusters.size(); ++i) {
      const model::Cluster* cluster = snapshot.clusters.Get(i);
      if (cluster == nullptr) continue;
      EXPECT_EQ(snapshot.FindCluster(cluster->config->name), cluster);
      EXPECT_EQ(snapshot.Find(cluster->slot), cluster);
      const auto& transports = *cluster->config->transports;
      std::string line = absl::StrCat("cluster ", cluster->config->name.str(), " ", cluster->config->content_hash, " ",
                                      cluster->config->connection_hash,
                                      transports.empty() || transports[0].tls == nullptr ? " plain" : " tls");
      std::multiset<std::string> members;  // their order tells the history
      for (const model::PrioritySet& priority : cluster->endpoints->priorities) {
        priority.ForEach([&members](const model::LocalityEndpoints&, const model::Endpoint& endpoint) {
          members.insert(absl::StrCat(" ", endpoint.record->address_text(), "*", endpoint.weight, "/",
                                      endpoint.record->flags.load()));
        });
        const model::EndpointSum sum = priority.sum();
        members.insert(absl::StrCat(" sum ", sum.total, "/", sum.healthy, "/", sum.weight));
      }
      for (const std::string& member : members) line += member;
      lines.insert(line);
    }
    for (uint32_t i = 0; i < snapshot.listeners.size(); ++i) {
      const model::Listener* listener = snapshot.listeners.Get(i);
      if (listener != nullptr) lines.insert(absl::StrCat("listener ", listener->name, " ", listener->content_hash));
    }
    for (uint32_t i = 0; i < snapshot.routes.size(); ++i) {
      const model::RouteTable* routes = snapshot.routes.Get(i);
      if (routes == nullptr) continue;
      std::string line = absl::StrCat("routes ", routes->name);
      for (const char* host : {"h0", "h1", "h2"}) absl::StrAppend(&line, routes->HasHost(host) ? " 1" : " 0");
      lines.insert(line);
    }
    return absl::StrCat(lines.size(), "\n", absl::StrJoin(lines, "\n"));
  }

  std::string BuiltAtOnce() {
    SnapshotBuilder fresh(environment_);
    // Clusters last: whatever they were built with is there already.
    for (const ResourceKind kind : {ResourceKind::kSecret, ResourceKind::kEndpoints, ResourceKind::kRoutes,
                                    ResourceKind::kListener, ResourceKind::kCluster}) {
      for (const auto& [key, proto] : kept_) {
        if (key.first != kind) continue;
        EXPECT_TRUE(fresh.Set(proto, given_).ok());
      }
    }
    return Describe(*fresh.Build());
  }

  tls::TestAuthority authority_{engine_->WallNow()}, other_{engine_->WallNow()};
  Random random_{20261123};
  const Given given_{"1", false};
  Kept kept_;
  std::map<std::string, std::shared_ptr<const schema::WireAssignment>> received_;
};

TEST_F(IncrementalBuildTest, EqualsBuildingFromScratch) {
  for (int run = 0; run < 20; ++run) {
    builder_ = std::make_unique<SnapshotBuilder>(environment_);
    kept_.clear();
    received_.clear();
    for (int step = 0; step < 60; ++step) {
      ASSERT_NO_FATAL_FAILURE(Step());
      if (step % 5 != 4) continue;
      ASSERT_EQ(Describe(*builder_->Build()), BuiltAtOnce()) << "run " << run << ", step " << step;
    }
  }
}

TEST_F(IncrementalBuildTest, WhatNobodyNeedsAnyMoreAndItsSourceRemovedIsGone) {
  Set<ClusterLoadAssignment>(ResourceKind::kEndpoints, "e", "cluster_name: e\n");
  Set<Cluster>(ResourceKind::kCluster, "c",
               "name: c\ntype: EDS\neds_cluster_config: {eds_config: {ads: {}}, service_name: e}\n");
  builder_->Remove(ResourceKind::kEndpoints, "e");
  EXPECT_NE(builder_->DependenciesOf(ResourceKind::kEndpoints, "e"), nullptr) << "the cluster was compiled with it";
  Set<Cluster>(ResourceKind::kCluster, "c", "name: c\nload_assignment: {cluster_name: c}\n");
  builder_->Build();
  EXPECT_EQ(builder_->DependenciesOf(ResourceKind::kEndpoints, "e"), nullptr);
}

TEST_F(IncrementalBuildTest, OneEndpointOfThousandsCopiesAHandfulOfNodes) {
  Set<Cluster>(ResourceKind::kCluster, "c",
               "name: c\ntype: EDS\neds_cluster_config: {eds_config: {ads: {}}, service_name: e}\n");
  const auto yaml = [](int changed) {
    std::string text = "cluster_name: e\nendpoints:\n- lb_endpoints:\n";
    for (int i = 0; i < 3000; ++i) {
      absl::StrAppend(&text, "  - {endpoint: {address: {socket_address: {address: ", i == changed ? "11" : "10", ".0.",
                      i / 250, ".", i % 250, ", port_value: 80}}}}\n");
    }
    return text;
  };
  Receive("e", yaml(-1), false);
  const auto before = builder_->Build();
  Receive("e", yaml(1234), true);
  const auto& was = before->FindCluster("c")->endpoints->priorities[0].localities[0].endpoints;
  const auto& is = builder_->Build()->FindCluster("c")->endpoints->priorities[0].localities[0].endpoints;
  EXPECT_EQ(is.size(), was.size());
  EXPECT_LE(is.NodesNotIn(was), 3u);
  EXPECT_EQ(is[1234].record->address_text(), "11.0.4.234:80");
  // What is shown is what came.
  builder_->ForEach(ResourceKind::kEndpoints, [](const ResourceView& view) {
    const auto& shown = static_cast<const ClusterLoadAssignment&>(*view.message);
    EXPECT_EQ(shown.endpoints(0).lb_endpoints_size(), 3000);
    EXPECT_EQ(shown.endpoints(0).lb_endpoints(1234).endpoint().address().socket_address().address(), "11.0.4.234");
  });
}

TEST_F(IncrementalBuildTest, AChangeSharesAllThatItDoesNotTouchWithTheVersionBefore) {
  for (int i = 0; i < 200; ++i) {
    Set<Cluster>(ResourceKind::kCluster, absl::StrCat("c", i), absl::StrCat("name: c", i, "\nconnect_timeout: 1s\n"));
  }
  const auto before = builder_->Build();
  Set<Cluster>(ResourceKind::kCluster, "c77", "name: c77\nconnect_timeout: 2s\n");
  const auto after = builder_->Build();
  int changes = 0;
  model::PersistentVector<model::Cluster>::ForEachChange(
      before->clusters, after->clusters, [&](uint32_t slot, const model::Cluster* was, const model::Cluster* is) {
        ++changes;
        EXPECT_EQ(slot, builder_->ClusterSlotOf("c77").index);
        EXPECT_EQ(was->config->name, "c77");
        EXPECT_EQ(is, after->FindCluster("c77"));
      });
  EXPECT_EQ(changes, 1);
  EXPECT_TRUE(before->listeners.Is(after->listeners));
}

}  // namespace
}  // namespace outrigger::config
