#include "source/upstream/cluster_books.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "source/upstream/worker_context.h"

namespace outrigger::upstream {

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
      http2_stats(&worker.stats().Get(config->http2_stats)) {
  for (size_t i = 0; i < 2; ++i) {
    std::shared_ptr<model::CircuitBreaker> shared = config->circuit_breakers.by_priority[i];
    if (shared == nullptr) shared = std::make_shared<model::CircuitBreaker>(1024, 1024, 1024, 3);
    breakers[i] = std::make_unique<Breaker>(std::move(shared));
  }
}

void ClusterBooks::Update(std::shared_ptr<const model::ClusterConfig> next) {
  config = std::move(next);
  stats = &worker.stats().Get(config->stats);
  http2_stats = &worker.stats().Get(config->http2_stats);
  for (size_t i = 0; i < 2; ++i) {
    const std::shared_ptr<model::CircuitBreaker>& shared = config->circuit_breakers.by_priority[i];
    if (shared == nullptr || shared == breakers[i]->shared()) continue;
    if (breakers[i]->in_use()) {
      breakers[i]->CopyLimits(*shared);
    } else {
      breakers[i] = std::make_unique<Breaker>(shared);
    }
  }
}

void ClusterBooks::Fold() {
  if (std::memcmp(&http1, &http1_seen_, sizeof(http1)) != 0) FoldHttp1();
  if (std::memcmp(&http2, &http2_seen_, sizeof(http2)) != 0) FoldHttp2();
  if (std::memcmp(&tls, &tls_seen_, sizeof(tls)) != 0) FoldTls();
}

void ClusterBooks::FoldHttp1() {
  observe::Http1Stats& to = worker.stats().Get(config->http1_stats);
  to.dropped_headers_with_underscores.Add(http1.header_underscore_dropped - http1_seen_.header_underscore_dropped);
  to.requests_rejected_with_underscores_in_headers.Add(http1.header_underscore_rejected -
                                                       http1_seen_.header_underscore_rejected);
  stats->upstream_rq_rx_reset.Add(http1.rx_reset - http1_seen_.rx_reset);
  stats->upstream_rq_tx_reset.Add(http1.tx_reset - http1_seen_.tx_reset);
  stats->upstream_cx_protocol_error.Add(http1.protocol_errors - http1_seen_.protocol_errors);
  stats->upstream_cx_close_notify.Add(http1.close_notified - http1_seen_.close_notified);
  http1_seen_ = http1;
}

void ClusterBooks::FoldHttp2() {
  observe::Http2Stats& to = *http2_stats;
  const http::CodecCounters& now = http2;
  const http::CodecCounters& seen = http2_seen_;
  to.dropped_headers_with_underscores.Add(now.header_underscore_dropped - seen.header_underscore_dropped);
  to.requests_rejected_with_underscores_in_headers.Add(now.header_underscore_rejected -
                                                       seen.header_underscore_rejected);
  to.header_overflow.Add(now.header_overflow - seen.header_overflow);
  to.inbound_empty_frames_flood.Add(now.inbound_empty_frames_flood - seen.inbound_empty_frames_flood);
  to.inbound_priority_frames_flood.Add(now.inbound_priority_frames_flood - seen.inbound_priority_frames_flood);
  to.inbound_window_update_frames_flood.Add(now.inbound_window_update_flood - seen.inbound_window_update_flood);
  to.outbound_flood.Add(now.outbound_flood - seen.outbound_flood);
  to.outbound_control_flood.Add(now.outbound_control_flood - seen.outbound_control_flood);
  to.keepalive_timeout.Add(now.keepalive_timeout - seen.keepalive_timeout);
  to.rx_messaging_error.Add(now.rx_messaging_error - seen.rx_messaging_error);
  to.rx_reset.Add(now.rx_reset - seen.rx_reset);
  to.tx_reset.Add(now.tx_reset - seen.tx_reset);
  to.trailers.Add(now.trailers - seen.trailers);
  to.tx_flush_timeout.Add(now.tx_flush_timeout - seen.tx_flush_timeout);
  stats->upstream_rq_rx_reset.Add(now.rx_reset - seen.rx_reset);
  stats->upstream_rq_tx_reset.Add(now.tx_reset - seen.tx_reset);
  stats->upstream_cx_protocol_error.Add(now.protocol_errors - seen.protocol_errors);
  stats->upstream_cx_close_notify.Add(now.close_notified - seen.close_notified);
  http2_seen_ = http2;
}

void ClusterBooks::FoldTls() {
  observe::SslStats& to = worker.stats().Get(config->ssl_stats);
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
        worker.stats().Dynamic(config->ssl_stats, absl::StrCat(kind, names[i])).Add(now[i] - seen[i]);
    }
  };
  table("ciphers.", tls::CipherNames(), tls.ciphers, tls_seen_.ciphers);
  table("versions.", tls::VersionNames(), tls.versions, tls_seen_.versions);
  table("curves.", tls::CurveNames(), tls.curves, tls_seen_.curves);
  table("sigalgs.", tls::SignatureNames(), tls.sigalgs, tls_seen_.sigalgs);
  tls_seen_ = tls;
}

}  // namespace outrigger::upstream
