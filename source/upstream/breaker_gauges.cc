#include "source/upstream/breaker_gauges.h"

namespace outrigger::upstream {
namespace {

bool IsOpen(const SharedLimit& limit) { return limit.taken() >= limit.limit(); }

int64_t Remaining(const SharedLimit& limit) {
  const uint64_t taken = limit.taken(), most = limit.limit();
  return taken >= most ? 0 : static_cast<int64_t>((most - taken) & INT64_MAX);
}

}  // namespace

void UpdateBreakerGauges(const model::ClusterConfig& cluster, observe::WorkerStats& main) {
  for (int i = 0; i < 2; ++i) {
    const model::CircuitBreaker* breaker = cluster.circuit_breakers.by_priority[i].get();
    if (breaker == nullptr || !cluster.breaker_stats[i]) continue;
    observe::ClusterBreakerStats& open = main.Get(cluster.breaker_stats[i]);
    open.cx_open.Set(IsOpen(breaker->max_connections));
    open.rq_pending_open.Set(IsOpen(breaker->max_pending));
    open.rq_open.Set(IsOpen(breaker->max_requests));
    open.rq_retry_open.Set(IsOpen(breaker->max_retries));
    if (!cluster.remaining_stats[i]) continue;
    observe::ClusterRemainingStats& remaining = main.Get(cluster.remaining_stats[i]);
    remaining.remaining_cx.Set(Remaining(breaker->max_connections));
    remaining.remaining_pending.Set(Remaining(breaker->max_pending));
    remaining.remaining_rq.Set(Remaining(breaker->max_requests));
    remaining.remaining_retries.Set(Remaining(breaker->max_retries));
  }
}

}  // namespace outrigger::upstream
