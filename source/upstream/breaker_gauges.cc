#include "source/upstream/breaker_gauges.h"

namespace outrigger::upstream {
namespace {

// Of a limit that nobody has used yet: `most` is left.
bool IsOpen(const SharedLimit* limit, uint64_t most) {
  return limit == nullptr ? most == 0 : limit->taken() >= limit->limit();
}

int64_t Remaining(const SharedLimit* limit, uint64_t configured) {
  if (limit == nullptr) return static_cast<int64_t>(configured);
  const uint64_t taken = limit->taken(), most = limit->limit();
  return taken >= most ? 0 : static_cast<int64_t>((most - taken) & INT64_MAX);
}

}  // namespace

void UpdateBreakerGauges(const model::ClusterConfig& cluster, observe::WorkerStats& main) {
  using observe::ClusterScope;
  if (cluster.circuit_breakers == nullptr) return;
  for (size_t i = 0; i < 2; ++i) {
    const std::shared_ptr<model::CircuitBreaker> breaker = cluster.circuit_breakers->IfMade(i);
    const model::BreakerSettings most = cluster.circuit_breakers->settings(i);
    const bool closed = most.connections != 0 && most.pending != 0 && most.requests != 0 && most.retries != 0;
    const bool told = main.IfMade(cluster.stats, ClusterScope::kBreakers[i]) != nullptr;
    if (breaker == nullptr && closed && !most.track_remaining && !told) continue;  // all zero, as what is never written
    const auto of = [&](SharedLimit model::CircuitBreaker::*limit) { return breaker ? &(*breaker.*limit) : nullptr; };
    const SharedLimit* const connections = of(&model::CircuitBreaker::max_connections);
    const SharedLimit* const pending = of(&model::CircuitBreaker::max_pending);
    const SharedLimit* const requests = of(&model::CircuitBreaker::max_requests);
    const SharedLimit* const retries = of(&model::CircuitBreaker::max_retries);
    observe::ClusterBreakerStats& open = main.Get(cluster.stats, ClusterScope::kBreakers[i]);
    open.cx_open.Set(IsOpen(connections, most.connections));
    open.rq_pending_open.Set(IsOpen(pending, most.pending));
    open.rq_open.Set(IsOpen(requests, most.requests));
    open.rq_retry_open.Set(IsOpen(retries, most.retries));
    if (!most.track_remaining) continue;
    observe::ClusterRemainingStats& remaining = main.Get(cluster.stats, ClusterScope::kRemaining[i]);
    remaining.remaining_cx.Set(Remaining(connections, most.connections));
    remaining.remaining_pending.Set(Remaining(pending, most.pending));
    remaining.remaining_rq.Set(Remaining(requests, most.requests));
    remaining.remaining_retries.Set(Remaining(retries, most.retries));
  }
}

}  // namespace outrigger::upstream
