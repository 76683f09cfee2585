#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "source/event/simulated_world.h"
#include "test/simulation/engine/echo.h"

namespace outrigger::event {
namespace {

struct Outcome {
  bool done = false;
  bool corrupted = false;
  int attempts = 0;
  uint64_t trace = 0;
};

bool AllDone(const std::vector<std::unique_ptr<echo::Client>>& clients) {
  return std::all_of(clients.begin(), clients.end(), [](const auto& client) { return client->done(); });
}

// Two hosts, two serving loops (TCP and Unix), two client loops, eight clients that also post to each other's loops.
Outcome RunEcho(uint64_t seed, FaultPlan faults, std::string* lines = nullptr) {
  SimulatedWorld world(seed, faults);
  world.RecordTrace(lines);
  const int far = world.AddHost({"10.0.0.2", "fd00::2"});
  auto tcp_loop = world.MakeDispatcher(far);
  auto unix_loop = world.MakeDispatcher();
  auto near_loop = world.MakeDispatcher();
  auto far_loop = world.MakeDispatcher(far);
  Outcome outcome;
  {
    echo::Server v4(*tcp_loop, echo::Ip("0.0.0.0", 8080));
    echo::Server v6(*tcp_loop, echo::Ip("fd00::2", 8081));
    echo::Server local(*unix_loop, echo::Unix("/run/echo.sock"));
    std::vector<std::unique_ptr<echo::Client>> clients;
    for (uint64_t i = 0; i < 8; ++i) {
      const bool use_unix = i % 4 == 3;
      Dispatcher& loop = i % 4 == 2 ? *far_loop : *near_loop;
      const echo::Target to = use_unix     ? echo::Unix("/run/echo.sock")
                              : i % 2 == 0 ? echo::Ip("10.0.0.2", 8080)
                                           : echo::Ip("fd00::2", 8081);
      loop.Post([&loop, &clients, to, i] {
        clients.push_back(std::make_unique<echo::Client>(loop, to, i, 1000 + i * 9000));
      });
    }
    outcome.done = world.RunUntil([&] { return clients.size() == 8 && AllDone(clients); }, hours(2));
    for (const auto& client : clients) {
      outcome.corrupted |= client->corrupted();
      outcome.attempts += client->attempts();
    }
  }
  outcome.trace = world.trace_hash();
  return outcome;
}

uint64_t TraceInAnotherProcess(uint64_t seed) {
  char self[4096];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
  EXPECT_GT(n, 0);
  const std::string command = absl::StrCat("TEST_PREMATURE_EXIT_FILE= TRACE_OF_SEED=", seed, " ",
                                           absl::string_view(self, static_cast<size_t>(std::max<ssize_t>(n, 0))),
                                           " --gtest_filter=TraceTest.PrintsTheTraceItIsAskedFor");
  FILE* output = popen(command.c_str(), "r");
  if (output == nullptr) return 0;
  char text[256];
  uint64_t trace = 0;
  while (fgets(text, sizeof(text), output) != nullptr) {
    absl::string_view line(text);
    if (!absl::ConsumePrefix(&line, "trace=")) continue;
    EXPECT_TRUE(absl::SimpleAtoi(line, &trace));
  }
  pclose(output);
  return trace;
}

TEST(TraceTest, PrintsTheTraceItIsAskedFor) {
  const char* asked = getenv("TRACE_OF_SEED");
  uint64_t seed = 1;
  ASSERT_TRUE(asked == nullptr || absl::SimpleAtoi(asked, &seed));
  printf("trace=%llu\n", static_cast<unsigned long long>(RunEcho(seed, FaultPlan::Harsh()).trace));
}

TEST(TraceTest, OneSeedGivesOneTraceTwiceInOneProcessAndInTwo) {
  for (uint64_t seed : {1u, 2u, 3u}) {
    const Outcome first = RunEcho(seed, FaultPlan::Harsh());
    EXPECT_TRUE(first.done);
    EXPECT_EQ(first.trace, RunEcho(seed, FaultPlan::Harsh()).trace);
    EXPECT_EQ(first.trace, TraceInAnotherProcess(seed));
  }
}

TEST(TraceTest, DifferentSeedsGiveDifferentTraces) {
  std::set<uint64_t> traces;
  for (uint64_t seed = 0; seed < 20; ++seed) traces.insert(RunEcho(seed, {}).trace);
  EXPECT_EQ(traces.size(), 20u);
}

TEST(TraceTest, TheRecordedLinesTellWhereTracesPart) {
  std::string first, second, other;
  RunEcho(5, {}, &first);
  RunEcho(5, {}, &second);
  RunEcho(6, {}, &other);
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
}

TEST(TraceTest, DataIsNeverCorruptedWhateverGoesWrong) {
  int attempts = 0;
  for (uint64_t seed = 100; seed < 160; ++seed) {
    const Outcome outcome = RunEcho(seed, FaultPlan::Harsh());
    ASSERT_TRUE(outcome.done) << "seed " << seed;
    ASSERT_FALSE(outcome.corrupted) << "seed " << seed;
    attempts += outcome.attempts;
  }
  EXPECT_GT(attempts, 60 * 8) << "the faults must bite";
}

TEST(TraceTest, WithoutFaultsEverybodyNeedsOneAttempt) {
  const Outcome outcome = RunEcho(1, FaultPlan::None());
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.attempts, 8);
}

// The same programs on the real engine: what the simulator lets them rely on, the kernel does as well.
TEST(TraceTest, TheSameClientsWorkOnRealSockets) {
  Dispatcher serving(MakeEpollEngine());
  Dispatcher asking(MakeEpollEngine());
  echo::Server server(serving, echo::Ip("127.0.0.1", 0));
  std::vector<std::unique_ptr<echo::Client>> clients;
  for (uint64_t i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<echo::Client>(asking, server.address(), i, 1000 + i * 90000));
  }
  while (!AllDone(clients)) {
    serving.RunOnce(milliseconds(1));
    asking.RunOnce(milliseconds(1));
  }
  for (const auto& client : clients) {
    EXPECT_FALSE(client->corrupted());
    EXPECT_EQ(client->attempts(), 1);
  }
}

}  // namespace
}  // namespace outrigger::event
