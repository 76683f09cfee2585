#include "source/xds/subscription_stats.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/base/hash.h"

namespace outrigger::xds {

SubscriptionCells SubscriptionCells::Of(observe::StatsRegistry& stats, absl::string_view prefix) {
  SubscriptionCells cells;
  cells.scope_ = stats.Register<observe::SubscriptionStats>(prefix);
  cells.block_ = &stats.main().Get(cells.scope_);
  return cells;
}

SubscriptionCells SubscriptionCells::OfRoutes(observe::StatsRegistry& stats, absl::string_view prefix) {
  SubscriptionCells cells = Of(stats, prefix);
  cells.routes_scope_ = stats.Register<observe::RdsStats>(prefix);
  cells.routes_ = &stats.main().Get(cells.routes_scope_);
  return cells;
}

SubscriptionCells SubscriptionCells::OfExtension(observe::StatsRegistry& stats, absl::string_view prefix) {
  SubscriptionCells cells = Of(stats, prefix);
  cells.extension_scope_ = stats.Register<observe::ExtensionConfigStats>(prefix);
  cells.extension_ = &stats.main().Get(cells.extension_scope_);
  return cells;
}

SubscriptionCells SubscriptionCells::OfCluster(observe::StatsRegistry& stats, absl::string_view cluster) {
  SubscriptionCells cells;
  cells.cluster_scope_ = stats.Register<observe::ClusterStats>(absl::StrCat("cluster.", cluster, "."));
  cells.cluster_ = &stats.main().Get(cells.cluster_scope_);
  cells.endpoints_scope_ = stats.Register<observe::EndpointUpdateStats>(absl::StrCat("cluster.", cluster, "."));
  cells.endpoints_ = &stats.main().Get(cells.endpoints_scope_);
  return cells;
}

void SubscriptionCells::Attempt() {
  if (block_ != nullptr) block_->update_attempt.Inc();
  if (cluster_ != nullptr) cluster_->update_attempt.Inc();
}

void SubscriptionCells::Success(absl::string_view version, WallTime now) {
  const auto number = static_cast<int64_t>(StableHash(version) >> 2);  // a gauge holds 63 bits
  const int64_t at = ToMillis(now.time_since_epoch());
  if (cluster_ != nullptr) {
    cluster_->update_success.Inc();
    cluster_->version.Set(number);
    endpoints_->version_text.Set(version);
    endpoints_->update_time.Set(at);
  }
  if (block_ == nullptr) return;
  block_->update_success.Inc();
  block_->version.Set(number);
  block_->version_text.Set(version);
  block_->update_time.Set(at);
}

void SubscriptionCells::Rejected() {
  if (block_ != nullptr) block_->update_rejected.Inc();
  if (cluster_ != nullptr) cluster_->update_rejected.Inc();
  if (extension_ != nullptr) extension_->config_fail.Inc();
}
void SubscriptionCells::Failure() {
  if (block_ != nullptr) block_->update_failure.Inc();
  if (cluster_ != nullptr) cluster_->update_failure.Inc();
}
void SubscriptionCells::Timeout() {
  if (block_ != nullptr) block_->init_fetch_timeout.Inc();
  if (cluster_ != nullptr) cluster_->assignment_timeout_received.Inc(), endpoints_->init_fetch_timeout.Inc();
}
void SubscriptionCells::Took(Duration time) {
  const auto millis = static_cast<uint64_t>(std::max<int64_t>(0, ToMillis(time)));
  if (block_ != nullptr) block_->update_duration.Record(millis);
  if (endpoints_ != nullptr) endpoints_->update_duration.Record(millis);
}
void SubscriptionCells::Reloaded(WallTime now) {
  if (extension_ != nullptr) extension_->config_reload.Inc();
  if (routes_ == nullptr) return;
  routes_->config_reload.Inc();
  routes_->config_reload_time_ms.Set(ToMillis(now.time_since_epoch()));
}
void SubscriptionCells::UsedKept() {
  if (cluster_ != nullptr) cluster_->assignment_use_cached.Inc();
}

}  // namespace outrigger::xds
