// Thread: any
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "source/base/mutex.h"
#include "source/base/shared_limit.h"
#include "source/base/shared_value.h"

namespace outrigger::model {

enum class RoutingPriority : uint8_t { kDefault, kHigh };

// Limits of one routing priority, shared by all workers; survive updates of the cluster (the counts in use stay true).
struct CircuitBreaker {
  explicit CircuitBreaker(uint64_t connections, uint64_t pending, uint64_t requests, uint64_t retries)
      : max_connections(connections), max_pending(pending), max_requests(requests), max_retries(retries) {}
  SharedLimit max_connections, max_pending, max_requests, max_retries;
  std::optional<double> retry_budget_percent;  // instead of max_retries
  uint32_t retry_budget_min_concurrency = 3;
  // In use, for the retry budget: sums that workers add deltas to, refreshed through their leases.
  SharedLimit budget_active{UINT64_MAX}, budget_retries{UINT64_MAX};
  bool track_remaining = false;
};

// What one priority is configured with.
struct BreakerSettings {
  uint32_t connections = 1024, pending = 1024, requests = 1024, retries = 3;
  uint32_t budget_min_concurrency = 3;  // with a budget
  bool track_remaining = false;
  std::optional<double> budget_percent;
  friend bool operator==(const BreakerSettings& a, const BreakerSettings& b) = default;
};

// The breakers of one cluster, from its first version to its last. One is nearly a kilobyte (each limit has a cache
// line of its own), so it is made when a worker first uses the cluster: most clusters of a large mesh are never used.
class CircuitBreakers {
 public:
  CircuitBreakers() = default;
  CircuitBreakers(const BreakerSettings& usual, const BreakerSettings& high) { Set({usual, high}); }

  // Made now if it was not yet. Takes a lock: not per request.
  std::shared_ptr<CircuitBreaker> Get(size_t priority);
  std::shared_ptr<CircuitBreaker> IfMade(size_t priority) const;  // null: nobody has used it
  // With the numbers that are in force: a budget moves that of retries.
  BreakerSettings settings(size_t priority) const;
  // New numbers for the same breaker. Whether there is a budget, and what is shown, does not change.
  void SetLimits(size_t priority, const BreakerSettings& settings);
  // Takes this one as it is.
  void Put(size_t priority, std::shared_ptr<CircuitBreaker> breaker);

 private:
  using Both = std::array<BreakerSettings, 2>;
  using Made = std::array<std::shared_ptr<CircuitBreaker>, 2>;
  void Set(const Both& settings);
  Shared<Both> settings_ ABSL_GUARDED_BY(mutex());
  std::unique_ptr<Made> made_ ABSL_GUARDED_BY(mutex());
  static Mutex& mutex();  // one for all: taken when a worker begins with a cluster and when configuration changes
};

}  // namespace outrigger::model
