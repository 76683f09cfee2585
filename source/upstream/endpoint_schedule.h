// Thread: worker
#pragma once

#include <cstdint>
#include <vector>

#include "source/model/cluster.h"
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

// One list of endpoints and one policy's order over it. Members are indices into `endpoints` of a PrioritySet, as are
// the picks.
//   round robin    equal weights: in turn; else SmoothSchedule
//   least request  equal weights: the least busy of N drawn; else SmoothSchedule with weight / (active + 1)^bias,
//   looked up at each turn random         equal weights: uniform; else an alias table (Walker, Vose): O(1)
class EndpointSchedule {
 public:
  struct Member {
    uint32_t index;
    uint32_t weight;
  };
  // `active`: requests under way on this worker by endpoint index; lives as long as the schedule; read by least request
  // only.
  void Build(const model::LbConfig& config, std::vector<Member> members, const uint32_t* const* active,
             PickRandom& random);
  bool empty() const { return members_.empty(); }
  size_t size() const { return members_.size(); }
  uint32_t Pick(PickRandom& random);  // not when empty

 private:
  void BuildAlias();
  uint32_t PickLeastBusy(PickRandom& random);
  double BusyWeight(uint32_t member) const;

  model::LbPolicy policy_ = model::LbPolicy::kRoundRobin;
  uint32_t choices_ = 2;
  double bias_ = 1.0;
  bool equal_ = true;
  std::vector<Member> members_;
  const uint32_t* const* active_ = nullptr;
  size_t next_ = 0;
  SmoothSchedule smooth_;
  struct Alias {
    uint64_t keep_below;  // of 2^32: stay, else take `other`
    uint32_t other;
  };
  std::vector<Alias> alias_;
};

}  // namespace outrigger::upstream
