#include "test/simulation/proxy/proxy_config.h"

#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/base/hash.h"
#include "source/filters/network/http_connection_manager/connection_manager.h"
#include "source/router/router.h"

namespace outrigger::simulation {

void ProxyConfig::SetCluster(const std::string& name, Cluster wanted) {
  auto config = std::make_shared<model::ClusterConfig>();
  config->name = name;
  config->stats = registry_.Register<observe::ClusterScope>(absl::StrCat("cluster.", name, "."));
  config->stats.Show(observe::ClusterScope::kSsl);
  config->stats.Show(observe::ClusterScope::kHttp2);
  std::shared_ptr<model::CircuitBreakers>& breakers = breakers_[name];
  if (breakers == nullptr) {
    const model::BreakerSettings wide{1024, 1024, 1024, 1024};
    breakers = std::make_shared<model::CircuitBreakers>(wide, wide);
  }
  config->circuit_breakers = breakers;
  config->settings.Edit().protocol = wanted.protocol;
  config->settings.Edit().http1.enable_trailers = true;
  config->transports.Edit().emplace_back();
  config->transports.Edit()[0].tls = wanted.tls;
  config->connection_hash =
      StableHash(wanted.tls == nullptr ? "" : wanted.tls->settings_hash(), static_cast<uint64_t>(wanted.protocol));
  if (wanted.change) wanted.change(*config);
  auto [slot, fresh] = slots_.try_emplace(name);
  if (fresh) slot->second = {static_cast<uint32_t>(slots_.size() - 1), 1};
  auto cluster = std::make_shared<model::Cluster>();
  cluster->slot = slot->second;
  cluster->config = config;
  cluster->endpoints = MakeEndpoints(name, wanted.endpoints);
  clusters_[name] = {slot->second, cluster};
}

void ProxyConfig::SetEndpoints(const std::string& name, std::vector<net::Address> endpoints) {
  Known& known = clusters_[name];
  auto cluster = std::make_shared<model::Cluster>(*known.cluster);
  cluster->endpoints = MakeEndpoints(name, endpoints);
  known.cluster = cluster;
}

void ProxyConfig::RemoveCluster(const std::string& name) {
  clusters_.erase(name);
  // The name comes back, if it does, as another cluster at the same place.
  ++slots_[name].generation;
}

std::shared_ptr<const model::EndpointSet> ProxyConfig::MakeEndpoints(const std::string& name,
                                                                     const std::vector<net::Address>& addresses) {
  auto set = std::make_shared<model::EndpointSet>();
  set->version = next_set_++;
  model::PrioritySet priority;
  for (const net::Address& address : addresses) {
    model::EndpointRef& record = records_[absl::StrCat(name, "|", address.ToString())];
    if (!record) record = model::MakeEndpointRecord(next_record_++, address);
    priority.Add({record});
  }
  set->priorities.push_back(priority);
  return set;
}

std::shared_ptr<const model::RouteTable> ProxyConfig::MakeTable() const {
  auto table = std::make_shared<model::RouteTable>();
  matching::VirtualHostSpec host;
  host.name = "all";
  host.domains = {"*"};
  model::VirtualHost virtual_host;
  virtual_host.name = "all";
  virtual_host.include_request_attempt_count = true;
  for (const Route& wanted : routes_) {
    host.routes.emplace_back();
    host.routes.back().match.path = wanted.prefix;
    model::Route route;
    model::ForwardAction forward;
    forward.cluster = wanted.cluster;
    const auto at = slots_.find(wanted.cluster);
    if (at != slots_.end()) forward.slot = at->second;
    if (wanted.change) wanted.change(forward);
    route.action = std::move(forward);
    virtual_host.routes.push_back(std::move(route));
  }
  table->matcher = *matching::RouteTable::Build({host});
  table->virtual_hosts.push_back(std::move(virtual_host));
  for (model::Route& route : table->virtual_hosts[0].routes) {
    route.virtual_host = table->virtual_hosts.data();
    route.table = table.get();
  }
  return table;
}

void ProxyConfig::SetListener(Listener wanted) {
  auto hcm = std::make_shared<filters::hcm::HcmConfig>();
  hcm->stat_prefix = "test";
  hcm->stats = registry_.Register<observe::HttpConnectionStats>("http.test.");
  hcm->listener_stats = registry_.Register<observe::HttpListenerStats>("listener.test.http.test.");
  hcm->http1_stats = registry_.Register<observe::Http1Stats>("http1.");
  hcm->http2_stats = registry_.Register<observe::Http2Stats>("http2.");
  hcm->http1.enable_trailers = true;
  hcm->rds = {0, 1};
  auto router = std::make_shared<router::RouterConfig>();
  router->stats = registry_.Register<observe::RouterStats>("http.test.");
  std::vector<http::FilterSpec> filters;
  filters.push_back(http::MakeFilterSpec<router::Router>(router, true));
  filters.back().name = "router";
  hcm->chain = std::make_shared<http::FilterChainSpec>(std::move(filters));
  if (wanted.hcm) wanted.hcm(*hcm);

  auto chain = std::make_shared<model::FilterChain>();
  model::NetworkFilterSpec filter;
  filter.terminal = true;
  filter.config = hcm;
  filter.make = [](const std::shared_ptr<const void>& config,
                   model::DownstreamContext& context) -> std::unique_ptr<net::NetworkFilter> {
    return std::make_unique<filters::hcm::ConnectionManager>(
        std::static_pointer_cast<const filters::hcm::HcmConfig>(config), context);
  };
  chain->filters.push_back(filter);
  chain->tls = wanted.tls;
  if (wanted.tls != nullptr) {
    chain->connection_hash = StableHash(wanted.tls->settings_hash());
    chain->trust_hash = StableHash(wanted.tls->trust_fingerprint());
  }
  if (wanted.chain) wanted.chain(*chain);
  auto listener = std::make_shared<model::Listener>();
  listener->slot = {0, 1};
  listener->name = "test";
  listener->stats = registry_.Register<observe::ListenerStats>("listener.test.");
  listener->ssl_stats = registry_.Register<observe::SslStats>("listener.test.ssl.");
  listener->default_chain = chain;
  if (wanted.listener) wanted.listener(*listener);
  listener_ = listener;
}

std::shared_ptr<const server::Publication> ProxyConfig::Build(server::ListenSockets sockets,
                                                              std::shared_ptr<server::ListenerShare> share) {
  auto snapshot = std::make_shared<model::Snapshot>();
  snapshot->generation = ++generation_;
  for (const auto& [name, known] : clusters_) snapshot->clusters.Set(known.slot.index, known.cluster);
  if (has_routes_) snapshot->routes.Set(0, MakeTable());
  if (listener_ != nullptr) snapshot->listeners.Set(0, listener_);
  auto publication = std::make_shared<server::Publication>();
  publication->snapshot = snapshot;
  auto listening = std::make_shared<server::Listening>();
  if (listener_ != nullptr) {
    listening->sockets[0] = std::move(sockets);
    if (share != nullptr) listening->shares[0] = std::move(share);
  }
  publication->listening = listening;
  return publication;
}

}  // namespace outrigger::simulation
