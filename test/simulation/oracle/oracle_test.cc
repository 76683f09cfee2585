// Random sequences of pushes, and an oracle beside the proxy that says for each request which answers are allowed.
#include <stdio.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/base/log.h"
#include "source/base/mutant.h"
#include "test/simulation/oracle/scene.h"
#include "test/simulation/proxy/seeds.h"

namespace outrigger::simulation::oracle {
namespace {

// The proof that the oracle sees it: of a proxy that breaks a law, some answer soon is one that the model does not
// allow.
class MutantTest : public testing::TestWithParam<Mutant> {
 protected:
  ~MutantTest() override { SetMutant(Mutant::kNone); }
};

TEST_P(MutantTest, IsCaught) {
  log::SetLevel(log::Level::kOff);
  SetMutant(GetParam());
  if (!IsMutant(GetParam())) GTEST_SKIP() << "release builds break no law";
  constexpr uint64_t kMostSeeds = 60;
  for (uint64_t seed = 1; seed <= kMostSeeds; ++seed) {
    Scene scene(seed, seed % 2 == 0 ? Scene::Form::kDelta : Scene::Form::kStateOfTheWorld);
    scene.Run();
    if (scene.findings().wrong.empty()) continue;
    printf("caught by seed %d: %s", static_cast<int>(seed), scene.findings().wrong.front().c_str());
    return;
  }
  FAIL() << "not seen in " << kMostSeeds << " seeds";
}

const char* NameOf(Mutant mutant) {
  switch (mutant) {
    case Mutant::kSkipWarming:
      return "SkipWarming";
    case Mutant::kSwapEarly:
      return "SwapEarly";
    case Mutant::kDropOnDisconnect:
      return "DropOnDisconnect";
    case Mutant::kFollowDistrusted:
      return "FollowDistrusted";
    case Mutant::kDemandNoWait:
      return "DemandNoWait";
    case Mutant::kDemandAgain:
      return "DemandAgain";
    case Mutant::kKeepGoneHost:
      return "KeepGoneHost";
    case Mutant::kStaleSecret:
      return "StaleSecret";
    case Mutant::kStaleExtension:
      return "StaleExtension";
    default:
      return "None";
  }
}

INSTANTIATE_TEST_SUITE_P(Each, MutantTest,
                         testing::Values(Mutant::kSkipWarming, Mutant::kSwapEarly, Mutant::kDropOnDisconnect,
                                         Mutant::kFollowDistrusted, Mutant::kDemandNoWait, Mutant::kDemandAgain,
                                         Mutant::kKeepGoneHost, Mutant::kStaleSecret, Mutant::kStaleExtension),
                         [](const testing::TestParamInfo<Mutant>& info) { return NameOf(info.param); });

class OracleTest : public testing::TestWithParam<Scene::Form> {};

TEST_P(OracleTest, NoAnswerButThoseThatTheModelAllows) {
  log::SetLevel(log::Level::kOff);
  const Seeds seeds = SeedsToTry(30);
  Findings sum;
  Scene::Counts counts;
  size_t moments = 0;
  int wishes = 0;
  TrySeeds(seeds, [&](uint64_t seed) -> std::string {
    Scene scene(seed, GetParam());
    std::string wrong = scene.Run();
    sum.Add(scene.findings());
    moments += scene.moments();
    wishes += scene.wishes();
    counts.responses += scene.counts().responses;
    counts.accepted += scene.counts().accepted;
    counts.refused += scene.counts().refused;
    counts.ignored += scene.counts().ignored;
    counts.streams += scene.counts().streams;
    return wrong;
  });
  printf("%d requests, %d answered by servers, %d connects refused, %d moved, %d connections of which %d were ended\n",
         sum.requests, sum.by_servers, sum.refused_connects, sum.moved, sum.connections, sum.ended);
  printf("%d names asked for on demand, %d answers by hosts that were fetched\n", wishes, sum.by_fetched);
  printf("%d answers over TLS, %d not let in\n", sum.over_tls, sum.not_let_in);
  printf("%d responses on %d streams: %d accepted, %d refused, %d ignored; %zu states\n", counts.responses,
         counts.streams, counts.accepted, counts.refused, counts.ignored, moments);
  if (!seeds.many()) return;
  EXPECT_GT(sum.by_servers, sum.requests / 20);
  EXPECT_GT(counts.refused, static_cast<int>(seeds.count));
  EXPECT_GT(sum.over_tls, 0);
  EXPECT_GT(sum.not_let_in, 0);
  EXPECT_GT(wishes, 0);
  EXPECT_EQ(sum.by_fetched > 0, GetParam() == Scene::Form::kDelta);
}

// Where two texts part: the lines around it.
std::string FirstDifference(const std::string& a, const std::string& b) {
  size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  const auto around = [at](const std::string& text) {
    const size_t from = at < 400 ? 0 : at - 400;
    return from < text.size() ? text.substr(from, 600) : std::string();
  };
  return absl::StrCat("\n--- first\n", around(a), "\n--- second\n", around(b));
}

TEST_P(OracleTest, OneSeedGivesOneTrace) {
  log::SetLevel(log::Level::kOff);
  for (const uint64_t seed : {3u, 5u, 6u}) {
    std::string lines[2];
    for (std::string& trace : lines) {
      Scene scene(seed, GetParam(), &trace);
      scene.Run();
      absl::StrAppend(&trace, "hash ", scene.trace_hash(), "\n");
    }
    EXPECT_TRUE(lines[0] == lines[1]) << "seed " << seed << FirstDifference(lines[0], lines[1]);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, OracleTest, testing::Values(Scene::Form::kStateOfTheWorld, Scene::Form::kDelta),
                         [](const testing::TestParamInfo<Scene::Form>& info) {
                           return info.param == Scene::Form::kDelta ? "Delta" : "StateOfTheWorld";
                         });

}  // namespace
}  // namespace outrigger::simulation::oracle
