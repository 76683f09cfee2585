// Servers that close idle connections without a word, and requests that meet them: in virtual time, over many seeds.
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/observe/stats_reader.h"
#include "test/simulation/proxy/peer.h"
#include "test/simulation/proxy/seeds.h"
#include "test/simulation/proxy/simulated_proxy.h"

namespace outrigger::simulation {
namespace {

// One client that asks once in a while, one proxy without a retry policy, one server that closes what was idle for
// `idle_close`.
class Race {
 public:
  Race(uint64_t seed, std::string method, Duration idle_close)
      : dice_(seed * 7 + 3), method_(std::move(method)), idle_close_(idle_close), world_(seed) {
    server_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.3"}));
    TestServer::Options options;
    options.idle_close = idle_close;
    options.answer = [](const Incoming&) { return Reply(); };
    server_ = std::make_unique<TestServer>(*server_loop_, *net::Address::ParseIp("10.0.0.3", 8000), options);
    proxy_ =
        std::make_unique<SimulatedProxy>(world_, world_.AddHost({"10.0.0.2"}), "10.0.0.2", uint16_t{15000}, size_t{1});
    ProxyConfig::Cluster cluster;
    cluster.endpoints = {server_->address()};
    proxy_->config().SetCluster("servers", cluster);
    proxy_->config().SetRoutes({{"/", "servers", nullptr}});
    proxy_->config().SetListener({});
    proxy_->Start();
    client_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.1"}));
  }
  ~Race() {
    client_.reset();
    world_.RunFor(seconds(1));
    proxy_->Stop();
    world_.RunUntil([this] { return proxy_->stopped(); }, minutes(1));
    proxy_.reset();
    server_.reset();
  }

  // Each waits between `shortest` and `longest` of the server's idle time after the one before, in hundredths.
  void Calls(int n, uint64_t shortest, uint64_t longest) {
    for (int i = 0; i < n; ++i) {
      world_.RunFor(idle_close_ / 10000 *
                    static_cast<int64_t>(shortest * 100 + dice_.Below((longest - shortest) * 100)));
      // An answer before the whole request was read ends the client's connection.
      if (client_ == nullptr || !client_->usable()) {
        client_ = std::make_unique<TestClient>(*client_loop_, proxy_->address(), TestClient::Options());
      }
      Call call;
      call.method = method_;
      if (method_ == "POST") call.body.size = 100;
      TestClient::Exchange& exchange = client_->Send(call);
      ASSERT_TRUE(world_.RunUntil([&] { return exchange.done(); }, minutes(1)));
      ++asked;
      if (exchange.failed()) {
        ++broken;
      } else if (exchange.response().status == 200) {
        ++right;
      } else if (exchange.response().status == 503) {
        ++refused;
      }
    }
  }
  int64_t Stat(absl::string_view name) {
    const std::string full = absl::StrCat("cluster.servers.", name);
    for (const auto& number : proxy_->stats().Read().numbers) {
      if (number.name == full) return number.value;
    }
    return -1;
  }
  uint64_t served() const { return server_->requests(); }
  int asked = 0, right = 0, refused = 0, broken = 0;

 private:
  Random dice_;
  const std::string method_;
  const Duration idle_close_;
  event::SimulatedWorld world_;
  std::unique_ptr<event::Dispatcher> server_loop_, client_loop_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<SimulatedProxy> proxy_;
  std::unique_ptr<TestClient> client_;
};

// Too short to be learnt from, and met all the time.
constexpr Duration kNeverLearnt = milliseconds(20);

TEST(KeepaliveRaceTest, NoIdempotentRequestIsLost) {
  int64_t met = 0;
  const Seeds seeds = SeedsToTry(300);
  TrySeeds(seeds, [&](uint64_t seed) -> std::string {
    Race race(seed, "GET", kNeverLearnt);
    race.Calls(20, 95, 105);
    met += race.Stat("upstream_rq_repeated_idle_close");
    return race.right == race.asked ? "" : absl::StrCat(race.refused, " refused, ", race.broken, " broken");
  });
  if (seeds.many()) {
    EXPECT_GT(met, 100) << "the closes must bite";
  }
}

TEST(KeepaliveRaceTest, WhatIsNotIdempotentIsNeverSentTwiceAndFailsAtMost) {
  int failed = 0;
  const Seeds seeds = SeedsToTry(300);
  TrySeeds(seeds, [&](uint64_t seed) -> std::string {
    Race race(seed, "POST", kNeverLearnt);
    race.Calls(20, 95, 105);
    failed += race.refused;
    if (race.served() > static_cast<uint64_t>(race.asked)) return absl::StrCat(race.served(), " served");
    if (race.broken > 0 || race.right + race.refused != race.asked) return absl::StrCat(race.broken, " broken");
    return "";
  });
  if (seeds.many()) {
    EXPECT_GT(failed, 0) << "the closes must bite";
  }
}

TEST(KeepaliveRaceTest, WhatAServerDoesIsLearntAndThenNoRequestMeetsIt) {
  TrySeeds(SeedsToTry(60), [&](uint64_t seed) -> std::string {
    Race race(seed, "POST", milliseconds(300 + 100 * static_cast<int64_t>(seed % 20)));
    race.Calls(3, 130, 150);
    if (race.right != 3) return "a request failed while nothing was near";
    race.Calls(20, 85, 110);
    if (race.right != race.asked) return absl::StrCat(race.refused, " refused, ", race.broken, " broken");
    if (race.Stat("upstream_cx_idle_before_peer") == 0) return "no connection was closed early";
    return race.Stat("upstream_rq_repeated_idle_close") == 0 ? "" : "a request met a close";
  });
}

}  // namespace
}  // namespace outrigger::simulation
