// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace outrigger {

// XXH64 of `bytes`: the same in every process, build and version, so it may decide what others see (hash policies,
// fingerprints, resource identity). Not for hash tables with hostile keys: those use absl's seeded containers.
uint64_t StableHash(absl::string_view bytes, uint64_t seed = 0);

// Mixes one more value into a hash.
inline uint64_t StableHashMix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15ull;
  hash ^= hash >> 32;
  hash *= 0xD6E8FEB86659FD93ull;
  return hash ^ (hash >> 29);
}

}  // namespace outrigger
