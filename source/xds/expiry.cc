#include "source/xds/expiry.h"

#include <algorithm>

namespace outrigger::xds {

Expiry::Expiry(event::Dispatcher& dispatcher, Ended ended)
    : dispatcher_(dispatcher), ended_(std::move(ended)), timer_([this] { OnTimer(); }) {}

void Expiry::Set(ResourceType type, const std::string& name, Duration ttl) {
  const Key key(type, name);
  if (auto at = ends_.find(key); at != ends_.end()) {
    queue_.erase({at->second, key});
    ends_.erase(at);
  } else if (ttl <= Duration::zero()) {
    return;
  }
  if (ttl > Duration::zero()) {
    const MonotonicTime end = dispatcher_.now() + ttl;
    ends_[key] = end;
    queue_.insert({end, key});
  }
  ArmNext();
}

void Expiry::ArmNext() {
  if (queue_.empty()) return timer_.Disarm();
  dispatcher_.Arm(timer_, std::max(queue_.begin()->first - dispatcher_.now(), Duration::zero()));
}

void Expiry::OnTimer() {
  std::map<ResourceType, std::vector<std::string>> ended;
  while (!queue_.empty() && queue_.begin()->first <= dispatcher_.now()) {
    const Key key = queue_.begin()->second;
    queue_.erase(queue_.begin());
    ends_.erase(key);
    ended[key.first].push_back(key.second);
  }
  ArmNext();
  for (auto& [type, names] : ended) {
    std::sort(names.begin(), names.end());
    ended_(type, names);
  }
}

}  // namespace outrigger::xds
