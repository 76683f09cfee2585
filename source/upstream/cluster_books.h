// Thread: worker
#pragma once

#include <cstdint>
#include <memory>

#include "source/base/shared_limit.h"
#include "source/http/codec_options.h"
#include "source/model/cluster.h"
#include "source/observe/schemas/cluster.h"
#include "source/observe/schemas/http_codec.h"
#include "source/observe/schemas/ssl.h"
#include "source/tls/stats.h"

namespace outrigger::upstream {

class WorkerContext;

// This worker's part of one routing priority's limits. What is in use is returned to the CircuitBreaker it came from: a
// Breaker is replaced only when nothing of it is in use.
class Breaker {
 public:
  explicit Breaker(std::shared_ptr<model::CircuitBreaker> shared);
  bool in_use() const;
  // Takes over another breaker's numbers (a configuration that made new objects while ours are in use).
  void CopyLimits(const model::CircuitBreaker& from);
  const std::shared_ptr<model::CircuitBreaker>& shared() const { return shared_; }

  bool has_budget() const { return shared_->retry_budget_percent.has_value(); }
  // For the retry budget: a request that waits or runs.
  void CountActive();
  void UncountActive();
  bool TryRetry();

 private:
  std::shared_ptr<model::CircuitBreaker> shared_;

 public:
  SharedLimit::Lease connections, pending, requests, retries;

 private:
  SharedLimit::Lease active_;
};

// What the pools of one cluster on one worker write to: configuration of the moment, counters, limits.
struct ClusterBooks {
  ClusterBooks(WorkerContext& of_worker, std::shared_ptr<const model::ClusterConfig> first);
  // Another version of the cluster.
  void Update(std::shared_ptr<const model::ClusterConfig> next);
  Breaker& breaker(model::RoutingPriority priority) { return *breakers[static_cast<size_t>(priority)]; }
  // Adds what the codecs and TLS transports counted since the last call to the published counters. Cheap when nothing
  // moved.
  void Fold();

  WorkerContext& worker;
  std::shared_ptr<const model::ClusterConfig> config;
  observe::ClusterStats* stats;
  observe::Http2Stats* http2_stats;
  std::unique_ptr<Breaker> breakers[2];
  http::CodecCounters http1, http2;
  tls::TlsStats tls;
  uint64_t connections = 0;  // live ones, dedicated ones included
  uint64_t waiting = 0;      // pending requests
  uint64_t retries = 0;      // TryRetry() that RetryDone() has not answered yet

 private:
  template <typename CodecStats>
  void FoldCodec(http::CodecCounters& counters, CodecStats& to);
  void FoldTls();
  tls::TlsStats tls_seen_;
};

}  // namespace outrigger::upstream
