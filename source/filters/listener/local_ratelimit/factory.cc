#include "source/filters/listener/local_ratelimit/factory.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit.pb.h"
#include "source/extension/runtime.h"
#include "source/extension/typed.h"
#include "source/extension/values.h"
#include "source/filters/listener/local_ratelimit/local_ratelimit.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::listener::local_ratelimit::v3;

namespace {

constexpr Duration kLeastInterval = milliseconds(50);  // as published

struct Config {
  Config(const TokenBucket::Settings& settings, bool on, observe::StatsScope<observe::ListenerRateLimitStats> scope)
      : bucket(settings), enabled(on), stats(scope) {}
  mutable TokenBucket bucket;  // what workers share of a configuration
  const bool enabled;
  const observe::StatsScope<observe::ListenerRateLimitStats> stats;
};

absl::StatusOr<model::ListenerFilterSpec> Create(const v3::LocalRateLimit& proto, extension::FactoryContext& context) {
  TokenBucket::Settings settings;
  settings.most = proto.token_bucket().max_tokens();
  if (proto.token_bucket().has_tokens_per_fill()) {
    settings.per_fill = proto.token_bucket().tokens_per_fill().value();
  }
  settings.interval = extension::DurationOf(proto.token_bucket().fill_interval());
  if (settings.interval < kLeastInterval) {
    return extension::Fault("token_bucket.fill_interval", "must be at least 50 ms");
  }
  bool enabled = true;
  if (proto.has_runtime_enabled()) {
    enabled = extension::RuntimeFlag(proto.runtime_enabled().default_value().value(),
                                     proto.runtime_enabled().runtime_key(), context);
  }
  model::ListenerFilterSpec spec;
  spec.config = std::make_shared<const Config>(settings, enabled,
                                               context.stats().Register<observe::ListenerRateLimitStats>(absl::StrCat(
                                                   "listener_local_ratelimit.", proto.stat_prefix(), ".")));
  spec.make = [](const void* made, upstream::WorkerContext& worker) -> std::unique_ptr<net::ListenerFilter> {
    const Config& config = *static_cast<const Config*>(made);
    return std::make_unique<LocalRateLimit>(config.enabled ? &config.bucket : nullptr, worker.dispatcher(),
                                            worker.stats().Get(config.stats));
  };
  return spec;
}

}  // namespace

constinit const extension::ListenerFilterFactory kLocalRateLimitFactory = {
    "envoy.filters.listener.local_ratelimit",
    &v3::LocalRateLimit::descriptor,
    &extension::Typed<v3::LocalRateLimit, &Create>,
};

}  // namespace outrigger::filters
