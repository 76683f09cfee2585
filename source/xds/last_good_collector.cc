#include "source/xds/last_good_collector.h"

#include <limits>
#include <utility>

namespace outrigger::xds {

void LastGoodCollector::Changed() {
  if (!std::exchange(began_, false)) return;
  ++restarts_;
}

void LastGoodCollector::Begin() {
  began_ = true;
  content_.resources.clear();
  content_.resources.reserve(graph_.size());
  type_ = 0;
  from_.clear();
}

void LastGoodCollector::Note(const ResourceRow& row) {
  if (row.is_static || row.active == nullptr) return;
  const Resource& resource = row.active->resource;
  if (resource.message == nullptr) return;
  if (resource.ttl > Duration::zero()) return;        // it is to end when nobody renews it
  if (graph_.IsDemanded(row.type, resource)) return;  // nobody would subscribe to it before a request asks again
  content_.resources.push_back({row.type, resource.name, resource.version, resource.hash, resource.message, ""});
}

bool LastGoodCollector::Step(size_t most) {
  if (!began_) Begin();
  if (restarts_ >= kMostRestarts) most = std::numeric_limits<size_t>::max();
  for (; type_ < kResourceTypes; ++type_, from_.clear()) {
    bool stopped = false;
    graph_.ForEachOf(kAllResourceTypes[type_], from_, [&](const ResourceRow& row) {
      if (most == 0) {
        from_ = std::string(row.name);
        stopped = true;
        return false;
      }
      --most;
      Note(row);
      return true;
    });
    if (stopped) return false;
  }
  return true;
}

}  // namespace outrigger::xds
