// Thread: worker
#pragma once

#include <cstdint>
#include <vector>

#include "source/model/cluster.h"
#include "source/upstream/member_view.h"
#include "source/upstream/smooth_schedule.h"

namespace outrigger::upstream {

// Random bits of one pick: draws derived from one word, so that a pick asks the engine once and tests can repeat it.
class PickRandom {
 public:
  explicit PickRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() {  // splitmix64
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t n) { return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * n) >> 64); }

 private:
  uint64_t state_;
};

// How many requests are under way at an endpoint on this worker: least request asks.
class ActiveRequests {
 public:
  virtual ~ActiveRequests() = default;
  virtual uint32_t At(const model::Endpoint& endpoint) const = 0;
};

// One policy's order over some members of a set.
//   round robin    equal weights: in turn; else SmoothSchedule
//   least request  equal weights: the least busy of N drawn; else SmoothSchedule with weight / (active + 1)^bias,
//                  looked up at each turn
//   random         equal weights: uniform; else the member at a random place along all weights
// Only the SmoothSchedule is state that grows with the members: it is made by the first pick that needs it.
class EndpointSchedule {
 public:
  // `active` lives as long as the schedule; read by least request only.
  void Build(const model::LbConfig& config, MemberView members, const ActiveRequests& active, PickRandom& random);
  bool empty() const { return members_.empty(); }
  size_t size() const { return members_.size(); }
  const model::Endpoint& Pick(PickRandom& random);  // not when empty

 private:
  void BuildSmooth();
  const model::Endpoint& PickLeastBusy(PickRandom& random) const;
  double BusyWeight(const model::Endpoint& member) const;

  model::LbPolicy policy_ = model::LbPolicy::kRoundRobin;
  uint32_t choices_ = 2;
  double bias_ = 1.0;
  MemberView members_;
  const ActiveRequests* active_ = nullptr;
  uint32_t next_ = 0;
  SmoothSchedule smooth_;
  std::vector<const model::Endpoint*> smooth_members_;
};

}  // namespace outrigger::upstream
