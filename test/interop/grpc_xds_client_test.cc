// libgrpc's own xDS client (scheme xds:), which shares no code with ours, against our control plane.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "examples/mesh/echo.grpc.pb.h"
#include "examples/mesh/grpc_server.h"
#include "source/control_plane/xds_server/grpc_server.h"
#include "source/event/dispatcher.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::control_plane {
namespace {

namespace echo = outrigger::examples::echo::v1;

ResourcePtr ApiListener() {
  return ResourceOf(absl::StrCat(
      "{\"@type\": ", kListenerType,
      ", name: shop, api_listener: {api_listener: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
      "rds: {route_config_name: shop-routes, config_source: {ads: {}}}, http_filters: [{name: router, typed_config: "
      "{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}}"));
}

ResourcePtr At(const std::string& cluster, uint32_t port) {
  return ResourceOf(absl::StrCat(
      "{\"@type\": ", kEndpointType, ", cluster_name: ", cluster,
      ", endpoints: [{locality: {region: here}, load_balancing_weight: 1, lb_endpoints: [{endpoint: {address: "
      "{socket_address: {address: 127.0.0.1, port_value: ",
      port, "}}}}]}]}"));
}

class GrpcXdsClientTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* version : {"v1", "v2"}) {
      auto backend = examples::GrpcServer::Start("127.0.0.1", 0, {.service = "shop", .version = version});
      ASSERT_TRUE(backend.ok()) << backend.status();
      backends_.push_back(*std::move(backend));
    }
    Publish("v1");
    auto server = GrpcServer::Listen(dispatcher_, core_, {.address = "127.0.0.1:0"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    loop_ = std::thread([this] {
      dispatcher_.Run();
      server_->Stop();
    });
    const std::string bootstrap = absl::StrCat(
        R"({"xds_servers": [{"server_uri": "127.0.0.1:)", server_->port(),
        R"(", "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}], "node": {"id": "client-1"}})");
    ASSERT_EQ(::setenv("GRPC_XDS_BOOTSTRAP_CONFIG", bootstrap.c_str(), 1), 0);
    stub_ = echo::Echo::NewStub(grpc::CreateChannel("xds:///shop", grpc::InsecureChannelCredentials()));
  }
  void TearDown() override {
    stub_.reset();
    dispatcher_.Stop();
    if (loop_.joinable()) loop_.join();
  }
  // Both versions exist as clusters of their own; only the one that is used is there.
  void Publish(const std::string& version) {
    auto catalog = std::make_shared<Catalog>();
    const uint32_t port = backends_[version == "v1" ? 0 : 1]->port();
    ASSERT_TRUE(catalog->AddForAll(ApiListener()));
    ASSERT_TRUE(catalog->AddForAll(RoutesTo("shop-routes", "shop-" + version)));
    ASSERT_TRUE(catalog->AddForAll(EdsCluster("shop-" + version)));
    ASSERT_TRUE(catalog->AddForAll(At("shop-" + version, port)));
    ASSERT_TRUE(catalog->Check().ok());
    core_.Publish(catalog);
  }
  void PublishFromOutside(const std::string& version) {
    dispatcher_.Post([this, version] { Publish(version); });
  }
  // Which version answers; an error as text.
  std::string Call() {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    echo::SayRequest request;
    echo::SayReply reply;
    const grpc::Status status = stub_->Say(&context, request, &reply);
    return status.ok() ? reply.version() : status.error_message();
  }

  event::Dispatcher dispatcher_{event::MakeEpollEngine()};
  XdsServer core_{dispatcher_, {}};
  std::vector<std::unique_ptr<examples::GrpcServer>> backends_;
  std::unique_ptr<GrpcServer> server_;
  std::thread loop_;
  std::unique_ptr<echo::Echo::Stub> stub_;
};

TEST_F(GrpcXdsClientTest, FindsItsBackendThroughAnApiListenerAndFollowsChangesWithoutAFailure) {
  EXPECT_EQ(Call(), "v1");
  int failed = 0;
  for (const std::string version : {"v2", "v1", "v2", "v1", "v2"}) {
    PublishFromOutside(version);
    std::string seen;
    for (int i = 0; i < 100'000 && seen != version; ++i) {
      seen = Call();
      if (seen != "v1" && seen != "v2") {
        ++failed;
        ADD_FAILURE() << seen;
        break;
      }
    }
    EXPECT_EQ(seen, version);
  }
  EXPECT_EQ(failed, 0);
  std::promise<XdsServer::Counters> counters;
  dispatcher_.Post([&] { counters.set_value(core_.counters()); });
  const XdsServer::Counters seen = counters.get_future().get();
  EXPECT_EQ(seen.events.nacks, 0u);
  EXPECT_GT(seen.events.acks, 8u);
}

}  // namespace
}  // namespace outrigger::control_plane
