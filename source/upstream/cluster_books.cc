#include "source/upstream/cluster_books.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/http/codec_stats.h"
#include "source/upstream/worker_context.h"

namespace outrigger::upstream {

using observe::ClusterScope;

Breaker::Breaker(std::shared_ptr<model::CircuitBreaker> shared)
    : shared_(std::move(shared)),
      connections(shared_->max_connections),
      pending(shared_->max_pending),
      requests(shared_->max_requests),
      retries(shared_->max_retries),
      active_(shared_->budget_active) {}

bool Breaker::in_use() const {
  return connections.used() + pending.used() + requests.used() + retries.used() + active_.used() > 0;
}

void Breaker::CopyLimits(const model::CircuitBreaker& from) {
  shared_->max_connections.SetLimit(from.max_connections.limit());
  shared_->max_pending.SetLimit(from.max_pending.limit());
  shared_->max_requests.SetLimit(from.max_requests.limit());
  shared_->max_retries.SetLimit(from.max_retries.limit());
}

void Breaker::CountActive() {
  if (has_budget()) active_.TryAcquire();
}

void Breaker::UncountActive() {
  if (active_.used() > 0) active_.Release();
}

// With a budget the number of retries follows that of requests: the limit is set anew whenever somebody asks, which is
// rare.
bool Breaker::TryRetry() {
  if (has_budget()) {
    const uint64_t active = shared_->budget_active.taken() - std::min(active_.spare(), shared_->budget_active.taken());
    const double share = static_cast<double>(active) * *shared_->retry_budget_percent / 100.0;
    shared_->max_retries.SetLimit(
        std::max<uint64_t>(static_cast<uint64_t>(share), shared_->retry_budget_min_concurrency));
  }
  return retries.TryAcquire();
}

ClusterBooks::ClusterBooks(WorkerContext& of_worker, std::shared_ptr<const model::ClusterConfig> first)
    : worker(of_worker),
      config(std::move(first)),
      stats(&worker.stats().Get(config->stats)),
      http2_stats(&worker.stats().Get(config->stats, ClusterScope::kHttp2)) {
  model::CircuitBreakers own;
  model::CircuitBreakers& shared = config->circuit_breakers == nullptr ? own : *config->circuit_breakers;
  for (size_t i = 0; i < 2; ++i) breakers[i] = std::make_unique<Breaker>(shared.Get(i));
}

void ClusterBooks::Update(std::shared_ptr<const model::ClusterConfig> next) {
  config = std::move(next);
  stats = &worker.stats().Get(config->stats);
  http2_stats = &worker.stats().Get(config->stats, ClusterScope::kHttp2);
  if (config->circuit_breakers == nullptr) return;
  for (size_t i = 0; i < 2; ++i) {
    const std::shared_ptr<model::CircuitBreaker> shared = config->circuit_breakers->Get(i);
    if (shared == breakers[i]->shared()) continue;
    if (breakers[i]->in_use()) {
      breakers[i]->CopyLimits(*shared);
    } else {
      breakers[i] = std::make_unique<Breaker>(shared);
    }
  }
}

namespace {
bool Moved(const http::CodecCounters& counters) {
  static constexpr http::CodecCounters kNone;
  return std::memcmp(&counters, &kNone, sizeof(kNone)) != 0;
}
}  // namespace

void ClusterBooks::Fold() {
  if (Moved(http1)) FoldCodec(http1, worker.stats().Get(config->stats, ClusterScope::kHttp1));
  if (Moved(http2)) FoldCodec(http2, *http2_stats);
  if (std::memcmp(&tls, &tls_seen_, sizeof(tls)) != 0) FoldTls();
}

template <typename CodecStats>
void ClusterBooks::FoldCodec(http::CodecCounters& counters, CodecStats& to) {
  const http::CodecCounters counted = std::exchange(counters, http::CodecCounters());
  http::AddTo(counted, to);
  stats->upstream_rq_rx_reset.Add(counted.rx_reset);
  stats->upstream_rq_tx_reset.Add(counted.tx_reset);
  stats->upstream_cx_protocol_error.Add(counted.protocol_errors);
  stats->upstream_cx_close_notify.Add(counted.close_notified);
}

void ClusterBooks::FoldTls() {
  observe::SslStats& to = worker.stats().Get(config->stats, ClusterScope::kSsl);
  to.handshake.Add(tls.handshake - tls_seen_.handshake);
  to.connection_error.Add(tls.connection_error - tls_seen_.connection_error);
  to.session_reused.Add(tls.session_reused - tls_seen_.session_reused);
  to.no_certificate.Add(tls.no_certificate - tls_seen_.no_certificate);
  to.fail_verify_no_cert.Add(tls.fail_verify_no_cert - tls_seen_.fail_verify_no_cert);
  to.fail_verify_san.Add(tls.fail_verify_san - tls_seen_.fail_verify_san);
  to.fail_verify_cert_hash.Add(tls.fail_verify_cert_hash - tls_seen_.fail_verify_cert_hash);
  to.fail_verify_error.Add(tls.fail_verify_error - tls_seen_.fail_verify_error);
  to.was_key_usage_invalid.Add(tls.was_key_usage_invalid - tls_seen_.was_key_usage_invalid);
  const auto table = [&](absl::string_view kind, absl::Span<const char* const> names, const auto& now,
                         const auto& seen) {
    for (size_t i = 0; i < names.size() && i < now.size(); ++i) {
      if (now[i] != seen[i])
        worker.stats().Dynamic(config->stats, absl::StrCat("ssl.", kind, names[i])).Add(now[i] - seen[i]);
    }
  };
  table("ciphers.", tls::CipherNames(), tls.ciphers, tls_seen_.ciphers);
  table("versions.", tls::VersionNames(), tls.versions, tls_seen_.versions);
  table("curves.", tls::CurveNames(), tls.curves, tls_seen_.curves);
  table("sigalgs.", tls::SignatureNames(), tls.sigalgs, tls_seen_.sigalgs);
  tls_seen_ = tls;
}

}  // namespace outrigger::upstream
