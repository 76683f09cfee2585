#include "test/simulation/proxy/seeds.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "absl/strings/numbers.h"

namespace outrigger::simulation {

namespace {

constexpr int kMostFailures = 10;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

}  // namespace

Seeds SeedsToTry(uint64_t usual_count) {
  return {FromEnvironment("OUTRIGGER_FIRST_SEED", 1), FromEnvironment("OUTRIGGER_SEEDS", usual_count)};
}

void TrySeeds(const Seeds& seeds, const std::function<std::string(uint64_t seed)>& run) {
  int failures = 0;
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count && failures < kMostFailures; ++seed) {
    const std::string problem = run(seed);
    if (problem.empty()) continue;
    ++failures;
    ADD_FAILURE() << "seed " << seed << ": " << problem;
  }
}

}  // namespace outrigger::simulation
