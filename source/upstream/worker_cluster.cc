#include "source/upstream/worker_cluster.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "source/base/bug.h"
#include "source/base/ip_text.h"
#include "source/http/authority.h"
#include "source/upstream/cluster_books.h"
#include "source/upstream/endpoint_pool.h"
#include "source/upstream/load_balancer.h"
#include "source/upstream/worker_context.h"

namespace outrigger::upstream {

using model::UpstreamProtocol;

namespace {

UpstreamProtocol DefaultProtocol(const model::ClusterConfig& config) {
  return config.protocol == UpstreamProtocol::kUseDownstream ? UpstreamProtocol::kHttp1 : config.protocol;
}

// The host of an authority as a server name: no port, lower case; "" for IP addresses, which are never sent as SNI (RFC
// 6066 3).
absl::string_view ServerName(absl::string_view authority, std::string& scratch) {
  http::Authority parts;
  if (!http::ParseAuthority(authority, &parts) || parts.host.empty() || parts.host[0] == '[') return "";
  const bool digit = parts.host.back() >= '0' && parts.host.back() <= '9';
  if (digit && ParseIpOrNone(parts.host).family != IpAddress::Family::kNone) return "";
  scratch.assign(parts.host.data(), parts.host.size());
  absl::AsciiStrToLower(&scratch);
  return scratch;
}

}  // namespace

struct WorkerCluster::State final : event::EndOfTurn {
  State(WorkerContext& worker, const model::Cluster& cluster)
      : slot(cluster.slot), books(worker, cluster.config), endpoints(cluster.endpoints) {}

  uint64_t Epoch() const {
    return endpoints->health_epoch == nullptr ? 0 : endpoints->health_epoch->load(std::memory_order_acquire);
  }
  LiveEndpoint& Live(uint32_t priority, uint32_t index);
  void Rebuild();
  void NoteHealth();
  void Adopt(std::shared_ptr<const model::EndpointSet> next);
  void OnEndOfTurn() override;  // drops what is left behind

  const model::ClusterSlot slot;
  ClusterBooks books;
  std::shared_ptr<const model::EndpointSet> endpoints;
  LoadBalancer balancer;
  bool built = false;
  bool drained = false;  // the cluster is gone
  uint64_t built_epoch = 0;
  // By EndpointRecord::id: ordered, so that what happens to all happens in the same order everywhere.
  std::map<uint64_t, std::unique_ptr<LiveEndpoint>> live;
  std::vector<std::vector<LiveEndpoint*>> by_index;  // as in `endpoints`; null until first picked
  std::vector<std::vector<const uint32_t*>> active;
  std::string name_scratch;
};

LiveEndpoint& WorkerCluster::State::Live(uint32_t priority, uint32_t index) {
  LiveEndpoint*& at = by_index[priority][index];
  if (at != nullptr) return *at;
  const model::Endpoint& endpoint = endpoints->priorities[priority].endpoints[index];
  std::unique_ptr<LiveEndpoint>& made = live[endpoint.record->id];
  if (made == nullptr) {
    made = std::make_unique<LiveEndpoint>(books, *this, endpoint.record, endpoint.transport_socket_match);
    made->unhealthy =
        AvailabilityOf(endpoint.record->flags.load(std::memory_order_relaxed)) == Availability::kUnhealthy;
  }
  return *(at = made.get());
}

void WorkerCluster::State::Rebuild() {
  static constexpr uint32_t kIdle = 0;
  built_epoch = Epoch();
  built = true;
  const bool least_request = books.config->lb.policy == model::LbPolicy::kLeastRequest;
  active.assign(endpoints->priorities.size(), {});
  by_index.resize(endpoints->priorities.size());
  for (uint32_t p = 0; p < active.size(); ++p) {
    const size_t n = endpoints->priorities[p].endpoints.size();
    by_index[p].resize(n, nullptr);
    active[p].assign(n, &kIdle);
    for (uint32_t i = 0; least_request && i < n; ++i) active[p][i] = &Live(p, i).active;
  }
  balancer.Build(books.config->lb, *endpoints, active, books.worker.dispatcher().engine().RandomBits());
  NoteHealth();
}

// Pools of an endpoint that became unhealthy start afresh: what is wrong may be the connections.
void WorkerCluster::State::NoteHealth() {
  for (auto& [id, endpoint] : live) {
    const bool unhealthy =
        AvailabilityOf(endpoint->record->flags.load(std::memory_order_relaxed)) == Availability::kUnhealthy;
    if (unhealthy == std::exchange(endpoint->unhealthy, unhealthy) || !unhealthy) continue;
    endpoint->Drain(!endpoint->present);
    if (books.config->close_connections_on_host_health_failure) endpoint->CloseDedicated();
  }
}

void WorkerCluster::State::Adopt(std::shared_ptr<const model::EndpointSet> next) {
  endpoints = std::move(next);
  built = false;
  by_index.clear();
  if (live.empty()) return;
  for (auto& [id, endpoint] : live) endpoint->present = false;
  for (const model::PrioritySet& set : endpoints->priorities) {
    for (const model::Endpoint& endpoint : set.endpoints) {
      const auto at = live.find(endpoint.record->id);
      if (at == live.end()) continue;
      LiveEndpoint& known = *at->second;
      known.present = true;
      if (std::exchange(known.transport, endpoint.transport_socket_match) != endpoint.transport_socket_match)
        known.Drain(false);
    }
  }
  for (auto& [id, endpoint] : live) {
    if (!endpoint->present) {
      endpoint->Drain(true);
    } else if (books.config->lb.close_connections_on_host_set_change) {
      endpoint->Drain(false);
    } else {
      endpoint->Revive();
    }
  }
  books.worker.dispatcher().AtEndOfTurn(*this);
}

void WorkerCluster::State::OnEndOfTurn() {
  for (auto at = live.begin(); at != live.end();) {
    const bool leaving = !at->second->present || drained;
    if (at->second->Reap(leaving) && leaving) {
      for (auto& priority : by_index) {
        for (LiveEndpoint*& known : priority) {
          if (known == at->second.get()) known = nullptr;
        }
      }
      at = live.erase(at);
    } else {
      ++at;
    }
  }
  if (drained) books.worker.FreeRemoved();
}

WorkerCluster::WorkerCluster(WorkerContext& worker, const model::Cluster& cluster)
    : stats_(nullptr), state_(std::make_unique<State>(worker, cluster)) {
  stats_ = state_->books.stats;
}

WorkerCluster::~WorkerCluster() = default;

const model::ClusterConfig& WorkerCluster::config() const { return *state_->books.config; }
std::shared_ptr<const model::ClusterConfig> WorkerCluster::share_config() const { return state_->books.config; }
model::ClusterSlot WorkerCluster::slot() const { return state_->slot; }

Picked WorkerCluster::Pick(const PickContext& context) {
  State& state = *state_;
  if (!state.built || state.built_epoch != state.Epoch()) state.Rebuild();
  const uint64_t random = state.books.worker.dispatcher().engine().RandomBits();
  const std::optional<LoadBalancer::Choice> choice =
      state.balancer.Pick(random, context.avoid, context.avoid_count, context.avoid_count > 0 ? context.attempts : 0);
  if (!choice) {
    if (state.balancer.InPanicWithoutTraffic()) stats_->lb_healthy_panic.Inc();
    return {};
  }
  if (choice->panic) stats_->lb_healthy_panic.Inc();
  LiveEndpoint& live = state.Live(choice->priority, choice->index);
  Picked picked;
  picked.record = live.record.get();
  picked.cells = &live.cells;
  picked.endpoint = &state.endpoints->priorities[choice->priority].endpoints[choice->index];
  picked.pool = live.Pool(context.priority, DefaultProtocol(*state.books.config), "");
  return picked;
}

void WorkerCluster::Request(const Picked& picked, StreamRequest& request, const StreamOptions& options) {
  const model::ClusterConfig& config = *state_->books.config;
  EndpointPool* pool = picked.pool;
  absl::string_view name;
  if (config.auto_sni || config.auto_san_validation) name = ServerName(options.authority, state_->name_scratch);
  UpstreamProtocol protocol = pool->key().protocol;
  if (config.protocol == UpstreamProtocol::kUseDownstream && options.downstream_protocol == http::Protocol::kHttp2) {
    protocol = UpstreamProtocol::kHttp2;
  }
  if (!name.empty() || protocol != pool->key().protocol || options.priority != pool->key().priority) {
    pool = pool->endpoint().Pool(options.priority, protocol, name);
    if (pool == nullptr) {
      stats_->upstream_cx_pool_overflow.Inc();
      return request.OnStreamFailed({http::ResetReason::kOverflow, "", "pool_overflow"});
    }
  }
  pool->Request(request, options);
}

void WorkerCluster::Request(const Picked& picked, TcpRequest& request, const StreamOptions& options) {
  EndpointPool* pool = picked.pool;
  if (options.priority != pool->key().priority)
    pool = pool->endpoint().Pool(options.priority, pool->key().protocol, "");
  if (pool == nullptr) return request.OnTcpFailed({http::ResetReason::kOverflow, "", "pool_overflow"});
  pool->Request(request);
}

bool WorkerCluster::TryRetry(model::RoutingPriority priority) {
  if (!state_->books.breaker(priority).TryRetry()) return false;
  ++state_->books.retries;
  return true;
}

void WorkerCluster::RetryDone(model::RoutingPriority priority) {
  Breaker& breaker = state_->books.breaker(priority);
  if (OUTRIGGER_BUG(breaker.retries.used() == 0)) return;
  breaker.retries.Release();
  --state_->books.retries;
  if (state_->drained) state_->books.worker.dispatcher().AtEndOfTurn(*state_);
}

bool WorkerCluster::has_healthy_endpoints() const {
  State& state = *state_;
  if (!state.built || state.built_epoch != state.Epoch()) state.Rebuild();
  return state.balancer.any_healthy();
}

void WorkerCluster::Update(const model::Cluster& cluster) {
  State& state = *state_;
  if (cluster.config != state.books.config) {
    const bool reconnect = cluster.config->connection_hash != state.books.config->connection_hash;
    state.books.Update(cluster.config);
    stats_ = state.books.stats;
    state.built = false;
    if (reconnect) DrainConnections();
  }
  if (cluster.endpoints != state.endpoints) state.Adopt(cluster.endpoints);
}

void WorkerCluster::DrainConnections() {
  for (auto& [id, endpoint] : state_->live) endpoint->Drain(!endpoint->present);
}

void WorkerCluster::Drain() {
  State& state = *state_;
  state.drained = true;
  for (auto& [id, endpoint] : state.live) endpoint->Drain(true);
  state.books.worker.dispatcher().AtEndOfTurn(state);
}

bool WorkerCluster::idle() const {
  return state_->books.connections == 0 && state_->books.waiting == 0 && state_->books.retries == 0;
}

void WorkerCluster::Dump(DumpWriter& out) const {
  out.Open(config().name);
  out.Field("connections", state_->books.connections).Field("waiting", state_->books.waiting);
  for (const auto& [id, endpoint] : state_->live) endpoint->Dump(out);
  out.Close();
}

}  // namespace outrigger::upstream
