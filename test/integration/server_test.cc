// One hop through a whole server in this process, asked by curl.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <vector>

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
using harness::Shell;
using harness::StaticCluster;
using harness::WaitFor;

std::string Curl(uint16_t port, const std::string& path, const std::string& flags = "") {
  return Shell(absl::StrCat("curl -s -m 20 ", flags, " http://127.0.0.1:", port, path));
}

class OneHopTest : public testing::Test {
 protected:
  OneHopTest()
      : h1_("one", http::Protocol::kHttp11),
        h2_("two", http::Protocol::kHttp2),
        proxy_(Bootstrap(HttpListener("in", "h1") + HttpListener("to_h2", "h2"),
                         StaticCluster("h1", h1_.port()) + StaticCluster("h2", h2_.port(), true))) {
    EXPECT_EQ(proxy_.error(), "");
    EXPECT_TRUE(proxy_.WaitUntilLive());
  }
  HttpUpstream h1_, h2_;
  ProxyHarness proxy_;
};

TEST_F(OneHopTest, ARequestReachesItsUpstreamAndComesBack) {
  const std::string got = Curl(proxy_.port("in"), "/a?b=c", "-i");
  EXPECT_TRUE(absl::StartsWith(got, "HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_TRUE(absl::StrContains(got, "x-request: GET /a?b=c\r\n")) << got;
  EXPECT_TRUE(absl::StrContains(got, "server: envoy\r\n")) << got;
  EXPECT_TRUE(absl::StrContains(got, "x-envoy-upstream-service-time: ")) << got;
  EXPECT_TRUE(absl::StrContains(got, "x-seen-id: ")) << got;
  EXPECT_TRUE(absl::EndsWith(got, "\r\n\r\none")) << got;
}

TEST_F(OneHopTest, ABodyPassesBothWaysUnchangedInEveryCombinationOfCodecs) {
  const std::string folder = harness::TempFolder();
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i) absl::StrAppend(&body, "line ", i, "\n");
  harness::WriteFile(folder + "/body", body);
  for (const char* listener : {"in", "to_h2"}) {
    for (const char* codec : {"", "--http2-prior-knowledge "}) {
      const std::string out = absl::StrCat(folder, "/", listener, codec[0] != 0 ? "2" : "1");
      Curl(proxy_.port(listener), "/post", absl::StrCat(codec, "--data-binary @", folder, "/body -o ", out));
      EXPECT_TRUE(harness::ReadFile(out) == body) << listener << codec;
    }
  }
}

TEST_F(OneHopTest, UpstreamConnectionsAreReused) {
  for (int i = 0; i < 5; ++i) Curl(proxy_.port("in"), "/", "-o /dev/null");
  EXPECT_LE(h1_.connections(), 2);  // one a worker
  EXPECT_EQ(h1_.requests(), 5);
  EXPECT_EQ(proxy_.Stat("cluster.h1.upstream_rq_total"), 5);
  EXPECT_EQ(proxy_.Stat("http.in.downstream_rq_2xx"), 5);
}

TEST_F(OneHopTest, BytesAreCountedWhileTheirConnectionLives) {
  const auto count = [this](const std::string& name) {
    const std::string start = "http.in." + name + ": ", page = proxy_.Admin("/stats?filter=" + name);
    const size_t at = page.find(start);
    return at == std::string::npos ? 0 : atoll(page.c_str() + at + start.size());
  };
  Client client(proxy_.port("in"));
  for (int i = 0; i < 2; ++i) {
    client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n" + std::string(1000, 'x'));
    ASSERT_TRUE(absl::StartsWith(client.ReadResponse(), "HTTP/1.1 200"));
  }
  EXPECT_TRUE(WaitFor([&] { return count("downstream_cx_rx_bytes_total") >= 2000; }));
  EXPECT_GT(count("downstream_cx_tx_bytes_total"), 0);  // of the first answer at least
}

TEST_F(OneHopTest, AdminPagesSayWhatRuns) {
  int status = 0;
  EXPECT_EQ(proxy_.Admin("/ready", "GET", &status), "LIVE\n");
  EXPECT_EQ(status, 200);
  EXPECT_TRUE(absl::StrContains(proxy_.Admin("/listeners"), absl::StrCat("in::127.0.0.1:", proxy_.port("in"), "\n")));
  EXPECT_TRUE(absl::StrContains(proxy_.Admin("/clusters"),
                                absl::StrCat("h1::127.0.0.1:", h1_.port(), "::health_flags::healthy\n")));
  EXPECT_TRUE(absl::StrContains(proxy_.Admin("/clusters?format=json"), "\"host_statuses\""));
  EXPECT_TRUE(absl::StrContains(proxy_.Admin("/server_info"), "\"state\": \"LIVE\"") ||
              absl::StrContains(proxy_.Admin("/server_info"), "\"id\": \"harness\""));
  const std::string dump = proxy_.Admin("/config_dump");
  for (const char* part : {"BootstrapConfigDump", "ClustersConfigDump", "ListenersConfigDump", "RoutesConfigDump",
                           "SecretsConfigDump", "in_routes"}) {
    EXPECT_TRUE(absl::StrContains(dump, part)) << part;
  }
  EXPECT_TRUE(absl::StrContains(proxy_.Admin("/config_dump?resource=static_clusters"), "\"h2\""));
  EXPECT_TRUE(absl::StrContains(proxy_.Admin("/stats?filter=^server.live$"), "server.live: 1\n"));
  EXPECT_TRUE(absl::StrContains(proxy_.Admin("/stats/prometheus?usedonly"), "envoy_server_live{"));
  EXPECT_TRUE(absl::StrContains(proxy_.Admin("/stats?format=json&filter=server.live"), "\"server.live\""));
  EXPECT_TRUE(absl::StrContains(proxy_.Admin("/dump?worker=1"), "worker:"));
  proxy_.Admin("/quitquitquit", "GET", &status);
  EXPECT_EQ(status, 405);
  proxy_.Admin("/nothing", "GET", &status);
  EXPECT_EQ(status, 404);
}

TEST_F(OneHopTest, AFailedHealthCheckDrainsConnectionsAndIsTakenBack) {
  int status = 0;
  proxy_.Admin("/healthcheck/fail", "POST");
  EXPECT_EQ(proxy_.Admin("/ready", "GET", &status), "DRAINING\n");
  EXPECT_EQ(status, 503);
  proxy_.Admin("/healthcheck/ok", "POST");
  EXPECT_EQ(proxy_.Admin("/ready"), "LIVE\n");
  EXPECT_EQ(Curl(proxy_.port("in"), "/"), "one");
}

TEST_F(OneHopTest, DrainedListenersStopListening) {
  const uint16_t port = proxy_.port("in");
  EXPECT_EQ(Curl(port, "/"), "one");
  proxy_.Admin("/drain_listeners", "POST");
  EXPECT_TRUE(WaitFor([&] { return Curl(port, "/", "-o /dev/null -w '%{http_code}'") == "000"; }));
  EXPECT_EQ(proxy_.Admin("/ready"), "LIVE\n");
}

TEST(DrainTest, ShutdownAsksConnectionsToEndAndThenEnds) {
  HttpUpstream upstream("one", http::Protocol::kHttp11);
  server::Options options;
  options.drain_strategy = server::DrainStrategy::kImmediate;
  ProxyHarness proxy(Bootstrap(HttpListener("in", "a"), StaticCluster("a", upstream.port())), options);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  const uint16_t port = proxy.port("in");
  Client busy(port);
  busy.Send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
  ASSERT_TRUE(WaitFor([&] { return upstream.requests() == 1; }));

  proxy.Shutdown();
  ASSERT_TRUE(WaitFor([&] { return Curl(port, "/", "-o /dev/null -w '%{http_code}'") == "000"; }));
  busy.Send("cd");  // what runs is finished
  const std::string answer = busy.ReadResponse();

  EXPECT_TRUE(absl::StrContains(answer, "abcd")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "connection: close\r\n")) << answer;
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(DrainTest, AnIdleClientIsClosedSoonWhenTheProcessEndsAtOnce) {
  HttpUpstream upstream("one", http::Protocol::kHttp11);
  server::Options options;
  options.drain_strategy = server::DrainStrategy::kImmediate;
  ProxyHarness proxy(
      Bootstrap(HttpListener("in", "a", "          drain_timeout: 0.05s\n"), StaticCluster("a", upstream.port())),
      options);
  ASSERT_TRUE(proxy.WaitUntilLive());
  Client idle(proxy.port("in"));
  idle.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  ASSERT_TRUE(absl::StartsWith(idle.ReadResponse(), "HTTP/1.1 200 "));
  proxy.Shutdown();
  EXPECT_EQ(idle.ReadResponse(), "") << "closed without a word";
  EXPECT_EQ(proxy.Wait(), 0);  // of a drain time of ten minutes
}

// Clients that never stop asking, each on a connection of its own.
class BusyClients {
 public:
  BusyClients(uint16_t port, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      clients_.push_back(std::make_unique<Client>(port));
      EXPECT_FALSE(Ask(*clients_.back())) << "nothing drains yet";
    }
  }
  size_t left() const { return clients_.size(); }
  // Each asks once more; those that were told to go do.
  void AskOnce() {
    std::erase_if(clients_, [](const auto& client) { return Ask(*client); });
  }

 private:
  static bool Ask(Client& client) {
    client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    const std::string answer = client.ReadResponse();
    EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 ")) << answer;
    return absl::StrContains(answer, "connection: close\r\n");
  }
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST(DrainTest, BusyClientsAreToldWithTheirNextAnswerAndTheProcessEndsWithTheLast) {
  HttpUpstream upstream("one", http::Protocol::kHttp11);
  server::Options options;
  options.drain_strategy = server::DrainStrategy::kImmediate;
  ProxyHarness proxy(Bootstrap(HttpListener("in", "a"), StaticCluster("a", upstream.port())), options);
  ASSERT_TRUE(proxy.WaitUntilLive());
  BusyClients clients(proxy.port("in"), 8);
  proxy.Shutdown();
  ASSERT_TRUE(WaitFor([&] { return proxy.Admin("/ready") == "DRAINING\n"; }));
  clients.AskOnce();
  EXPECT_EQ(clients.left(), 0u);
  EXPECT_EQ(proxy.Wait(), 0);  // of a drain time of ten minutes
}

TEST(DrainTest, AGradualDrainTellsBusyClientsOneByOneAndAllBeforeItsEnd) {
  HttpUpstream upstream("one", http::Protocol::kHttp11);
  server::Options options;
  options.drain_time = seconds(5);
  ProxyHarness proxy(Bootstrap(HttpListener("in", "a"), StaticCluster("a", upstream.port())), options);
  ASSERT_TRUE(proxy.WaitUntilLive());
  BusyClients clients(proxy.port("in"), 12);
  proxy.Shutdown();
  size_t steps = 0;
  while (clients.left() > 0) {  // ends at the latest with the drain: a client that was not told fails
    const size_t before = clients.left();
    clients.AskOnce();
    if (clients.left() != before) ++steps;
  }
  EXPECT_GT(steps, 3u) << "not all at once";
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(DrainTest, ASecondSignalEndsAtOnceWhateverIsStillOpen) {
  HttpUpstream upstream("one", http::Protocol::kHttp11);
  ProxyHarness proxy(Bootstrap(HttpListener("in", "a"), StaticCluster("a", upstream.port())));
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  Client busy(proxy.port("in"));
  busy.Send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
  ASSERT_TRUE(WaitFor([&] { return upstream.requests() == 1; }));

  // In one turn: the workers answer the first while the server is taken down for the second.
  proxy.OnMain([](server::Server& server) {
    server.Shutdown();
    server.Shutdown();
  });
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(AccessLogTest, TheAdminEndpointAndListenersLogToo) {
  const std::string folder = harness::TempFolder();
  const auto log = [&folder](const std::string& name, const std::string& format) {
    return absl::StrCat(
        "[{name: f, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, ",
        "path: ", folder, "/", name, ", log_format: {text_format_source: {inline_string: \"", format, "\\n\"}}}}]");
  };
  HttpUpstream upstream("one", http::Protocol::kHttp11);
  std::string listener = HttpListener("in", "a");
  listener += "    access_log: " + log("listener", "%ACCESS_LOG_TYPE% %BYTES_SENT%") + "\n";
  std::string bootstrap = Bootstrap(listener, StaticCluster("a", upstream.port()));
  bootstrap.insert(bootstrap.find("admin: {") + 8,
                   "access_log: " + log("admin", "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%") + ", ");
  server::Options options;
  options.file_flush_interval = milliseconds(20);
  ProxyHarness proxy(bootstrap, options);
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(proxy.WaitUntilLive());
  proxy.Admin("/ready");
  EXPECT_EQ(Curl(proxy.port("in"), "/"), "one");
  EXPECT_TRUE(WaitFor([&] { return harness::ReadFile(folder + "/admin") == "GET /ready 200\n"; }))
      << harness::ReadFile(folder + "/admin");
  EXPECT_TRUE(WaitFor([&] { return absl::StartsWith(harness::ReadFile(folder + "/listener"), "TcpConnectionEnd "); }))
      << harness::ReadFile(folder + "/listener");
}

TEST(StartTest, AnAddressInUseIsAnErrorOfTheStart) {
  HttpUpstream upstream("one", http::Protocol::kHttp11);
  std::string listener = HttpListener("in", "a");
  listener.replace(listener.find("port_value: 0"), 13, absl::StrCat("port_value: ", upstream.port()));
  ProxyHarness proxy(Bootstrap(listener, StaticCluster("a", upstream.port())));
  EXPECT_TRUE(absl::StrContains(
      proxy.error(), absl::StrCat("listener \"in\": address: cannot bind '127.0.0.1:", upstream.port(), "'")))
      << proxy.error();
}

TEST(StartTest, AnErrorOfTheBootstrapSaysWhere) {
  ProxyHarness proxy(Bootstrap("", "") + "nonsense: true\n");
  EXPECT_TRUE(absl::StrContains(proxy.error(), "nonsense")) << proxy.error();
}

}  // namespace
}  // namespace outrigger::integration
