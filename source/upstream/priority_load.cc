#include "source/upstream/priority_load.h"

#include <algorithm>

namespace outrigger::upstream {
namespace {

// Percent of a priority that can be counted on, after overprovisioning.
uint32_t Availability(uint64_t available, uint64_t total, uint32_t overprovisioning) {
  if (total == 0) return 0;
  const unsigned __int128 percent = static_cast<unsigned __int128>(available) * overprovisioning / total;
  return static_cast<uint32_t>(std::min<unsigned __int128>(percent, 100));
}

struct Spread {
  int first = -1;  // the first priority with anything available
  uint32_t left;   // of the load that was to be spread
};

Spread SpreadLoad(const std::vector<uint32_t>& available, uint32_t load, uint32_t normalised_total,
                  std::vector<uint32_t>& to) {
  Spread result{-1, load};
  for (size_t i = 0; i < available.size(); ++i) {
    if (result.first < 0 && available[i] > 0) result.first = static_cast<int>(i);
    to[i] = std::min(result.left, available[i] * 100 / normalised_total);
    result.left -= to[i];
  }
  return result;
}

bool InPanic(const PriorityHealth& priority, double threshold) {
  if (priority.total == 0) return 0.0 < threshold;
  const double total = static_cast<double>(priority.total);
  return 100.0 * static_cast<double>(priority.healthy) / total +
             100.0 * static_cast<double>(priority.degraded) / total <
         threshold;
}

// Every priority is in panic: load follows the number of endpoints, healthy or not.
void SpreadByCount(const std::vector<PriorityHealth>& priorities, PriorityLoad& load) {
  uint64_t all = 0;
  for (const PriorityHealth& priority : priorities) all += priority.total;
  std::fill(load.degraded.begin(), load.degraded.end(), 0);
  std::fill(load.healthy.begin(), load.healthy.end(), 0);
  if (all == 0) {
    load.healthy[0] = 100;
    return;
  }
  uint32_t left = 100;
  size_t first = priorities.size();
  for (size_t i = 0; i < priorities.size(); ++i) {
    if (first == priorities.size() && priorities[i].total > 0) first = i;
    load.healthy[i] = static_cast<uint32_t>(static_cast<unsigned __int128>(priorities[i].total) * 100 / all);
    left -= load.healthy[i];
  }
  load.healthy[first] += left;
}

}  // namespace

PriorityLoad::Choice PriorityLoad::Choose(uint64_t random) const {
  const uint32_t point = static_cast<uint32_t>(random % 100) + 1;
  uint32_t sum = 0;
  for (uint32_t i = 0; i < healthy.size(); ++i) {
    sum += healthy[i];
    if (point <= sum) return {i, false};
  }
  for (uint32_t i = 0; i < degraded.size(); ++i) {
    sum += degraded[i];
    if (point <= sum) return {i, true};
  }
  return {};
}

PriorityLoad ComputePriorityLoad(const std::vector<PriorityHealth>& priorities, uint32_t overprovisioning,
                                 double panic_threshold) {
  const size_t n = priorities.size();
  PriorityLoad load{std::vector<uint32_t>(n, 0), std::vector<uint32_t>(n, 0), std::vector<bool>(n, false)};
  if (n == 0) return load;
  std::vector<uint32_t> healthy(n), degraded(n);
  uint64_t sum = 0;
  for (size_t i = 0; i < n; ++i) {
    healthy[i] = Availability(priorities[i].healthy, priorities[i].total, overprovisioning);
    degraded[i] = Availability(priorities[i].degraded, priorities[i].total, overprovisioning);
    sum += healthy[i] + degraded[i];
  }
  const uint32_t normalised = static_cast<uint32_t>(std::min<uint64_t>(100, sum));
  const double threshold = std::min(100.0, panic_threshold);
  if (normalised == 0) {
    load.healthy[0] = 100;
    if (threshold <= 0.0) return load;
  } else {
    const Spread first = SpreadLoad(healthy, 100, normalised, load.healthy);
    const Spread second = SpreadLoad(degraded, first.left, normalised, load.degraded);
    // What is left is a matter of rounding.
    if (second.left > 0) {
      (first.first >= 0 ? load.healthy[first.first] : load.degraded[second.first]) += second.left;
    }
  }
  bool all_in_panic = true;
  for (size_t i = 0; i < n; ++i) {
    load.panic[i] = normalised < 100 && InPanic(priorities[i], threshold);
    all_in_panic = all_in_panic && load.panic[i];
  }
  if (all_in_panic) SpreadByCount(priorities, load);
  return load;
}

}  // namespace outrigger::upstream
