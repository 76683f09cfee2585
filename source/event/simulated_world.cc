#include "source/event/simulated_world.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/base/hash.h"
#include "source/event/simulated_engine.h"
#include "source/event/simulated_files.h"
#include "source/event/simulated_network.h"

namespace outrigger::event {
namespace {

// A turn takes some time, so that even a program that never waits gets somewhere.
constexpr uint64_t kLongestTurnNs = 20'000;
constexpr Duration kWallStart = seconds(1'767'225'600);  // 2026-01-01T00:00:00Z

}  // namespace

FaultPlan FaultPlan::Harsh() {
  FaultPlan plan;
  plan.longest_latency = milliseconds(20);
  plan.smallest_buffer = 64;
  plan.largest_buffer = 64 * 1024;
  plan.split_one_in = 2;
  plan.short_write_one_in = 3;
  plan.spurious_event_one_in = 10;
  plan.stall_one_in = 20;
  plan.longest_stall = milliseconds(50);
  plan.reset_one_in = 200;
  plan.connect_refused_one_in = 20;
  plan.connect_timeout_one_in = 50;
  plan.accept_error_one_in = 50;
  plan.resolve_failure_one_in = 10;
  plan.file_error_one_in = 50;
  return plan;
}

FaultPlan FaultPlan::None() {
  FaultPlan plan;
  plan.shortest_latency = plan.longest_latency = microseconds(50);
  plan.smallest_buffer = plan.largest_buffer;
  plan.split_one_in = plan.short_write_one_in = plan.spurious_event_one_in = plan.stall_one_in = 0;
  return plan;
}

SimulatedWorld::SimulatedWorld(uint64_t seed, FaultPlan faults)
    : faults_(faults),
      random_(seed),
      wall_start_(kWallStart),
      trace_(seed),
      network_(std::make_unique<SimulatedNetwork>(*this)) {
  AddHost({});
}

SimulatedWorld::~SimulatedWorld() {
  OUTRIGGER_CHECK(engines_.empty());  // they point here
  events_.clear();
}

int SimulatedWorld::AddHost(std::vector<std::string> addresses) {
  network_->AddHost(addresses);
  files_.push_back(std::make_unique<SimulatedFiles>(*this));
  return static_cast<int>(files_.size()) - 1;
}

std::unique_ptr<Engine> SimulatedWorld::MakeEngine(int host) {
  OUTRIGGER_CHECK(host >= 0 && static_cast<size_t>(host) < files_.size());
  auto engine = std::make_unique<SimulatedEngine>(*this, engines_made_++, host, random_.Next());
  engines_.push_back(engine.get());
  return engine;
}

void SimulatedWorld::Attach(Dispatcher& dispatcher) {
  for (SimulatedEngine* engine : engines_) {
    if (engine != &dispatcher.engine()) continue;
    engine->set_dispatcher(&dispatcher);
    return;
  }
  OUTRIGGER_CHECK(false && "the dispatcher's engine is not of this world");
}

std::unique_ptr<Dispatcher> SimulatedWorld::MakeDispatcher(int host) {
  auto dispatcher = std::make_unique<Dispatcher>(MakeEngine(host));
  Attach(*dispatcher);
  return dispatcher;
}

void SimulatedWorld::Forget(SimulatedEngine* engine) {
  std::erase(engines_, engine);
  network_->Forget(engine);
  for (const auto& files : files_) files->Forget(engine);
}

SimulatedFiles& SimulatedWorld::files(int host) {
  OUTRIGGER_CHECK(host >= 0 && static_cast<size_t>(host) < files_.size());
  return *files_[host];
}

void SimulatedWorld::SetName(absl::string_view name, std::vector<std::string> addresses, Duration ttl) {
  names_[std::string(name)] = {std::move(addresses), ttl};
}

void SimulatedWorld::Partition(int host_a, int host_b, bool cut) { network_->Partition(host_a, host_b, cut); }

void SimulatedWorld::ResetAllConnections() { network_->ResetAll(); }

size_t SimulatedWorld::open_sockets() const { return network_->open_sockets(); }

void SimulatedWorld::Schedule(Duration delay, absl::AnyInvocable<void()> event) {
  events_.emplace(std::make_pair(now_ + delay, ++event_sequence_), std::move(event));
}

Duration SimulatedWorld::Latency() {
  return Duration(random_.Between(static_cast<uint64_t>(faults_.shortest_latency.count()),
                                  static_cast<uint64_t>(faults_.longest_latency.count())));
}

void SimulatedWorld::Trace(const char* kind, int engine, uint64_t a, uint64_t b) {
  trace_ = StableHashMix(trace_, StableHash(kind, static_cast<uint64_t>(engine)));
  trace_ = StableHashMix(trace_, a);
  trace_ = StableHashMix(trace_, b);
  trace_ = StableHashMix(trace_, static_cast<uint64_t>(now_.time_since_epoch().count()));
  if (recorded_ == nullptr) return;
  absl::StrAppend(recorded_, now_.time_since_epoch().count(), " ", engine, " ", kind, " ", a, " ",
                  static_cast<int64_t>(b), "\n");
}

bool SimulatedWorld::RunDueEvents() {
  bool ran = false;
  while (!events_.empty() && events_.begin()->first.first <= now_) {
    auto event = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    event();
    ran = true;
  }
  return ran;
}

MonotonicTime SimulatedWorld::NextHappening() const {
  MonotonicTime next = events_.empty() ? MonotonicTime::max() : events_.begin()->first.first;
  for (const SimulatedEngine* engine : engines_) {
    const Dispatcher* dispatcher = engine->dispatcher();
    if (dispatcher == nullptr || dispatcher->stopping()) continue;
    const bool now = engine->HasDeliverable() || dispatcher->HasPosted();
    next = std::min(next, std::max(now ? now_ : dispatcher->NextTimer(), engine->stalled_until));
  }
  return next;
}

bool SimulatedWorld::Step() {
  RunDueEvents();
  std::vector<SimulatedEngine*> ready;
  for (SimulatedEngine* engine : engines_) {
    const Dispatcher* dispatcher = engine->dispatcher();
    if (dispatcher == nullptr || dispatcher->stopping() || engine->stalled_until > now_) continue;
    if (engine->HasDeliverable() || dispatcher->HasPosted() || dispatcher->NextTimer() <= now_) ready.push_back(engine);
  }
  if (ready.empty()) {
    const MonotonicTime next = NextHappening();
    if (next == MonotonicTime::max()) return false;
    now_ = std::max(now_, next);
    return true;
  }
  SimulatedEngine* chosen = ready[random_.Below(ready.size())];
  if (Chance(faults_.stall_one_in)) {
    const Duration stall(random_.Below(static_cast<uint64_t>(faults_.longest_stall.count()) + 1));
    chosen->stalled_until = now_ + stall;
    Trace("stall", chosen->index(), static_cast<uint64_t>(stall.count()));
    return true;
  }
  Trace("turn", chosen->index());
  chosen->dispatcher()->RunOnce(Duration::zero());
  now_ += Duration(1 + random_.Below(kLongestTurnNs));
  return true;
}

bool SimulatedWorld::RunUntil(const std::function<bool()>& done, Duration limit) {
  const MonotonicTime end = now_ + limit;
  for (;;) {
    if (done()) return true;
    RunDueEvents();
    if (NextHappening() > end) {
      now_ = end;  // nothing more within the limit
      return done();
    }
    Step();
  }
}

void SimulatedWorld::RunFor(Duration time) {
  RunUntil([] { return false; }, time);
}

}  // namespace outrigger::event
