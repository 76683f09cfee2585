#include "source/overload/watch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace outrigger::overload {

namespace {

constexpr int kBuckets = 8;  // of sizes of streams, each twice the one before
std::string PrefixOf(const std::string& name) { return absl::StrCat("overload.", name, "."); }
// Whole percents, and 0.55 is 55 of them.
int64_t Percent(double share) { return static_cast<int64_t>(share * 100 + 1e-6); }

}  // namespace

Watch::Watch(OverloadSpec spec, const Sources& sources, observe::StatsRegistry& stats, State& state, Effects effects)
    : spec_(std::move(spec)),
      dispatcher_(*sources.dispatcher),
      cells_(stats.main()),
      state_(state),
      effects_(std::move(effects)),
      scope_(stats.Register<observe::OverloadStats>("overload.")),
      refreshed_at_(dispatcher_.now()),
      timer_([this] { OnTimer(); }) {
  for (const MonitorSpec& monitor : spec_.monitors) {
    monitors_.push_back(
        {MakeMonitor(monitor, sources), stats.Register<observe::OverloadMonitorStats>(PrefixOf(monitor.name))});
    cells_.Get(monitors_.back().scope);
  }
  for (const ActionSpec& action : spec_.actions) {
    actions_.push_back({stats.Register<observe::OverloadActionStats>(PrefixOf(action.name))});
    cells_.Get(actions_.back().scope);
    if (action.kind == ActionKind::kShrinkHeap) {
      shrink_scope_ = stats.Register<observe::ShrinkHeapStats>(PrefixOf(action.name));
    }
  }
  for (const ShedSpec& point : spec_.points) {
    points_.push_back(stats.Register<observe::LoadShedStats>(PrefixOf(point.name)));
    cells_.Get(points_.back());
    state_.SetShedStats(point.point, points_.back());
  }
  for (const TimerSpec& timer : spec_.timers) state_.SetFloor(timer.kind, timer.shortest, timer.share);
}

Watch::~Watch() { timer_.Disarm(); }

void Watch::Start() { OnTimer(); }

void Watch::OnTimer() {
  Refresh();
  dispatcher_.Arm(timer_, spec_.interval);
}

double Watch::ShareOf(const Triggers& triggers) const {
  double share = 0;
  for (const TriggerSpec& trigger : triggers)
    share = std::max(share, trigger.Share(monitors_[trigger.monitor].pressure));
  return share;
}

void Watch::ReadMonitors() {
  for (size_t i = 0; i < monitors_.size(); ++i) {
    Watched& watched = monitors_[i];
    observe::OverloadMonitorStats& counts = cells_.Get(watched.scope);
    const absl::StatusOr<double> pressure = watched.monitor->Pressure();
    if (!pressure.ok()) {
      counts.failed_updates.Inc();
      if (!std::exchange(watched.failed, true)) {
        OUTRIGGER_LOG(kWarn, kMain, "overload: monitor \"", spec_.monitors[i].name,
                      "\" cannot be read: ", pressure.status().message());
      }
      continue;
    }
    watched.failed = false;
    watched.pressure = *pressure;
    counts.pressure.Set(Percent(*pressure));
  }
}

void Watch::Refresh() {
  const MonotonicTime now = dispatcher_.now();
  cells_.Get(scope_).refresh_interval_delay.Record(static_cast<uint64_t>(ToMillis(now - refreshed_at_)));
  refreshed_at_ = now;
  ReadMonitors();
  for (size_t i = 0; i < actions_.size(); ++i) {
    const double share = ShareOf(spec_.actions[i].triggers);
    observe::OverloadActionStats& gauges = cells_.Get(actions_[i].scope);
    gauges.active.Set(share >= 1 ? 1 : 0);
    gauges.scale_percent.Set(Percent(share));
    if ((share >= 1) != (actions_[i].share >= 1)) {
      OUTRIGGER_LOG(kWarn, kMain, "overload: ", spec_.actions[i].name, share >= 1 ? " is active" : " is over");
    }
    Perform(spec_.actions[i], actions_[i], share);
    actions_[i].share = share;
  }
  for (size_t i = 0; i < points_.size(); ++i) {
    const double share = ShareOf(spec_.points[i].triggers);
    cells_.Get(points_[i]).scale_percent.Set(Percent(share));
    state_.Set(spec_.points[i].point, share);
  }
}

void Watch::Perform(const ActionSpec& spec, Action& action, double share) {
  switch (spec.kind) {
    case ActionKind::kPoint:
      return state_.Set(spec.point, share);
    case ActionKind::kStopAccepting:  // all or nothing
      if ((share >= 1) != (action.share >= 1)) effects_.pause_accepting(share >= 1);
      return;
    case ActionKind::kReduceTimeouts:
      return ScaleTimers(share);
    case ActionKind::kResetStreams:
      return ResetStreams(share);
    case ActionKind::kShrinkHeap:
      return ShrinkHeap(share);
  }
}

void Watch::ScaleTimers(double share_of_action) {
  bool changed = false;
  for (const TimerSpec& timer : spec_.timers) {
    const double share = timer.triggers.empty() ? share_of_action : ShareOf(timer.triggers);
    state_.SetTimer(timer.kind, share);
    // Every connection looks at its limits when they change: not for less than a percent.
    int& percent = timer_percent_[static_cast<size_t>(timer.kind)];
    const auto now = static_cast<int>(Percent(share));
    changed |= std::exchange(percent, now) != now;
  }
  if (changed) effects_.limits_scaled();
}

// The nearer to saturation, the smaller are those that go: at first the last bucket, in the end all eight.
void Watch::ResetStreams(double share) {
  if (share <= 0) return;
  const int buckets = std::min(kBuckets, static_cast<int>(share * kBuckets) + 1);
  effects_.reset_streams(uint64_t{1} << (spec_.smallest_power + static_cast<uint32_t>(kBuckets - buckets)));
}

// Workers give back in one round, what is free goes to the system in a later one.
void Watch::ShrinkHeap(double share) {
  const MonotonicTime now = dispatcher_.now();
  if (std::exchange(trimmed_, false) && dispatcher_.engine().Heap().free > spec_.shrink_keep_bytes) {
    dispatcher_.engine().ReturnFreeHeap();
    cells_.Get(shrink_scope_).shrink_count.Inc();
  }
  if (share < 1) {
    shrink_due_ = MonotonicTime::max();
    return;
  }
  if (shrink_due_ == MonotonicTime::max()) shrink_due_ = now;  // it has just begun
  if (now < shrink_due_) return;
  shrink_due_ = now + spec_.shrink_interval;
  effects_.trim();
  trimmed_ = true;
}

}  // namespace outrigger::overload
