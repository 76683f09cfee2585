// libgrpc's own xDS client (scheme xds:), which shares no code with ours, against our control plane.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "examples/mesh/echo.grpc.pb.h"
#include "examples/mesh/grpc_server.h"
#include "source/control_plane/mesh/mesh_compiler.h"
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
    StartBackends();
    Publish("v1");
    Serve();
  }
  void StartBackends() {
    for (const char* version : {"v1", "v2"}) {
      auto backend = examples::GrpcServer::Start("127.0.0.1", 0, {.service = "shop", .version = version});
      ASSERT_TRUE(backend.ok()) << backend.status();
      backends_.push_back(*std::move(backend));
    }
  }
  void Serve() {
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

// The backends stand for sidecars that take plain text too.
class GrpcMeshClientTest : public GrpcXdsClientTest {
 protected:
  void SetUp() override {
    StartBackends();
    Publish(90, 10);
    Serve();
  }
  void Publish(int first, int second) {
    mesh_v1::Mesh mesh;
    const absl::Status read = ReadMesh(
        absl::StrCat("trust_domain: example.org\ngrpc_clients: [client-1]\nservices:\n- name: shop\n  tls: "
                     "PERMISSIVE\n  timeout: 5s\n  retries: {attempts: 1}\n  load_balancing: LEAST_REQUEST\n  routes:\n"
                     "  - {match: {headers: [{name: x-version, exact: v2}]}, to: [{version: v2}]}\n"
                     "  - to: [{version: v1, weight: ",
                     first, "}, {version: v2, weight: ", second, "}]\n  workloads:\n", Workload(0), Workload(1)),
        "mesh.yaml", mesh);
    ASSERT_TRUE(read.ok()) << read;
    const auto compiled = CompileMesh(mesh);
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    core_.Publish(compiled->catalog);
  }
  std::string Workload(int i) const {
    return absl::StrCat("  - {node: shop-", i, ", version: v", i + 1,
                        ", address: 127.0.0.1, port: ", backends_[i]->port(), ", application: {port: 1}}\n");
  }
};

TEST_F(GrpcMeshClientTest, ReachesAServiceOfAMeshByItsWeightsAndFollowsThem) {
  std::map<std::string, int> seen;
  for (int i = 0; i < 300; ++i) ++seen[Call()];
  EXPECT_EQ(seen["v1"] + seen["v2"], 300) << testing::PrintToString(seen);
  EXPECT_GT(seen["v1"], seen["v2"]);
  EXPECT_GT(seen["v2"], 0);
  dispatcher_.Post([this] { Publish(0, 7); });  // weights that are no percentages
  int in_a_row = 0;
  for (int i = 0; i < 100'000 && in_a_row < 50; ++i) in_a_row = Call() == "v2" ? in_a_row + 1 : 0;
  EXPECT_EQ(in_a_row, 50);
  std::promise<XdsServer::Counters> counters;
  dispatcher_.Post([&] { counters.set_value(core_.counters()); });
  EXPECT_EQ(counters.get_future().get().events.nacks, 0u);
}

}  // namespace
}  // namespace outrigger::control_plane
