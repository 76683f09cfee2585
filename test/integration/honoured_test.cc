// Settings whose effect is seen only in what is logged, sent on or let in: each through a whole server.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

using harness::Bootstrap;
using harness::HttpListener;
using harness::HttpUpstream;
using harness::ProxyHarness;
using harness::Shell;
using harness::StaticCluster;
using harness::WaitFor;

class HonouredTest : public testing::Test {
 protected:
  // An access log of the connection manager, with whatever else it shall have, indented by ten.
  std::string Logging(const std::string& format, const std::string& more_log = "") {
    return absl::StrCat(
        "          access_log: [{name: f, ", more_log,
        "typed_config: {\"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: ",
        folder_, "/log, log_format: {text_format_source: {inline_string: \"", format, "\\n\"}}}}]\n");
  }
  void Start(const std::string& more_hcm, const std::string& before = "") {
    StartWith(before + Bootstrap(HttpListener("in", "a", more_hcm), StaticCluster("a", upstream_.port())));
  }
  void StartWith(const std::string& bootstrap, uint32_t workers = 1) {
    server::Options options;
    options.file_flush_interval = milliseconds(20);
    options.concurrency = workers;
    proxy_ = std::make_unique<ProxyHarness>(bootstrap, options);
    ASSERT_EQ(proxy_->error(), "");
    ASSERT_TRUE(proxy_->WaitUntilLive());
  }
  std::string Curl(const std::string& flags = "") {
    return Shell(absl::StrCat("curl -s -m 20 ", flags, " http://127.0.0.1:", proxy_->port("in"), "/"));
  }
  // The log's next line.
  std::string Logged() {
    std::vector<std::string> lines;
    const bool came = WaitFor([&] {
      lines = absl::StrSplit(harness::ReadFile(folder_ + "/log"), '\n');
      return lines.size() > read_ + 1;
    });
    return came ? lines[read_++] : "nothing was logged";
  }

  const std::string folder_ = harness::TempFolder();
  HttpUpstream upstream_{"one", http::Protocol::kHttp11};
  std::unique_ptr<ProxyHarness> proxy_;
  size_t read_ = 0;
};

TEST_F(HonouredTest, LogsNameTheHostAndVariablesOfTheEnvironment) {
  Start(Logging("%HOSTNAME% %ENVIRONMENT(HARNESS)% %ENVIRONMENT(NONE)%"));
  Curl();
  EXPECT_EQ(Logged(), "harness-host from the environment -");
}

TEST_F(HonouredTest, LogsHaveTheMetadataOfEverythingOnTheWay) {
  const auto metadata = [](const std::string& value) { return "{filter_metadata: {x: {k: " + value + "}}}"; };
  std::string listener =
      HttpListener("in", "a",
                   Logging("%METADATA(LISTENER:x:k)% %METADATA(LISTENER_FILTER_CHAIN:x:k)% "
                           "%METADATA(ROUTE:x:k)% %METADATA(CLUSTER:x:k)% %METADATA(UPSTREAM_HOST:x:k)%"));
  listener += "    metadata: " + metadata("l") + "\n";
  listener.replace(listener.find("    - filters:"), 14, "    - metadata: " + metadata("f") + "\n      filters:");
  listener.replace(listener.find("route: {cluster: a}"), 19, "route: {cluster: a}, metadata: " + metadata("r"));
  std::string cluster = StaticCluster("a", upstream_.port());
  cluster.replace(cluster.find("{endpoint: "), 11, "{metadata: " + metadata("h") + ", endpoint: ");
  cluster += "    metadata: " + metadata("c") + "\n";
  StartWith(Bootstrap(listener, cluster));
  Curl();
  EXPECT_EQ(Logged(), "l f r c h");
}

constexpr absl::string_view kRbacRules = R"({action: ALLOW, policies: {
                  everybody: {permissions: [{not_rule: {header: {name: x-no, present_match: true}}}],
                              principals: [{any: true}]}}})";

// Which version of which resource decided, and where in it: law 4.
TEST_F(HonouredTest, LogsNameTheFieldOfTheConfigurationThatDecided) {
  std::string listener = HttpListener(
      "in", "a",
      Logging("%ORIGIN(LISTENER)%; %ORIGIN(FILTER_CHAIN)%; %ORIGIN(ROUTE_CONFIGURATION)%; %ORIGIN(VIRTUAL_HOST)%; "
              "%ORIGIN(ROUTE)%; %ORIGIN(CLUSTER)%; %ORIGIN(POLICY)%"));
  const size_t router = listener.find("          - name: envoy.filters.http.router");
  ASSERT_NE(router, std::string::npos) << listener;
  listener.insert(router, absl::StrCat("          - name: envoy.filters.http.rbac\n            typed_config:\n"
                                       "              \"@type\": "
                                       "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC\n"
                                       "              rules: ",
                                       kRbacRules, "\n"));
  StartWith(Bootstrap(listener, StaticCluster("a", upstream_.port())));
  const std::string manager = "listener \"in\": filter_chains[0].filters[0].typed_config.";
  const std::string rules = manager + "http_filters[0].typed_config.rules";
  const std::string way =
      absl::StrCat("listener \"in\"; listener \"in\": filter_chains[0]; ", manager, "route_config; ", manager,
                   "route_config.virtual_hosts[0]; ", manager, "route_config.virtual_hosts[0].routes[0]; ");
  Curl();
  EXPECT_EQ(Logged(), absl::StrCat(way, "cluster \"a\"; ", rules, ".policies[\"everybody\"]"));
  Curl("-H 'x-no: 1'");  // no policy allows it
  EXPECT_EQ(Logged(), absl::StrCat(way, "-; ", rules));
}

TEST_F(HonouredTest, LogsNameThePolicyThatLetAConnectionIn) {
  std::string listener = HttpListener("in", "a", Logging("%ORIGIN(POLICY)%"));
  const size_t filters = listener.find("      - name: envoy.filters.network.http_connection_manager");
  ASSERT_NE(filters, std::string::npos) << listener;
  listener.insert(filters, R"yaml(      - name: envoy.filters.network.rbac
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC
          stat_prefix: r
          rules: {policies: {everybody: {permissions: [{any: true}], principals: [{any: true}]}}}
)yaml");
  StartWith(Bootstrap(listener, StaticCluster("a", upstream_.port())));
  Curl();
  EXPECT_EQ(Logged(), "listener \"in\": filter_chains[0].filters[0].typed_config.rules.policies[\"everybody\"]");
}

TEST_F(HonouredTest, ATcpLogHasTheMetadataOfItsClusterAndHost) {
  const auto metadata = [](const std::string& value) { return "{filter_metadata: {x: {k: " + value + "}}}"; };
  const std::string listener = absl::Substitute(
      R"yaml(
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    metadata: $0
    filter_chains:
    - metadata: $1
      filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: in
          cluster: a
$2)yaml",
      metadata("l"), metadata("f"),
      Logging("%METADATA(LISTENER:x:k)% %METADATA(LISTENER_FILTER_CHAIN:x:k)% %METADATA(ROUTE:x:k)% "
              "%METADATA(CLUSTER:x:k)% %METADATA(UPSTREAM_HOST:x:k)%"));
  std::string cluster = StaticCluster("a", upstream_.port());
  cluster.replace(cluster.find("{endpoint: "), 11, "{metadata: " + metadata("h") + ", endpoint: ");
  cluster += "    metadata: " + metadata("c") + "\n";
  StartWith(Bootstrap(listener, cluster));
  Curl();
  EXPECT_EQ(Logged(), "l f - c h");
}

TEST_F(HonouredTest, ALongRequestIsLoggedEveryNowAndThen) {
  Start(Logging("%ACCESS_LOG_TYPE%") + "          access_log_options: {access_log_flush_interval: 0.02s}\n");
  Client client(proxy_->port("in"));
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na");
  EXPECT_EQ(Logged(), "DownstreamPeriodic");
  EXPECT_EQ(Logged(), "DownstreamPeriodic");
  client.Send("b");
  EXPECT_TRUE(WaitFor([&] { return absl::EndsWith(harness::ReadFile(folder_ + "/log"), "DownstreamEnd\n"); }));
}

TEST_F(HonouredTest, ATunnelIsLoggedWhenItIsThere) {
  ScriptedBackend backend([](ScriptedBackend::Peer& peer, int) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
    peer.WaitForEnd();
  });
  StartWith(Bootstrap(
      HttpListener("in", "a",
                   Logging("%ACCESS_LOG_TYPE% %RESPONSE_CODE%") +
                       "          upgrade_configs: [{upgrade_type: echo}]\n"
                       "          access_log_options: {flush_log_on_tunnel_successfully_established: true}\n"),
      StaticCluster("a", backend.port())));
  Client client(proxy_->port("in"));
  client.Send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
  EXPECT_EQ(Logged(), "DownstreamTunnelSuccessfullyEstablished 101");
}

TEST_F(HonouredTest, ALogCanTakeAShareOfRequestsThatAllHopsAgreeOn) {
  Start(Logging("%REQ(X-REQUEST-ID)%",
                "filter: {runtime_filter: {runtime_key: none, percent_sampled: {numerator: 50}}}, "));
  const std::string in = "00000031-0000-4000-8000-000000000000", out = "00000032-0000-4000-8000-000000000000";
  for (int i = 0; i < 5; ++i) {
    Curl("-H 'x-request-id: " + out + "'");
    Curl("-H 'x-request-id: " + in + "'");
    EXPECT_EQ(Logged(), in);
  }
}

// The client's address, x-forwarded-for as it is sent on, and whether the client is internal.
constexpr char kClient[] = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %REQ(X-FORWARDED-FOR)%";
std::string XffExtension(const std::string& config) {
  return "          original_ip_detection_extensions:\n          - name: xff\n            typed_config: {\"@type\": "
         "type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig, " +
         config + "}\n";
}

TEST_F(HonouredTest, TheClientIsTheLastAddressThatIsNoTrustedProxy) {
  Start(Logging(kClient) + XffExtension("xff_trusted_cidrs: {cidrs: [{address_prefix: 127.0.0.0, prefix_len: 8}, "
                                        "{address_prefix: 10.0.0.0, prefix_len: 8}]}"));
  Curl("-H 'x-forwarded-for: 1.1.1.1, 2.2.2.2, 10.0.0.1, 10.0.0.2'");
  EXPECT_EQ(Logged(), "2.2.2.2 1.1.1.1, 2.2.2.2, 10.0.0.1, 10.0.0.2");
  Curl("-H 'x-forwarded-for: 10.0.0.3, 10.0.0.4'");
  EXPECT_EQ(Logged(), "10.0.0.3 10.0.0.3, 10.0.0.4");
  Curl("-H 'x-forwarded-for: 1.1.1.1, nonsense, 10.0.0.2'");
  EXPECT_EQ(Logged(), "10.0.0.2 1.1.1.1, nonsense, 10.0.0.2");
}

TEST_F(HonouredTest, AnUntrustedPeerNamesNobody) {
  Start(Logging(kClient) + XffExtension("xff_trusted_cidrs: {cidrs: [{address_prefix: 10.0.0.0, prefix_len: 8}]}"));
  Curl("-H 'x-forwarded-for: 1.1.1.1'");
  EXPECT_EQ(Logged(), "127.0.0.1 1.1.1.1");
}

TEST_F(HonouredTest, ThePeerIsAppendedWhereTheExtensionIsToldTo) {
  Start(Logging(kClient) + XffExtension("xff_num_trusted_hops: 1, skip_xff_append: false"));
  Curl("-H 'x-forwarded-for: 1.1.1.1, 2.2.2.2'");
  EXPECT_EQ(Logged(), "1.1.1.1 1.1.1.1, 2.2.2.2,127.0.0.1");
}

// The fifteenth character of the request id says why a request is traced.
TEST_F(HonouredTest, RequestIdsSayWhetherTheirRequestIsTraced) {
  Start(Logging("%REQ(X-REQUEST-ID)%") + "          tracing: {random_sampling: {value: 50}}\n");
  Curl("-H 'x-request-id: 00001387-0000-4000-8000-000000000000'");  // 4999 of 10000
  EXPECT_EQ(Logged(), "00001387-0000-9000-8000-000000000000");
  Curl("-H 'x-request-id: 00001388-0000-4000-8000-000000000000'");
  EXPECT_EQ(Logged(), "00001388-0000-4000-8000-000000000000");
  Curl("-H 'x-request-id: 00001388-0000-4000-8000-000000000000' -H 'x-client-trace-id: 1'");
  EXPECT_EQ(Logged(), "00001388-0000-b000-8000-000000000000");
}

TEST_F(HonouredTest, RequestIdsSayNothingWhereTheyAreNotTo) {
  Start(Logging("%REQ(X-REQUEST-ID)%") +
        "          tracing: {}\n          request_id_extension: {typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig, pack_trace_reason: false}}\n");
  Curl("-H 'x-request-id: 00000000-0000-4000-8000-000000000000'");
  EXPECT_EQ(Logged(), "00000000-0000-4000-8000-000000000000");
}

TEST_F(HonouredTest, AnIdKeptFromOutsideLosesItsReason) {
  Start(Logging("%REQ(X-REQUEST-ID)%") +
        "          use_remote_address: true\n          preserve_external_request_id: true\n");
  Curl("-H 'x-request-id: 00000000-0000-a000-8000-000000000000'");
  EXPECT_EQ(Logged(), "00000000-0000-4000-8000-000000000000");
}

TEST_F(HonouredTest, TheSchemeCanFollowTheUpstream) {
  Start(Logging("%REQ(:SCHEME)%") + "          scheme_header_transformation: {match_upstream: true}\n");
  Curl("-H 'x-forwarded-proto: https'");
  EXPECT_EQ(Logged(), "http");
}

TEST_F(HonouredTest, AHeaderCanSayWhichWeightedClusterIsDrawn) {
  std::string listener = HttpListener("in", "a", Logging("%UPSTREAM_CLUSTER%"));
  listener.replace(
      listener.find("{cluster: a}"), 12,
      "{weighted_clusters: {header_name: x-draw, clusters: [{name: a, weight: 10}, {name: b, weight: 90}]}}");
  StartWith(Bootstrap(listener, StaticCluster("a", upstream_.port()) + StaticCluster("b", upstream_.port())));
  for (int i = 0; i < 4; ++i) {
    Curl("-H 'x-draw: 1009'");
    EXPECT_EQ(Logged(), "a");
    Curl("-H 'x-draw: 10'");
    EXPECT_EQ(Logged(), "b");
  }
}

constexpr char kOneConnection[] =
    "overload_manager: {resource_monitors: [{name: envoy.resource_monitors.global_downstream_max_connections, "
    "typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, "
    "max_active_downstream_connections: 1}}]}\n";

TEST_F(HonouredTest, ConnectionsBeyondTheLimitOfAllListenersAreClosed) {
  std::string free = HttpListener("free", "a");
  free += "    ignore_global_conn_limit: true\n";
  StartWith(kOneConnection + Bootstrap(HttpListener("in", "a") + "    stat_prefix: limited\n" + free,
                                       StaticCluster("a", upstream_.port())),
            2);
  {
    Client first(proxy_->port("in"));
    first.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    EXPECT_TRUE(absl::StartsWith(first.ReadResponse(), "HTTP/1.1 200"));
    EXPECT_EQ(Curl(), "");
    EXPECT_EQ(Shell(absl::StrCat("curl -s -m 20 http://127.0.0.1:", proxy_->port("free"), "/")), "one");
    EXPECT_EQ(proxy_->Stat("listener.limited.downstream_global_cx_overflow"), 1);
  }
  EXPECT_TRUE(WaitFor([&] { return Curl() == "one"; }));
}

}  // namespace
}  // namespace outrigger::integration
