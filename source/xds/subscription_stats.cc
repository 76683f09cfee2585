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
  SubscriptionCells made;
  made.cells_ = std::make_unique<Cells>();
  Cells& cells = *made.cells_;
  using observe::ClusterScope;
  cells.cluster_scope = stats.Register<ClusterScope>(absl::StrCat("cluster.", cluster, "."));
  cells.cluster_scope.Show(ClusterScope::kEndpoints);
  cells.cluster = &stats.main().Get(cells.cluster_scope, ClusterScope::kUpdates);
  cells.endpoints = &stats.main().Get(cells.cluster_scope, ClusterScope::kEndpoints);
  return made;
}

void SubscriptionCells::Attempt() {
  if (cells_ == nullptr) return;
  if (cells_->block != nullptr) cells_->block->update_attempt.Inc();
  if (cells_->cluster != nullptr) cells_->cluster->update_attempt.Inc();
}

void SubscriptionCells::Success(absl::string_view version, WallTime now) {
  if (cells_ == nullptr) return;
  const auto number = static_cast<int64_t>(StableHash(version) >> 2);  // a gauge holds 63 bits
  const int64_t at = ToMillis(now.time_since_epoch());
  if (cells_->cluster != nullptr) {
    cells_->cluster->update_success.Inc();
    cells_->cluster->version.Set(number);
    cells_->endpoints->version_text.Set(version);
    cells_->endpoints->update_time.Set(at);
  }
  if (cells_->block == nullptr) return;
  cells_->block->update_success.Inc();
  cells_->block->version.Set(number);
  cells_->block->version_text.Set(version);
  cells_->block->update_time.Set(at);
}

void SubscriptionCells::Rejected() {
  if (cells_ == nullptr) return;
  if (cells_->block != nullptr) cells_->block->update_rejected.Inc();
  if (cells_->cluster != nullptr) cells_->cluster->update_rejected.Inc();
  if (cells_->extension != nullptr) cells_->extension->config_fail.Inc();
}
void SubscriptionCells::Failure() {
  if (cells_ == nullptr) return;
  if (cells_->block != nullptr) cells_->block->update_failure.Inc();
  if (cells_->cluster != nullptr) cells_->cluster->update_failure.Inc();
}
void SubscriptionCells::Timeout() {
  if (cells_ == nullptr) return;
  if (cells_->block != nullptr) cells_->block->init_fetch_timeout.Inc();
  if (cells_->cluster == nullptr) return;
  cells_->cluster->assignment_timeout_received.Inc();
  cells_->endpoints->init_fetch_timeout.Inc();
}
void SubscriptionCells::Took(Duration time) {
  if (cells_ == nullptr) return;
  const auto millis = static_cast<uint64_t>(std::max<int64_t>(0, ToMillis(time)));
  if (cells_->block != nullptr) cells_->block->update_duration.Record(millis);
  if (cells_->endpoints != nullptr) cells_->endpoints->update_duration.Record(millis);
}
void SubscriptionCells::Reloaded(WallTime now) {
  if (cells_ == nullptr) return;
  if (cells_->extension != nullptr) cells_->extension->config_reload.Inc();
  if (cells_->routes == nullptr) return;
  cells_->routes->config_reload.Inc();
  cells_->routes->config_reload_time_ms.Set(ToMillis(now.time_since_epoch()));
}
void SubscriptionCells::UsedKept() {
  if (cells_ == nullptr) return;
  if (cells_->cluster != nullptr) cells_->cluster->assignment_use_cached.Inc();
}

}  // namespace outrigger::xds
