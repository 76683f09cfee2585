// Thread: any (not synchronised: one generator has one user)
#pragma once

#include <bit>
#include <cstdint>

namespace outrigger {

// xoshiro256++ seeded by splitmix64: fast, good, reproducible from its seed; not for secrets. Only engines, property
// tests and benchmarks own one; everybody else asks Engine::RandomBits().
class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9E3779B97F4A7C15ull;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
      word = z ^ (z >> 31);
    }
  }
  uint64_t Next() {
    const uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // Uniform in [0, n), or 0 if n is 0. Bias below 2^-32 for n < 2^32.
  uint64_t Below(uint64_t n) { return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * n) >> 64); }
  uint64_t Between(uint64_t low, uint64_t high) { return low + Below(high - low + 1); }  // both included
  bool OneIn(uint64_t n) { return n != 0 && Below(n) == 0; }                             // 0: never

 private:
  uint64_t state_[4];
};

}  // namespace outrigger
