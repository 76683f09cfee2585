#include "source/model/circuit_breakers.h"

#include <algorithm>
#include <utility>

namespace outrigger::model {

Mutex& CircuitBreakers::mutex() {
  static constinit Mutex g_mutex;
  return g_mutex;
}

void CircuitBreakers::Set(const Both& settings) {
  if (*settings_ != settings) settings_.Edit() = settings;
}

std::shared_ptr<CircuitBreaker> CircuitBreakers::Get(size_t priority) {
  MutexLock lock(mutex());
  if (made_ == nullptr) made_ = std::make_unique<Made>();
  std::shared_ptr<CircuitBreaker>& made = (*made_)[priority];
  if (made != nullptr) return made;
  const BreakerSettings& settings = (*settings_)[priority];
  made = std::make_shared<CircuitBreaker>(
      settings.connections, settings.pending, settings.requests,
      settings.budget_percent.has_value() ? settings.budget_min_concurrency : settings.retries);
  made->retry_budget_percent = settings.budget_percent;
  made->retry_budget_min_concurrency = settings.budget_min_concurrency;
  made->track_remaining = settings.track_remaining;
  return made;
}

std::shared_ptr<CircuitBreaker> CircuitBreakers::IfMade(size_t priority) const {
  MutexLock lock(mutex());
  return made_ == nullptr ? nullptr : (*made_)[priority];
}

BreakerSettings CircuitBreakers::settings(size_t priority) const {
  MutexLock lock(mutex());
  BreakerSettings settings = (*settings_)[priority];
  if (settings.budget_percent.has_value()) settings.retries = settings.budget_min_concurrency;
  if (made_ == nullptr || (*made_)[priority] == nullptr) return settings;
  const CircuitBreaker& made = *(*made_)[priority];
  const auto number = [](const SharedLimit& limit) {
    return static_cast<uint32_t>(std::min<uint64_t>(limit.limit(), UINT32_MAX));
  };
  settings.connections = number(made.max_connections);
  settings.pending = number(made.max_pending);
  settings.requests = number(made.max_requests);
  settings.retries = number(made.max_retries);
  return settings;
}

void CircuitBreakers::SetLimits(size_t priority, const BreakerSettings& settings) {
  MutexLock lock(mutex());
  Both both = *settings_;
  both[priority] = settings;
  Set(both);
  if (made_ == nullptr || (*made_)[priority] == nullptr) return;
  CircuitBreaker& made = *(*made_)[priority];
  made.max_connections.SetLimit(settings.connections);
  made.max_pending.SetLimit(settings.pending);
  made.max_requests.SetLimit(settings.requests);
  if (!settings.budget_percent.has_value()) made.max_retries.SetLimit(settings.retries);
}

void CircuitBreakers::Put(size_t priority, std::shared_ptr<CircuitBreaker> breaker) {
  MutexLock lock(mutex());
  Both both = *settings_;
  both[priority].budget_percent = breaker->retry_budget_percent;
  both[priority].budget_min_concurrency = breaker->retry_budget_min_concurrency;
  both[priority].track_remaining = breaker->track_remaining;
  Set(both);
  if (made_ == nullptr) made_ = std::make_unique<Made>();
  (*made_)[priority] = std::move(breaker);
}

}  // namespace outrigger::model
