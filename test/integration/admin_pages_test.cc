// Every page of the admin endpoint, through its socket: what it says, and what it says to a request that makes no
// sense.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

using absl::StrContains;
using harness::ProxyHarness;
using harness::Shell;
using harness::WaitFor;

class AdminPagesTest : public testing::Test {
 protected:
  AdminPagesTest()
      : upstream_("one", http::Protocol::kHttp11),
        proxy_(harness::Bootstrap(harness::HttpListener("in", "a") + "    traffic_direction: INBOUND\n" +
                                      harness::HttpListener("out", "a") + "    traffic_direction: OUTBOUND\n",
                                  Cluster()) +
               "watchdogs: {worker_watchdog: {miss_timeout: 0.5s, megamiss_timeout: 2s, kill_timeout: 600s, "
               "max_kill_timeout_jitter: 1s, multikill_timeout: 600s, multikill_threshold: {value: 50}}}\n") {
    EXPECT_EQ(proxy_.error(), "");
    EXPECT_TRUE(proxy_.WaitUntilLive());
  }
  std::string Cluster() const {
    return absl::StrCat(R"yaml(
  - name: a
    type: STATIC
    circuit_breakers: {thresholds: [{max_connections: 2, track_remaining: true}]}
    load_assignment:
      cluster_name: a
      endpoints:
      - locality: {region: r, zone: z, sub_zone: s}
        lb_endpoints:
        - load_balancing_weight: 7
          metadata: {filter_metadata: {envoy.lb: {canary: true}}}
          endpoint: {hostname: first, address: {socket_address: {address: 127.0.0.1, port_value: )yaml",
                        upstream_.port(), "}}}\n");
  }
  std::string Curl(const std::string& listener, const std::string& path, const std::string& method = "GET") {
    return Shell(absl::StrCat("curl -s -m 20 -o /dev/null -w '%{http_code}' -X ", method,
                              " http://127.0.0.1:", proxy_.port(listener), path));
  }
  std::string Page(const std::string& path, int expected = 200, const std::string& method = "GET") {
    int status = 0;
    std::string body = proxy_.Admin(path, method, &status);
    EXPECT_EQ(status, expected) << method << " " << path << "\n" << body;
    return body;
  }
  std::string Post(const std::string& path, int expected = 200) { return Page(path, expected, "POST"); }

  harness::HttpUpstream upstream_;
  ProxyHarness proxy_;
};

TEST_F(AdminPagesTest, TheListNamesEveryPage) {
  const std::string help = Page("/help"), index = Page("/");
  for (const char* page :
       {"/ready", "/server_info", "/stats", "/stats/prometheus", "/clusters", "/listeners", "/config_dump", "/certs",
        "/logging", "/drain_listeners", "/quitquitquit", "/healthcheck/fail", "/healthcheck/ok", "/help"}) {
    EXPECT_TRUE(StrContains(help, absl::StrCat("  ", page))) << page;
    EXPECT_TRUE(StrContains(index, absl::ClippedSubstr(page, 1))) << page;
  }
}

TEST_F(AdminPagesTest, ClustersShowWhatEachEndpointDid) {
  EXPECT_EQ(Curl("in", "/"), "200");
  EXPECT_EQ(Curl("in", "/status/500"), "500");
  EXPECT_EQ(Curl("in", "/reset", "POST"), "503") << "not sent again, whatever connection it was on";
  const std::string endpoint = absl::StrCat("a::127.0.0.1:", upstream_.port(), "::");
  const std::string text = Page("/clusters");
  for (const char* line : {"rq_total::3", "rq_success::1", "rq_error::2", "rq_timeout::0", "rq_active::0",
                           "cx_connect_fail::0", "hostname::first", "health_flags::healthy", "weight::7", "region::r",
                           "zone::z", "sub_zone::s", "canary::true", "priority::0", "success_rate::-1"}) {
    EXPECT_TRUE(StrContains(text, absl::StrCat(endpoint, line, "\n"))) << line << "\n" << text;
  }
  EXPECT_FALSE(StrContains(text, absl::StrCat(endpoint, "cx_total::0\n"))) << text;
  const std::string json = Page("/clusters?format=json");
  EXPECT_TRUE(StrContains(json, "\"rq_total\"")) << json;
  EXPECT_TRUE(StrContains(json, "\"value\": \"3\"") || StrContains(json, "\"value\":\"3\"")) << json;
  Page("/clusters?format=xml", 400);
}

TEST_F(AdminPagesTest, EndpointsAreJudgedByGrpcStatusWhereThereIsOne) {
  ScriptedBackend backend([](ScriptedBackend::Peer& peer, int) {
    constexpr absl::string_view kHead = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n";
    constexpr absl::string_view kChunked = "transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n";
    for (std::string request = peer.ReadRequest(); !request.empty(); request = peer.ReadRequest()) {
      const std::string status = StrContains(request, "/unavailable") ? "14"
                                 : StrContains(request, "/internal")  ? "13"
                                                                      : "5";
      if (StrContains(request, "/late")) {
        peer.Write(absl::StrCat(kHead, kChunked, "grpc-status: ", status, "\r\n\r\n"));
      } else if (StrContains(request, "/none")) {
        peer.Write(absl::StrCat(kHead, kChunked, "\r\n"));
      } else {
        peer.Write(absl::StrCat(kHead, "grpc-status: ", status, "\r\ncontent-length: 0\r\n\r\n"));
      }
    }
  });
  ProxyHarness proxy(harness::Bootstrap(
      harness::HttpListener("in", "b"),
      absl::StrCat("\n  - name: b\n    type: STATIC\n    http_protocol_options: {enable_trailers: true}\n"
                   "    load_assignment: {cluster_name: b, endpoints: [{lb_endpoints: [{endpoint: {address: "
                   "{socket_address: {address: 127.0.0.1, port_value: ",
                   backend.port(), "}}}}]}]}\n")));
  ASSERT_TRUE(proxy.WaitUntilLive());
  const auto ask = [&](const std::string& path) {
    Shell(absl::StrCat("curl -s -m 20 -d x -H 'content-type: application/grpc' http://127.0.0.1:", proxy.port("in"),
                       path));
    const std::string text = proxy.Admin("/clusters");
    const size_t error = text.find("::rq_error::"), success = text.find("::rq_success::");
    if (error == std::string::npos || success == std::string::npos) return text;
    return absl::StrCat(text.substr(error, 13), text.substr(success, 15));
  };
  EXPECT_EQ(ask("/not-found"), "::rq_error::0::rq_success::1");
  EXPECT_EQ(ask("/unavailable"), "::rq_error::1::rq_success::1");
  EXPECT_EQ(ask("/late"), "::rq_error::1::rq_success::2");
  EXPECT_EQ(ask("/late/internal"), "::rq_error::2::rq_success::2");
  EXPECT_EQ(ask("/none"), "::rq_error::3::rq_success::2");
}

TEST_F(AdminPagesTest, AnEndpointThatRefusesIsSeen) {
  uint16_t closed = 0;
  { closed = harness::HttpUpstream("gone", http::Protocol::kHttp11).port(); }
  ProxyHarness proxy(harness::Bootstrap(harness::HttpListener("in", "b"), harness::StaticCluster("b", closed)));
  ASSERT_TRUE(proxy.WaitUntilLive());
  Shell(absl::StrCat("curl -s -m 20 http://127.0.0.1:", proxy.port("in"), "/"));
  const std::string text = proxy.Admin("/clusters");
  EXPECT_TRUE(StrContains(text, "::cx_connect_fail::1\n")) << text;
  EXPECT_TRUE(StrContains(text, "::cx_active::0\n")) << text;
  EXPECT_TRUE(StrContains(text, "::rq_error::1\n")) << text;
}

TEST_F(AdminPagesTest, GaugesOfCircuitBreakersAndMembershipAreLive) {
  EXPECT_TRUE(StrContains(Page("/stats?filter=cluster.a.membership_healthy"), ": 1\n"));
  EXPECT_TRUE(StrContains(Page("/stats?filter=circuit_breakers.default.cx_open"), ": 0\n"));
  EXPECT_TRUE(StrContains(Page("/stats?filter=circuit_breakers.default.remaining_cx$"), ": 2\n"));
  // Two requests under way keep both connections.
  Client first(proxy_.port("in")), second(proxy_.port("in"));
  for (Client* client : {&first, &second}) client->Send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na");
  ASSERT_TRUE(WaitFor([this] { return upstream_.requests() == 2; }));
  EXPECT_EQ(Page("/stats?filter=circuit_breakers.default.cx_open"), "cluster.a.circuit_breakers.default.cx_open: 1\n");
  EXPECT_EQ(Page("/stats?filter=circuit_breakers.default.remaining_cx$"),
            "cluster.a.circuit_breakers.default.remaining_cx: 0\n");
  EXPECT_TRUE(StrContains(Page("/clusters"), "::rq_active::2\n"));
  EXPECT_TRUE(StrContains(Page("/clusters"), "::cx_active::2\n"));
  for (Client* client : {&first, &second}) client->Send("b");
  for (Client* client : {&first, &second}) EXPECT_TRUE(absl::EndsWith(client->ReadResponse(), "ab"));
}

TEST_F(AdminPagesTest, StatsHaveEveryForm) {
  Curl("in", "/");
  const std::string name = "http.in.downstream_rq_time";
  const std::string filter = absl::StrCat("filter=^", name, "$");
  EXPECT_TRUE(StrContains(Page("/stats?" + filter), name + ": P0("));
  EXPECT_TRUE(StrContains(Page("/stats?histogram_buckets=cumulative&" + filter), "B3.6e+06(0,1)") ||
              StrContains(Page("/stats?histogram_buckets=cumulative&" + filter), "B3600000("));
  EXPECT_TRUE(StrContains(Page("/stats?histogram_buckets=disjoint&" + filter), name + ": B0.5("));
  const std::string detailed = Page("/stats?histogram_buckets=detailed&" + filter);
  for (const char* part : {"\n  totals=", "\n  intervals=", "\n  summary=P0("})
    EXPECT_TRUE(StrContains(detailed, part)) << detailed;
  EXPECT_TRUE(StrContains(Page("/stats?format=json&" + filter), "\"computed_quantiles\""));
  EXPECT_TRUE(StrContains(Page("/stats?format=json&histogram_buckets=cumulative&" + filter), "\"upper_bound\":0.5"));
  EXPECT_TRUE(StrContains(Page("/stats?format=json&histogram_buckets=detailed&" + filter), "\"lower_bound\":"));
  EXPECT_TRUE(StrContains(Page("/stats?format=html&" + filter), "<pre>"));
  EXPECT_TRUE(StrContains(Page("/stats?format=prometheus&" + filter), "envoy_http_downstream_rq_time_bucket{"));
  EXPECT_TRUE(StrContains(Page("/stats/prometheus?usedonly&filter=server.live"), "envoy_server_live{"));
  EXPECT_FALSE(StrContains(Page("/stats?type=Gauges"), "downstream_rq_total"));
  EXPECT_FALSE(StrContains(Page("/stats?usedonly"), "downstream_cx_idle_timeout"));
  Page("/stats?format=bogus", 400);
  Page("/stats?histogram_buckets=bogus", 400);
  Page("/stats?type=bogus", 400);
  Page("/stats?filter=%5B", 400);  // "["
  Page(absl::StrCat("/stats?filter=", std::string(5000, 'a')), 400);
}

TEST_F(AdminPagesTest, TheConfigurationDumpIsCutAsAsked) {
  const std::string all = Page("/config_dump");
  EXPECT_TRUE(StrContains(all, "\"last_updated\"")) << all;
  EXPECT_FALSE(StrContains(all, "EndpointsConfigDump"));
  EXPECT_TRUE(StrContains(Page("/config_dump?include_eds"), "EndpointsConfigDump"));
  const std::string listeners = Page("/config_dump?resource=static_listeners");
  EXPECT_TRUE(StrContains(listeners, "\"in\"") && StrContains(listeners, "\"out\"")) << listeners;
  const std::string one = Page("/config_dump?resource=static_listeners&name_regex=^in$");
  EXPECT_TRUE(StrContains(one, "\"in\"") && !StrContains(one, "\"out\"")) << one;
  const std::string names = Page("/config_dump?resource=static_clusters&mask=cluster.name");
  EXPECT_TRUE(StrContains(names, "\"name\": \"a\"")) << names;
  EXPECT_FALSE(StrContains(names, "load_assignment") || StrContains(names, "last_updated")) << names;
  const std::string node = Page("/config_dump?mask=bootstrap.node.id");
  EXPECT_TRUE(StrContains(node, "harness")) << node;
  EXPECT_FALSE(StrContains(node, "static_resources") || StrContains(node, "ClustersConfigDump")) << node;
  Page("/config_dump?resource=nothing", 404);
  Page("/config_dump?mask=nothing.at.all", 400);
  Page("/config_dump?mask=a..b", 400);
  Page("/config_dump?name_regex=%28", 400);  // "("
}

TEST_F(AdminPagesTest, ListenersCertificatesAndTheServerSayWhatTheyAre) {
  EXPECT_TRUE(StrContains(Page("/listeners"), absl::StrCat("in::127.0.0.1:", proxy_.port("in"), "\n")));
  const std::string json = Page("/listeners?format=json");
  EXPECT_TRUE(StrContains(json, "\"listener_statuses\"") && StrContains(json, absl::StrCat(proxy_.port("in")))) << json;
  Page("/listeners?format=yaml", 400);
  EXPECT_TRUE(StrContains(Page("/certs"), "{"));
  const std::string memory = Page("/memory");
  for (const char* field :
       {"allocated", "heap_size", "pageheap_unmapped", "pageheap_free", "total_thread_cache", "total_physical_bytes"}) {
    EXPECT_TRUE(StrContains(memory, absl::StrCat("\"", field, "\": \""))) << field << memory;
  }
  EXPECT_TRUE(StrContains(Page("/server_info"), "\"command_line_options\""));
  EXPECT_EQ(Page("/ready"), "LIVE\n");
}

TEST_F(AdminPagesTest, LoggingChangesLevelsOfAllOrSome) {
  EXPECT_TRUE(StrContains(Post("/logging"), "  router: info\n"));
  EXPECT_TRUE(StrContains(Post("/logging?level=error"), "  router: error\n"));
  const std::string some = Post("/logging?paths=router:debug,upstream:off");
  EXPECT_TRUE(StrContains(some, "  router: debug\n") && StrContains(some, "  upstream: off\n") &&
              StrContains(some, "  main: error\n"))
      << some;
  EXPECT_TRUE(StrContains(Post("/logging?upstream=warning"), "  upstream: warning\n"));
  Page("/logging?level=debug", 405);
  Post("/logging?level=loud", 400);
  Post("/logging?nobody=info", 400);
  Post("/logging?paths=router", 400);
  Post("/logging?level=info&router=info", 400);
  EXPECT_TRUE(StrContains(Post("/logging?level=info"), "  upstream: info\n"));
}

TEST_F(AdminPagesTest, WhatChangesSomethingWantsPost) {
  for (const char* page : {"/drain_listeners", "/quitquitquit", "/healthcheck/fail", "/healthcheck/ok",
                           "/reset_counters", "/reopen_logs"}) {
    Page(page, 405);
  }
  Page("/stats", 405, "DELETE");
  Page("/nothing", 404);
  Page("/%2e%2e/etc/passwd", 404);
  Page("/dump?worker=9", 400);
  Page("/dump?worker=main");
}

TEST_F(AdminPagesTest, EachRequestThatMakesNoSenseIsToldWhatWould) {
  const auto curl = [this](const std::string& flags, const std::string& path) {
    return Shell(absl::StrCat("curl -s -m 20 -i ", flags, " 'http://127.0.0.1:", proxy_.admin_port(), path, "'"));
  };
  for (const char* page :
       {"/drain_listeners", "/quitquitquit", "/healthcheck/fail", "/healthcheck/ok", "/reset_counters"}) {
    for (const char* method : {"-X GET", "-I", "-X PUT"}) {
      const std::string answer = curl(method, page);
      EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 405 ")) << method << page << answer;
      EXPECT_TRUE(StrContains(answer, "allow: POST\r\n")) << method << page << answer;
    }
  }
  EXPECT_TRUE(StrContains(curl("-X DELETE", "/stats"), "allow: GET, HEAD, POST\r\n"));
  EXPECT_TRUE(StrContains(curl("-X PUT", "/ready"), "Method PUT not allowed, GET required."));
  const std::string unknown = curl("", "/stat");
  EXPECT_TRUE(absl::StartsWith(unknown, "HTTP/1.1 404 ")) << unknown;
  for (const char* listed : {"  /stats: ", "  /quitquitquit (POST): ", "  /config_dump: "})
    EXPECT_TRUE(StrContains(unknown, listed)) << unknown;
  for (const char* page : {"/", "/help", "/ready", "/server_info", "/stats", "/stats/prometheus", "/clusters",
                           "/listeners", "/config_dump", "/certs", "/logging"}) {
    const std::string head = curl("-I", page);
    EXPECT_TRUE(absl::StartsWith(head, "HTTP/1.1 200 ")) << head;
    EXPECT_TRUE(StrContains(head, "content-length: ") && absl::EndsWith(head, "\r\n\r\n")) << head;
  }
  for (const char* query : {"/stats?format=", "/clusters?format=", "/listeners?format=JSON",
                            "/dump?worker=", "/dump?worker=-1", "/drain_listeners?skip_exit"}) {
    Page(query, 400, StrContains(query, "drain") ? "POST" : "GET");
  }
  EXPECT_EQ(Page("/ready?whatever"), "LIVE\n") << "nothing was drained or ended by all this";
}

TEST_F(AdminPagesTest, TheServerSaysAllOfItsStateAndFlags) {
  const std::string info = Page("/server_info");
  for (const char* field :
       {"\"state\": \"LIVE\"", "\"hot_restart_version\": \"disabled\"", "\"concurrency\": 2", "\"mode\": \"Serve\"",
        "\"drain_strategy\": \"Gradual\"", "\"reject_unknown_dynamic_fields\": false", "\"id\": \"harness\""}) {
    EXPECT_TRUE(StrContains(info, field)) << field << info;
  }
}

TEST_F(AdminPagesTest, AGracefulDrainMayGoOnListening) {
  EXPECT_EQ(Post("/drain_listeners?graceful&skip_exit"), "OK\n");
  EXPECT_EQ(Curl("in", "/"), "200");
  EXPECT_EQ(Page("/stats?filter=listener_stopped"), "listener_manager.listener_stopped: 0\n");
}

TEST_F(AdminPagesTest, EachThreadIsWatched) {
  for (const char* name :
       {"server.watchdog_miss", "server.watchdog_mega_miss", "main_thread.watchdog_miss", "workers.watchdog_miss",
        "server.worker_0.watchdog_miss", "server.worker_1.watchdog_mega_miss"}) {
    EXPECT_TRUE(StrContains(Page(absl::StrCat("/stats?filter=^", name, "$")), absl::StrCat(name, ": "))) << name;
  }
}

TEST_F(AdminPagesTest, CountersCanBeReset) {
  Curl("in", "/");
  EXPECT_EQ(Page("/stats?filter=^http.in.downstream_rq_2xx$"), "http.in.downstream_rq_2xx: 1\n");
  Post("/reset_counters");
  EXPECT_EQ(Page("/stats?filter=^http.in.downstream_rq_2xx$"), "http.in.downstream_rq_2xx: 0\n");
}

TEST_F(AdminPagesTest, InboundListenersAreDrainedAlone) {
  const uint16_t in = proxy_.port("in");
  EXPECT_EQ(Post("/drain_listeners?inboundonly"), "OK\n");
  EXPECT_TRUE(WaitFor([&] {
    return Shell(absl::StrCat("curl -s -m 20 -o /dev/null -w '%{http_code}' http://127.0.0.1:", in, "/")) == "000";
  }));
  EXPECT_EQ(Curl("out", "/"), "200");
}

TEST_F(AdminPagesTest, HealthChecksFailAndRecover) {
  Post("/healthcheck/fail");
  EXPECT_EQ(Page("/ready", 503), "DRAINING\n");
  EXPECT_EQ(Page("/stats?filter=^server.live$"), "server.live: 0\n");
  Post("/healthcheck/ok");
  EXPECT_EQ(Page("/ready"), "LIVE\n");
}

TEST_F(AdminPagesTest, QuitquitquitEndsTheServer) {
  EXPECT_EQ(Post("/quitquitquit"), "OK\n");
  EXPECT_EQ(proxy_.Wait(), 0);
}

}  // namespace
}  // namespace outrigger::integration
