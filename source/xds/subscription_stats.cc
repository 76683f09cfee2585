#include "source/xds/subscription_stats.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/base/hash.h"

namespace outrigger::xds {

SubscriptionCells SubscriptionCells::Of(observe::StatsRegistry& stats, absl::string_view prefix) {
  SubscriptionCells made;
  made.cells_ = std::make_unique<Cells>();
  Cells& cells = *made.cells_;
  cells.scope = stats.Register<observe::SubscriptionStats>(prefix);
  cells.block = &stats.main().Get(cells.scope);
  return made;
}

SubscriptionCells SubscriptionCells::OfRoutes(observe::StatsRegistry& stats, absl::string_view prefix) {
  SubscriptionCells made = Of(stats, prefix);
  Cells& cells = *made.cells_;
  cells.routes_scope = stats.Register<observe::RdsStats>(prefix);
  cells.routes = &stats.main().Get(cells.routes_scope);
  return made;
}

SubscriptionCells SubscriptionCells::OfExtension(observe::StatsRegistry& stats, absl::string_view prefix) {
  SubscriptionCells made = Of(stats, prefix);
  Cells& cells = *made.cells_;
  cells.extension_scope = stats.Register<observe::ExtensionConfigStats>(prefix);
  cells.extension = &stats.main().Get(cells.extension_scope);
  return made;
}

SubscriptionCells SubscriptionCells::OfCluster(observe::StatsRegistry& stats, absl::string_view cluster) {
  using observe::ClusterScope;
  SubscriptionCells made;
  made.cluster_ = stats.Register<ClusterScope>(absl::StrCat("cluster.", cluster, "."));
  made.cluster_.Show(ClusterScope::kEndpoints);
  stats.main().Get(made.cluster_, ClusterScope::kUpdates);
  stats.main().Get(made.cluster_, ClusterScope::kEndpoints);
  return made;
}

void SubscriptionCells::Attempt() {
  if (cells_ != nullptr) cells_->block->update_attempt.Inc();
  if (cluster_) updates()->update_attempt.Inc();
}

void SubscriptionCells::Success(absl::string_view version, WallTime now) {
  const auto count = [&](auto& counts, auto& texts) {
    counts.update_success.Inc();
    counts.version.Set(static_cast<int64_t>(StableHash(version) >> 2));  // a gauge holds 63 bits
    texts.version_text.Set(version);
    texts.update_time.Set(ToMillis(now.time_since_epoch()));
  };
  if (cells_ != nullptr) count(*cells_->block, *cells_->block);
  if (cluster_) count(*updates(), *endpoints());
}

void SubscriptionCells::Rejected() {
  if (cells_ != nullptr) cells_->block->update_rejected.Inc();
  if (cells_ != nullptr && cells_->extension != nullptr) cells_->extension->config_fail.Inc();
  if (cluster_) updates()->update_rejected.Inc();
}
void SubscriptionCells::Failure() {
  if (cells_ != nullptr) cells_->block->update_failure.Inc();
  if (cluster_) updates()->update_failure.Inc();
}
void SubscriptionCells::Timeout() {
  if (cells_ != nullptr) cells_->block->init_fetch_timeout.Inc();
  if (!cluster_) return;
  updates()->assignment_timeout_received.Inc();
  endpoints()->init_fetch_timeout.Inc();
}
void SubscriptionCells::Took(Duration time) {
  const auto millis = static_cast<uint64_t>(std::max<int64_t>(0, ToMillis(time)));
  if (cells_ != nullptr) cells_->block->update_duration.Record(millis);
  if (cluster_) endpoints()->update_duration.Record(millis);
}
void SubscriptionCells::Reloaded(WallTime now) {
  if (cells_ == nullptr) return;
  if (cells_->extension != nullptr) cells_->extension->config_reload.Inc();
  if (cells_->routes == nullptr) return;
  cells_->routes->config_reload.Inc();
  cells_->routes->config_reload_time_ms.Set(ToMillis(now.time_since_epoch()));
}
void SubscriptionCells::UsedKept() {
  if (cluster_) updates()->assignment_use_cached.Inc();
}

}  // namespace outrigger::xds
