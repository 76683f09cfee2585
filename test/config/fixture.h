// Thread: main
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "gtest/gtest.h"
#include "source/config/snapshot_builder.h"
#include "source/filters/network/http_connection_manager/config.h"
#include "source/router/config.h"
#include "source/schema/reader.h"

namespace outrigger::config {

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using envoy::extensions::transport_sockets::tls::v3::Secret;
using Outcome = SnapshotBuilder::Outcome;

template <class Proto>
Proto Yaml(absl::string_view text) {
  Proto proto;
  const absl::Status read = schema::ReadMessage(text, proto);
  EXPECT_TRUE(read.ok()) << read.message();
  return proto;
}

// A builder with the router and the connection manager, reading real files.
class ConfigTest : public testing::Test {
 protected:
  ConfigTest()
      : environment_{*engine_, stats_,     tls_,
                     logs_,    factories_, [this](const std::string& warning) { warnings_.push_back(warning); }} {
    environment_.hostname = "test-host";
    environment_.variable = [](const char* name) -> const char* {
      return absl::string_view(name) == "BODY" ? "from the environment" : nullptr;
    };
    factories_.http = {&router::kFactory};
    factories_.network = {&filters::hcm::kFactory};
    builder_ = std::make_unique<SnapshotBuilder>(environment_);
  }

  absl::Status Load(absl::string_view bootstrap) { return builder_->SetStatic(Yaml<Bootstrap>(bootstrap)); }
  template <class Proto>
  std::string ErrorOf(absl::string_view yaml) {
    const auto set = builder_->Set(Yaml<Proto>(yaml), {"7", false});
    return set.ok() ? "no error" : std::string(set.status().message());
  }
  const model::Listener* ListenerOf(const model::Snapshot& snapshot, absl::string_view name) {
    for (uint32_t i = 0; i < snapshot.listeners.size(); ++i) {
      const model::Listener* listener = snapshot.listeners.Get(i);
      if (listener != nullptr && listener->name == name) return listener;
    }
    return nullptr;
  }

  std::unique_ptr<event::Engine> engine_ = event::MakeEpollEngine();
  observe::StatsRegistry stats_;
  tls::ContextStore tls_;
  observe::DirectAccessLogFiles logs_{
      stats_, [](absl::string_view, absl::string_view bytes) { return static_cast<int64_t>(bytes.size()); }};
  extension::FactoryTable factories_;
  Environment environment_;
  std::unique_ptr<SnapshotBuilder> builder_;
  std::vector<std::string> warnings_;
};

// A listener with one chain and one connection manager; `routes` is its route_config or rds, indented by ten.
inline std::string HttpListener(absl::string_view name, int port, absl::string_view routes,
                                absl::string_view more = "") {
  return absl::StrCat("name: ", name, R"(
address: {socket_address: {address: 127.0.0.1, port_value: )",
                      port, R"(}}
filter_chains:
- )",
                      more.empty() ? "name: only" : more, R"(
  filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      http_filters:
      - name: envoy.filters.http.router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
)",
                      routes);
}

constexpr absl::string_view kInlineRoutes = R"(
      route_config:
        name: local
        virtual_hosts:
        - name: all
          domains: ["*"]
          routes:
          - match: {prefix: /direct}
            direct_response: {status: 200, body: {inline_string: hello}}
          - match: {prefix: /}
            route: {cluster: backend}
)";
constexpr absl::string_view kBackend = R"(
name: backend
connect_timeout: 1s
load_assignment:
  cluster_name: backend
  endpoints:
  - lb_endpoints:
    - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8080}}}
    - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8081}}}
      load_balancing_weight: 3
)";

}  // namespace outrigger::config
