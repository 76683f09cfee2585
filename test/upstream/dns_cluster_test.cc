#include "source/upstream/dns_cluster.h"

#include <gtest/gtest.h>

#include "source/event/simulated_world.h"

namespace outrigger::upstream {
namespace {

struct Answers {
  std::vector<std::pair<size_t, std::string>> heard;
  DnsCluster::Resolved Hear() {
    return [this](size_t target, const std::vector<net::Address>& addresses) {
      std::string text;
      for (const net::Address& address : addresses) text += address.ToString() + " ";
      heard.emplace_back(target, text);
    };
  }
};

// A world in which nothing goes wrong by itself.
struct Bench {
  event::SimulatedWorld world{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> loop = world.MakeDispatcher();
  observe::ClusterUpdateStats stats;
  model::DnsConfig config;
  Answers answers;
  bool Until(const std::function<bool()>& done) { return world.RunUntil(done, hours(1)); }
};

TEST(DnsClusterTest, EachTargetIsResolvedAndToldOnceWhileItStaysTheSame) {
  Bench bench;
  bench.world.SetName("a.test", {"10.0.0.1", "10.0.0.2", "10.0.0.1"});
  bench.world.SetName("b.test", {"10.0.1.1"});
  DnsCluster dns(*bench.loop, {{"a.test", 80}, {"b.test", 81}}, bench.config, &bench.stats, bench.answers.Hear());
  EXPECT_TRUE(bench.answers.heard.empty());
  ASSERT_TRUE(bench.Until([&] { return dns.all_answered(); }));
  ASSERT_EQ(bench.answers.heard.size(), 2u);
  for (const auto& [target, text] : bench.answers.heard) {
    EXPECT_EQ(text, target == 0 ? "10.0.0.1:80 10.0.0.2:80 " : "10.0.1.1:81 ");
  }
  ASSERT_TRUE(bench.Until([&] { return bench.stats.update_no_rebuild.value() >= 4; }));
  EXPECT_EQ(bench.answers.heard.size(), 2u);
  bench.world.SetName("b.test", {"10.0.1.9"});
  ASSERT_TRUE(bench.Until([&] { return bench.answers.heard.size() == 3; }));
  EXPECT_EQ(bench.answers.heard[2].second, "10.0.1.9:81 ");
}

TEST(DnsClusterTest, TheTtlDecidesWhenItIsRespected) {
  Bench bench;
  bench.config.respect_ttl = true;
  bench.world.SetName("a.test", {"10.0.0.1"}, seconds(30));
  DnsCluster dns(*bench.loop, {{"a.test", 80}}, bench.config, &bench.stats, bench.answers.Hear());
  ASSERT_TRUE(bench.Until([&] { return dns.all_answered(); }));
  bench.world.RunFor(seconds(29));
  EXPECT_EQ(bench.stats.update_attempt.value(), 1u);
  bench.world.RunFor(seconds(3));
  EXPECT_EQ(bench.stats.update_attempt.value(), 2u);
}

TEST(DnsClusterTest, AFailureKeepsTheAddressesAndIsRetriedMoreAndMoreRarely) {
  Bench bench;
  bench.config.failure_base = milliseconds(100);
  bench.config.failure_max = seconds(2);
  bench.world.SetName("a.test", {"10.0.0.1"});
  DnsCluster dns(*bench.loop, {{"a.test", 80}}, bench.config, &bench.stats, bench.answers.Hear());
  ASSERT_TRUE(bench.Until([&] { return dns.all_answered(); }));
  bench.world.RemoveName("a.test");
  ASSERT_TRUE(bench.Until([&] { return bench.stats.update_failure.value() >= 10; }));
  EXPECT_EQ(bench.answers.heard.size(), 1u);
  bench.world.SetName("a.test", {"10.0.0.1"});
  ASSERT_TRUE(bench.Until([&] { return bench.stats.update_success.value() >= 2; }));
  EXPECT_EQ(bench.answers.heard.size(), 1u);
}

TEST(DnsClusterTest, ANameThatCannotBeResolvedIsAnsweredWithNothing) {
  Bench bench;
  DnsCluster dns(*bench.loop, {{"nobody.test", 80}}, bench.config, &bench.stats, bench.answers.Hear());
  ASSERT_TRUE(bench.Until([&] { return dns.all_answered(); }));
  ASSERT_EQ(bench.answers.heard.size(), 1u);
  EXPECT_EQ(bench.answers.heard[0].second, "");
}

}  // namespace
}  // namespace outrigger::upstream
