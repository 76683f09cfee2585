// A proxy that follows the protocol while configurations change at random: whatever it uses must exist at every moment.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "source/base/random.h"
#include "source/control_plane/xds_server/xds_server.h"
#include "source/event/simulated_world.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::control_plane {
namespace {

constexpr int kClusters = 5;

// All resources that the test ever uses, made once: a cluster has two forms, its endpoints three.
struct Parts {
  ResourcePtr listener = ListenerWith("l", "r");
  std::vector<ResourcePtr> clusters[2], endpoints[3], routes;
  Parts() {
    for (int i = 0; i < kClusters; ++i) {
      const std::string name = absl::StrCat("c", i);
      for (int form = 0; form < 2; ++form) clusters[form].push_back(EdsCluster(name, form == 0 ? "1s" : "2s"));
      for (int form = 0; form < 3; ++form) endpoints[form].push_back(Endpoints(name, 1 + form));
      routes.push_back(RoutesTo("r", name));
    }
  }
};
const Parts& AllParts() {
  static const Parts& parts = *new Parts;
  return parts;
}

class Proxy : public AnswerSink {
 public:
  explicit Proxy(XdsServer& server) : session_(server.Open(*this, {}, "")) {
    Ask(kClusterType, {}, nullptr);
    Ask(kListenerType, {}, nullptr);
    Ask(kRouteType, {"r"}, nullptr);
  }
  bool busy() const { return !inbox_.empty(); }
  // Takes one response, as a proxy does: applies it, answers, asks for what it names. True: it changed something.
  void TakeOne() {
    const DiscoveryAnswer answer = inbox_.front();
    inbox_.pop_front();
    if (answer.type_url == kClusterType) {
      clusters_.clear();
      for (const ResourcePtr& resource : answer.resources) clusters_.insert(resource->name);
      for (auto it = endpoints_.begin(); it != endpoints_.end();) {
        it = clusters_.count(*it) == 0 ? endpoints_.erase(it) : std::next(it);
      }
    } else if (answer.type_url == kEndpointType) {
      for (const ResourcePtr& resource : answer.resources) {
        if (clusters_.count(resource->name) != 0) endpoints_.insert(resource->name);
      }
    } else if (answer.type_url == kRouteType) {
      for (int i = 0; i < kClusters; ++i) {
        if (answer.resources[0]->bytes == AllParts().routes[i]->bytes) route_ = absl::StrCat("c", i);
      }
      ++routes_taken;
    }
    const std::vector<std::string> names(clusters_.begin(), clusters_.end());
    if (answer.type_url == kRouteType) {
      Ask(kRouteType, {"r"}, &answer);
    } else if (answer.type_url == kEndpointType) {
      Ask(kEndpointType, names, &answer);
    } else {
      Ask(answer.type_url, {}, &answer);
    }
    if (answer.type_url == kClusterType && names != asked_) {
      asked_ = names;
      Ask(kEndpointType, names, last_endpoints_.nonce.empty() ? nullptr : &last_endpoints_);
    }
    if (answer.type_url == kEndpointType) last_endpoints_ = answer;
  }
  // Whether requests can go where its routes say.
  bool whole() const { return route_.empty() || (clusters_.count(route_) != 0 && endpoints_.count(route_) != 0); }
  const std::string& route() const { return route_; }
  const std::set<std::string>& clusters() const { return clusters_; }
  int routes_taken = 0;

 private:
  void Ask(absl::string_view type, std::vector<std::string> names, const DiscoveryAnswer* about) {
    DiscoveryAsk ask;
    ask.type_url = std::string(type);
    ask.names = std::move(names);
    ask.has_node = true;
    ask.node = {"n", ""};
    if (about != nullptr) {
      ask.nonce = about->nonce;
      ask.version = about->version;
    }
    session_->OnAsk(ask);
  }
  void Send(const DiscoveryAnswer& answer) override { inbox_.push_back(answer); }
  void End(bool, const std::string& reason) override { ADD_FAILURE() << reason; }

  Session* session_;
  std::deque<DiscoveryAnswer> inbox_;
  std::set<std::string> clusters_, endpoints_;
  std::vector<std::string> asked_;
  std::string route_;
  DiscoveryAnswer last_endpoints_;
};

struct Outcome {
  int broken = 0;  // moments at which a route led nowhere
  int changes = 0;
  bool arrived = false;  // at the end the proxy has the last configuration and nothing else
};

Outcome Play(uint64_t seed, bool make_before_break) {
  event::SimulatedWorld world(seed, event::FaultPlan::None());
  auto dispatcher = world.MakeDispatcher();
  XdsServer::Options options;
  options.ordering = {make_before_break, hours(1), milliseconds(500)};
  XdsServer server(*dispatcher, options);
  Random random(seed);
  Outcome outcome;
  std::set<std::string> wanted;
  std::string route;
  const auto publish = [&] {
    auto catalog = std::make_shared<Catalog>();
    wanted.clear();
    const int used = static_cast<int>(random.Below(kClusters));
    for (int i = 0; i < kClusters; ++i) {
      if (i != used && random.OneIn(2)) continue;
      wanted.insert(absl::StrCat("c", i));
      catalog->AddForAll(AllParts().clusters[random.Below(2)][i]);
      catalog->AddForAll(AllParts().endpoints[random.Below(3)][i]);
    }
    route = absl::StrCat("c", used);
    catalog->AddForAll(AllParts().routes[used]);
    catalog->AddForAll(AllParts().listener);
    server.Publish(catalog);
    ++outcome.changes;
  };
  publish();
  Proxy proxy(server);
  // Its start is its own affair: it asks for routes before it has clusters.
  while (proxy.busy()) proxy.TakeOne();
  for (int step = 0; step < 300; ++step) {
    if (random.OneIn(5)) {
      publish();
    } else if (random.OneIn(4)) {
      world.RunFor(milliseconds(random.Below(700)));
    } else if (proxy.busy()) {
      proxy.TakeOne();
      outcome.broken += proxy.whole() ? 0 : 1;
    }
  }
  for (int i = 0; i < 10; ++i) {
    while (proxy.busy()) {
      proxy.TakeOne();
      outcome.broken += proxy.whole() ? 0 : 1;
    }
    world.RunFor(seconds(1));
  }
  outcome.arrived = proxy.route() == route && proxy.clusters() == wanted;
  return outcome;
}

TEST(OrderTest, RoutesNeverLeadToWhatTheProxyDoesNotHave) {
  int changes = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Outcome outcome = Play(seed, true);
    EXPECT_EQ(outcome.broken, 0) << "seed " << seed;
    EXPECT_TRUE(outcome.arrived) << "seed " << seed;
    changes += outcome.changes;
  }
  EXPECT_GT(changes, 5000);
}

TEST(OrderTest, WithoutTheOrderTheyDo) {
  int broken = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) broken += Play(seed, false).broken;
  EXPECT_GT(broken, 0);
}

}  // namespace
}  // namespace outrigger::control_plane
