// Configuration that changes under load, in simulated meshes: no call may fail, and none is tried twice.
#include <stdio.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "test/simulation/proxy/hop.h"
#include "test/simulation/proxy/seeds.h"

namespace outrigger::simulation {
namespace {

enum class Order : uint8_t { kMakeBeforeBreak, kBreakBeforeMake };

// What a control plane does to the proxies, drawn from the mesh's dice.
class Changes {
 public:
  Changes(Hop& hop, Order order) : hop_(hop), order_(order) {}
  void Tick() {
    ++ticks_;
    switch (hop_.dice().Below(hop_.two() ? 6 : 4)) {
      case 0:
        return ChangeEndpoints();
      case 1:
        return MoveToNewCluster();
      case 2:
        return ChangeListener();
      case 3:
        return ReplaceClusterConfig();
      case 4:
        return RenewServerCertificate();
      default:
        return RenewClientCertificate();
    }
  }
  int published() const { return published_; }

 private:
  std::string Current() const { return number_ == 0 ? "servers" : absl::StrCat("servers", number_); }
  void Publish(SimulatedProxy& proxy) {
    proxy.Publish();
    ++published_;
  }
  // Any of the servers, at least one.
  void ChangeEndpoints() {
    std::vector<net::Address> some;
    for (const net::Address& server : hop_.servers()) {
      if (hop_.dice().OneIn(2)) some.push_back(server);
    }
    if (some.empty()) some.push_back(hop_.servers().front());
    hop_.back().config().SetEndpoints(Current(), some);
    Publish(hop_.back());
  }
  // A new cluster, the routes move to it, the old one goes: in this order, or (the mutant) the old one goes before the
  // routes move.
  void MoveToNewCluster() {
    ProxyConfig& config = hop_.back().config();
    const std::string old = Current();
    ++number_;
    config.SetCluster(Current(), hop_.ToServers());
    Publish(hop_.back());
    if (order_ == Order::kBreakBeforeMake) {
      config.RemoveCluster(old);
      Publish(hop_.back());
      pending_ = [this] {  // a moment later
        hop_.back().config().SetRoutes({{"/", Current(), nullptr}});
        Publish(hop_.back());
      };
      return;
    }
    config.SetRoutes({{"/", Current(), nullptr}});
    Publish(hop_.back());
    config.RemoveCluster(old);
    Publish(hop_.back());
  }
  // Something that does not concern connections: they live on.
  void ChangeListener() {
    ProxyConfig::Listener listener;
    if (hop_.two()) listener.tls = server_tls_ != nullptr ? server_tls_ : hop_.NewServerContext();
    server_tls_ = listener.tls;
    listener.hcm = [via = absl::StrCat("v", ticks_)](filters::hcm::HcmConfig& hcm) { hcm.via = via; };
    hop_.back().config().SetListener(listener);
    Publish(hop_.back());
  }
  // The same cluster with other connection settings: its pools are replaced.
  void ReplaceClusterConfig() {
    ProxyConfig::Cluster cluster = hop_.ToServers();
    cluster.change = [n = ticks_](model::ClusterConfig& config) { config.connection_hash += static_cast<uint64_t>(n); };
    hop_.back().config().SetCluster(Current(), cluster);
    Publish(hop_.back());
  }
  void RenewServerCertificate() {
    server_tls_ = hop_.NewServerContext();
    ProxyConfig::Listener listener;
    listener.tls = server_tls_;
    hop_.back().config().SetListener(listener);
    Publish(hop_.back());
  }
  void RenewClientCertificate() {
    hop_.front().config().SetCluster("back", hop_.ToBack());
    Publish(hop_.front());
  }

 public:
  void Finish() {
    if (pending_ != nullptr) std::exchange(pending_, nullptr)();
  }

 private:
  Hop& hop_;
  const Order order_;
  int ticks_ = 0, number_ = 0, published_ = 0;
  std::function<void()> pending_;
  std::shared_ptr<const tls::ServerContext> server_tls_;
};

struct Result {
  std::vector<std::string> problems;
  std::string description;
  Score score;
  int published = 0;
};

Result RunChanges(uint64_t seed, Order order) {
  Hop hop(seed, Hop::Plan::kChanges);
  Changes changes(hop, order);
  hop.OnTick([&] {
    changes.Finish();
    changes.Tick();
  });
  Result result;
  result.problems = hop.Run();
  result.description = hop.Describe();
  result.score = hop.score();
  result.published = changes.published();
  return result;
}

TEST(ConfigurationChangeTest, NoCallFailsWhileEverythingChanges) {
  const Seeds seeds = SeedsToTry(60);
  int calls = 0, published = 0;
  TrySeeds(seeds, [&](uint64_t seed) -> std::string {
    const Result result = RunChanges(seed, Order::kMakeBeforeBreak);
    calls += result.score.right;
    published += result.published;
    if (result.problems.empty()) return "";
    return absl::StrCat(absl::StrJoin(result.problems, "; "), "\n", result.description);
  });
  EXPECT_GT(published, static_cast<int>(seeds.count)) << "configuration must change";
  printf("%d calls, %d publications\n", calls, published);
}

// The proof that the test above can see it: with the order reversed, calls fail.
TEST(ConfigurationChangeTest, BreakingBeforeMakingIsSeen) {
  int seen = 0, not_found = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Result result = RunChanges(seed, Order::kBreakBeforeMake);
    if (!result.problems.empty()) ++seen;
    for (const auto& [what, n] : result.score.failures) {
      if (what.rfind("503", 0) == 0) not_found += n;
    }
  }
  EXPECT_GT(seen, 5);
  EXPECT_GT(not_found, 5);
}

}  // namespace
}  // namespace outrigger::simulation
