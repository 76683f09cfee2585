// Thread: main
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/xds/resource_type.h"

namespace outrigger::xds {

// When resources end that came with a time to live (discovery.v3.Resource.ttl). One timer for all of one stream; it
// runs on while the stream is away: that is what a time to live is for.
class Expiry {
 public:
  // Names of one type, sorted; never empty. May call Set.
  using Ended = std::function<void(ResourceType type, const std::vector<std::string>& names)>;
  Expiry(event::Dispatcher& dispatcher, Ended ended);

  // Begins again; 0: it has no end (any more).
  void Set(ResourceType type, const std::string& name, Duration ttl);
  size_t size() const { return ends_.size(); }

 private:
  using Key = std::pair<ResourceType, std::string>;
  void OnTimer();
  void ArmNext();

  event::Dispatcher& dispatcher_;
  const Ended ended_;
  std::map<Key, MonotonicTime> ends_;
  std::set<std::pair<MonotonicTime, Key>> queue_;
  event::Timer timer_;
};

}  // namespace outrigger::xds
