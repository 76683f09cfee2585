#include "source/server/watched_files.h"

#include <utility>

#include "source/base/log.h"

namespace outrigger::server {

WatchedFiles::WatchedFiles(event::Dispatcher& dispatcher, std::function<void(std::vector<std::string>)> changed)
    : dispatcher_(dispatcher), changed_(std::move(changed)), timer_([this] {
        std::vector<std::string> paths(seen_.begin(), seen_.end());
        seen_.clear();
        changed_(std::move(paths));
      }) {}

void WatchedFiles::Follow(std::set<std::string> paths) {
  std::erase_if(watches_, [&paths](const auto& watch) { return !paths.contains(watch.first); });
  for (const std::string& path : paths) {
    if (watches_.contains(path)) continue;
    auto watch = dispatcher_.engine().WatchFile(path, [this, path] { OnChange(path); });
    if (!watch.ok()) {
      OUTRIGGER_LOG(kWarn, kFile, path, ": cannot be watched: ", watch.status().message());
      watches_[path] = nullptr;
      continue;
    }
    watches_[path] = *std::move(watch);
  }
}

void WatchedFiles::OnChange(const std::string& path) {
  seen_.insert(path);
  if (!timer_.armed()) dispatcher_.Arm(timer_, kGather);
}

}  // namespace outrigger::server
