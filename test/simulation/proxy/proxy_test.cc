#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "test/simulation/proxy/hop.h"

namespace outrigger::simulation {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

// How many seeds each test tries, and the first of them: tools/simulate asks for more.
uint64_t Seeds(uint64_t usual) { return FromEnvironment("OUTRIGGER_SEEDS", usual); }
uint64_t FirstSeed() { return FromEnvironment("OUTRIGGER_FIRST_SEED", 1); }

void RunSeeds(Hop::Plan plan, uint64_t count, Score* sum) {
  for (uint64_t seed = FirstSeed(); seed < FirstSeed() + count; ++seed) {
    Hop hop(seed, plan);
    const std::vector<std::string> problems = hop.Run();
    ASSERT_TRUE(problems.empty()) << absl::StrJoin(problems, "; ") << "\n" << hop.Describe();
    sum->started += hop.score().started;
    sum->right += hop.score().right;
    sum->cancelled += hop.score().cancelled;
    sum->moved += hop.score().moved;
    for (const auto& [what, n] : hop.score().failures) sum->failures[what] += n;
  }
}

TEST(SimulatedProxyTest, EveryCallSucceedsInOrdinaryAdversity) {
  Score sum;
  RunSeeds(Hop::Plan::kOrdinary, Seeds(200), &sum);
  EXPECT_EQ(sum.right + sum.cancelled, sum.started);
  printf("%s\n", sum.ToString().c_str());
}

TEST(SimulatedProxyTest, HarshFaultsGiveErrorsThatTheyExplainAndNothingElse) {
  Score sum;
  RunSeeds(Hop::Plan::kHarsh, Seeds(60), &sum);
  EXPECT_GT(sum.right, sum.started / 3);
  EXPECT_GT(sum.failed(), 0) << "the faults must bite";
  EXPECT_EQ(sum.right + sum.cancelled + sum.failed(), sum.started);
  printf("%s\n", sum.ToString().c_str());
}

uint64_t TraceOf(uint64_t seed, Hop::Plan plan, std::string* lines = nullptr) {
  Hop hop(seed, plan, lines);
  hop.Run();
  return hop.trace_hash();
}

uint64_t TraceInAnotherProcess(uint64_t seed) {
  char self[4096];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
  EXPECT_GT(n, 0);
  const std::string command =
      absl::StrCat("TEST_PREMATURE_EXIT_FILE= TRACE_OF_SEED=", seed, " ", absl::string_view(self, static_cast<size_t>(std::max<ssize_t>(n, 0))),
                   " --gtest_filter=SimulatedProxyTest.PrintsTheTraceItIsAskedFor");
  FILE* output = popen(command.c_str(), "r");
  if (output == nullptr) return 0;
  char text[256];
  uint64_t trace = 0;
  while (fgets(text, sizeof(text), output) != nullptr) {
    absl::string_view line(text);
    if (absl::ConsumePrefix(&line, "trace=")) {
      EXPECT_TRUE(absl::SimpleAtoi(absl::StripSuffix(line, "\n"), &trace));
    }
  }
  pclose(output);
  return trace;
}

TEST(SimulatedProxyTest, PrintsTheTraceItIsAskedFor) {
  const uint64_t seed = FromEnvironment("TRACE_OF_SEED", 1);
  printf("trace=%llu\n", static_cast<unsigned long long>(TraceOf(seed, Hop::Plan::kHarsh)));
}

TEST(SimulatedProxyTest, OneSeedGivesOneTraceTwiceInOneProcessAndInTwo) {
  for (uint64_t seed : {3u, 4u, 5u, 6u}) {
    const uint64_t first = TraceOf(seed, Hop::Plan::kHarsh);
    EXPECT_EQ(first, TraceOf(seed, Hop::Plan::kHarsh)) << "seed " << seed;
    EXPECT_EQ(first, TraceInAnotherProcess(seed)) << "seed " << seed;
  }
}

TEST(SimulatedProxyTest, DifferentSeedsGiveDifferentTraces) {
  std::set<uint64_t> traces;
  for (uint64_t seed = 1; seed <= 10; ++seed) traces.insert(TraceOf(seed, Hop::Plan::kOrdinary));
  EXPECT_EQ(traces.size(), 10u);
}

}  // namespace
}  // namespace outrigger::simulation
