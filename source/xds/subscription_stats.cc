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

SubscriptionCells SubscriptionCells::OfCluster(observe::StatsRegistry& stats, absl::string_view cluster) {
  SubscriptionCells cells;
  cells.cluster_scope_ = stats.Register<observe::ClusterStats>(absl::StrCat("cluster.", cluster, "."));
  cells.cluster_ = &stats.main().Get(cells.cluster_scope_);
  return cells;
}

void SubscriptionCells::Attempt() {
  if (block_ != nullptr) block_->update_attempt.Inc();
  if (cluster_ != nullptr) cluster_->update_attempt.Inc();
}

void SubscriptionCells::Success(absl::string_view version, WallTime now) {
  if (cluster_ != nullptr) cluster_->update_success.Inc();
  if (block_ == nullptr) return;
  block_->update_success.Inc();
  // A gauge holds 63 bits.
  block_->version.Set(static_cast<int64_t>(StableHash(version) >> 2));
  block_->version_text.Set(version);
  block_->update_time.Set(ToMillis(now.time_since_epoch()));
}

void SubscriptionCells::Rejected() {
  if (block_ != nullptr) block_->update_rejected.Inc();
  if (cluster_ != nullptr) cluster_->update_rejected.Inc();
}
void SubscriptionCells::Failure() {
  if (block_ != nullptr) block_->update_failure.Inc();
  if (cluster_ != nullptr) cluster_->update_failure.Inc();
}
void SubscriptionCells::Timeout() {
  if (block_ != nullptr) block_->init_fetch_timeout.Inc();
  if (cluster_ != nullptr) cluster_->assignment_timeout_received.Inc();
}
void SubscriptionCells::Took(Duration time) {
  if (block_ != nullptr) block_->update_duration.Record(static_cast<uint64_t>(std::max<int64_t>(0, ToMillis(time))));
}
void SubscriptionCells::UsedKept() {
  if (cluster_ != nullptr) cluster_->assignment_use_cached.Inc();
}

}  // namespace outrigger::xds
