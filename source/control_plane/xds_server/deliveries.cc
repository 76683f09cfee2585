#include "source/control_plane/xds_server/deliveries.h"

#include <algorithm>

namespace outrigger::control_plane {

void Deliveries::Sent(const std::string& version) {
  sent_.push_back({version, ++last_id_});
  if (sent_.size() > kMost) sent_.pop_front();
}

void Deliveries::Complete(uint64_t sequence) {
  uint64_t& complete = sent_.empty() ? nothing_ : sent_.back().complete;
  complete = std::max(complete, sequence);
}

bool Deliveries::InUse(absl::string_view version, WallTime now) {
  const auto same = [version](const Delivery& delivery) { return delivery.version == version; };
  if (std::none_of(sent_.begin(), sent_.end(), same)) return false;
  if (in_use_version_ == version) return true;
  in_use_version_ = std::string(version);
  in_use_since_ = now;
  return true;
}

uint64_t Deliveries::acked() const {
  uint64_t newest = 0;
  for (const Delivery& delivery : sent_) {
    if (delivery.id <= acked_id_) newest = std::max(newest, delivery.complete);
  }
  return newest;
}

// By version, not by response: one that is sent again is the same content.
uint64_t Deliveries::in_use() const {
  if (in_use_version_.empty()) return 0;
  uint64_t newest = 0;
  for (const Delivery& delivery : sent_) {
    if (delivery.version == in_use_version_) newest = std::max(newest, delivery.complete);
  }
  return newest;
}

}  // namespace outrigger::control_plane
