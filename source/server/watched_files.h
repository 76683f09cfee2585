// Thread: main
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "source/event/dispatcher.h"

namespace outrigger::server {

// Watches the files that configuration was built from (certificates, bodies) and says which changed, gathered for a moment: a
// certificate and its key are usually replaced one after the other.
class WatchedFiles final {
 public:
  static constexpr Duration kGather = milliseconds(20);
  WatchedFiles(event::Dispatcher& dispatcher, std::function<void(std::vector<std::string>)> changed);

  // The set to watch from now on. A file that cannot be watched is logged once.
  void Follow(std::set<std::string> paths);
  size_t size() const { return watches_.size(); }

 private:
  void OnChange(const std::string& path);

  event::Dispatcher& dispatcher_;
  std::function<void(std::vector<std::string>)> changed_;
  std::map<std::string, std::unique_ptr<event::Engine::FileWatch>> watches_;  // null: could not be watched
  std::set<std::string> seen_;
  event::Timer timer_;
};

}  // namespace outrigger::server
