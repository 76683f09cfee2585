// Thread: the simulator's one thread
#pragma once

#include <cstdint>

namespace outrigger::tls {

// Replaces OpenSSL's generator of this process by a seeded one, so that one seed gives one byte stream on every
// simulated TLS connection. For the simulator and tests only: never in production, where OpenSSL's own stays.
class SeededRandom final {
 public:
  explicit SeededRandom(uint64_t seed);
  ~SeededRandom();  // gives OpenSSL its own generator back
  SeededRandom(const SeededRandom&) = delete;
};

}  // namespace outrigger::tls
