// Thread: made and asked by the test; serves on one of its own
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "source/control_plane/xds_server/grpc_server.h"
#include "source/server/dynamic/xds_configuration.h"
#include "test/control_plane/resources_of.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"

// Whole servers that are configured by xDS: the reference control plane in this process, and pieces of configuration.
namespace outrigger::integration {

namespace cp = control_plane;

inline std::unique_ptr<server::DynamicConfiguration> Xds() { return std::make_unique<server::XdsConfiguration>(); }

inline std::string Get(uint16_t port) {
  return harness::Shell(absl::StrCat("curl -s -m 5 http://127.0.0.1:", port, "/"));
}

inline constexpr char kHead[] = R"yaml(
node: {id: n1, cluster: test}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
)yaml";

// A listener "in" that fetches the routes "r". `more`: further fields, as YAML lines.
inline std::string Listener(const std::string& source, const std::string& more = "", const std::string& name = "in",
                            const std::string& address = "{address: 127.0.0.1, port_value: 0}") {
  return harness::ListenerResource({.routes = absl::StrCat("rds: {route_config_name: r, config_source: ", source, "}"),
                                    .more = more,
                                    .name = name,
                                    .address = address});
}

// Listener, routes, cluster and endpoints that send everything to `cluster` at `port`.
inline std::vector<cp::ResourcePtr> Whole(const std::string& cluster, uint16_t port, const std::string& more = "") {
  return {cp::EdsCluster(cluster), cp::Endpoints(cluster, port), cp::RoutesTo("r", cluster),
          cp::ResourceOf(Listener("{ads: {}}", more))};
}

// The reference control plane on a thread of its own. What it serves first is there before anybody can ask.
class ServedConfig {
 public:
  explicit ServedConfig(const std::vector<cp::ResourcePtr>& first = {},
                        const cp::GrpcListenOptions& listen = {.address = "127.0.0.1:0"})
      : loop_(std::make_unique<event::Dispatcher>(event::MakeEpollEngine())) {
    core_ = std::make_unique<cp::XdsServer>(*loop_, cp::XdsServer::Options{});
    core_->Publish(CatalogOf(first));
    auto server = cp::GrpcServer::Listen(*loop_, *core_, listen);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    port_ = server_->port();
    thread_ = std::thread([this] {
      loop_->Run();
      server_->Stop();
    });
  }
  ~ServedConfig() {
    loop_->Stop();
    thread_.join();
  }
  void Publish(const std::vector<cp::ResourcePtr>& resources) {
    loop_->Post([this, catalog = CatalogOf(resources)] { core_->Publish(catalog); });
  }
  // What the one client that is connected said last about a type.
  cp::Subscription::Facts FactsOf(absl::string_view type) {
    std::promise<cp::Subscription::Facts> facts;
    loop_->Post([&] {
      for (const auto& [id, session] : core_->sessions()) {
        const auto at = session->subscriptions().find(type);
        if (at != session->subscriptions().end()) return facts.set_value(at->second.facts());
      }
      facts.set_value({});
    });
    return facts.get_future().get();
  }
  // The reason of the newest refusal, once there is one.
  std::string RefusalOf(absl::string_view type, uint64_t after = 0) {
    harness::WaitFor([&] { return FactsOf(type).nacks > after; });
    return FactsOf(type).refusal;
  }
  int port() const { return port_; }

 private:
  static std::shared_ptr<cp::Catalog> CatalogOf(const std::vector<cp::ResourcePtr>& resources) {
    auto catalog = std::make_shared<cp::Catalog>();
    for (const auto& resource : resources) EXPECT_TRUE(catalog->AddForAll(resource));
    return catalog;
  }
  std::unique_ptr<event::Dispatcher> loop_;
  std::unique_ptr<cp::XdsServer> core_;
  std::unique_ptr<cp::GrpcServer> server_;
  int port_ = 0;
  std::thread thread_;
};

// A bootstrap whose ADS comes from `service` (a GrpcService), with static clusters.
inline std::string AdsFrom(const std::string& service, const std::string& clusters) {
  return absl::StrCat(kHead, R"yaml(
dynamic_resources:
  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [)yaml",
                      service, R"yaml(]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
static_resources:
  clusters:)yaml",
                      clusters);
}

// The usual one: a static cluster "xds" on loopback. `more`: further fields of the cluster, as YAML lines.
inline std::string AdsBootstrap(int port, const std::string& more = "") {
  return AdsFrom("{envoy_grpc: {cluster_name: xds}}",
                 absl::StrCat(harness::StaticCluster("xds", static_cast<uint16_t>(port), true), more));
}

}  // namespace outrigger::integration
