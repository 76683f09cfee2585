#include "source/observe/stats.h"

#include <atomic>
#include <cmath>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/observe/schemas/cluster.h"
#include "source/observe/schemas/filters.h"
#include "source/observe/schemas/http_codec.h"
#include "source/observe/schemas/http_connection.h"
#include "source/observe/schemas/listener.h"
#include "source/observe/schemas/server.h"
#include "source/observe/schemas/ssl.h"
#include "source/observe/schemas/xds.h"
#include "source/observe/stats_reader.h"

namespace outrigger::observe {
namespace {

int64_t NumberOf(const StatsSnapshot& snapshot, absl::string_view name) {
  for (const auto& number : snapshot.numbers) {
    if (number.name == name) return number.value;
  }
  return -1;
}

const StatsSnapshot::Distribution* DistributionOf(const StatsSnapshot& snapshot, absl::string_view name) {
  for (const auto& distribution : snapshot.distributions) {
    if (distribution.name == name) return &distribution;
  }
  return nullptr;
}

TEST(StatsTest, CountsOfAllWorkersAreSummed) {
  StatsRegistry registry;
  WorkerStats& first = registry.AddWorker("worker_0");
  WorkerStats& second = registry.AddWorker("worker_1");
  StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");

  first.Get(scope).upstream_cx_total.Inc();
  second.Get(scope).upstream_cx_total.Add(4);
  registry.main().Get(scope).lb_subsets_active.Set(3);

  EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.upstream_cx_total"), 5);
  EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.lb_subsets_active"), 3);
}

TEST(StatsTest, AGaugeRaisedOnOneWorkerAndLoweredOnAnotherIsTheirSum) {
  StatsRegistry registry;
  WorkerStats& first = registry.AddWorker("worker_0");
  WorkerStats& second = registry.AddWorker("worker_1");
  StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");

  first.Get(scope).upstream_rq_active.Add(2);
  second.Get(scope).upstream_rq_active.Dec();

  EXPECT_EQ(second.Get(scope).upstream_rq_active.value(), -1);
  EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.upstream_rq_active"), 1);
}

TEST(StatsTest, ANameThatReturnsKeepsItsCountsAndIsHiddenMeanwhile) {
  StatsRegistry registry;
  WorkerStats& worker = registry.AddWorker("worker_0");
  {
    StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");
    worker.Get(scope).upstream_rq_total.Add(7);
  }
  EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.upstream_rq_total"), -1);

  StatsScope<ClusterStats> again = registry.Register<ClusterStats>("cluster.a.");
  worker.Get(again).upstream_rq_total.Inc();

  EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.upstream_rq_total"), 8);
}

std::string HistogramLine(const StatsSnapshot& snapshot) {
  for (const auto& made : snapshot.distributions) {
    if (made.name != "cluster.a.upstream_cx_connect_ms" || made.cumulative.bins.size() != 2) continue;
    const auto& bins = made.cumulative.bins;
    return absl::StrCat(bins[0].second, " of ", Histogram::LowerEdge(bins[0].first), ", ", bins[1].second, " of ",
                        Histogram::LowerEdge(bins[1].first), ", ", made.interval.count, " in the interval");
  }
  return "";
}

// Everything that is counted, on two workers; then enough other names for the unused one to be folded, twice.
TEST(StatsTest, ANameThatWasFoldedComesBackWithAllItsCountsAndItsWorkersCountOn) {
  StatsRegistry registry;
  WorkerStats* workers[] = {&registry.AddWorker("worker_0"), &registry.AddWorker("worker_1")};
  int names = 0;
  StatsScope<ClusterStats> scope;
  const auto leave = [&] {
    registry.EndInterval();
    registry.EndInterval();  // an empty one: what comes back belongs to none either
    scope = {};
    for (int i = 0; i < 100; ++i) registry.Register<BufferStats>(absl::StrCat("s", names++, "."));
    scope = registry.Register<ClusterStats>("cluster.a.");
    registry.EndInterval();
  };
  scope = registry.Register<ClusterStats>("cluster.a.");
  for (int round = 1; round <= 3; ++round) {
    SCOPED_TRACE(round);
    for (WorkerStats* worker : workers) {
      worker->Get(scope).upstream_rq_total.Add(7);
      worker->Get(scope).upstream_rq.Inc(200);
      worker->Get(scope).upstream_rq.Inc(503);
      worker->Get(scope).upstream_cx_connect_ms.Record(0);
      worker->Get(scope).upstream_cx_connect_ms.Record(4500);
      worker->Dynamic(scope, "ssl.ciphers.X").Inc();
    }
    const StatsSnapshot before = registry.Read();
    EXPECT_EQ(NumberOf(before, "cluster.a.upstream_rq_total"), 14 * round);
    EXPECT_EQ(NumberOf(before, "cluster.a.upstream_rq_503"), 2 * round);
    EXPECT_EQ(NumberOf(before, "cluster.a.upstream_rq_5xx"), 2 * round);
    EXPECT_EQ(NumberOf(before, "cluster.a.ssl.ciphers.X"), 2 * round);
    leave();
    EXPECT_NE(workers[0]->Get(scope).upstream_rq_total.value(), 7u) << "the cells are not the old ones";
    EXPECT_EQ(HistogramLine(registry.Read()),
              absl::StrCat(2 * round, " of 0, ", 2 * round, " of 4500, 0 in the interval"));
    EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.upstream_rq_total"), 14 * round);
    EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.upstream_rq_503"), 2 * round);
    EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.ssl.ciphers.X"), 2 * round);
  }
}

TEST(StatsTest, AResetReachesFoldedNamesAndOneBeforeStaysReset) {
  StatsRegistry registry;
  WorkerStats& worker = registry.AddWorker("worker_0");
  int names = 0;
  const auto fold = [&] {
    for (int i = 0; i < 100; ++i) registry.Register<BufferStats>(absl::StrCat("s", names++, "."));
  };
  {
    StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");
    worker.Get(scope).upstream_rq_total.Add(7);
    registry.ResetCounters();
    worker.Get(scope).upstream_rq_total.Add(2);
  }
  fold();
  StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");
  EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.upstream_rq_total"), 2);
  scope = {};
  fold();
  registry.ResetCounters();
  scope = registry.Register<ClusterStats>("cluster.a.");
  EXPECT_EQ(NumberOf(registry.Read(), "cluster.a.upstream_rq_total"), 0);
}

TEST(StatsTest, TheOldestUnusedNamesAreForgottenAndTheirSlotsReusedWithoutMixingCounts) {
  StatsRegistry registry;
  WorkerStats& worker = registry.AddWorker("worker_0");
  StatsScope<BufferStats> kept = registry.Register<BufferStats>("kept.");
  worker.Get(kept).rq_timeout.Add(2);

  for (size_t i = 0; i < 3 * StatsRegistry::kRetiredScopes; ++i) {
    StatsScope<BufferStats> scope = registry.Register<BufferStats>(absl::StrCat("s", i, "."));
    worker.Get(scope).rq_timeout.Inc();
    ASSERT_EQ(worker.Get(scope).rq_timeout.value(), 1u) << i;
  }

  EXPECT_LE(registry.scope_count(), StatsRegistry::kRetiredScopes + 300);
  EXPECT_EQ(NumberOf(registry.Read(), "kept.rq_timeout"), 2);
}

TEST(StatsTest, NamesThatNobodyRefersToAreForgottenWithTheInterval) {
  StatsRegistry registry;
  std::vector<StatsScope<BufferStats>> scopes;
  for (int i = 0; i < 2000; ++i) scopes.push_back(registry.Register<BufferStats>(absl::StrCat("s", i, ".")));
  for (const auto& scope : scopes) registry.main().Get(scope).rq_timeout.Inc();
  const size_t all = registry.scope_count();
  registry.EndInterval();
  EXPECT_EQ(registry.scope_count(), all);
  scopes.clear();
  registry.EndInterval();
  EXPECT_EQ(registry.scope_count(), all - 2000 + StatsRegistry::kRetiredScopes);
}

TEST(StatsTest, AGroupIsOneNameWhoseBlocksAreMadeWhenTheyAreWrittenTo) {
  StatsRegistry registry;
  WorkerStats& worker = registry.AddWorker("worker_0");
  StatsScope<ClusterScope> scope = registry.Register<ClusterScope>("cluster.a.");
  EXPECT_EQ(registry.scope_count(), 2u) << "with the registry's own";
  StatsSnapshot snapshot = registry.Read();
  for (const char* name : {"upstream_rq_total", "membership_total", "circuit_breakers.high.cx_open"}) {
    EXPECT_EQ(NumberOf(snapshot, absl::StrCat("cluster.a.", name)), 0) << name;
  }
  EXPECT_NE(DistributionOf(snapshot, "cluster.a.upstream_rq_time"), nullptr);
  for (const char* name : {"http2.rx_reset", "internal.upstream_rq_completed", "ssl.handshake", "update_time"}) {
    EXPECT_EQ(NumberOf(snapshot, absl::StrCat("cluster.a.", name)), -1) << name;
  }

  worker.Get(scope, ClusterScope::kHttp2).rx_reset.Inc();  // not shown yet: nobody reads it
  scope.Show(ClusterScope::kHttp2);
  worker.Get(scope, ClusterScope::kHttp2).rx_reset.Add(2);
  worker.Get(scope, ClusterScope::kInternal).upstream_rq_completed.Inc();
  worker.Get(scope, ClusterScope::kBreakers[1]).cx_open.Set(1);
  worker.Get(scope).upstream_rq_total.Add(5);
  registry.main().Get(scope, ClusterScope::kUpdates).membership_total.Set(3);
  worker.Dynamic(scope, "ssl.ciphers.X").Inc();
  snapshot = registry.Read();
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.http2.rx_reset"), 2);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.internal.upstream_rq_completed"), 1);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.external.upstream_rq_completed"), -1);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.circuit_breakers.high.cx_open"), 1);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.circuit_breakers.default.cx_open"), 0);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_rq_total"), 5);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.membership_total"), 3);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.ssl.ciphers.X"), 1);
}

TEST(StatsTest, AFoldedGroupKeepsTheCountsOfItsMembersApart) {
  StatsRegistry registry;
  WorkerStats& worker = registry.AddWorker("worker_0");
  StatsScope<ClusterScope> scope = registry.Register<ClusterScope>("cluster.a.");
  scope.Show(ClusterScope::kEndpoints);
  worker.Get(scope, ClusterScope::kInternal).upstream_rq.Inc(200);
  worker.Get(scope, ClusterScope::kExternal).upstream_rq.Inc(503);
  worker.Get(scope).upstream_rq.Inc(404);
  registry.main().Get(scope, ClusterScope::kEndpoints).update_duration.Record(7);
  registry.ResetCounters();
  worker.Get(scope).upstream_rq.Inc(404);
  scope = {};
  EXPECT_EQ(registry.retired_count(), 1u);
  EXPECT_EQ(registry.ForgetRetired(), 0u);  // few enough to be remembered, without cells
  scope = registry.Register<ClusterScope>("cluster.a.");
  scope.Show(ClusterScope::kEndpoints);
  worker.Get(scope, ClusterScope::kInternal).upstream_rq.Inc(200);
  worker.Get(scope, ClusterScope::kExternal).upstream_rq.Inc(503);
  const StatsSnapshot snapshot = registry.Read();
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_rq_404"), 1);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.internal.upstream_rq_200"), 1) << "one before the reset, one after";
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.external.upstream_rq_503"), 1);
  ASSERT_NE(DistributionOf(snapshot, "cluster.a.update_duration"), nullptr);
  EXPECT_EQ(DistributionOf(snapshot, "cluster.a.update_duration")->cumulative.count, 1u);
}

TEST(StatsTest, ANameThatReturnsHasNoLevelsAndTextsOfBefore) {
  StatsRegistry registry;
  WorkerStats& worker = registry.AddWorker("worker_0");
  const auto begin = [&] {
    StatsScope<ClusterScope> scope = registry.Register<ClusterScope>("cluster.a.");
    scope.Show(ClusterScope::kEndpoints);
    return scope;
  };
  StatsScope<ClusterScope> scope = begin();
  registry.main().Get(scope, ClusterScope::kUpdates).membership_total.Set(3);
  registry.main().Get(scope, ClusterScope::kUpdates).update_success.Inc();
  registry.main().Get(scope, ClusterScope::kEndpoints).version_text.Set("v7");
  scope.Show(ClusterScope::kSsl);
  scope = {};
  scope = begin();
  EXPECT_EQ(registry.main().IfMade(scope, ClusterScope::kUpdates), nullptr);
  StatsSnapshot snapshot = registry.Read();
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.membership_total"), 0);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.update_success"), 1) << "counts come back";
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.ssl.handshake"), -1) << "what is shown is the new one's";
  ASSERT_EQ(snapshot.texts.size(), 1u);
  EXPECT_EQ(snapshot.texts[0].value, "");

  worker.Get(scope).upstream_rq_active.Inc();  // the worker's cells are new ones too
  registry.main().Get(scope, ClusterScope::kUpdates).membership_total.Set(4);
  const StatsScope<ClusterScope> kept = scope;
  scope = {};
  scope = begin();
  snapshot = registry.Read();
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_rq_active"), 1) << "somebody referred to it all the time";
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.membership_total"), 4);
}

TEST(StatsTest, NamesThatNobodyRefersToAreForgottenOnDemand) {
  StatsRegistry registry;
  std::vector<StatsScope<ClusterScope>> scopes;
  for (int i = 0; i < 5000; ++i) scopes.push_back(registry.Register<ClusterScope>(absl::StrCat("cluster.", i, ".")));
  for (const auto& scope : scopes) registry.main().Get(scope, ClusterScope::kUpdates).update_attempt.Inc();
  EXPECT_EQ(registry.ForgetRetired(), 0u);
  scopes.clear();
  EXPECT_EQ(registry.retired_count(), 5000u);
  EXPECT_EQ(registry.ForgetRetired(), 5000u - StatsRegistry::kRetiredScopes);
  EXPECT_EQ(registry.retired_count(), StatsRegistry::kRetiredScopes);
}

TEST(StatsTest, ResponseCodesAppearWhenFirstCountedByCodeAndClass) {
  StatsRegistry registry;
  WorkerStats& worker = registry.AddWorker("worker_0");
  StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");

  worker.Get(scope).upstream_rq.Inc(200);
  worker.Get(scope).upstream_rq.Inc(503);
  worker.Get(scope).upstream_rq.Inc(503);
  for (uint32_t odd : {0u, 99u, 600u, 4294967295u}) worker.Get(scope).upstream_rq.Inc(odd);

  const StatsSnapshot snapshot = registry.Read();
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_rq_200"), 1);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_rq_2xx"), 1);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_rq_503"), 2);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_rq_5xx"), 2);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_rq_4xx"), -1);
}

TEST(StatsTest, RunTimeNamesAreBoundedAndTheirOverflowIsCounted) {
  StatsRegistry registry;
  WorkerStats& worker = registry.AddWorker("worker_0");
  StatsScope<SslStats> scope = registry.Register<SslStats>("listener.x.ssl.");
  for (size_t i = 0; i < WorkerStats::kDynamicNames + 5; ++i) worker.Dynamic(scope, absl::StrCat("ciphers.", i)).Inc();
  worker.Dynamic(scope, "ciphers.0").Inc();

  const StatsSnapshot snapshot = registry.Read();
  EXPECT_EQ(NumberOf(snapshot, "listener.x.ssl.ciphers.0"), 2);
  EXPECT_EQ(NumberOf(snapshot, absl::StrCat("listener.x.ssl.ciphers.", WorkerStats::kDynamicNames)), -1);
  EXPECT_EQ(NumberOf(snapshot, "stats.overflow"), 5);
}

TEST(StatsTest, ResetZeroesCountersButNotGauges) {
  StatsRegistry registry;
  StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");
  ClusterStats& stats = registry.main().Get(scope);
  stats.upstream_cx_total.Add(3);
  stats.upstream_rq.Inc(404);
  stats.upstream_cx_active.Inc();

  registry.ResetCounters();
  stats.upstream_cx_total.Inc();

  const StatsSnapshot snapshot = registry.Read();
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_cx_total"), 1);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_rq_404"), 0);
  EXPECT_EQ(NumberOf(snapshot, "cluster.a.upstream_cx_active"), 1);
}

TEST(StatsTest, NamesAreCleanedAsPublished) {
  StatsRegistry registry;
  StatsScope<ListenerStats> listener = registry.Register<ListenerStats>("listener.[::1]:80.");
  StatsScope<ClusterStats> cluster = registry.Register<ClusterStats>("cluster.a://b\nc.");
  EXPECT_EQ(listener.prefix(), "listener.[__1]_80.");
  EXPECT_EQ(cluster.prefix(), "cluster.a_b_c.");
}

TEST(StatsTest, AnEmptyScopeIsWrittenToNowhere) {
  StatsRegistry registry;
  StatsScope<ClusterStats> none;
  registry.main().Get(none).upstream_cx_total.Inc();
  registry.main().Dynamic(none, "x").Inc();
  EXPECT_TRUE(NumberOf(registry.Read(), "upstream_cx_total") == -1);
}

TEST(StatsTest, EverySchemaRegistersUnderItsName) {
  StatsRegistry registry;
  auto http = registry.Register<HttpConnectionStats>("http.in.");
  auto router = registry.Register<RouterStats>("http.in.");
  auto subscription = registry.Register<SubscriptionStats>("cluster_manager.cds.");
  auto server = registry.Register<ServerStats>("server.");
  auto h2 = registry.Register<Http2Stats>("http2.");
  registry.main().Get(http).downstream_rq_2xx.Inc();
  registry.main().Get(router).no_route.Inc();
  registry.main().Get(server).live.Set(1);
  registry.main().Get(h2).rx_reset.Inc();
  registry.main().Get(subscription).version_text.Set("v7");

  const StatsSnapshot snapshot = registry.Read();
  EXPECT_EQ(NumberOf(snapshot, "http.in.downstream_rq_2xx"), 1);
  EXPECT_EQ(NumberOf(snapshot, "http.in.no_route"), 1);
  EXPECT_EQ(NumberOf(snapshot, "server.live"), 1);
  EXPECT_EQ(NumberOf(snapshot, "http2.rx_reset"), 1);
  ASSERT_EQ(snapshot.texts.size(), 1u);
  EXPECT_EQ(snapshot.texts[0].name, "cluster_manager.cds.version_text");
  EXPECT_EQ(snapshot.texts[0].value, "v7");
  for (size_t i = 1; i < snapshot.numbers.size(); ++i) {
    EXPECT_LE(snapshot.numbers[i - 1].name, snapshot.numbers[i].name);
  }
}

TEST(HistogramTest, EveryValueLiesInItsBin) {
  for (uint64_t value = 1; value < Histogram::kLargest; value = value + value / 7 + 1) {
    const int bin = Histogram::BinOf(value);
    EXPECT_LE(Histogram::LowerEdge(bin), static_cast<double>(value));
    EXPECT_LT(static_cast<double>(value), Histogram::LowerEdge(bin) + Histogram::Width(bin)) << value;
    EXPECT_LE(Histogram::Width(bin), std::max(1.0, static_cast<double>(value) / 10)) << value;
  }
  EXPECT_EQ(Histogram::BinOf(~uint64_t{0}), Histogram::kBinCount - 1);
  EXPECT_EQ(Histogram::BinOf(Histogram::kLargest), Histogram::kBinCount - 1);
}

TEST(HistogramTest, QuantilesAreWithinTwoDigitsOfTheTruth) {
  StatsRegistry registry;
  WorkerStats& first = registry.AddWorker("worker_0");
  WorkerStats& second = registry.AddWorker("worker_1");
  StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");
  for (uint64_t i = 1; i <= 10000; ++i) (i % 2 == 0 ? first : second).Get(scope).upstream_rq_time.Record(i);

  const StatsSnapshot snapshot = registry.Read();
  const auto* time = DistributionOf(snapshot, "cluster.a.upstream_rq_time");
  ASSERT_NE(time, nullptr);
  EXPECT_EQ(time->cumulative.count, 10000u);
  EXPECT_EQ(time->cumulative.sum, 50005000u);
  EXPECT_EQ(time->cumulative.Quantile(0), 1);
  for (double q : {0.25, 0.5, 0.75, 0.9, 0.99, 0.999}) {
    EXPECT_NEAR(time->cumulative.Quantile(q), q * 10000, q * 100) << q;
  }
  EXPECT_EQ(time->cumulative.CountUpTo(0.5), 0u);
  EXPECT_EQ(time->cumulative.CountUpTo(1), 1u);
  EXPECT_EQ(time->cumulative.CountUpTo(25), 25u);
  EXPECT_EQ(time->cumulative.CountUpTo(1e9), 10000u);
}

TEST(HistogramTest, OneForRareValuesTellsTheSame) {
  StatsRegistry registry;
  StatsScope<ClusterScope> scope = registry.Register<ClusterScope>("cluster.a.");
  scope.Show(ClusterScope::kEndpoints);
  RareHistogram& rare = registry.main().Get(scope, ClusterScope::kEndpoints).update_duration;
  Histogram& usual = registry.main().Get(scope).upstream_rq_time;
  for (const uint64_t value : {5, 1, 5, 0, 120000, 77, 7700, 5, 0}) {
    rare.Record(value);
    usual.Record(value);
  }
  registry.EndInterval();
  rare.Record(9);
  registry.EndInterval();
  const StatsSnapshot snapshot = registry.Read();
  const auto* one = DistributionOf(snapshot, "cluster.a.update_duration");
  const auto* other = DistributionOf(snapshot, "cluster.a.upstream_rq_time");
  ASSERT_TRUE(one != nullptr && other != nullptr);
  EXPECT_EQ(one->cumulative.count, 10u);
  EXPECT_EQ(one->cumulative.sum, other->cumulative.sum + 9);
  EXPECT_EQ(one->cumulative.CountUpTo(5), other->cumulative.CountUpTo(5));
  EXPECT_EQ(one->cumulative.Quantile(1), other->cumulative.Quantile(1));
  EXPECT_EQ(one->interval.count, 1u);
  EXPECT_EQ(one->interval.sum, 9u);
}

TEST(HistogramTest, AnIntervalHoldsOnlyWhatWasRecordedInIt) {
  StatsRegistry registry;
  StatsScope<ClusterStats> scope = registry.Register<ClusterStats>("cluster.a.");
  Histogram& histogram = registry.main().Get(scope).upstream_rq_time;
  histogram.Record(5);
  registry.EndInterval();
  histogram.Record(70);
  histogram.Record(71);
  registry.EndInterval();

  const StatsSnapshot snapshot = registry.Read();
  const auto* time = DistributionOf(snapshot, "cluster.a.upstream_rq_time");
  ASSERT_NE(time, nullptr);
  EXPECT_EQ(time->interval.count, 2u);
  EXPECT_EQ(time->interval.sum, 141u);
  EXPECT_EQ(time->cumulative.count, 3u);
  EXPECT_EQ(time->interval.Quantile(0), 70);
}

// Run under tsan: writers on their own cells, readers, a registering main, all at once.
TEST(StatsThreadTest, ReadersAndRegistrationMayRunBesideWriters) {
  constexpr int kWriters = 3, kRounds = 2000;
  StatsRegistry registry;
  StatsScope<ClusterStats> shared = registry.Register<ClusterStats>("cluster.shared.");
  std::vector<StatsScope<ClusterScope>> groups;
  for (int i = 0; i < 100; ++i) groups.push_back(registry.Register<ClusterScope>(absl::StrCat("cluster.", i, ".")));
  std::vector<WorkerStats*> workers;
  for (int i = 0; i < kWriters; ++i) workers.push_back(&registry.AddWorker(absl::StrCat("worker_", i)));
  std::atomic<int> running{kWriters};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        StatsScope<ClusterStats> scope = shared;
        ClusterStats& stats = workers[i]->Get(scope);
        stats.upstream_cx_total.Inc();
        stats.upstream_cx_active.Add(i == 0 ? 1 : -1);
        stats.upstream_rq.Inc(200 + round % 300);
        stats.upstream_rq_time.Record(static_cast<uint64_t>(round) * round);
        workers[i]->Dynamic(scope, absl::StrCat("x", round % 40)).Inc();
        // Blocks of a group are made while others read it.
        const StatsScope<ClusterScope>& group = groups[static_cast<size_t>(round) % groups.size()];
        workers[i]->Get(group).upstream_rq_total.Inc();
        workers[i]->Get(group, ClusterScope::kInternal).upstream_rq.Inc(200);
      }
      running.fetch_sub(1);
    });
  }
  int made = 0;
  while (running.load() > 0) {
    StatsScope<BufferStats> passing = registry.Register<BufferStats>(absl::StrCat("passing", made++, "."));
    registry.main().Get(passing).rq_timeout.Inc();
    registry.EndInterval();
    EXPECT_LE(NumberOf(registry.Read(), "cluster.shared.upstream_cx_total"), kWriters * kRounds);
    if (made % 10 == 0) registry.ResetCounters();
  }
  for (std::thread& thread : threads) thread.join();
  uint64_t total = 0;
  for (WorkerStats* worker : workers) total += worker->Get(shared).upstream_cx_total.value();
  EXPECT_EQ(total, static_cast<uint64_t>(kWriters) * kRounds);
  uint64_t of_groups = 0;
  for (WorkerStats* worker : workers) {
    for (const auto& group : groups) of_groups += worker->Get(group).upstream_rq_total.value();
  }
  EXPECT_EQ(of_groups, static_cast<uint64_t>(kWriters) * kRounds);
}

}  // namespace
}  // namespace outrigger::observe
