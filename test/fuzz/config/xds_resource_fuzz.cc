// A resource of any type that a control plane can send, as YAML (byte 0: "0" to "7", its highest bit: encoded instead),
// through field rules, support and compiling, on top of a configuration that works.
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "google/protobuf/struct.pb.h"
#include "source/config/snapshot_builder.h"
#include "source/event/simulated_world.h"
#include "source/exe/extensions.h"
#include "source/schema/reader.h"

namespace outrigger::config {
namespace {

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

constexpr absl::string_view kBase = R"(
layered_runtime:
  layers:
  - name: rtds
    rtds_layer: {name: runtime, rtds_config: {ads: {}, resource_api_version: V3}}
static_resources:
  clusters:
  - name: static
    connect_timeout: 1s
    load_assignment:
      cluster_name: static
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8080}}}
)";
constexpr absl::string_view kCluster = R"(
name: a
type: EDS
connect_timeout: 1s
eds_cluster_config: {eds_config: {ads: {}, resource_api_version: V3}}
)";
constexpr absl::string_view kListener = R"(
name: a
address: {socket_address: {address: 127.0.0.1, port_value: 10000}}
filter_chains:
- filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      http_filters:
      - name: envoy.filters.http.router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
      rds: {route_config_name: a, config_source: {ads: {}, resource_api_version: V3}}
)";

template <class Proto>
Proto Yaml(absl::string_view text) {
  Proto proto;
  Require(schema::ReadMessage(text, proto).ok());
  return proto;
}

// One configuration, made anew for each input: what an input leaves behind cannot explain the next one.
class Configuration {
 public:
  Configuration() {
    environment_.hostname = "host";
    builder_ = std::make_unique<SnapshotBuilder>(environment_);
    Require(builder_->SetStatic(Yaml<envoy::config::bootstrap::v3::Bootstrap>(kBase)).ok());
    Require(builder_->Set(Yaml<envoy::config::cluster::v3::Cluster>(kCluster), {"1", false}).ok());
    Require(builder_->Set(Yaml<envoy::config::listener::v3::Listener>(kListener), {"1", false}).ok());
    before_ = builder_->Build();
  }

  template <class Proto>
  void Give(absl::string_view bytes, bool encoded) {
    Proto proto;
    if (encoded ? !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))
                : !schema::ReadMessage(bytes, proto, ReadOptions()).ok()) {
      return;
    }
    // What Check lets pass can be set; what is refused changes nothing and has a reason.
    const auto checked = builder_->Check(proto, {"2", false});
    if (checked.ok()) builder_->GiveUp(KindOf<Proto>(), NameOf(proto));
    const auto set = builder_->Set(proto, {"2", false});
    Require(checked.ok() == set.ok());
    const std::shared_ptr<const model::Snapshot> after = builder_->Build();
    if (!set.ok()) {
      Require(!set.status().message().empty() && after == before_);
      return;
    }
    Require((*set == SnapshotBuilder::Outcome::kChanged) || after == before_);
    const auto again = builder_->Set(proto, {"3", false});
    Require(again.ok() && *again == SnapshotBuilder::Outcome::kUnchanged);
    builder_->Remove(KindOf<Proto>(), NameOf(proto));
    builder_->Build();
  }

  void GiveHost(absl::string_view text) {
    envoy::config::route::v3::VirtualHost host;
    if (!schema::ReadMessage(text, host, ReadOptions()).ok()) return;
    const std::string name = absl::StrCat("a/", host.name());
    const auto checked = builder_->CheckVirtualHost(name, host, {"2", false});
    if (checked.ok()) builder_->GiveUp(ResourceKind::kVirtualHost, name);
    const auto set = builder_->SetVirtualHost(name, host, {"2", false});
    const std::shared_ptr<const model::Snapshot> after = builder_->Build();
    if (!set.ok()) Require(!set.status().message().empty() && after == before_);
    if (set.ok()) Require(checked.ok());
  }

  void GiveRuntime(absl::string_view text) {
    google::protobuf::Struct values;
    if (!schema::ReadMessage(text, values, ReadOptions()).ok()) return;
    const absl::Status set = builder_->SetRuntimeLayer("runtime", values);
    Require(set.ok() || !set.message().empty());
    builder_->Build();
  }

 private:
  static schema::ReadOptions ReadOptions() {
    schema::ReadOptions options;
    options.limits.max_nodes = 20000;
    return options;
  }
  template <class Proto>
  static std::string NameOf(const Proto& proto) {
    if constexpr (std::is_same_v<Proto, envoy::config::endpoint::v3::ClusterLoadAssignment>) {
      return proto.cluster_name();
    } else {
      return proto.name();
    }
  }
  template <class Proto>
  static ResourceKind KindOf();

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Engine> engine_ = world_.MakeEngine();
  observe::StatsRegistry stats_;
  tls::ContextStore tls_;
  observe::DirectAccessLogFiles logs_{
      stats_, [](absl::string_view, absl::string_view bytes) { return static_cast<int64_t>(bytes.size()); }};
  extension::FactoryTable factories_ = exe::AllExtensions();
  Environment environment_{*engine_, stats_, tls_, logs_, factories_, nullptr};
  std::unique_ptr<SnapshotBuilder> builder_;
  std::shared_ptr<const model::Snapshot> before_;
};

template <>
ResourceKind Configuration::KindOf<envoy::config::cluster::v3::Cluster>() {
  return ResourceKind::kCluster;
}
template <>
ResourceKind Configuration::KindOf<envoy::config::listener::v3::Listener>() {
  return ResourceKind::kListener;
}
template <>
ResourceKind Configuration::KindOf<envoy::config::route::v3::RouteConfiguration>() {
  return ResourceKind::kRoutes;
}
template <>
ResourceKind Configuration::KindOf<envoy::config::endpoint::v3::ClusterLoadAssignment>() {
  return ResourceKind::kEndpoints;
}
template <>
ResourceKind Configuration::KindOf<envoy::extensions::transport_sockets::tls::v3::Secret>() {
  return ResourceKind::kSecret;
}
template <>
ResourceKind Configuration::KindOf<envoy::config::core::v3::TypedExtensionConfig>() {
  return ResourceKind::kExtension;
}

}  // namespace
}  // namespace outrigger::config

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::config;
  if (size == 0 || size > 16 * 1024) return 0;
  const bool encoded = (data[0] & 128) != 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Configuration configuration;
  switch ((data[0] & 127) % 8) {
    case 0:
      configuration.Give<envoy::config::listener::v3::Listener>(bytes, encoded);
      break;
    case 1:
      configuration.Give<envoy::config::route::v3::RouteConfiguration>(bytes, encoded);
      break;
    case 2:
      configuration.Give<envoy::config::cluster::v3::Cluster>(bytes, encoded);
      break;
    case 3:
      configuration.Give<envoy::config::endpoint::v3::ClusterLoadAssignment>(bytes, encoded);
      break;
    case 4:
      configuration.Give<envoy::extensions::transport_sockets::tls::v3::Secret>(bytes, encoded);
      break;
    case 5:
      configuration.Give<envoy::config::core::v3::TypedExtensionConfig>(bytes, encoded);
      break;
    case 6:
      configuration.GiveHost(bytes);
      break;
    default:
      configuration.GiveRuntime(bytes);
  }
  return 0;
}
