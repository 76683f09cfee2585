#include "source/upstream/worker_cluster.h"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
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
  return config.settings->protocol == UpstreamProtocol::kUseDownstream ? UpstreamProtocol::kHttp1
                                                                       : config.settings->protocol;
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

bool IsUnhealthy(const LiveEndpoint& endpoint) {
  const uint32_t flags = endpoint.record->flags.load(std::memory_order_relaxed);
  return AvailabilityOf(flags) == Availability::kUnhealthy;
}
}  // namespace

struct WorkerCluster::State final : event::EndOfTurn, ActiveRequests, Reaper {
  State(WorkerContext& worker, const model::Cluster& cluster)
      : slot(cluster.slot), books(worker, cluster.config), endpoints(cluster.endpoints) {}

  uint64_t Epoch() const {
    return endpoints->health_epoch == nullptr ? 0 : endpoints->health_epoch->load(std::memory_order_acquire);
  }
  LiveEndpoint& Live(const model::Endpoint& endpoint);
  LiveEndpoint* Known(const model::Endpoint& endpoint) const;
  uint32_t At(const model::Endpoint& endpoint) const override;
  void Rebuild();
  void NoteHealth();
  void NoteHealth(LiveEndpoint& endpoint);
  void Adopt(std::shared_ptr<const model::EndpointSet> next);
  void ReapLater(LiveEndpoint& endpoint) override;
  void OnEndOfTurn() override;  // drops what is left behind

  const model::ClusterSlot slot;
  ClusterBooks books;
  std::shared_ptr<const model::EndpointSet> endpoints;
  LoadBalancer balancer;
  bool built = false;
  bool drained = false;  // the cluster is gone
  uint64_t built_epoch = 0;
  std::set<uint64_t> to_reap;
  // By EndpointRecord::id: ordered, so that what happens to all happens in the same order everywhere.
  std::map<uint64_t, std::unique_ptr<LiveEndpoint>> live;
  absl::flat_hash_map<const model::EndpointRecord*, LiveEndpoint*> by_record;  // the same, for finding
  std::string name_scratch;
};

LiveEndpoint* WorkerCluster::State::Known(const model::Endpoint& endpoint) const {
  const auto at = by_record.find(endpoint.record.get());
  return at == by_record.end() ? nullptr : at->second;
}

uint32_t WorkerCluster::State::At(const model::Endpoint& endpoint) const {
  const LiveEndpoint* known = Known(endpoint);
  return known == nullptr ? 0 : known->active;
}

LiveEndpoint& WorkerCluster::State::Live(const model::Endpoint& endpoint) {
  if (LiveEndpoint* known = Known(endpoint); known != nullptr) return *known;
  std::unique_ptr<LiveEndpoint>& made = live[endpoint.record->id];
  made = std::make_unique<LiveEndpoint>(books, *this, endpoint.record, endpoint.transport_socket_match);
  made->unhealthy = IsUnhealthy(*made);
  by_record[endpoint.record.get()] = made.get();
  return *made;
}

void WorkerCluster::State::Rebuild() {
  built_epoch = Epoch();
  built = true;
  balancer.Build(books.config->settings->lb, *endpoints, *this, books.worker.dispatcher().engine().RandomBits());
  if (!endpoints->SumsHold()) NoteHealth();
}

void WorkerCluster::State::NoteHealth() {
  for (auto& [id, endpoint] : live) NoteHealth(*endpoint);
}

// Pools of an endpoint that became unhealthy start afresh: what is wrong may be the connections.
void WorkerCluster::State::NoteHealth(LiveEndpoint& endpoint) {
  const bool unhealthy = IsUnhealthy(endpoint);
  if (unhealthy == std::exchange(endpoint.unhealthy, unhealthy) || !unhealthy) return;
  endpoint.Drain(!endpoint.present);
  if (books.config->settings->close_connections_on_host_health_failure) endpoint.CloseDedicated();
}

// Looks at what differs between the versions, not at all that is there.
void WorkerCluster::State::Adopt(std::shared_ptr<const model::EndpointSet> next) {
  const std::shared_ptr<const model::EndpointSet> before = std::exchange(endpoints, std::move(next));
  built = false;
  if (live.empty()) return;
  std::map<uint64_t, std::pair<LiveEndpoint*, const model::Endpoint*>> changed;  // null: it left
  model::ForEachChange(*before, *endpoints, [&](const model::Endpoint* was, const model::Endpoint* is) {
    if (LiveEndpoint* left = was == nullptr ? nullptr : Known(*was); left != nullptr)
      changed.try_emplace(was->record->id, left, nullptr);
    if (LiveEndpoint* came = is == nullptr ? nullptr : Known(*is); came != nullptr)
      changed[is->record->id] = {came, is};
  });
  const bool reconnect = books.config->settings->lb.close_connections_on_host_set_change;
  for (auto& [id, change] : changed) {
    auto& [endpoint, is] = change;
    endpoint->present = is != nullptr;
    if (is != nullptr) endpoint->left_with = nullptr;
    if (is == nullptr) {
      endpoint->Drain(true);
      ReapLater(*endpoint);
      continue;
    }
    if (std::exchange(endpoint->transport, is->transport_socket_match) != is->transport_socket_match)
      endpoint->Drain(false);
    if (!reconnect) endpoint->Revive();
    NoteHealth(*endpoint);
  }
  if (!reconnect) return;
  for (auto& [id, endpoint] : live) {
    if (endpoint->present) endpoint->Drain(false);
  }
}

void WorkerCluster::State::ReapLater(LiveEndpoint& endpoint) {
  to_reap.insert(endpoint.record->id);
  books.worker.dispatcher().AtEndOfTurn(*this);
}

void WorkerCluster::State::OnEndOfTurn() {
  for (const uint64_t id : std::exchange(to_reap, {})) {
    const auto at = live.find(id);
    if (at == live.end()) continue;
    const bool leaving = !at->second->present || drained;
    if (!at->second->Reap(leaving) || !leaving) continue;
    by_record.erase(at->second->record.get());
    live.erase(at);
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
  LiveEndpoint& live = state.Live(*choice->endpoint);
  Picked picked;
  picked.record = live.record.get();
  picked.cells = &live.cells;
  picked.endpoint = choice->endpoint;
  picked.pool = live.Pool(context.priority, DefaultProtocol(*state.books.config), "");
  return picked;
}

void WorkerCluster::Request(const Picked& picked, StreamRequest& request, const StreamOptions& options) {
  const model::ClusterConfig& config = *state_->books.config;
  EndpointPool* pool = picked.pool;
  absl::string_view name;
  if (config.settings->auto_sni || config.settings->auto_san_validation)
    name = ServerName(options.authority, state_->name_scratch);
  UpstreamProtocol protocol = pool->key().protocol;
  if (config.settings->protocol == UpstreamProtocol::kUseDownstream &&
      options.downstream_protocol == http::Protocol::kHttp2) {
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
    if (reconnect) {
      if (cluster.endpoints != state.endpoints) state.Adopt(cluster.endpoints);
      for (auto& [id, endpoint] : state.live) {
        if (!endpoint->present && endpoint->left_with == nullptr) endpoint->left_with = state.books.config;
      }
    }
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
  for (auto& [id, endpoint] : state.live) {
    endpoint->Drain(true);
    state.ReapLater(*endpoint);
  }
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
