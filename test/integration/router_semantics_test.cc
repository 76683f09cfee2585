// What looks optional in an HTTP hop and is security or compatibility: configured as users do, asked over sockets.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

using absl::EndsWith;
using absl::StartsWith;
using absl::StrContains;
using harness::StaticCluster;
using Peer = ScriptedBackend::Peer;

constexpr char kType[] = "\"@type\": type.googleapis.com/envoy.extensions.filters.http.";

// Answers with what it was asked, as the body. Paths with "silent": never.
void Echo(Peer& peer, int) {
  std::string request;
  while (!(request = peer.ReadRequest()).empty()) {
    if (StrContains(request.substr(0, request.find('\r')), "silent")) continue;
    peer.Write(absl::StrCat("HTTP/1.1 200 OK\r\ncontent-length: ", request.size(), "\r\n\r\n", request));
  }
}

class RouterSemanticsTest : public testing::Test {
 protected:
  RouterSemanticsTest() {
    {
      ScriptedBackend gone([](Peer&, int) {});
      dead_port_ = gone.port();
    }
  }
  ~RouterSemanticsTest() override { client_.reset(); }

  // `routes`: the route configuration's fields after its name, in flow style; `filters`: before the router.
  void Start(const std::string& routes, const std::string& filters = "", const std::string& hcm = "") {
    if (backend_ == nullptr) backend_ = std::make_unique<ScriptedBackend>(Echo);
    const std::string listener = absl::StrCat(R"(
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config: {name: table, validate_clusters: false, )",
                                              routes, "}\n          http_filters: [", filters,
                                              "{name: router, typed_config: {", kType, "router.v3.Router}}]\n", hcm);
    const std::string clusters =
        absl::StrCat(StaticCluster("echo", backend_->port()), StaticCluster("dead", dead_port_), more_clusters_);
    proxy_ = std::make_unique<harness::ProxyHarness>(harness::Bootstrap(listener, clusters));
    ASSERT_EQ(proxy_->error(), "");
    ASSERT_TRUE(proxy_->WaitUntilLive());
    client_ = std::make_unique<Client>(proxy_->port("in"));
  }
  static std::string Hosts(const std::string& routes, const std::string& more = "") {
    return absl::StrCat("virtual_hosts: [{name: v, domains: [\"*\"], ", more, "routes: [", routes, "]}]");
  }
  std::string Get(const std::string& path, const std::string& headers = "", const std::string& host = "a.example") {
    client_->Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nhost: ", host, "\r\n", headers, "\r\n"));
    return client_->ReadResponse();
  }

  std::unique_ptr<ScriptedBackend> backend_;
  uint16_t dead_port_ = 0;
  std::string more_clusters_;
  std::unique_ptr<harness::ProxyHarness> proxy_;
  std::unique_ptr<Client> client_;
};

constexpr char kEcho[] = "{match: {prefix: /}, route: {cluster: echo}}";

// --- header mutation

TEST_F(RouterSemanticsTest, WhatTheRouteAddsToResponsesIsOnLocalRepliesToo) {
  const auto add = [](const char* name) {
    return absl::StrCat("response_headers_to_add: [{header: {key: ", name, ", value: \"yes\"}}]");
  };
  const auto route = [&](const std::string& path, const std::string& action) {
    return absl::StrCat("{match: {prefix: ", path, "}, ", action, ", ", add("x-route"), "}, ");
  };
  Start(
      absl::StrCat(add("x-table"), ", virtual_hosts: [{name: v, domains: [a.example], ", add("x-host"), ", routes: [",
                   route("/direct", "direct_response: {status: 418}"),
                   route("/redirect", "redirect: {path_redirect: /}"), route("/unknown", "route: {cluster: unknown}"),
                   route("/dead", "route: {cluster: dead}"), route("/silent", "route: {cluster: echo, timeout: 0.05s}"),
                   route("/forbidden", "route: {cluster: echo}"), route("/fine", "route: {cluster: echo}"), "]}]"),
      absl::StrCat("{name: rbac, typed_config: {", kType,
                   "rbac.v3.RBAC, rules: {action: DENY, policies: {p: {permissions: ",
                   "[{url_path: {path: {prefix: /forbidden}}}], principals: [{any: true}]}}}}}, "));
  const std::pair<const char*, const char*> answers[] = {
      {"/direct", "418"}, {"/redirect", "301"},  {"/unknown", "503"}, {"/dead", "503"},
      {"/silent", "504"}, {"/forbidden", "403"}, {"/fine", "200"}};
  for (const auto& [path, status] : answers) {
    const std::string answer = Get(path);
    EXPECT_TRUE(StartsWith(answer, absl::StrCat("HTTP/1.1 ", status, " "))) << path << ": " << answer;
    for (const char* level : {"x-route: yes\r\n", "x-host: yes\r\n", "x-table: yes\r\n"}) {
      EXPECT_TRUE(StrContains(answer, level)) << path << " lacks " << level << answer;
    }
  }
  const std::string nothing = Get("/", "", "other.example");
  EXPECT_TRUE(StartsWith(nothing, "HTTP/1.1 404 ")) << nothing;
  EXPECT_FALSE(StrContains(nothing, "x-table")) << "no route was matched";
}

std::string Levels(const std::string& table) {
  const auto add = [](const char* value) {
    return absl::StrCat("{header: {key: x-order, value: ", value, "}}, {header: {key: x-last, value: ", value,
                        "}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}");
  };
  const auto both = [&](const char* value) {
    return absl::StrCat("request_headers_to_add: [", add(value), "], response_headers_to_add: [", add(value), "]");
  };
  return absl::StrCat(both("table"), ", ", table, "virtual_hosts: [{name: v, domains: [\"*\"], ", both("host"),
                      ", routes: [{match: {prefix: /}, ", both("route"),
                      ", route: {weighted_clusters: {clusters: [{name: echo, weight: 1, ", both("weighted"),
                      "}]}}}]}]");
}

TEST_F(RouterSemanticsTest, HeadersAreMutatedFromTheMostSpecificLevelToTheLeast) {
  Start(Levels(""));
  const std::string answer = Get("/");
  const size_t body = answer.find("\r\n\r\n") + 4;
  for (const std::string& message : {answer.substr(0, body), answer.substr(body)}) {
    const size_t weighted = message.find("x-order: weighted"), route = message.find("x-order: route"),
                 host = message.find("x-order: host"), table = message.find("x-order: table");
    EXPECT_LT(weighted, route) << message;
    EXPECT_LT(route, host) << message;
    EXPECT_LT(host, table) << message;
    EXPECT_NE(table, std::string::npos) << message;
    EXPECT_TRUE(StrContains(message, "x-last: table\r\n")) << message;
  }
}

TEST_F(RouterSemanticsTest, TheMostSpecificMutationWinsWhereAskedFor) {
  Start(Levels("most_specific_header_mutations_wins: true, "));
  const std::string answer = Get("/");
  const size_t body = answer.find("\r\n\r\n") + 4;
  EXPECT_TRUE(StrContains(answer.substr(0, body), "x-last: weighted\r\n")) << answer;
  EXPECT_TRUE(StrContains(answer.substr(body), "x-last: weighted\r\n")) << answer;
}

// --- per-route filter configuration

TEST_F(RouterSemanticsTest, TheMostSpecificFilterConfigurationWins) {
  const auto limit = [](int bytes) {
    return absl::StrCat("typed_per_filter_config: {buffer: {", kType,
                        "buffer.v3.BufferPerRoute, buffer: {max_request_bytes: ", bytes, "}}}");
  };
  const std::string off = absl::StrCat(
      "typed_per_filter_config: {buffer: {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: "
      "true}}");
  Start(
      absl::StrCat(
          limit(10), ", ",
          Hosts(absl::StrCat("{match: {prefix: /route}, route: {cluster: echo}, ", limit(30), "}, ",
                             "{match: {prefix: /weighted}, ", limit(30),
                             ", route: {weighted_clusters: {clusters: [{name: echo, weight: 1, ", limit(40), "}]}}}, ",
                             "{match: {prefix: /off}, route: {weighted_clusters: {clusters: [{name: echo, weight: 1, ",
                             off, "}]}}}, ", kEcho),
                limit(20) + ", ")),
      absl::StrCat("{name: buffer, typed_config: {", kType, "buffer.v3.Buffer, max_request_bytes: 5}}, "));
  const auto post = [&](const std::string& path, size_t bytes) {
    Client client(proxy_->port("in"));
    client.Send(absl::StrCat("POST ", path, " HTTP/1.1\r\nhost: a\r\ncontent-length: ", bytes, "\r\n\r\n",
                             std::string(bytes, 'x')));
    return client.ReadResponse().substr(9, 3);
  };
  EXPECT_EQ(post("/host", 20), "200");
  EXPECT_EQ(post("/host", 21), "413");
  EXPECT_EQ(post("/route", 30), "200");
  EXPECT_EQ(post("/route", 31), "413");
  EXPECT_EQ(post("/weighted", 40), "200");
  EXPECT_EQ(post("/weighted", 41), "413");
  EXPECT_EQ(post("/off", 1000), "200");
}

// --- one path for all who look at it

TEST_F(RouterSemanticsTest, RouteRbacAndUpstreamSeeOneCanonicalPath) {
  Start(Hosts(absl::StrCat("{match: {prefix: /direct}, direct_response: {status: 418}}, ", kEcho)),
        absl::StrCat("{name: rbac, typed_config: {", kType,
                     "rbac.v3.RBAC, rules: {action: DENY, policies: {p: {permissions: ",
                     "[{url_path: {path: {prefix: /admin}}}], principals: [{any: true}]}}}}}, "),
        "          normalize_path: true\n          merge_slashes: true\n"
        "          path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD\n");
  for (const char* path :
       {"/admin", "/public/../admin/x", "//admin", "/%61dmin", "/./admin?x=y", "/public%2f..%2fadmin"}) {
    EXPECT_TRUE(StartsWith(Get(path), "HTTP/1.1 403 ")) << path;
  }
  EXPECT_TRUE(StartsWith(Get("/a/../direct"), "HTTP/1.1 418 "));
  const std::string answer = Get("/public/.//%61/../b?c=/../d");
  EXPECT_TRUE(StrContains(answer, "\r\n\r\nGET /public/b?c=/../d HTTP/1.1\r\n")) << answer;
}

// --- hosts

TEST_F(RouterSemanticsTest, HostsMatchWithTheirPortUnlessToldOtherwise) {
  const std::string host = absl::StrCat("virtual_hosts: [{name: v, domains: [a.example], routes: [", kEcho, "]}]");
  Start(host);
  EXPECT_TRUE(StartsWith(Get("/", "", "a.example"), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Get("/", "", "A.Example"), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Get("/", "", "a.example:8080"), "HTTP/1.1 404 "));
  client_.reset();
  Start("ignore_port_in_host_matching: true, " + host);
  const std::string ignored = Get("/", "", "a.example:8080");
  EXPECT_TRUE(StrContains(ignored, "host: a.example:8080\r\n")) << "matched without, forwarded with: " << ignored;
  client_.reset();
  Start(host, "", "          strip_any_host_port: true\n");
  const std::string stripped = Get("/", "", "a.example:8080");
  EXPECT_TRUE(StrContains(stripped, "host: a.example\r\n")) << stripped;
}

TEST_F(RouterSemanticsTest, ARedirectToTlsKeepsTheHostAsItIs) {
  Start(Hosts(kEcho, "require_tls: ALL, "));
  EXPECT_TRUE(StrContains(Get("/a?b", "", "a.example:8080"), "location: https://a.example:8080/a?b\r\n"));
  EXPECT_TRUE(StrContains(Get("/", "", "[::1]:8080"), "location: https://[::1]:8080/\r\n"));
}

// --- whom to believe

TEST_F(RouterSemanticsTest, TheClientIsWhomTheLastTrustedHopNames) {
  Start(Hosts(kEcho), "", "          use_remote_address: true\n          xff_num_trusted_hops: 1\n");
  const std::string answer = Get("/", "x-forwarded-for: 9.9.9.9, 8.8.8.8\r\n");
  EXPECT_TRUE(StrContains(answer, "x-envoy-external-address: 8.8.8.8\r\n")) << answer;
  EXPECT_TRUE(StrContains(answer, "x-forwarded-for: 9.9.9.9, 8.8.8.8,")) << answer;  // then an address of this host
  const std::string nonsense = Get("/", "x-forwarded-for: not-an-address\r\n");
  EXPECT_TRUE(StrContains(nonsense, "x-envoy-external-address: 127.0.0.1\r\n")) << nonsense;
}

TEST_F(RouterSemanticsTest, OnlyInternalClientsMayGiveOrders) {
  const std::string orders =
      "x-envoy-max-retries: 2\r\nx-envoy-upstream-rq-timeout-ms: 700\r\nx-envoy-upstream-stream-duration-ms: 900\r\n";
  Start(Hosts(kEcho), "",
        "          use_remote_address: true\n"
        "          internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}\n");
  const std::string internal = Get("/", orders);
  EXPECT_TRUE(StrContains(internal, "x-envoy-internal: true\r\n")) << internal;
  EXPECT_TRUE(StrContains(internal, "x-envoy-expected-rq-timeout-ms: 700\r\n")) << internal;
  const std::string external = Get("/", orders + "x-forwarded-for: 8.8.8.8\r\n");  // it came from elsewhere
  EXPECT_FALSE(StrContains(external, "x-envoy-internal")) << external;
  EXPECT_TRUE(StrContains(external, "x-envoy-expected-rq-timeout-ms: 15000\r\n")) << external;
  EXPECT_FALSE(StrContains(external, "x-envoy-max-retries")) << external;
}

// --- messages with rules of their own

TEST_F(RouterSemanticsTest, HeadAndStatusesWithoutBodyKeepTheConnectionInStep) {
  backend_ = std::make_unique<ScriptedBackend>([](Peer& peer, int) {
    for (std::string request; !(request = peer.ReadRequest()).empty();) {
      if (StartsWith(request, "HEAD")) peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
      if (StartsWith(request, "GET /204")) peer.Write("HTTP/1.1 204 No Content\r\n\r\n");
      if (StartsWith(request, "GET /304")) peer.Write("HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\n\r\n");
      if (StartsWith(request, "GET /end")) peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nend");
    }
  });
  Start(Hosts(kEcho));
  client_->Send(
      "HEAD / HTTP/1.1\r\nhost: a\r\n\r\nGET /204 HTTP/1.1\r\nhost: a\r\n\r\n"
      "GET /304 HTTP/1.1\r\nhost: a\r\n\r\nGET /end HTTP/1.1\r\nhost: a\r\n\r\n");
  std::string all;
  char buffer[4096];
  while (!EndsWith(all, "\r\n\r\nend")) all.append(buffer, client_->ReadSome(buffer, sizeof(buffer)));
  const size_t second = all.find("HTTP/1.1 204"), third = all.find("HTTP/1.1 304"), last = all.rfind("HTTP/1.1 200");
  ASSERT_TRUE(second < third && third < last && last != std::string::npos) << all;
  EXPECT_TRUE(StrContains(all.substr(0, second), "content-length: 1000\r\n")) << all;
  EXPECT_TRUE(EndsWith(all.substr(0, second), "\r\n\r\n")) << all;
  EXPECT_FALSE(StrContains(all.substr(second, third - second), "content-length")) << all;
  EXPECT_FALSE(StrContains(all, "transfer-encoding")) << all;
  EXPECT_EQ(backend_->connections(), 1);
}

TEST_F(RouterSemanticsTest, InterimResponsesPassAnd100OnlyWhereItIsProxied) {
  backend_ = std::make_unique<ScriptedBackend>([](Peer& peer, int) {
    std::string request = peer.ReadSome();
    peer.Write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    if (StrContains(request, "expect: 100-continue")) peer.Write("HTTP/1.1 100 Continue\r\n\r\n");
    while (!EndsWith(request, "abc")) request += peer.ReadSome();
    peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine");
    peer.WaitForEnd();
  });
  Start(Hosts(kEcho), "", "          proxy_100_continue: true\n");
  client_->Send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
  std::string all;
  char buffer[4096];
  while (!StrContains(all, "100 Continue\r\n\r\n")) all.append(buffer, client_->ReadSome(buffer, sizeof(buffer)));
  EXPECT_TRUE(StrContains(all, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n")) << all;
  client_->Send("abc");
  while (!EndsWith(all, "fine")) all.append(buffer, client_->ReadSome(buffer, sizeof(buffer)));
  EXPECT_TRUE(StrContains(all, "HTTP/1.1 200 OK\r\n")) << all;
}

TEST_F(RouterSemanticsTest, ARefusalOfAGrpcCallIs200WithItsStatus) {
  Start(
      Hosts("{match: {prefix: /dead}, route: {cluster: dead}}, {match: {prefix: /silent}, route: {cluster: echo, "
            "timeout: 0.05s}}"));
  const std::string grpc = "content-type: application/grpc\r\nte: trailers\r\n";
  const auto status = [](const std::string& answer) {
    const size_t at = answer.find("grpc-status: ");
    return StartsWith(answer, "HTTP/1.1 200 ") && at != std::string::npos
               ? answer.substr(at + 13, answer.find('\r', at) - at - 13)
               : answer;
  };
  EXPECT_EQ(status(Get("/dead", grpc)), "14");
  EXPECT_EQ(status(Get("/silent", grpc)), "4");
  EXPECT_EQ(status(Get("/nowhere", grpc)), "12");
}

// --- time and tries

TEST_F(RouterSemanticsTest, TheRoutesTimeoutBeginsWhenTheRequestIsComplete) {
  Start(
      Hosts("{match: {prefix: /silent}, route: {cluster: echo, timeout: 0.2s}}, {match: {prefix: /}, route: {cluster: "
            "echo, timeout: 0.1s}}"));
  client_->Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\na");
  Client clock(proxy_->port("in"));
  clock.Send("GET /silent HTTP/1.1\r\nhost: a\r\n\r\n");
  ASSERT_TRUE(StartsWith(clock.ReadResponse(), "HTTP/1.1 504 ")) << "twice the other's timeout has passed";
  client_->Send("bc");
  EXPECT_TRUE(StartsWith(client_->ReadResponse(), "HTTP/1.1 200 "));
}

TEST_F(RouterSemanticsTest, AGrpcTimeoutBoundsTheStreamWhereTheRouteBelievesIt) {
  Start(
      Hosts("{match: {prefix: /silent}, route: {cluster: echo, timeout: 0s, max_stream_duration: "
            "{grpc_timeout_header_max: 10s}}}"));
  const std::string answer = Get("/silent", "content-type: application/grpc\r\ngrpc-timeout: 50m\r\n");
  EXPECT_TRUE(StrContains(answer, "grpc-status: 4\r\n")) << answer;
  EXPECT_EQ(proxy_->Stat("http.in.downstream_rq_max_duration_reached"), 1);
}

TEST_F(RouterSemanticsTest, ARetryAvoidsTheHostsThatWereTried) {
  ScriptedBackend bad([](Peer& peer, int) {
    while (!peer.ReadRequest().empty()) peer.Write("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
  });
  backend_ = std::make_unique<ScriptedBackend>(Echo);
  more_clusters_ = absl::StrCat(
      "  - name: two\n    load_assignment:\n      cluster_name: two\n      endpoints: [{lb_endpoints: [",
      "{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ", bad.port(), "}}}}, ",
      "{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ", backend_->port(), "}}}}]}]\n");
  Start(Hosts(
      "{match: {prefix: /}, route: {cluster: two, retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: "
      "{base_interval: "
      "0.001s}, retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}], "
      "host_selection_retry_max_attempts: 10}}}"));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(StartsWith(Get("/"), "HTTP/1.1 200 "));
  EXPECT_GE(proxy_->Stat("cluster.two.upstream_rq_retry_success"), 5);
}

// --- what logs say of what is not there

TEST_F(RouterSemanticsTest, WhatIsMissingIsADashInTextAndNullInJsonAndNumbersAreNumbers) {
  const std::string folder = harness::TempFolder();
  const auto log = [&](const std::string& name, const std::string& format) {
    return absl::StrCat("          - name: ", name,
                        "\n            typed_config: {\"@type\": "
                        "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: ",
                        folder, "/", name, ", log_format: {", format, "}}\n");
  };
  Start(Hosts("{match: {prefix: /}, direct_response: {status: 200}}"), "",
        absl::StrCat(
            "          access_log:\n",
            log("text", "text_format_source: {inline_string: \"%RESPONSE_CODE% %REQ(x-none)% %UPSTREAM_HOST%\\n\"}"),
            log("json", "json_format: {code: \"%RESPONSE_CODE%\", none: \"%REQ(x-none)%\", up: \"%UPSTREAM_HOST%\"}")));
  Get("/");
  EXPECT_TRUE(harness::WaitFor([&] { return harness::ReadFile(folder + "/text") == "200 - -\n"; }))
      << harness::ReadFile(folder + "/text");
  EXPECT_TRUE(harness::WaitFor([&] {
    return harness::ReadFile(folder + "/json") == "{\"code\":200,\"none\":null,\"up\":null}\n";
  })) << harness::ReadFile(folder + "/json");
}

}  // namespace
}  // namespace outrigger::integration
