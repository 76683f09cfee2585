// Law 9: what happens to a connection when the configuration that accepted it changes. It follows (its next request
// uses the new configuration), or it is asked to end.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "source/schema/reader.h"
#include "test/harness/http_upstream.h"
#include "test/harness/loop.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/small_proxy.h"
#include "test/simulation/proxy/peer.h"

namespace outrigger::integration {
namespace {

using harness::HttpListener;
using harness::HttpUpstream;
using harness::ProxyHarness;
using harness::WaitFor;

constexpr char kRouter[] = "          http_filters:\n";

std::string Replaced(std::string text, absl::string_view from, absl::string_view to) {
  const size_t at = text.find(std::string(from));
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to.data(), to.size());
  return text;
}

class FollowOrDrainTest : public testing::Test {
 protected:
  FollowOrDrainTest() : upstream_("one", http::Protocol::kHttp11) {
    server::Options options;
    options.drain_strategy = server::DrainStrategy::kImmediate;
    proxy_ =
        std::make_unique<ProxyHarness>(harness::Bootstrap("", harness::StaticCluster("a", upstream_.port())), options);
    EXPECT_EQ(proxy_->error(), "");
    EXPECT_TRUE(proxy_->WaitUntilLive());
    Publish(base_);
    EXPECT_TRUE(WaitFor([this] { return proxy_->port("in") != 0; }));
    client_ = std::make_unique<Client>(proxy_->port("in"));
    EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 200 "));
  }

  // Makes `listener` the one in use by every worker.
  void Publish(const std::string& listener) {
    Change([&](server::Server& server) {
      envoy::config::bootstrap::v3::Bootstrap read;
      ASSERT_TRUE(schema::ReadMessage(absl::StrCat("static_resources:\n  listeners:", listener), read).ok())
          << listener;
      const auto set =
          server.builder().SetListener(read.static_resources().listeners(0), {absl::StrCat(++version_), false});
      ASSERT_TRUE(set.ok()) << set.status();
      ASSERT_EQ(*set, config::SnapshotBuilder::Outcome::kChanged);
    });
  }
  void Change(const std::function<void(server::Server&)>& change) {
    uint64_t before = 0;
    proxy_->OnMain([&](server::Server& server) {
      before = server.published_generation();
      change(server);
      server.RequestPublish();
    });
    EXPECT_TRUE(WaitFor([&] {
      bool used = false;
      proxy_->OnMain([&](server::Server& server) {
        used = server.published_generation() > before && server.in_use_generation() == server.published_generation();
      });
      return used;
    }));
  }
  // The listener with a network RBAC filter that lets in who has this permission.
  std::string LettingIn(const std::string& permission) const {
    return Replaced(base_, "    - filters:\n",
                    absl::StrCat(R"yaml(    - filters:
      - name: envoy.filters.network.rbac
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC
          stat_prefix: r
          rules: {action: ALLOW, policies: {p: {principals: [{any: true}], permissions: [)yaml",
                                 permission, "]}}}\n"));
  }
  std::string Get() {
    client_->Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    return client_->ReadResponse();
  }
  // The proxy closed the connection.
  bool Ends() {
    return WaitFor([this] {
      char byte;
      return recv(client_->fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    });
  }
  // The connection is asked to end: HTTP/1 says so with its next answer, and an idle one is not cut off from a request
  // that may be on its way.
  void ExpectDrains() {
    const std::string answer = Get();
    EXPECT_TRUE(absl::StrContains(answer, "connection: close\r\n")) << answer;
    EXPECT_TRUE(Ends());
  }
  // The next request of the same connection is served by what is configured now.
  void ExpectFollows(const std::string& status, const std::string& sign = "") {
    const std::string answer = Get();
    EXPECT_TRUE(absl::StartsWith(answer, absl::StrCat("HTTP/1.1 ", status, " "))) << answer;
    EXPECT_TRUE(absl::StrContains(answer, sign)) << answer;
    EXPECT_FALSE(absl::StrContains(answer, "connection: close")) << answer;
    EXPECT_EQ(proxy_->Stat("listener.in.downstream_cx_total"), 1);
  }

  HttpUpstream upstream_;
  std::unique_ptr<ProxyHarness> proxy_;
  const std::string base_ = HttpListener("in", "a") + "    stat_prefix: in\n";
  std::unique_ptr<Client> client_;
  int version_ = 0;
};

TEST_F(FollowOrDrainTest, AConnectionFollowsChangedRoutes) {
  Publish(Replaced(base_, "route: {cluster: a}", "direct_response: {status: 418}"));
  ExpectFollows("418");
}

TEST_F(FollowOrDrainTest, AConnectionFollowsChangedHttpFilters) {
  Publish(Replaced(base_, kRouter, absl::StrCat(kRouter, R"yaml(          - name: envoy.filters.http.fault
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
              abort: {http_status: 451, percentage: {numerator: 100}}
)yaml")));
  ExpectFollows("451");
}

TEST_F(FollowOrDrainTest, AConnectionFollowsChangedResponseSettings) {
  Publish(
      Replaced(base_, "          stat_prefix: in\n", "          stat_prefix: in\n          server_name: another\n"));
  ExpectFollows("200", "server: another\r\n");
}

TEST_F(FollowOrDrainTest, AConnectionFollowsWhenAChainComesThatIsForOthers) {
  Publish(base_ + R"yaml(    default_filter_chain:
      filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: other
          cluster: a
)yaml");
  ExpectFollows("200");
}

TEST_F(FollowOrDrainTest, ABetterMatchingChainDrainsConnections) {
  const std::string chain =
      base_.substr(base_.find("    - filters:"), base_.rfind("    stat_prefix: in\n") - base_.find("    - filters:"));
  Publish(absl::StrReplaceAll(
      base_,
      {{"    filter_chains:\n",
        absl::StrCat("    filter_chains:\n    - name: local\n      filter_chain_match: {source_prefix_ranges: ",
                     "[{address_prefix: 127.0.0.0, prefix_len: 8}]}\n", chain.substr(0, 4), "  ", chain.substr(6))}}));
  ExpectDrains();
  client_ = std::make_unique<Client>(proxy_->port("in"));
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 200 "));
}

TEST_F(FollowOrDrainTest, ChangedCodecOptionsDrainConnections) {
  Publish(Replaced(base_, "          stat_prefix: in\n",
                   "          stat_prefix: in\n          http_protocol_options: {accept_http_10: true, "
                   "default_host_for_http_10: a}\n"));
  ExpectDrains();
}

// A change of who may talk lets no further request through under the old rules: an idle connection is closed at once.
TEST_F(FollowOrDrainTest, AnAddedNetworkRbacFilterEndsIdleConnections) {
  Publish(LettingIn("{destination_port: 1}"));
  EXPECT_TRUE(Ends());
  EXPECT_EQ(proxy_->Stat("http.in.downstream_cx_drain_close"), 1);
  EXPECT_EQ(upstream_.requests(), 1);
}

TEST_F(FollowOrDrainTest, ATightenedNetworkRbacFilterEndsIdleConnections) {
  Publish(LettingIn("{any: true}"));
  EXPECT_TRUE(Ends());
  client_ = std::make_unique<Client>(proxy_->port("in"));
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 200 "));
  Publish(LettingIn("{destination_port: 1}"));
  EXPECT_TRUE(Ends());
}

TEST_F(FollowOrDrainTest, ATightenedNetworkRbacFilterLetsARequestEndThatHasBegun) {
  client_->Send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
  ASSERT_TRUE(WaitFor([this] { return upstream_.requests() == 2; }));
  Publish(LettingIn("{destination_port: 1}"));
  client_->Send("cdGET / HTTP/1.1\r\nhost: a\r\n\r\n");
  const std::string answer = client_->ReadResponse();
  EXPECT_TRUE(absl::EndsWith(answer, "abcd")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "connection: close\r\n")) << answer;
  EXPECT_TRUE(Ends());
  EXPECT_EQ(upstream_.requests(), 2);
}

TEST_F(FollowOrDrainTest, ATightenedNetworkRbacFilterEndsConnectionsThatDrainAlready) {
  Publish(Replaced(base_, "          stat_prefix: in\n",
                   "          stat_prefix: in\n          http_protocol_options: {accept_http_10: true}\n"));
  Publish(LettingIn("{destination_port: 1}"));
  EXPECT_TRUE(Ends());
  EXPECT_EQ(upstream_.requests(), 1);
}

TEST_F(FollowOrDrainTest, APeerThatNoChainTakesAnyMoreIsCutOff) {
  Publish(Replaced(base_, "    - filters:\n",
                   "    - filter_chain_match: {source_prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}\n"
                   "      filters:\n"));
  EXPECT_TRUE(Ends());
}

TEST_F(FollowOrDrainTest, AnAddedListenerFilterDrainsConnections) {
  Publish(base_ + R"yaml(    listener_filters:
    - name: envoy.filters.listener.http_inspector
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}
)yaml");
  ExpectDrains();
}

TEST_F(FollowOrDrainTest, ARemovedListenerDrainsConnectionsAfterWhatTheyDo) {
  const uint16_t port = proxy_->port("in");
  client_->Send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
  ASSERT_TRUE(WaitFor([this] { return upstream_.requests() == 2; }));
  Change([](server::Server& server) { server.builder().Remove(config::ResourceKind::kListener, "in"); });
  EXPECT_TRUE(WaitFor([port] {
    return harness::Shell(absl::StrCat("curl -s -m 20 -o /dev/null -w '%{http_code}' http://127.0.0.1:", port, "/")) ==
           "000";
  }));
  client_->Send("cd");
  const std::string answer = client_->ReadResponse();
  EXPECT_TRUE(absl::EndsWith(answer, "abcd")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "connection: close\r\n")) << answer;
  EXPECT_TRUE(Ends());
}

// Where a decision came from can be asked for (law 4).
TEST_F(FollowOrDrainTest, WhereADecisionCameFromIsShown) {
  client_->Send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
  ASSERT_TRUE(WaitFor([this] { return upstream_.requests() == 2; }));
  const std::string dump = proxy_->Admin("/dump?worker=0") + proxy_->Admin("/dump?worker=1");
  for (const char* origin :
       {"origin: listener \"in\" (version 1): filter_chains[0]\n",
        "origin: listener \"in\" (version 1): "
        "filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0]\n",
        "origin: listener \"in\" (version 1): "
        "filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0]\n",
        "origin: listener \"in\" (version 1): filter_chains[0].filters[0].typed_config.http_filters[0]\n"}) {
    EXPECT_TRUE(absl::StrContains(dump, origin)) << origin << dump;
  }
  // Each connection manager once.
  const size_t first = dump.find("http_connection_manager:");
  ASSERT_NE(first, std::string::npos) << dump;
  EXPECT_EQ(dump.find("http_connection_manager:", first + 1), std::string::npos) << dump;
  client_->Send("cd");
  EXPECT_TRUE(absl::EndsWith(client_->ReadResponse(), "abcd"));
}

// The same over HTTP/2, where GOAWAY asks a connection to end.
class Http2FollowOrDrainTest : public FollowOrDrainTest {
 protected:
  Http2FollowOrDrainTest() {
    peer_ =
        std::make_unique<simulation::TestClient>(loop_, *net::Address::ParseIp("127.0.0.1", proxy_->port("in")),
                                                 simulation::TestClient::Options{.protocol = http::Protocol::kHttp2});
    EXPECT_EQ(Ask(), 200u);
  }
  ~Http2FollowOrDrainTest() override { peer_.reset(); }
  uint32_t Ask() {
    simulation::TestClient::Exchange& call = peer_->Send({});
    EXPECT_TRUE(harness::RunUntil(loop_, [&] { return call.done(); }));
    return call.response().status;
  }
  // The next request of the same connection is decided by what is configured now.
  void ExpectFollows(uint32_t status) {
    EXPECT_EQ(Ask(), status);
    EXPECT_TRUE(peer_->usable());
  }
  void ExpectEnds() {
    EXPECT_TRUE(harness::RunUntil(loop_, [&] { return !peer_->usable(); }));
    EXPECT_TRUE(harness::RunUntil(loop_, [&] { return peer_->closed(); }));
  }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  std::unique_ptr<simulation::TestClient> peer_;
};

TEST_F(Http2FollowOrDrainTest, AConnectionFollowsChangedRoutes) {
  Publish(Replaced(base_, "route: {cluster: a}", "direct_response: {status: 418}"));
  ExpectFollows(418);
}

TEST_F(Http2FollowOrDrainTest, AConnectionFollowsChangedHttpFilters) {
  Publish(Replaced(base_, kRouter, absl::StrCat(kRouter, R"yaml(          - name: envoy.filters.http.fault
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
              abort: {http_status: 451, percentage: {numerator: 100}}
)yaml")));
  ExpectFollows(451);
}

TEST_F(Http2FollowOrDrainTest, ChangedCodecOptionsEndConnections) {
  Publish(Replaced(base_, "          stat_prefix: in\n",
                   "          stat_prefix: in\n          http2_protocol_options: {max_concurrent_streams: 7}\n"));
  ExpectEnds();
}

TEST_F(Http2FollowOrDrainTest, AnAddedNetworkRbacFilterEndsConnections) {
  Publish(LettingIn("{destination_port: 1}"));
  ExpectEnds();
  EXPECT_EQ(upstream_.requests(), 2) << "one of each protocol";
}

TEST_F(Http2FollowOrDrainTest, AnAddedListenerFilterEndsConnections) {
  Publish(base_ + R"yaml(    listener_filters:
    - name: envoy.filters.listener.http_inspector
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}
)yaml");
  ExpectEnds();
}

TEST_F(Http2FollowOrDrainTest, ARemovedListenerEndsConnections) {
  Change([](server::Server& server) { server.builder().Remove(config::ResourceKind::kListener, "in"); });
  ExpectEnds();
}

}  // namespace
}  // namespace outrigger::integration
