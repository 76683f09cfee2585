// How many connections a listener takes, and which worker gets them.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

using harness::Bootstrap;
using harness::HttpListener;
using harness::HttpUpstream;
using harness::ProxyHarness;
using harness::StaticCluster;
using harness::WaitFor;

class ListenerLimitsTest : public testing::Test {
 protected:
  ListenerLimitsTest() : upstream_("one", http::Protocol::kHttp11) {}

  void Start(const std::string& listeners, const std::string& more = "", uint32_t workers = 2) {
    server::Options options;
    options.concurrency = workers;
    proxy_ = std::make_unique<ProxyHarness>(Bootstrap(listeners, StaticCluster("a", upstream_.port())) + more, options);
    ASSERT_EQ(proxy_->error(), "");
    ASSERT_TRUE(proxy_->WaitUntilLive());
  }
  static std::string Listener(const std::string& name, const std::string& more) {
    return absl::StrCat(HttpListener(name, "a"), "    stat_prefix: ", name, "\n", more);
  }
  // A connection that has been served once.
  std::unique_ptr<Client> Served(const std::string& listener) {
    auto client = std::make_unique<Client>(proxy_->port(listener));
    client->Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    EXPECT_TRUE(absl::StartsWith(client->ReadResponse(), "HTTP/1.1 200 ")) << listener;
    return client;
  }
  // Whether a new connection is closed without a word.
  bool Refused(const std::string& listener) {
    const std::string got = harness::Shell(
        absl::StrCat("curl -s -m 20 -o /dev/null -w '%{http_code}' http://127.0.0.1:", proxy_->port(listener), "/"));
    return got == "000";
  }
  // Active connections of the listener on both workers.
  std::string Loads(const std::string& listener) {
    return absl::StrCat(proxy_->Stat(absl::StrCat("listener.", listener, ".worker_0.downstream_cx_active")), "+",
                        proxy_->Stat(absl::StrCat("listener.", listener, ".worker_1.downstream_cx_active")));
  }

  HttpUpstream upstream_;
  std::unique_ptr<ProxyHarness> proxy_;
};

// Whatever the kernel does: with eight connections for each worker the busiest has at most 1.3 times the mean.
TEST_F(ListenerLimitsTest, NoWorkerHasMuchMoreThanItsShareOfConnections) {
  for (const uint32_t workers : {2u, 4u}) {
    for (const char* reuse_port : {"true", "false"}) {
      Start(Listener("in", absl::StrCat("    enable_reuse_port: ", reuse_port, "\n")), "", workers);
      std::vector<std::unique_ptr<Client>> clients;
      for (uint32_t i = 0; i < 8 * workers; ++i) clients.push_back(Served("in"));
      for (uint32_t i = 0; i < workers; ++i) {
        EXPECT_LE(proxy_->Stat(absl::StrCat("listener.in.worker_", i, ".downstream_cx_active")), 10)
            << Loads("in") << " of " << workers << ", " << reuse_port;
      }
    }
  }
}

TEST_F(ListenerLimitsTest, ExactBalanceGivesEachWorkerTheSameNumberOfConnections) {
  for (const char* reuse_port : {"true", "false"}) {
    Start(Listener("in", absl::StrCat("    connection_balance_config: {exact_balance: {}}\n    enable_reuse_port: ",
                                      reuse_port, "\n")));
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 24; ++i) clients.push_back(Served("in"));
    EXPECT_EQ(Loads("in"), "12+12") << reuse_port;
    // Those that close make room where they were.
    clients.erase(clients.begin(), clients.begin() + 9);
    ASSERT_TRUE(WaitFor([&] { return proxy_->Stat("listener.in.downstream_cx_active") == 15; }));
    for (int i = 0; i < 9; ++i) clients.push_back(Served("in"));
    EXPECT_EQ(Loads("in"), "12+12") << reuse_port;
  }
}

TEST_F(ListenerLimitsTest, ExactBalanceWorksBehindListenerFilters) {
  Start(Listener("in", R"yaml(    connection_balance_config: {exact_balance: {}}
    listener_filters:
    - name: envoy.filters.listener.http_inspector
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}
)yaml"));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(Served("in"));
  EXPECT_EQ(Loads("in"), "5+5");
}

TEST_F(ListenerLimitsTest, AListenerTakesAsManyConnectionsAsItsLimitSays) {
  Start(Listener("in", "") + Listener("other", ""),
        "layered_runtime: {layers: [{name: s, static_layer: {envoy: {resource_limits: {listener: {in: "
        "{connection_limit: 2}}}}}}]}\n");
  auto first = Served("in");
  auto second = Served("in");
  EXPECT_TRUE(Refused("in"));
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_cx_overflow"), 1);
  Served("other");
  first.reset();
  EXPECT_TRUE(WaitFor([&] { return !Refused("in"); }));
}

TEST_F(ListenerLimitsTest, TheProcessTakesAsManyConnectionsAsItsLimitSaysButForListenersThatIgnoreIt) {
  Start(Listener("in", "") + Listener("other", "") + Listener("free", "    ignore_global_conn_limit: true\n"),
        "layered_runtime: {layers: [{name: s, static_layer: {overload: {global_downstream_max_connections: 2}}}]}\n");
  auto first = Served("in");
  auto second = Served("other");
  EXPECT_TRUE(Refused("in"));
  EXPECT_TRUE(Refused("other"));
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_global_cx_overflow"), 1);
  EXPECT_EQ(proxy_->Stat("listener.other.downstream_global_cx_overflow"), 1);
  auto third = Served("free");
  auto fourth = Served("free");
  second.reset();
  EXPECT_TRUE(WaitFor([&] { return !Refused("in"); }));
}

// A bucket of two for both workers, which nothing fills again.
std::string RateLimit(const std::string& more) {
  return absl::StrCat(R"yaml(    listener_filters:
    - name: rate
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit
        stat_prefix: rate
        token_bucket: {max_tokens: 2, tokens_per_fill: 1, fill_interval: 86400s}
)yaml",
                      more);
}

TEST_F(ListenerLimitsTest, AListenerTakesAsManyInATimeAsItsBucketHasTokens) {
  Start(Listener("in", RateLimit("")) + Listener("other", ""));
  auto first = Served("in");
  auto second = Served("in");
  EXPECT_TRUE(Refused("in"));
  EXPECT_EQ(proxy_->Stat("listener_local_ratelimit.rate.rate_limited"), 1);
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_listener_filter_error"), 0);
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_pre_cx_active"), 0);
  Served("other");
  first.reset();
  EXPECT_TRUE(Refused("in")) << "a token is of a connection, not lent to it";
}

TEST_F(ListenerLimitsTest, ARuntimeKeySwitchesTheBucketOff) {
  Start(Listener("in", RateLimit("        runtime_enabled: {default_value: true, runtime_key: rate.on}\n")),
        "layered_runtime: {layers: [{name: s, static_layer: {rate: {on: false}}}]}\n");
  for (int i = 0; i < 4; ++i) Served("in");
  EXPECT_EQ(proxy_->Stat("listener_local_ratelimit.rate.rate_limited"), 0);
}

TEST_F(ListenerLimitsTest, RuntimeKeysSayHowLongAndHowManyNewcomersMaySayNothing) {
  Start(Listener("in", ""),
        "layered_runtime: {layers: [{name: s, static_layer: {outrigger: {resource_limits: {listener: {in: "
        "{first_byte_timeout_ms: 50, handshake_limit: 1}}}}}}]}\n");
  Client silent(proxy_->port("in"));
  EXPECT_TRUE(WaitFor([&] { return proxy_->Stat("http.in.downstream_cx_first_byte_timeout") == 1; }));
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_cx_handshakes_active"), 0) << "it shakes no hands";
}

TEST_F(ListenerLimitsTest, ALimitOfZeroTakesNone) {
  Start(Listener("in", ""),
        "layered_runtime: {layers: [{name: s, static_layer: {envoy: {resource_limits: {listener: {in: "
        "{connection_limit: 0}}}}}}]}\n");
  EXPECT_TRUE(Refused("in"));
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_cx_overflow"), 1);
}

}  // namespace
}  // namespace outrigger::integration
