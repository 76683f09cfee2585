#include "source/upstream/breaker_gauges.h"

namespace outrigger::upstream {
namespace {

bool IsOpen(const SharedLimit& limit) { return limit.taken() >= limit.limit(); }

int64_t Remaining(const SharedLimit& limit) {
  const uint64_t taken = limit.taken(), most = limit.limit();
  return taken >= most ? 0 : static_cast<int64_t>((most - taken) & INT64_MAX);
}

}  // namespace

void UpdateBreakerGauges(const model::CircuitBreaker& breaker, observe::ClusterBreakerStats& to) {
  to.cx_open.Set(IsOpen(breaker.max_connections));
  to.rq_pending_open.Set(IsOpen(breaker.max_pending));
  to.rq_open.Set(IsOpen(breaker.max_requests));
  to.rq_retry_open.Set(IsOpen(breaker.max_retries));
  if (!breaker.track_remaining) return;
  to.remaining_cx.Set(Remaining(breaker.max_connections));
  to.remaining_pending.Set(Remaining(breaker.max_pending));
  to.remaining_rq.Set(Remaining(breaker.max_requests));
  to.remaining_retries.Set(Remaining(breaker.max_retries));
}

}  // namespace outrigger::upstream
