// Thread: the test's
#pragma once

#include <cstdint>
#include <functional>
#include <string>

// Which seeds a test of simulated worlds tries: its own choice, or OUTRIGGER_SEEDS of them from OUTRIGGER_FIRST_SEED on
// (tools/simulate).
namespace outrigger::simulation {

struct Seeds {
  uint64_t first = 1, count = 1;
  // Enough of them to expect that everything that may happen did.
  bool many() const { return count >= 20; }
};
Seeds SeedsToTry(uint64_t usual_count);

// `run` tries one seed and says what went wrong; "": nothing. Each failing seed is a failure of the running test, which
// goes on with the next one until ten have failed.
void TrySeeds(const Seeds& seeds, const std::function<std::string(uint64_t seed)>& run);

}  // namespace outrigger::simulation
