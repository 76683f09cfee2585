// Thread: main
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "source/observe/schemas/overload.h"
#include "source/observe/stats.h"
#include "source/overload/monitor.h"
#include "source/overload/spec.h"
#include "source/overload/state.h"

namespace outrigger::overload {

// What cannot be asked at a point of the data path, but must be done on every worker. Each is called on main.
struct Effects {
  std::function<void(bool paused)> pause_accepting;
  std::function<void()> limits_scaled;                      // what Shorten() says has changed
  std::function<void(uint64_t least_bytes)> reset_streams;  // those that hold at least so much, heaviest first
  std::function<void()> trim;                               // gives back what workers keep for reuse
};

// The overload manager: reads all monitors every interval, says what follows to State, calls the effects. A monitor
// that cannot be read keeps its last pressure, and counts.
//
//   monitors ──pressure──▶ triggers ──share──▶ actions and load shed points ──▶ State (workers ask) and Effects
class Watch {
 public:
  Watch(OverloadSpec spec, const Sources& sources, observe::StatsRegistry& stats, State& state, Effects effects);
  ~Watch();
  Watch(const Watch&) = delete;

  void Start();    // reads at once, then every interval
  void Refresh();  // one round
  // Of every action that is configured, by index in the spec.
  double share_of_action(size_t i) const { return actions_[i].share; }
  double pressure(size_t monitor) const { return monitors_[monitor].pressure; }

 private:
  struct Watched {
    std::unique_ptr<Monitor> monitor;
    observe::StatsScope<observe::OverloadMonitorStats> scope;
    double pressure = 0;
    bool failed = false;  // the last reading; said once
  };
  struct Action {
    observe::StatsScope<observe::OverloadActionStats> scope;
    double share = 0;
  };
  double ShareOf(const Triggers& triggers) const;
  void ReadMonitors();
  void Perform(const ActionSpec& spec, Action& action, double share);
  void ScaleTimers(double share_of_action);
  void ResetStreams(double share);
  void ShrinkHeap(double share);
  void OnTimer();

  const OverloadSpec spec_;
  event::Dispatcher& dispatcher_;
  observe::WorkerStats& cells_;
  State& state_;
  const Effects effects_;
  observe::StatsScope<observe::OverloadStats> scope_;
  observe::StatsScope<observe::ShrinkHeapStats> shrink_scope_;
  std::vector<Watched> monitors_;
  std::vector<Action> actions_;
  std::vector<observe::StatsScope<observe::LoadShedStats>> points_;
  int timer_percent_[kTimerKinds] = {};
  MonotonicTime refreshed_at_;
  MonotonicTime shrink_due_ = MonotonicTime::max();
  bool trimmed_ = false;  // workers were asked: what they gave back can go to the system
  event::Timer timer_;
};

}  // namespace outrigger::overload
