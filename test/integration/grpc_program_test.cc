// gRPC programs without a sidecar (xds:///HOST, libgrpc's own client) in a mesh whose services take mutual TLS only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "examples/mesh/grpc_server.h"
#include "source/control_plane/serve/control_plane.h"
#include "source/server/dynamic/xds_configuration.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"

namespace outrigger::integration {
namespace {

using testing::HasSubstr;

constexpr char kMesh[] = R"yaml(
trust_domain: example.org
tls: STRICT
grpc_clients: [nobody]
services:
- {name: front, grpc_clients: [front-program]}
- {name: other, grpc_clients: [other-program]}
- name: shop
  callers: [front]
  workloads:
  - {node: shop-1, version: v1, address: 127.0.0.1, port: $0, application: {grpc_port: $1}}
)yaml";

constexpr char kSidecar[] = R"yaml(
node: {id: shop-1, cluster: test}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
dynamic_resources:
  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
static_resources:
  clusters:
  - name: xds
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: xds
      endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: $0}}}}]}]
)yaml";

// As docs/control-plane.md shows it.
constexpr char kProgram[] = R"json({
  "xds_servers": [{"server_uri": "127.0.0.1:$0", "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
  "node": {"id": "$1"},
  "certificate_providers": {"mesh": {"plugin_name": "file_watcher", "config": {
    "certificate_file": "$2/workload.pem", "private_key_file": "$2/key.pem", "ca_certificate_file": "$2/root.pem",
    "refresh_interval": "1s"}}}
})json";

int FreePort() {
  event::Dispatcher loop(event::MakeEpollEngine());
  auto socket = net::ListenSocket::Bind(loop.engine(), *net::Address::ParseIp("127.0.0.1", 0), {}, 1);
  EXPECT_TRUE(socket.ok()) << socket.status();
  return socket.ok() ? (*socket)->address().port() : 0;
}

class GrpcProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/outrigger-XXXXXX";  // short: Unix sockets lie in it
    ASSERT_NE(::mkdtemp(path), nullptr);
    folder_ = path;
    auto backend = examples::GrpcServer::Start("127.0.0.1", 0, {.service = "shop", .version = "v1"});
    ASSERT_TRUE(backend.ok()) << backend.status();
    backend_ = *std::move(backend);
    harness::WriteFile(folder_ + "/mesh.yaml", absl::Substitute(kMesh, FreePort(), backend_->port()));
    control_plane::ServeOptions options;
    options.mesh = folder_ + "/mesh.yaml";
    options.state = folder_ + "/state";
    options.node_sockets = folder_ + "/nodes";
    options.listen = {"127.0.0.1:0"};
    options.tls_listen = {"127.0.0.1:0"};
    control_plane_ = std::make_unique<control_plane::ControlPlane>(dispatcher_, options);
    const absl::Status started = control_plane_->Start();
    ASSERT_TRUE(started.ok()) << started;
    thread_ = std::thread([this] {
      dispatcher_.Run();
      control_plane_->Stop();
    });
    sidecar_ = std::make_unique<harness::ProxyHarness>(absl::Substitute(kSidecar, folder_ + "/nodes/shop-1.sock"),
                                                       server::Options{},
                                                       [] { return std::make_unique<server::XdsConfiguration>(); });
    ASSERT_EQ(sidecar_->error(), "");
    ASSERT_TRUE(sidecar_->WaitUntilLive());
  }
  void TearDown() override {
    sidecar_.reset();
    dispatcher_.Stop();
    if (thread_.joinable()) thread_.join();
    std::filesystem::remove_all(folder_);
  }
  void Enrol(const std::string& node) {
    control_plane::EnrollOptions options;
    options.server = absl::StrCat("127.0.0.1:", control_plane_->ports()[1]);
    options.node = node;
    options.token = *control_plane::MakeToken(folder_ + "/state", node, hours(1));
    options.root = folder_ + "/state/root.pem";
    options.out = absl::StrCat(folder_, "/", node);
    options.once = true;
    event::Dispatcher own(event::MakeEpollEngine());
    const absl::Status enrolled = control_plane::EnrollClient(own, options).Run();
    ASSERT_TRUE(enrolled.ok()) << enrolled;
  }
  // What a program that is this node gets from shop.
  std::string Call(const std::string& node) {
    const std::string bootstrap = absl::StrCat(folder_, "/", node, ".json");
    harness::WriteFile(bootstrap, absl::Substitute(kProgram, control_plane_->ports()[0], node, folder_ + "/" + node));
    return harness::Shell(
        absl::StrCat("GRPC_XDS_BOOTSTRAP=", bootstrap, " examples/mesh/call --target xds:///shop --text ahoy 2>&1"));
  }

  std::string folder_;
  std::unique_ptr<examples::GrpcServer> backend_;
  event::Dispatcher dispatcher_{event::MakeEpollEngine()};
  std::unique_ptr<control_plane::ControlPlane> control_plane_;
  std::thread thread_;
  std::unique_ptr<harness::ProxyHarness> sidecar_;
};

TEST_F(GrpcProgramTest, AProgramOfAServiceCallsAStrictServiceAsThatServiceAndPolicyHolds) {
  Enrol("front-program");
  Enrol("other-program");
  EXPECT_THAT(Call("front-program"),
              HasSubstr("service=shop version=v1 caller=spiffe://example.org/service/front text=ahoy"));
  EXPECT_THAT(Call("other-program"), HasSubstr("grpc-status=7")) << "shop names front only";
  EXPECT_GE(sidecar_->Stat("http.inbound.downstream_cx_ssl_total"), 2);
  EXPECT_THAT(Call("nobody"), HasSubstr("grpc-status=14")) << "without an identity there is no way to a strict service";
}

}  // namespace
}  // namespace outrigger::integration
