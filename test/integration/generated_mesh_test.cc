// A mesh of 50 services as the proxy takes it: every resource of every node through the configuration's builder, then a
// few of its sidecars as whole servers with traffic between them.
#include "test/control_plane/generated_mesh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "source/config/snapshot_builder.h"
#include "source/control_plane/authority/workload_secrets.h"
#include "source/control_plane/mesh/mesh_compiler.h"
#include "source/control_plane/serve/control_plane.h"
#include "source/exe/extensions.h"
#include "source/observe/access_log.h"
#include "source/schema/typed_struct.h"
#include "source/server/dynamic/xds_configuration.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"

namespace outrigger::integration {
namespace {

using control_plane::GeneratedMesh;
using control_plane::GeneratedName;
using control_plane::GeneratedNode;
using control_plane::GeneratedPlace;
using control_plane::kGeneratedServices;
using control_plane::kGeneratedVersions;
using harness::Shell;

// /tmp and not the test's own folder, whose path is too long for Unix sockets.
class Folder {
 public:
  Folder() {
    char path[] = "/tmp/outrigger-XXXXXX";
    if (::mkdtemp(path) != nullptr) path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class GeneratedMeshConfig : public testing::Test {
 protected:
  std::unique_ptr<config::SnapshotBuilder> MakeBuilder() {
    return std::make_unique<config::SnapshotBuilder>(environment_);
  }

  // In the order in which a stream would bring them. Counts what was set.
  int SetAll(config::SnapshotBuilder& builder, const control_plane::Snapshot& snapshot) {
    namespace cp = control_plane;
    int set = 0;
    for (const absl::string_view type :
         {cp::kSecretType, cp::kClusterType, cp::kEndpointType, cp::kRouteType, cp::kListenerType}) {
      for (const auto& [name, resource] : snapshot.Of(type).all()) {
        if (!done_.insert(resource.get()).second) continue;
        google::protobuf::Any any;
        any.set_type_url(resource->type_url);
        any.set_value(resource->bytes);
        auto message = schema::UnpackAny(any);
        if (!message.ok()) {
          ADD_FAILURE() << name << ": " << message.status();
          continue;
        }
        const auto result = builder.Set(**message, {resource->version, false});
        EXPECT_TRUE(result.ok()) << name << ": " << result.status();
        ++set;
      }
    }
    return set;
  }

  event::Dispatcher dispatcher_{event::MakeEpollEngine()};
  observe::StatsRegistry stats_;
  tls::ContextStore tls_;
  observe::DirectAccessLogFiles logs_{
      stats_, [](absl::string_view, absl::string_view bytes) { return static_cast<int64_t>(bytes.size()); }};
  std::vector<std::string> warnings_;
  const extension::FactoryTable factories_ = exe::AllExtensions();
  config::Environment environment_{
      dispatcher_.engine(), stats_, tls_, logs_, factories_, [this](const std::string& w) { warnings_.push_back(w); }};
  std::set<const control_plane::Resource*> done_;
};

TEST_F(GeneratedMeshConfig, TheProxyAcceptsEveryResourceOfEveryNodeWithoutAWarning) {
  const Folder folder;
  auto authority = control_plane::Authority::Open(dispatcher_, folder.path() + "/state");
  ASSERT_TRUE(authority.ok()) << authority.status();
  control_plane::WorkloadSecrets secrets(dispatcher_, **authority, hours(1), [] {});
  control_plane::mesh_v1::Mesh mesh;
  const absl::Status read = control_plane::ReadMesh(GeneratedMesh(), "generated.yaml", mesh);
  ASSERT_TRUE(read.ok()) << read;
  const auto compiled = control_plane::CompileMesh(mesh);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  auto builder = MakeBuilder();
  int set = 0, nodes = 0;
  for (const auto& [node, identity] : compiled->identities) {
    control_plane::Snapshot snapshot = *compiled->catalog->For({node, ""});
    secrets.AddTo(node, identity, snapshot);
    // What is the same for all nodes is set once; each node's own replaces the one before.
    set += SetAll(*builder, snapshot);
    ++nodes;
    const auto built = builder->Build();
    ASSERT_NE(built, nullptr);
  }
  EXPECT_EQ(nodes, kGeneratedServices * kGeneratedVersions);
  // Clusters and endpoints of 50 services, whole and in three versions, routes and roots; per node: two listeners, one
  // application cluster (two for v2), a certificate.
  EXPECT_EQ(set, 50 * 4 * 2 + 2 + 150 * 4 + 50);
  EXPECT_THAT(warnings_, testing::IsEmpty());
}

int FreePort(const char* address) {
  const auto at = net::Address::ParseIp(address, 0);
  event::Dispatcher loop(event::MakeEpollEngine());
  auto socket = net::ListenSocket::Bind(loop.engine(), *at, {}, 1);
  EXPECT_TRUE(socket.ok()) << socket.status();
  return socket.ok() ? (*socket)->address().port() : 0;
}

constexpr char kBootstrap[] = R"yaml(
node: {id: $0, cluster: test}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
dynamic_resources:
  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
static_resources:
  clusters:
  - name: xds
    type: STATIC
    connect_timeout: 2s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: xds
      endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: $1}}}}]}]
)yaml";

// The control plane with its mesh file, on a thread of its own.
class ServedMesh {
 public:
  ServedMesh(const std::string& folder, const std::string& mesh) {
    harness::WriteFile(folder + "/mesh.yaml", mesh);
    control_plane::ServeOptions options;
    options.mesh = folder + "/mesh.yaml";
    options.state = folder + "/state";
    options.node_sockets = folder + "/nodes";
    control_plane_ = std::make_unique<control_plane::ControlPlane>(dispatcher_, options);
    const absl::Status started = control_plane_->Start();
    EXPECT_TRUE(started.ok()) << started;
    thread_ = std::thread([this] {
      dispatcher_.Run();
      control_plane_->Stop();
    });
  }
  ~ServedMesh() {
    dispatcher_.Stop();
    thread_.join();
  }

 private:
  event::Dispatcher dispatcher_{event::MakeEpollEngine()};
  std::unique_ptr<control_plane::ControlPlane> control_plane_;
  std::thread thread_;
};

struct Answer {
  int status = 0;
  std::string body;
};

class GeneratedMeshTraffic : public testing::Test {
 protected:
  using Key = std::pair<int, int>;  // service, version

  GeneratedPlace PlaceOf(int service, int version) {
    GeneratedPlace place;
    place.address = service % 2 == 0 ? "::1" : "127.0.0.1";
    place.uid = service % 4 == 0 ? static_cast<int>(::geteuid()) : -1;  // some by peer user, the others by path
    const auto known = upstreams_.find({service, version});
    if (known == upstreams_.end()) {
      // Nobody is there.
      place.port = 1 + service * kGeneratedVersions + version;
      return place;
    }
    place.port = FreePort(place.address.c_str());
    place.outbound = FreePort("127.0.0.1");
    place.application = known->second->port();
    return place;
  }
  void StartSidecar(Key key) {
    const std::string node = GeneratedNode(key.first, key.second);
    auto proxy = std::make_unique<harness::ProxyHarness>(
        absl::Substitute(kBootstrap, node, absl::StrCat(folder_.path(), "/nodes/", node, ".sock")), server::Options{},
        [] { return std::make_unique<server::XdsConfiguration>(); });
    ASSERT_EQ(proxy->error(), "") << node;
    ASSERT_TRUE(proxy->WaitUntilLive()) << node;
    for (const char* counter : {"cluster_manager.cds.update_rejected", "listener_manager.lds.update_rejected"}) {
      EXPECT_EQ(proxy->Stat(counter), 0) << node << " " << counter;
    }
    proxies_[key] = std::move(proxy);
  }
  // As the application of n-0.1: many requests of one curl, over its sidecar's outbound listener.
  std::map<std::string, int> Ask(int service, const std::string& path, int times, const std::string& more = "") {
    const std::string url =
        absl::StrCat("http://127.0.0.1:", proxies_[{0, 1}]->port("outbound"), path, "?[1-", times, "]");
    const std::string said = Shell(absl::StrCat("curl -s -m 30 ", more, " -H 'host: ", GeneratedName(service),
                                                "' -w '|%{http_code}\n' '", url, "'"));
    std::map<std::string, int> seen;
    size_t at = 0;
    while (at < said.size()) {
      const size_t end = said.find('\n', at);
      ++seen[said.substr(at, end == std::string::npos ? end : end - at)];
      at = end == std::string::npos ? said.size() : end + 1;
    }
    return seen;
  }

  Folder folder_;
  std::map<Key, std::unique_ptr<harness::HttpUpstream>> upstreams_;
  std::map<Key, std::unique_ptr<harness::ProxyHarness>> proxies_;
};

TEST_F(GeneratedMeshTraffic, SidecarsOfItCarryRequestsOverIpv4AndIpv6ByVersionAndPolicy) {
  // 0 calls: 1 takes calls of itself only, 2 (IPv6) of everybody but some paths only, 3 (IPv4) anything.
  const std::vector<Key> running = {{0, 1}, {1, 1}, {1, 3}, {2, 1}, {2, 3}, {3, 1}, {3, 3}};
  for (const Key& key : running) {
    upstreams_[key] =
        std::make_unique<harness::HttpUpstream>(GeneratedNode(key.first, key.second), http::Protocol::kHttp11);
  }
  ServedMesh served(folder_.path(),
                    GeneratedMesh([this](int service, int version) { return PlaceOf(service, version); }));
  for (const Key& key : running) StartSidecar(key);

  for (const int service : {2, 3}) {
    const std::string first = absl::StrCat(GeneratedNode(service, 1), "|200"),
                      third = absl::StrCat(GeneratedNode(service, 3), "|200");
    auto seen = Ask(service, "/a", 400);
    EXPECT_EQ(seen[first] + seen[third], 400) << testing::PrintToString(seen);
    EXPECT_GE(seen[first], 1) << "5 of 100 go to v1";
    EXPECT_GE(seen[third], 300);
    seen = Ask(service, "/b/v3", 20, "-X POST -H 'x-v: v3'");
    EXPECT_EQ(seen[first] + seen[third], 20) << testing::PrintToString(seen);
  }
  EXPECT_THAT(Ask(3, "/v3", 50, "-H 'x-v: v3'"),
              testing::ElementsAre(testing::Pair(absl::StrCat(GeneratedNode(3, 3), "|200"), 50)));
  const auto refused = testing::ElementsAre(testing::Pair("RBAC: access denied|403", 20));
  EXPECT_THAT(Ask(2, "/c", 20), refused) << "a path that the rule does not name";
  EXPECT_THAT(Ask(2, "/a", 20, "-X DELETE"), refused) << "a method that it does not name";
  EXPECT_THAT(Ask(1, "/a", 20), refused) << "a service that takes calls of itself only";
  const int before = upstreams_[{1, 1}]->requests() + upstreams_[{1, 3}]->requests();
  EXPECT_EQ(before, 0) << "a refused request must not reach the application";
}

}  // namespace
}  // namespace outrigger::integration
