// A server that is killed while it writes what it uses to disk, and started again where its control plane is not: at
// every step of every write it finds one whole configuration, the newest that was written or one that was being
// written.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "gtest/gtest.h"
#include "source/base/log.h"
#include "source/control_plane/resources/catalog.h"
#include "source/event/simulated_files.h"
#include "source/exe/extensions.h"
#include "source/server/dynamic/xds_configuration.h"
#include "source/server/worker_set.h"
#include "test/control_plane/resources_of.h"
#include "test/simulation/live/simulated_control_plane.h"

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

// Calls that nobody answers.
class NobodyThere final : public grpc::Channel {
 public:
  std::unique_ptr<grpc::ClientStream> Open(absl::string_view, grpc::StreamHandler&, const grpc::CallOptions&) override {
    return std::make_unique<Call>();
  }
  std::string Describe() const override { return "nobody"; }

 private:
  class Call final : public grpc::ClientStream {
   public:
    void Send(absl::string_view) override {}
    void EndSending() override {}
    void PauseReading() override {}
    void ResumeReading() override {}
  };
};

cp::ResourcePtr Listener() {
  return cp::ResourceOf(absl::StrCat(
      "{\"@type\": ", cp::kListenerType,
      ", name: in, address: {socket_address: {address: 10.0.0.2, port_value: 15000}}, filter_chains: [{filters: "
      "[{name: "
      "hcm, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
      "stat_prefix: in, rds: {route_config_name: r, config_source: {ads: {}}}, http_filters: [{name: router, "
      "typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]}]}"));
}

// Everything of one configuration names its number: the cluster, the port of its endpoints, the routes to it.
cp::CatalogPtr CatalogOf(int number) {
  const std::string cluster = absl::StrCat("c", number);
  auto catalog = std::make_shared<cp::Catalog>();
  for (const auto& resource :
       {cp::EdsCluster(cluster), cp::Endpoints(cluster, number), cp::RoutesTo("r", cluster), Listener()})
    EXPECT_TRUE(catalog->AddForAll(resource));
  return catalog;
}

class Machine {
 public:
  explicit Machine(uint64_t seed) : world_(seed, event::FaultPlan::None()) {
    cp::OrderingOptions ordering;
    ordering.removal_delay = milliseconds(30);
    control_plane_ = std::make_unique<SimulatedControlPlane>(world_, ordering);
    host_ = world_.AddHost({"10.0.0.2"});
    files().Put("/state/here", "");
  }
  ~Machine() {
    Stop();
    control_plane_.reset();
  }
  event::SimulatedFiles& files() { return world_.files(host_); }
  void Publish(int number) { control_plane_->Publish(CatalogOf(number)); }
  void Run(Duration time) { world_.RunFor(time); }

  // Whether it became live.
  bool Start(bool with_control_plane) {
    static const extension::FactoryTable factories = exe::AllExtensions();
    server::Options options;
    options.config_yaml = kBootstrap;
    options.concurrency = 1;
    options.last_good_dir = "/state/last-good";
    server::Surroundings around;
    around.factories = &factories;
    around.threads = false;
    around.make_engine = [this] { return world_.MakeEngine(host_); };
    around.dynamic = [this, with_control_plane] {
      return std::make_unique<server::XdsConfiguration>(
          [this, with_control_plane](event::Dispatcher& main, const envoy::config::core::v3::GrpcService&) {
            std::unique_ptr<grpc::Channel> channel = std::make_unique<NobodyThere>();
            if (with_control_plane) channel = control_plane_->MakeChannel(main);
            return absl::StatusOr<std::unique_ptr<grpc::Channel>>(std::move(channel));
          });
    };
    auto made = server::Server::Create(options, std::move(around));
    EXPECT_TRUE(made.ok()) << made.status();
    proxy_ = *std::move(made);
    world_.Attach(proxy_->dispatcher());
    const absl::Status started = proxy_->Start();
    EXPECT_TRUE(started.ok()) << started;
    for (size_t i = 0; i < proxy_->workers().size(); ++i) world_.Attach(proxy_->workers().worker(i).dispatcher());
    return world_.RunUntil([this] { return proxy_->state() == server::Server::State::kLive; }, seconds(10));
  }
  // Without a word: what is not written by now is not.
  void Stop() {
    if (proxy_ == nullptr) return;
    for (size_t i = 0; i < proxy_->workers().size(); ++i) proxy_->workers().worker(i).StopStepped();
    world_.RunFor(milliseconds(100));
    proxy_.reset();
  }
  server::LastGoodView last_good() const { return proxy_->last_good(); }
  bool FromDisk() const { return last_good().in_use; }

  // The number of the configuration that is served; -1: it is not whole.
  int Number() {
    std::string cluster;
    int port = -1;
    proxy_->builder().ForEach(config::ResourceKind::kRoutes, [&](const config::ResourceView& view) {
      const auto& routes = static_cast<const envoy::config::route::v3::RouteConfiguration&>(*view.message);
      cluster = routes.virtual_hosts(0).routes(0).route().cluster();
    });
    proxy_->builder().ForEach(config::ResourceKind::kEndpoints, [&](const config::ResourceView& view) {
      if (view.name != cluster) return;
      const auto& endpoints = static_cast<const envoy::config::endpoint::v3::ClusterLoadAssignment&>(*view.message);
      port =
          static_cast<int>(endpoints.endpoints(0).lb_endpoints(0).endpoint().address().socket_address().port_value());
    });
    const bool whole = proxy_->builder().Has(config::ResourceKind::kCluster, cluster) &&
                       proxy_->builder().Has(config::ResourceKind::kListener, "in") &&
                       cluster == absl::StrCat("c", port);
    return whole ? port : -1;
  }

 private:
  event::SimulatedWorld world_;
  std::unique_ptr<SimulatedControlPlane> control_plane_;
  int host_ = 0;
  std::unique_ptr<server::Server> proxy_;
};

TEST(RestartTest, KilledAtAnyWritePointAWholeConfigurationIsServedWithoutAControlPlane) {
  log::SetLevel(log::Level::kOff);
  // A write has four steps; the first life makes several.
  for (uint64_t step = 1; step <= 12; ++step) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      Machine machine(seed);
      machine.Publish(1);
      ASSERT_TRUE(machine.Start(true));
      machine.Run(seconds(3));
      machine.files().CrashAtWrite(step);
      int number = 1;
      while (!machine.files().crashed()) {
        ASSERT_LT(number, 20);
        machine.Publish(++number);
        machine.Run(seconds(2));
      }
      machine.Stop();
      machine.files().Restart();

      ASSERT_TRUE(machine.Start(false)) << "step " << step << " seed " << seed;
      EXPECT_TRUE(machine.FromDisk());
      const int found = machine.Number();
      EXPECT_TRUE(found == number || found == number - 1)
          << found << " of " << number << ", step " << step << " seed " << seed;
      machine.Stop();

      // And again with the control plane: its word counts.
      machine.Publish(++number);
      ASSERT_TRUE(machine.Start(true));
      machine.Run(seconds(10));
      EXPECT_FALSE(machine.FromDisk());
      EXPECT_EQ(machine.Number(), number);
    }
  }
}

TEST(RestartTest, WithoutAnswersTheFileStaysWhatTheControlPlaneLastSaid) {
  log::SetLevel(log::Level::kOff);
  Machine machine(7);
  machine.Publish(5);
  ASSERT_TRUE(machine.Start(true));
  machine.Run(seconds(3));
  machine.Stop();
  uint64_t generation = 0;
  for (int life = 0; life < 3; ++life) {
    ASSERT_TRUE(machine.Start(false));
    machine.Run(hours(2));
    EXPECT_EQ(machine.Number(), 5);
    EXPECT_GE(machine.last_good().age, hours(2) * (life + 1)) << "since it was confirmed, not since the start";
    if (life > 0) {
      EXPECT_EQ(machine.last_good().generation, generation);
    }
    generation = machine.last_good().generation;
    machine.Stop();
  }
}

TEST(RestartTest, WhileItIsConnectedAnUnchangedConfigurationIsConfirmed) {
  log::SetLevel(log::Level::kOff);
  Machine machine(9);
  machine.Publish(5);
  ASSERT_TRUE(machine.Start(true));
  machine.Run(hours(5));
  EXPECT_GE(machine.last_good().generation, 4u);
  machine.Stop();
  ASSERT_TRUE(machine.Start(false));
  EXPECT_LT(machine.last_good().age, minutes(2));
}

}  // namespace
}  // namespace outrigger::simulation
