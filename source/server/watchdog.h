// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/observe/schemas/server.h"
#include "source/observe/stats.h"

namespace outrigger::server {

// Looks at the loops of the process a few times a second. A loop whose turn lasts longer than a limit is stuck; that is
// counted once per turn ("watchdog_miss", "watchdog_mega_miss" of the thread, of its group and of the server), and at
// the second limit logged. Main's own turns are judged when they are over, by how late this runs; so main is never
// killed.
class Watchdog final {
 public:
  struct Limits {
    Duration miss = milliseconds(200);
    Duration megamiss = milliseconds(1000);
    Duration kill{0};  // 0: never
    Duration multikill{
        0};  // 0: never; otherwise if `multikill_share` of the workers (at least two) are stuck for so long
    double multikill_share = 0.0;  // 0..1
  };
  struct Settings {
    event::Dispatcher* main = nullptr;
    std::vector<const event::Dispatcher*> workers;
    Limits for_main, for_workers;
    observe::StatsRegistry* stats = nullptr;
    std::function<void(const std::string& why)> kill;  // ends the process
  };
  explicit Watchdog(Settings settings);

  void Start();
  void Look();  // now; Start() does it regularly

 private:
  struct Watched {
    std::string name;
    observe::StatsScope<observe::WatchdogStats> scope;
    MonotonicTime missed{}, megamissed{};  // the turns that were counted
  };
  void Judge(Watched& watched, MonotonicTime turn, Duration lasted, const Limits& limits,
             const observe::StatsScope<observe::WatchdogStats>& group);
  void CheckKill(const std::vector<Duration>& lasted);
  Duration Interval() const;

  const Settings settings_;
  observe::StatsScope<observe::WatchdogStats> server_, main_group_, worker_group_;
  Watched main_;
  std::vector<Watched> workers_;
  MonotonicTime due_{};
  event::Timer timer_;
};

}  // namespace outrigger::server
