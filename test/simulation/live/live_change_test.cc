// Configuration of every type changes under load, and streams to the control plane break, in simulated meshes: a whole
// server, configured over ADS by the core of the control plane. No call may fail, and none is tried twice.
#include <stdio.h>

#include <array>

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
#include "test/simulation/proxy/hop.h"
#include "test/simulation/proxy/load.h"
#include "test/simulation/proxy/seeds.h"

namespace outrigger::simulation {
namespace {

namespace cp = control_plane;

// What the numbers are at, and what that is in the API's words.
struct State {
  int clusters = 1, settings = 1, routes = 1, listeners = 1, secrets = 1;
  std::vector<size_t> endpoints = {0, 1, 2};  // of the servers
  bool server_http2 = false;
  bool broken = false;  // routes name a cluster that comes with the next change
  std::string chain, key;

  static constexpr char kAds[] = "{ads: {}, resource_api_version: V3}";
  std::string cluster() const { return absl::StrCat("c", clusters); }
  cp::ResourcePtr Cluster() const {
    const std::string protocol = absl::StrCat(
        ", typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {\"@type\": "
        "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: ",
        server_http2 ? "{http2_protocol_options: {}}}}" : "{http_protocol_options: {enable_trailers: true}}}}");
    return cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kClusterType, ", name: ", cluster(),
                                       ", connect_timeout: 5s, type: EDS, eds_cluster_config: {eds_config: ", kAds,
                                       "}, circuit_breakers: {thresholds: [{max_requests: ", 5000 + settings,
                                       ", max_connections: 5000, max_pending_requests: 5000}]}", protocol, "}"));
  }
  cp::ResourcePtr Endpoints() const {
    std::vector<std::string> all;
    for (const size_t i : endpoints)
      all.push_back(
          absl::StrCat("{endpoint: {address: {socket_address: {address: 10.0.0.4, port_value: ", 8000 + i, "}}}}"));
    return cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kEndpointType, ", cluster_name: ", cluster(),
                                       ", endpoints: [{lb_endpoints: [", absl::StrJoin(all, ", "), "]}]}"));
  }
  cp::ResourcePtr Routes() const {
    return cp::ResourceOf(
        absl::StrCat("{\"@type\": ", cp::kRouteType,
                     ", name: r, virtual_hosts: [{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: "
                     "{cluster: ",
                     cluster(), ", timeout: 0s}}], response_headers_to_add: [{header: {key: x-version, value: '",
                     routes, "'}}]}]}"));
  }
  cp::ResourcePtr Listener(bool tls) const {
    const std::string socket = absl::StrCat(
        ", transport_socket: {name: tls, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: "
        "{alpn_protocols: "
        "[h2, http/1.1], tls_certificate_sds_secret_configs: [{name: own, sds_config: ",
        kAds, "}]}}}");
    return cp::ResourceOf(absl::StrCat(
        "{\"@type\": ", cp::kListenerType, ", name: ", tls ? "secure" : "plain",
        ", address: {socket_address: {address: 10.0.0.2, port_value: ", tls ? 15001 : 15000,
        "}}, filter_chains: [{filters: [{name: hcm, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
        "stat_prefix: x, http_protocol_options: {enable_trailers: true}, "
        "server_name: v",
        listeners, ", rds: {route_config_name: r, config_source: ", kAds,
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
    for (const auto& resource : {Cluster(), Endpoints(), Routes(), Listener(false), Listener(true), Secret()}) {
      if (broken && (resource->type_url == cp::kClusterType || resource->type_url == cp::kEndpointType)) continue;
      EXPECT_TRUE(catalog->AddForAll(resource));
    }
    return catalog;
  }
};

enum Change : size_t { kRoutes, kEndpoints, kClusters, kSettings, kListeners, kSecrets, kLostStream, kChanges };

class LiveMesh {
 public:
  LiveMesh(uint64_t seed, bool make_before_break)
      : seeded_(seed),
        dice_(seed * 5 + 1),
        make_before_break_(make_before_break),
        world_(seed),
        clock_(world_),
        authority_(world_.wall_now()) {
    cp::OrderingOptions ordering;
    ordering.make_before_break = make_before_break;
    ordering.removal_delay = milliseconds(30);
    control_plane_ = std::make_unique<SimulatedControlPlane>(world_, ordering);
    MakeServers();
    NewCertificate();
    control_plane_->Publish(state_.Catalog());
    MakeProxy();
  }
  ~LiveMesh() {
    tick_timer_.Disarm();
    callers_.clear();
    if (proxy_ != nullptr) {
      for (size_t i = 0; i < proxy_->workers().size(); ++i) proxy_->workers().worker(i).StopStepped();
      world_.RunFor(seconds(1));
      proxy_.reset();
    }
    servers_.clear();
    control_plane_.reset();
  }

  std::vector<std::string> Run() {
    if (!world_.RunUntil([this] { return proxy_->state() == server::Server::State::kLive; }, minutes(1)))
      return {"the proxy does not go live"};
    world_.RunFor(milliseconds(10));
    MakeCallers();
    client_loop_->Arm(tick_timer_, milliseconds(1));
    std::vector<std::string> problems;
    if (!world_.RunUntil([this] { return CallersDone(); }, minutes(20))) problems.push_back("hangs");
    tick_timer_.Disarm();
    if (score_.failed() > 0) problems.push_back("calls failed");
    if (!score_.wrong.empty()) problems.push_back("wrong answers");
    // What was published last is what is in use in the end; nothing was refused on the way.
    const auto agree = [this] {
      return proxy_->builder().Has(config::ResourceKind::kCluster, state_.cluster()) && ClusterCount() == 1;
    };
    if (!world_.RunUntil(agree, minutes(1))) problems.push_back(absl::StrCat(ClusterCount(), " clusters in the end"));
    const auto& events = control_plane_->core().counters().events;
    if (events.nacks != 0) problems.push_back("something was refused");
    return problems;
  }
  const Score& score() const { return score_; }
  int made(Change change) const { return made_[change]; }
  std::string Describe(uint64_t seed) const {
    return absl::StrCat("seed ", seed, ", servers ", state_.server_http2 ? "h2" : "h1", ", workers ", workers_,
                        ", changes ", absl::StrJoin(made_, " "), "; ", score_.ToString(), "\n", history_);
  }

 private:
  void MakeServers() {
    server_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.4"}));
    state_.server_http2 = dice_.OneIn(2);
    for (uint16_t i = 0; i < 4; ++i) {
      TestServer::Options options;
      options.protocol = state_.server_http2 ? http::Protocol::kHttp2 : http::Protocol::kHttp11;
      options.answer = AnswerWant;
      servers_.push_back(std::make_unique<TestServer>(
          *server_loop_, *net::Address::ParseIp("10.0.0.4", static_cast<uint16_t>(8000 + i)), options));
    }
  }
  void NewCertificate() {
    const tls::CertificateSpec made = authority_.Dns("live.test");
    state_.chain = made.chain_pem;
    state_.key = std::string(made.key_pem.view());
  }
  void MakeProxy() {
    static const extension::FactoryTable factories = exe::AllExtensions();
    const int host = world_.AddHost({"10.0.0.2"});
    server::Options options;
    options.config_yaml = R"yaml(
node: {id: n1, cluster: test}
dynamic_resources:
  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{google_grpc: {target_uri: cp, stat_prefix: cp}}]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
)yaml";
    options.concurrency = workers_ = static_cast<uint32_t>(1 + dice_.Below(3));
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
  void MakeCallers() {
    client_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.1"}));
    tls::ClientSpec spec;
    spec.validation = authority_.Trusting();
    spec.sni = "live.test";
    client_tls_ = *tls::ClientContext::Build(spec);
    const size_t count = 3 + dice_.Below(3);
    for (size_t i = 0; i < count; ++i) {
      LoadOptions options;
      const bool secure = dice_.OneIn(3);
      options.target = *net::Address::ParseIp("10.0.0.2", secure ? 15001 : 15000);
      if (secure) options.tls = client_tls_;
      options.seed = dice_.Next();
      options.protocol = dice_.OneIn(2) ? http::Protocol::kHttp2 : http::Protocol::kHttp11;
      options.at_once = options.protocol == http::Protocol::kHttp2 ? static_cast<uint32_t>(1 + dice_.Below(8)) : 1;
      options.calls = 60;
      options.most_body = 30'000;
      options.think = milliseconds(8);
      callers_.push_back(std::make_unique<Caller>(*client_loop_, options, score_));
    }
  }
  bool CallersDone() const {
    for (const auto& caller : callers_) {
      if (!caller->done()) return false;
    }
    return true;
  }
  size_t ClusterCount() {
    size_t n = 0;
    proxy_->builder().ForEach(config::ResourceKind::kCluster, [&](const config::ResourceView&) { ++n; });
    return n;
  }
  void Tick() {
    if (CallersDone()) return;
    const auto change = static_cast<Change>(dice_.Below(kChanges));
    ++made_[change];
    Make(change);
    state_.broken = !make_before_break_ && change == kClusters;
    if (change != kLostStream) control_plane_->Publish(state_.Catalog());
    absl::StrAppend(&history_, ToMillis(world_.now().time_since_epoch()), " ms: change ", static_cast<int>(change),
                    "\n");
    client_loop_->Arm(tick_timer_, microseconds(dice_.OneIn(4) ? 100 : 1000 + dice_.Below(60'000)));
  }
  void Make(Change change) {
    switch (change) {
      case kRoutes:
        ++state_.routes;
        return;
      case kClusters:
        ++state_.clusters;
        return;
      case kSettings:
        ++state_.settings;
        return;
      case kListeners:
        ++state_.listeners;
        return;
      case kSecrets:
        ++state_.secrets;
        return NewCertificate();
      case kEndpoints: {  // the oldest goes, another comes
        const size_t next = (state_.endpoints.back() + 1) % servers_.size();
        state_.endpoints.erase(state_.endpoints.begin());
        state_.endpoints.push_back(next);
        return;
      }
      default:
        return control_plane_->EndStreams();
    }
  }

  tls::SeededRandom seeded_;
  Random dice_;
  const bool make_before_break_;
  event::SimulatedWorld world_;
  ClockOf clock_;
  tls::TestAuthority authority_;
  State state_;
  std::unique_ptr<SimulatedControlPlane> control_plane_;
  std::unique_ptr<event::Dispatcher> server_loop_, client_loop_;
  std::vector<std::unique_ptr<TestServer>> servers_;
  std::unique_ptr<server::Server> proxy_;
  std::shared_ptr<const tls::ClientContext> client_tls_;
  Score score_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::array<int, kChanges> made_{};
  uint32_t workers_ = 1;
  std::string history_;
  event::Timer tick_timer_{[this] { Tick(); }};
};

TEST(LiveChangeTest, NoCallFailsWhileTheControlPlaneChangesEverything) {
  log::SetLevel(log::Level::kOff);
  const Seeds seeds = SeedsToTry(40);
  int calls = 0;
  std::array<int, kChanges> made{};
  TrySeeds(seeds, [&](uint64_t seed) -> std::string {
    LiveMesh mesh(seed, /*make_before_break=*/true);
    const std::vector<std::string> problems = mesh.Run();
    calls += mesh.score().right;
    for (size_t i = 0; i < kChanges; ++i) made[i] += mesh.made(static_cast<Change>(i));
    return problems.empty() ? "" : absl::StrCat(absl::StrJoin(problems, "; "), "\n", mesh.Describe(seed));
  });
  for (size_t i = 0; i < kChanges && seeds.many(); ++i) EXPECT_GT(made[i], static_cast<int>(seeds.count) / 4) << i;
  printf(
      "%d calls; changes: %d of routes, %d of endpoints, %d of clusters, %d of their settings, %d of listeners, %d of "
      "secrets; %d "
      "streams lost\n",
      calls, made[kRoutes], made[kEndpoints], made[kClusters], made[kSettings], made[kListeners], made[kSecrets],
      made[kLostStream]);
}

// The proof that the test above can see it: without the order, and with new routes before their cluster, calls fail.
// (The order alone is not enough: a cluster that goes while routes name it stays until they do not.)
TEST(LiveChangeTest, WithoutMakeBeforeBreakCallsFail) {
  log::SetLevel(log::Level::kOff);
  int seen = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    LiveMesh mesh(seed, /*make_before_break=*/false);
    mesh.Run();
    for (const auto& [what, n] : mesh.score().failures) seen += what.rfind("503", 0) == 0 ? n : 0;
  }
  EXPECT_GT(seen, 5);
}

}  // namespace
}  // namespace outrigger::simulation
