#include "source/overload/state.h"

#include <algorithm>
#include <cmath>

namespace outrigger::overload {

namespace {
uint32_t PartsOf(double share, uint32_t all) {
  const double kept = std::clamp(share, 0.0, 1.0);
  return static_cast<uint32_t>(std::lround(kept * all));
}
}  // namespace

bool State::Draw(Point point, event::Engine& engine) const {
  const uint32_t share = shares_[static_cast<size_t>(point)].load(std::memory_order_relaxed);
  return share >= kAlways || (engine.RandomBits() & (kAlways - 1)) < share;
}

Duration State::Shortened(TimerKind kind, Duration limit) const {
  if (limit <= Duration::zero()) return limit;
  const Floor& floor = floors_[static_cast<size_t>(kind)];
  const Duration shortest = floor.shortest >= Duration::zero()
                                ? std::min(floor.shortest, limit)
                                : Duration(static_cast<int64_t>(static_cast<double>(limit.count()) * floor.share));
  const uint32_t parts = timers_[static_cast<size_t>(kind)].load(std::memory_order_relaxed);
  const double left = 1.0 - static_cast<double>(parts) / kAlways;
  const auto rest = static_cast<int64_t>(static_cast<double>((limit - shortest).count()) * left);
  // Never zero, which would be no limit at all.
  return std::max(shortest + Duration(rest), Duration(milliseconds(1)));
}

void State::SetActive(int bit, bool on) {
  const uint32_t before = active_.load(std::memory_order_relaxed);  // main is the only writer
  const uint32_t mask = uint32_t{1} << bit;
  active_.store(on ? before | mask : before & ~mask, std::memory_order_relaxed);
}

void State::Set(Point point, double share) {
  const uint32_t parts = PartsOf(share, kAlways);
  shares_[static_cast<size_t>(point)].store(parts, std::memory_order_relaxed);
  SetActive(static_cast<int>(point), parts > 0);
}

double State::share(Point point) const {
  return static_cast<double>(shares_[static_cast<size_t>(point)].load(std::memory_order_relaxed)) / kAlways;
}

void State::SetTimer(TimerKind kind, double share) {
  const uint32_t parts = PartsOf(share, kAlways);
  timers_[static_cast<size_t>(kind)].store(parts, std::memory_order_relaxed);
  SetActive(kTimersBit + static_cast<int>(kind), parts > 0);
}

void State::SetFloor(TimerKind kind, Duration shortest, double share) {
  floors_[static_cast<size_t>(kind)] = {shortest, share};
}

}  // namespace outrigger::overload
