// The memory of a server, and of the control plane that configures it, does not depend on how often its configuration
// has changed: for each type of resource the same number of bytes lives after hundreds of changes more.
#include <malloc.h>
#include <stdio.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "source/base/log.h"
#include "source/control_plane/resources/catalog.h"
#include "source/exe/extensions.h"
#include "source/server/dynamic/xds_configuration.h"
#include "source/server/worker_set.h"
#include "test/control_plane/resources_of.h"
#include "test/simulation/live/simulated_control_plane.h"
#include "test/tls/authority.h"

namespace outrigger::simulation {
namespace {

namespace cp = control_plane;

constexpr char kBootstrap[] = R"yaml(
node: {id: n1, cluster: test}
dynamic_resources:
  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{google_grpc: {target_uri: cp, stat_prefix: cp}}]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
)yaml";
constexpr char kAds[] = "{ads: {}, resource_api_version: V3}";

// Bytes that somebody has allocated and not freed.
int64_t Live() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

// Resources by the numbers of their versions. Each number is of five digits, so that versions are of one size.
struct Numbers {
  int routes = 10000, endpoints = 10000, clusters = 10000, settings = 10000, listeners = 10000, extra = 10000;
  std::string chain, key;

  std::string cluster() const { return absl::StrCat("c", clusters); }
  cp::ResourcePtr Cluster() const {
    return cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kClusterType, ", name: ", cluster(),
                                       ", connect_timeout: 5s, type: EDS, eds_cluster_config: {eds_config: ", kAds,
                                       "}, circuit_breakers: {thresholds: [{max_requests: ", settings, "}]}}"));
  }
  cp::ResourcePtr Endpoints() const {
    return cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kEndpointType, ", cluster_name: ", cluster(),
                                       ", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: "
                                       "10.0.0.4, port_value: ",
                                       endpoints, "}}}}]}]}"));
  }
  cp::ResourcePtr Routes() const {
    return cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kRouteType,
                                       ", name: r, virtual_hosts: [{name: all, domains: ['*'], routes: [{match: "
                                       "{prefix: /}, route: {cluster: ",
                                       cluster(), "}}], response_headers_to_add: [{header: {key: x-version, value: '",
                                       routes, "'}}]}]}"));
  }
  cp::ResourcePtr Listener(const std::string& name, int port, bool tls) const {
    const std::string socket = absl::StrCat(
        ", transport_socket: {name: tls, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: "
        "{tls_certificate_sds_secret_configs: [{name: own, sds_config: ",
        kAds, "}]}}}");
    return cp::ResourceOf(absl::StrCat(
        "{\"@type\": ", cp::kListenerType, ", name: ", name,
        ", address: {socket_address: {address: 10.0.0.2, port_value: ", port,
        "}}, filter_chains: [{filters: [{name: hcm, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
        "stat_prefix: ",
        name, ", server_name: v", listeners, ", rds: {route_config_name: r, config_source: ", kAds,
        "}, http_filters: [{name: router, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]",
        tls ? socket : "", "}]}"));
  }
  cp::ResourcePtr Secret() const {
    return cp::ResourceOf(absl::StrCat(
        "{\"@type\": ", cp::kSecretType, ", name: own, tls_certificate: {certificate_chain: {inline_string: \"",
        absl::StrJoin(absl::StrSplit(chain, '\n'), "\\n"), "\"}, private_key: {inline_string: \"",
        absl::StrJoin(absl::StrSplit(key, '\n'), "\\n"), "\"}}}"));
  }
  cp::CatalogPtr Catalog() const {
    auto catalog = std::make_shared<cp::Catalog>();
    for (const auto& resource :
         {Cluster(), Endpoints(), Routes(), Listener("plain", 15000, false), Listener("secure", 15001, true), Secret()})
      EXPECT_TRUE(catalog->AddForAll(resource));
    // Comes and goes, with a name and an address of its own each time.
    if (extra % 2 == 1) {
      EXPECT_TRUE(catalog->AddForAll(Listener(absl::StrCat("extra", extra), extra, false)));
    }
    return catalog;
  }
};

class Mesh {
 public:
  Mesh() : world_(1, event::FaultPlan::None()), authority_(world_.wall_now()) {
    cp::OrderingOptions ordering;
    ordering.removal_delay = milliseconds(30);
    control_plane_ = std::make_unique<SimulatedControlPlane>(world_, ordering);
    NewCertificate();
    control_plane_->Publish(now_.Catalog());
    MakeProxy();
  }
  ~Mesh() {
    if (proxy_ == nullptr) return;
    for (size_t i = 0; i < proxy_->workers().size(); ++i) proxy_->workers().worker(i).StopStepped();
    world_.RunFor(seconds(1));
    proxy_.reset();
    control_plane_.reset();
  }
  bool Begin() {
    return world_.RunUntil([this] { return proxy_->state() == server::Server::State::kLive; }, minutes(1));
  }
  // Each is published, and there is time for all that it causes.
  void Make(void (*change)(Numbers&), int times) {
    for (int i = 0; i < times; ++i) {
      if (change == nullptr) {
        NewCertificate();
      } else {
        change(now_);
      }
      control_plane_->Publish(now_.Catalog());
      world_.RunFor(milliseconds(200));
    }
    world_.RunFor(seconds(20));  // drained connections, timers of statistics
  }
  // The last version of everything is in use, and nothing was refused.
  void ExpectAllInUse() {
    EXPECT_EQ(control_plane_->core().counters().events.nacks, 0u);
    std::map<std::string, std::string> in_use;
    for (const auto kind :
         {config::ResourceKind::kCluster, config::ResourceKind::kEndpoints, config::ResourceKind::kRoutes,
          config::ResourceKind::kListener, config::ResourceKind::kSecret}) {
      proxy_->builder().ForEach(kind, [&](const config::ResourceView& view) {
        in_use[absl::StrCat(static_cast<int>(kind), " ", view.name)] = view.message->SerializeAsString();
      });
    }
    EXPECT_EQ(in_use.size(), 6u);
    for (const auto& resource : {now_.Cluster(), now_.Endpoints(), now_.Routes(), now_.Listener("plain", 15000, false),
                                 now_.Listener("secure", 15001, true), now_.Secret()}) {
      bool found = false;
      for (const auto& [name, bytes] : in_use) found |= bytes == resource->bytes;
      EXPECT_TRUE(found) << resource->name;
    }
  }

 private:
  void NewCertificate() {
    const tls::CertificateSpec made = authority_.Dns("live.test");
    now_.chain = made.chain_pem;
    now_.key = std::string(made.key_pem.view());
  }
  void MakeProxy() {
    static const extension::FactoryTable factories = exe::AllExtensions();
    const int host = world_.AddHost({"10.0.0.2"});
    server::Options options;
    options.config_yaml = kBootstrap;
    options.concurrency = 2;
    server::Surroundings around;
    around.factories = &factories;
    around.threads = false;
    around.make_engine = [this, host] { return world_.MakeEngine(host); };
    around.dynamic = [this] {
      return std::make_unique<server::XdsConfiguration>(
          [this](event::Dispatcher& main, const envoy::config::core::v3::GrpcService&) {
            return absl::StatusOr<std::unique_ptr<grpc::Channel>>(control_plane_->MakeChannel(main));
          });
    };
    auto made = server::Server::Create(options, std::move(around));
    ASSERT_TRUE(made.ok()) << made.status();
    proxy_ = *std::move(made);
    world_.Attach(proxy_->dispatcher());
    const absl::Status started = proxy_->Start();
    ASSERT_TRUE(started.ok()) << started;
    for (size_t i = 0; i < proxy_->workers().size(); ++i) world_.Attach(proxy_->workers().worker(i).dispatcher());
  }

  event::SimulatedWorld world_;
  tls::TestAuthority authority_;
  Numbers now_;
  std::unique_ptr<SimulatedControlPlane> control_plane_;
  std::unique_ptr<server::Server> proxy_;
};

struct Kind {
  const char* name;
  void (*change)(Numbers&);  // null: a new certificate
};

class MemoryTest : public testing::TestWithParam<Kind> {};

TEST_P(MemoryTest, IsTheSameAfterHundredsOfChangesMore) {
#ifdef OUTRIGGER_SANITIZED
  GTEST_SKIP() << "the sanitizers keep freed memory, and mallinfo knows nothing of it";
#endif
  log::SetLevel(log::Level::kOff);
  // Names that are no longer used keep their counts, up to a number; certificates differ in size by some bytes, and
  // what once held the largest stays as large.
  constexpr int kWarmUp = 256;
  constexpr int kChanges = 128;
  constexpr int64_t kNoise = 4096;  // the allocator's own lists, capacities of containers
  Mesh mesh;
  ASSERT_TRUE(mesh.Begin());
  mesh.Make(GetParam().change, kWarmUp);
  const int64_t before = Live();
  mesh.Make(GetParam().change, kChanges);
  const int64_t half = Live();
  mesh.Make(GetParam().change, kChanges);
  const int64_t after = Live();
  mesh.ExpectAllInUse();
  printf("%s: %+ld and %+ld bytes after %d changes each, of %ld\n", GetParam().name, static_cast<long>(half - before),
         static_cast<long>(after - half), kChanges, static_cast<long>(before));
  EXPECT_LE(after - half, kNoise) << "per change: " << static_cast<double>(after - half) / kChanges;
}

INSTANTIATE_TEST_SUITE_P(Each, MemoryTest,
                         testing::Values(Kind{"Routes", [](Numbers& n) { ++n.routes; }},
                                         Kind{"Endpoints", [](Numbers& n) { ++n.endpoints; }},
                                         Kind{"Clusters", [](Numbers& n) { ++n.clusters; }},
                                         Kind{"ClusterSettings", [](Numbers& n) { ++n.settings; }},
                                         Kind{"Listeners", [](Numbers& n) { ++n.listeners; }},
                                         Kind{"ListenersThatComeAndGo", [](Numbers& n) { ++n.extra; }},
                                         Kind{"Secrets", nullptr}),
                         [](const testing::TestParamInfo<Kind>& info) { return info.param.name; });

}  // namespace
}  // namespace outrigger::simulation
