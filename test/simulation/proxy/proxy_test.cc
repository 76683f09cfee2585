#include <stdio.h>
#include <unistd.h>

#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "source/net/read_block.h"
#include "test/simulation/proxy/hop.h"
#include "test/simulation/proxy/seeds.h"

namespace outrigger::simulation {
namespace {

void RunSeeds(Hop::Plan plan, const Seeds& seeds, Score* sum) {
  TrySeeds(seeds, [&](uint64_t seed) -> std::string {
    Hop hop(seed, plan);
    const std::vector<std::string> problems = hop.Run();
    sum->started += hop.score().started;
    sum->right += hop.score().right;
    sum->cancelled += hop.score().cancelled;
    sum->moved += hop.score().moved;
    for (const auto& [what, n] : hop.score().failures) sum->failures[what] += n;
    return problems.empty() ? "" : absl::StrCat(absl::StrJoin(problems, "; "), "\n", hop.Describe());
  });
}

TEST(SimulatedProxyTest, EveryCallSucceedsInOrdinaryAdversity) {
  Score sum;
  RunSeeds(Hop::Plan::kOrdinary, SeedsToTry(200), &sum);
  EXPECT_EQ(sum.right + sum.cancelled, sum.started);
  printf("%s\n", sum.ToString().c_str());
}

TEST(SimulatedProxyTest, HarshFaultsGiveErrorsThatTheyExplainAndNothingElse) {
  Score sum;
  const Seeds seeds = SeedsToTry(60);
  RunSeeds(Hop::Plan::kHarsh, seeds, &sum);
  if (seeds.many()) {
    EXPECT_GT(sum.right, sum.started / 3);
    EXPECT_GT(sum.failed(), 0) << "the faults must bite";
  }
  EXPECT_EQ(sum.right + sum.cancelled + sum.failed(), sum.started);
  printf("%s\n", sum.ToString().c_str());
}

uint64_t TraceOf(uint64_t seed, Hop::Plan plan, std::string* lines = nullptr) {
  net::ReadBlock::OfThread().ShareInAllBuilds();
  Hop hop(seed, plan, lines);
  hop.Run();
  return hop.trace_hash();
}

uint64_t TraceInAnotherProcess(uint64_t seed) {
  char self[4096];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
  EXPECT_GT(n, 0);
  const std::string command = absl::StrCat("TEST_PREMATURE_EXIT_FILE= OUTRIGGER_SEEDS=1 OUTRIGGER_FIRST_SEED=", seed,
                                           " ", absl::string_view(self, static_cast<size_t>(std::max<ssize_t>(n, 0))),
                                           " --gtest_also_run_disabled_tests --gtest_filter=*PrintsTraces");
  FILE* output = popen(command.c_str(), "r");
  if (output == nullptr) return 0;
  char text[256];
  uint64_t trace = 0;
  while (fgets(text, sizeof(text), output) != nullptr) {
    absl::string_view line(text);
    if (absl::ConsumePrefix(&line, absl::StrCat("trace of seed ", seed, ", harsh: "))) {
      EXPECT_TRUE(absl::SimpleAtoi(absl::StripSuffix(line, "\n"), &trace));
    }
  }
  pclose(output);
  return trace;
}

// For those who compare: the test below two processes, tools/simulate --same-trace two builds.
TEST(SimulatedProxyTest, DISABLED_PrintsTraces) {
  const Seeds seeds = SeedsToTry(1);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    printf("%s\n", absl::StrCat("trace of seed ", seed, ", ordinary: ", TraceOf(seed, Hop::Plan::kOrdinary)).c_str());
    printf("%s\n", absl::StrCat("trace of seed ", seed, ", harsh: ", TraceOf(seed, Hop::Plan::kHarsh)).c_str());
  }
}

// Where two traces part: every effect of one seed.
TEST(SimulatedProxyTest, DISABLED_PrintsEffects) {
  for (Hop::Plan plan : {Hop::Plan::kOrdinary, Hop::Plan::kHarsh}) {
    std::string lines;
    TraceOf(SeedsToTry(1).first, plan, &lines);
    printf("%s", lines.c_str());
  }
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
