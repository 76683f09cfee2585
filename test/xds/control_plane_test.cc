// Our client on our own HTTP/2 pools against the reference control plane on libgrpc, over real sockets.
#include "envoy/config/core/v3/grpc_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "source/control_plane/xds_server/grpc_server.h"
#include "source/grpc/google/google_channel.h"
#include "source/grpc/pool_channel.h"
#include "source/server/dynamic/grpc_transport.h"
#include "test/control_plane/resources_of.h"
#include "test/upstream/harness.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

namespace cp = control_plane;
using T = ResourceType;

class ControlPlaneTest : public testing::Test, public SourceDirectory {
 protected:
  void Serve(int port = 0) {
    core_ = std::make_unique<cp::XdsServer>(*world_.loop, cp::XdsServer::Options{});
    core_->Publish(catalog_);
    auto server = cp::GrpcServer::Listen(*world_.loop, *core_, {.address = absl::StrCat("127.0.0.1:", port)});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  void Connect() {
    world_.config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
    world_.Start(upstream::SetOf(
        {upstream::Record(*net::Address::ParseIp("127.0.0.1", static_cast<uint16_t>(server_->port())), 1)}));
    transport_ = std::make_unique<server::GrpcTransport>(MakeChannel(), outrigger::grpc::CallOptions{});
    DiscoveryStream::Options options;
    options.node.set_id("n1");
    options.backoff_most = milliseconds(100);
    graph_ = std::make_unique<StagingGraph>(*world_.loop, stats_, target_, *this);
    stream_ = std::make_unique<DiscoveryStream>(*world_.loop, *transport_, *graph_, stats_, options);
    graph_->WatchAll(T::kCluster, *stream_, seconds(15));
    graph_->WatchAll(T::kListener, *stream_, seconds(15));
    stream_->Start();
  }
  // On our own pools, or (google_) by libgrpc.
  std::unique_ptr<outrigger::grpc::Channel> MakeChannel() {
    if (!google_) return std::make_unique<outrigger::grpc::PoolChannel>(*world_.context, "c");
    envoy::config::core::v3::GrpcService service;
    service.mutable_google_grpc()->set_target_uri(absl::StrCat("127.0.0.1:", server_->port()));
    service.mutable_google_grpc()->set_stat_prefix("cp");
    auto channel = outrigger::grpc::MakeGoogleChannel(*world_.loop, service);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *std::move(channel);
  }
  ~ControlPlaneTest() override {
    stream_.reset();
    graph_.reset();
    transport_.reset();
    world_.context.reset();
    harness::Turns(*world_.loop, 5);
    if (server_ != nullptr) server_->Stop();
  }
  absl::StatusOr<Source*> SourceFor(ResourceType, const envoy::config::core::v3::ConfigSource&) override {
    return stream_.get();
  }
  void Publish(std::vector<cp::ResourcePtr> resources) {
    auto catalog = std::make_shared<cp::Catalog>();
    for (auto& resource : resources) ASSERT_TRUE(catalog->AddForAll(resource));
    catalog_ = catalog;
    if (core_ != nullptr) core_->Publish(catalog_);
  }

  bool google_ = false;
  upstream::World world_;
  cp::CatalogPtr catalog_ = std::make_shared<cp::Catalog>();
  std::unique_ptr<cp::XdsServer> core_;
  std::unique_ptr<cp::GrpcServer> server_;
  observe::StatsRegistry stats_;
  std::unique_ptr<server::GrpcTransport> transport_;
  RecordingTarget target_;
  std::unique_ptr<StagingGraph> graph_;
  std::unique_ptr<DiscoveryStream> stream_;
};

TEST_F(ControlPlaneTest, AListenerItsRoutesClusterAndEndpointsComeOverOneStreamAndChangeLive) {
  Publish({cp::EdsCluster("a"), cp::Endpoints("a", 1), cp::ListenerWith("in", "r"), cp::RoutesTo("r", "a")});
  Serve();
  Connect();
  ASSERT_TRUE(world_.Until([&] { return target_.Has(T::kListener, "in"); }));
  EXPECT_EQ(target_.active.size(), 4u);
  const std::string before = target_.VersionOf(T::kEndpoints, "a");
  Publish({cp::EdsCluster("a"), cp::Endpoints("a", 2), cp::ListenerWith("in", "r"), cp::RoutesTo("r", "a")});
  ASSERT_TRUE(world_.Until([&] { return target_.VersionOf(T::kEndpoints, "a") != before; }));
  // To another cluster: made before the routes move, the old one broken after.
  Publish({cp::EdsCluster("b"), cp::Endpoints("b", 3), cp::ListenerWith("in", "r"), cp::RoutesTo("r", "b")});
  ASSERT_TRUE(world_.Until([&] { return target_.Has(T::kCluster, "b") && !target_.Has(T::kCluster, "a"); }));
  EXPECT_EQ(stream_->counters().refused.value(), 0u);
  EXPECT_EQ(stream_->counters().stream_ends.value(), 0u);
}

TEST_F(ControlPlaneTest, GoogleGrpcCarriesTheSameStream) {
  google_ = true;
  Publish({cp::EdsCluster("a"), cp::Endpoints("a", 1), cp::ListenerWith("in", "r"), cp::RoutesTo("r", "a")});
  Serve();
  Connect();
  ASSERT_TRUE(world_.Until([&] { return target_.Has(T::kListener, "in"); }));
  EXPECT_TRUE(stream_->connected());
  Publish({cp::EdsCluster("b"), cp::Endpoints("b", 3), cp::ListenerWith("in", "r"), cp::RoutesTo("r", "b")});
  ASSERT_TRUE(world_.Until([&] { return target_.Has(T::kCluster, "b") && !target_.Has(T::kCluster, "a"); }));
  server_->Stop();
  server_.reset();
  ASSERT_TRUE(world_.Until([&] { return stream_->counters().stream_ends.value() > 0; }));
}

TEST_F(ControlPlaneTest, ARestartOfTheControlPlaneLosesNothingAndItsChangesArrive) {
  Publish({cp::EdsCluster("a"), cp::Endpoints("a", 1)});
  Serve();
  Connect();
  ASSERT_TRUE(world_.Until([&] { return target_.Has(T::kCluster, "a"); }));
  const int port = server_->port();
  server_->Stop();
  server_.reset();
  core_.reset();
  ASSERT_TRUE(world_.Until([&] { return stream_->counters().stream_ends.value() > 0; }));
  EXPECT_TRUE(target_.Has(T::kCluster, "a"));
  Publish({cp::EdsCluster("a"), cp::Endpoints("a", 1), cp::EdsCluster("b"), cp::Endpoints("b", 1)});
  Serve(port);
  ASSERT_TRUE(world_.Until([&] { return target_.Has(T::kCluster, "b"); }));
  EXPECT_TRUE(
      std::none_of(target_.log.begin(), target_.log.end(), [](const std::string& line) { return line[0] == '-'; }));
}

TEST_F(ControlPlaneTest, ARefusalReachesTheControlPlaneWithItsReason) {
  target_.refuse.insert("a");
  Publish({cp::EdsCluster("a"), cp::Endpoints("a", 1)});
  Serve();
  Connect();
  ASSERT_TRUE(world_.Until([&] { return stream_->counters().refused.value() > 0; }));
  target_.refuse.clear();
  Publish({cp::EdsCluster("a", "2s"), cp::Endpoints("a", 1)});
  ASSERT_TRUE(world_.Until([&] { return target_.Has(T::kCluster, "a"); }));
}

}  // namespace
}  // namespace outrigger::xds
