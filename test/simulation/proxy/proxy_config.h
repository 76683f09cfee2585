// Thread: main
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/filters/network/http_connection_manager/hcm_config.h"
#include "source/model/snapshot.h"
#include "source/observe/stats.h"
#include "source/server/worker.h"

namespace outrigger::simulation {

// One proxy's configuration as a list of named things, made into Snapshots by hand: for tests of the request path and
// of publications that want no protobuf in the way. One listener, one route table (by slot, as RDS gives it), any
// clusters. What did not change is shared between publications, as config/ does.
class ProxyConfig {
 public:
  struct Cluster {
    std::vector<net::Address> endpoints;
    model::UpstreamProtocol protocol = model::UpstreamProtocol::kHttp1;
    std::shared_ptr<const tls::ClientContext> tls;
    std::function<void(model::ClusterConfig&)> change;
  };
  struct Route {
    std::string prefix = "/";
    std::string cluster;
    std::function<void(model::ForwardAction&)> change;
  };
  struct Listener {
    std::shared_ptr<const tls::ServerContext> tls;
    std::function<void(filters::hcm::HcmConfig&)> hcm;
    std::function<void(model::FilterChain&)> chain;
    std::function<void(model::Listener&)> listener;
  };
  explicit ProxyConfig(observe::StatsRegistry& registry) : registry_(registry) {}

  void SetCluster(const std::string& name, Cluster cluster);  // new or replaced: its connections follow law 9
  void SetEndpoints(const std::string& name, std::vector<net::Address> endpoints);
  void RemoveCluster(const std::string& name);
  void SetRoutes(std::vector<Route> routes) { routes_ = std::move(routes); }
  void SetListener(Listener listener);
  void RemoveListener() { listener_ = nullptr; }
  void RemoveRoutes() { has_routes_ = false; }  // nobody subscribes to them any more
  bool HasCluster(const std::string& name) const { return clusters_.count(name) != 0; }

  // The next generation. `sockets`, `share` (null: of one worker): of the listener.
  std::shared_ptr<const server::Publication> Build(server::ListenSockets sockets,
                                                   std::shared_ptr<server::ListenerShare> share = nullptr);
  uint64_t generation() const { return generation_; }

 private:
  struct Known {
    model::ClusterSlot slot;
    std::shared_ptr<const model::Cluster> cluster;
  };
  std::shared_ptr<const model::EndpointSet> MakeEndpoints(const std::string& name,
                                                          const std::vector<net::Address>& addresses);
  std::shared_ptr<const model::RouteTable> MakeTable() const;

  observe::StatsRegistry& registry_;
  uint64_t generation_ = 0, next_record_ = 1, next_set_ = 1;
  std::map<std::string, Known> clusters_;
  std::map<std::string, model::ClusterSlot> slots_;  // of every name that ever was: a name keeps its slot
  std::map<std::string, model::EndpointRef> records_;
  std::map<std::string, std::shared_ptr<model::CircuitBreakers>> breakers_;
  std::vector<Route> routes_;
  bool has_routes_ = true;
  std::shared_ptr<const model::Listener> listener_;
};

}  // namespace outrigger::simulation
