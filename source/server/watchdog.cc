#include "source/server/watchdog.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace outrigger::server {

Watchdog::Watchdog(Settings settings) : settings_(std::move(settings)), timer_([this] { Start(); }) {
  observe::StatsRegistry& stats = *settings_.stats;
  const auto scope = [&stats](const std::string& prefix) { return stats.Register<observe::WatchdogStats>(prefix); };
  server_ = scope("server.");
  main_group_ = scope("main_thread.");
  worker_group_ = scope("workers.");
  main_.name = "main_thread";
  main_.scope = scope("server.main_thread.");
  for (size_t i = 0; i < settings_.workers.size(); ++i) {
    Watched& watched = workers_.emplace_back();
    watched.name = absl::StrCat("worker_", i);
    watched.scope = scope(absl::StrCat("server.", watched.name, "."));
  }
}

// The shortest limit: what is stuck is noticed before twice of it.
Duration Watchdog::Interval() const {
  Duration shortest = seconds(1);
  for (const Limits* limits : {&settings_.for_main, &settings_.for_workers}) {
    for (Duration limit : {limits->miss, limits->megamiss, limits->kill, limits->multikill}) {
      if (limit > Duration::zero()) shortest = std::min(shortest, limit);
    }
  }
  return std::max<Duration>(shortest, milliseconds(10));
}

void Watchdog::Start() {
  Look();
  due_ = settings_.main->now() + Interval();
  settings_.main->Arm(timer_, Interval());
}

void Watchdog::Look() {
  const MonotonicTime now = settings_.main->now();
  if (due_ != MonotonicTime{} && now > due_) Judge(main_, due_, now - due_, settings_.for_main, main_group_);
  std::vector<Duration> lasted(workers_.size(), Duration::zero());
  for (size_t i = 0; i < workers_.size(); ++i) {
    const MonotonicTime turn = settings_.workers[i]->turn_began();
    if (turn == MonotonicTime{} || turn >= now) continue;
    lasted[i] = now - turn;
    Judge(workers_[i], turn, lasted[i], settings_.for_workers, worker_group_);
  }
  CheckKill(lasted);
}

void Watchdog::Judge(Watched& watched, MonotonicTime turn, Duration lasted, const Limits& limits,
                     const observe::StatsScope<observe::WatchdogStats>& group) {
  observe::WorkerStats& stats = settings_.stats->main();
  observe::WatchdogStats* const blocks[] = {&stats.Get(server_), &stats.Get(group), &stats.Get(watched.scope)};
  if (limits.miss > Duration::zero() && lasted >= limits.miss && std::exchange(watched.missed, turn) != turn) {
    for (observe::WatchdogStats* block : blocks) block->watchdog_miss.Inc();
  }
  if (limits.megamiss > Duration::zero() && lasted >= limits.megamiss &&
      std::exchange(watched.megamissed, turn) != turn) {
    for (observe::WatchdogStats* block : blocks) block->watchdog_mega_miss.Inc();
    OUTRIGGER_LOG(kWarn, kMain, watched.name, " has been in one turn of its loop for ", ToMillis(lasted), " ms");
  }
}

void Watchdog::CheckKill(const std::vector<Duration>& lasted) {
  const Limits& limits = settings_.for_workers;
  size_t stuck = 0;
  for (size_t i = 0; i < lasted.size(); ++i) {
    if (limits.multikill > Duration::zero() && lasted[i] >= limits.multikill) ++stuck;
    if (limits.kill <= Duration::zero() || lasted[i] < limits.kill) continue;
    return settings_.kill(
        absl::StrCat("watchdog: ", workers_[i].name, " is stuck for ", ToMillis(lasted[i]), " ms (kill_timeout)"));
  }
  if (stuck < 2 || static_cast<double>(stuck) < limits.multikill_share * static_cast<double>(lasted.size())) return;
  settings_.kill(absl::StrCat("watchdog: ", stuck, " workers are stuck (multikill_timeout)"));
}

}  // namespace outrigger::server
