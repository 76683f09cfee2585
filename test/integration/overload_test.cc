// The overload manager of a whole server: a file says how pressed it is, and real clients see what it does about that.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

using absl::StrCat;
using harness::Bootstrap;
using harness::HttpListener;
using harness::HttpUpstream;
using harness::ProxyHarness;
using harness::StaticCluster;
using harness::WaitFor;

class OverloadTest : public testing::Test {
 protected:
  OverloadTest() : upstream_("one", http::Protocol::kHttp11) { Inject(0); }

  void Inject(double pressure) { harness::WriteFile(folder_ + "/pressure", StrCat(pressure)); }
  // The monitor "file" says what Inject() said; `rest` are actions and points.
  std::string Manager(const std::string& rest) {
    return StrCat(
        "overload_manager:\n  refresh_interval: 0.01s\n  resource_monitors:\n  - {name: file, typed_config: "
        "{'@type': type.googleapis.com/"
        "envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig, filename: '",
        folder_, "/pressure'}}\n", rest);
  }
  static std::string Action(const std::string& name, const std::string& more = "") {
    return StrCat("  actions:\n  - name: envoy.overload_actions.", name,
                  "\n    triggers: [{name: file, threshold: {value: 0.9}}]\n", more);
  }
  static std::string Point(const std::string& name) {
    return StrCat("  loadshed_points:\n  - name: envoy.load_shed_points.", name,
                  "\n    triggers: [{name: file, threshold: {value: 0.9}}]\n");
  }
  static std::string Listener(const std::string& name, const std::string& more, const std::string& hcm = "") {
    return StrCat(HttpListener(name, "a", hcm), "    stat_prefix: ", name, "\n", more);
  }
  void Start(const std::string& manager, const std::string& hcm = "") {
    proxy_ = std::make_unique<ProxyHarness>(
        Bootstrap(Listener("in", "", hcm) + Listener("free", "    bypass_overload_manager: true\n"),
                  StaticCluster("a", upstream_.port())) +
        manager);
    ASSERT_EQ(proxy_->error(), "");
    ASSERT_TRUE(proxy_->WaitUntilLive());
  }
  // Of each stream, how it ended.
  std::string Logging() {
    return StrCat(
        "          access_log: [{name: f, typed_config: {'@type': type.googleapis.com/"
        "envoy.extensions.access_loggers.file.v3.FileAccessLog, path: '",
        folder_,
        "/log', log_format: {text_format_source: {inline_string: "
        "\"%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\\n\"}}}}]\n");
  }
  bool Logged(const std::string& line) {
    proxy_->OnMain([](server::Server& server) { server.ReopenLogs(); });  // writes what waits
    return WaitFor([&] { return absl::StrContains(harness::ReadFile(folder_ + "/log"), line); });
  }
  // Until main has read it.
  void Press(double pressure) {
    Inject(pressure);
    const auto percent = static_cast<int64_t>(pressure * 100);
    ASSERT_TRUE(WaitFor([&] { return proxy_->Stat("overload.file.pressure") == percent; }));
  }
  static std::string Get(Client& client) {
    client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    return client.ReadResponse();
  }
  std::string Curl(const std::string& words, const std::string& listener = "in") {
    return harness::Shell(StrCat("curl -s -m 20 -o /dev/null -w '%{http_code}' ", words,
                                 " http://127.0.0.1:", proxy_->port(listener), "/"));
  }
  static bool Ends(Client& client) {
    char byte;
    return ::read(client.fd(), &byte, 1) == 0;
  }

  const std::string folder_ = harness::TempFolder();
  HttpUpstream upstream_;
  std::unique_ptr<ProxyHarness> proxy_;
};

TEST_F(OverloadTest, RequestsAreAnswered503WhileItLastsAndServedAfterwards) {
  Start(Manager(Action("stop_accepting_requests")), Logging());
  Client client(proxy_->port("in"));
  EXPECT_TRUE(absl::StartsWith(Get(client), "HTTP/1.1 200 "));
  Press(0.9);
  const std::string refused = Get(client);
  EXPECT_TRUE(absl::StartsWith(refused, "HTTP/1.1 503 ")) << refused;
  EXPECT_TRUE(absl::EndsWith(refused, "envoy overloaded")) << refused;
  EXPECT_EQ(Curl("--http2-prior-knowledge"), "503");
  EXPECT_EQ(Curl("", "free"), "200") << "a listener that bypasses the manager";
  EXPECT_EQ(upstream_.requests(), 2);
  EXPECT_EQ(proxy_->Stat("http.in.downstream_rq_overload_close"), 2);
  EXPECT_EQ(proxy_->Stat("overload.envoy.overload_actions.stop_accepting_requests.active"), 1);
  Press(0.5);
  EXPECT_TRUE(absl::StartsWith(Get(client), "HTTP/1.1 200 "));
  EXPECT_TRUE(Logged("OM overload\n"));
}

TEST_F(OverloadTest, ConnectionsAreClosedAsTheyCome) {
  Start(Manager(Action("reject_incoming_connections")));
  Client before(proxy_->port("in"));
  Get(before);
  Press(1);
  EXPECT_EQ(Curl(""), "000");
  EXPECT_EQ(Curl("", "free"), "200");
  EXPECT_EQ(proxy_->Stat("listener.in.downstream_cx_overload_reject"), 1);
  EXPECT_TRUE(absl::StartsWith(Get(before), "HTTP/1.1 200 ")) << "those that are there go on";
  Press(0);
  EXPECT_EQ(Curl(""), "200");
}

TEST_F(OverloadTest, ConnectionsWaitWhileAcceptingIsStopped) {
  Start(Manager(Action("stop_accepting_connections")));
  Press(1);
  ASSERT_TRUE(WaitFor([&] { return Curl("-m 1") == "000"; })) << "the kernel greets it, nobody answers";
  EXPECT_EQ(Curl("", "free"), "200");
  Client waiting(proxy_->port("in"));
  waiting.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  Press(0);
  EXPECT_TRUE(absl::StartsWith(waiting.ReadResponse(), "HTTP/1.1 200 ")) << "nothing that waited is lost";
}

TEST_F(OverloadTest, KeepaliveEndsWithTheNextAnswer) {
  Start(Manager(Action("disable_http_keepalive")));
  Client client(proxy_->port("in"));
  EXPECT_FALSE(absl::StrContains(Get(client), "connection: close"));
  Press(1);
  EXPECT_TRUE(absl::StrContains(Get(client), "connection: close"));
  EXPECT_TRUE(Ends(client));
  EXPECT_EQ(proxy_->Stat("http.in.downstream_cx_overload_disable_keepalive"), 1);
  // HTTP/2: GOAWAY, and the answer all the same.
  EXPECT_EQ(Curl("--http2-prior-knowledge"), "200");
  EXPECT_EQ(proxy_->Stat("http.in.downstream_cx_overload_disable_keepalive"), 2);
}

TEST_F(OverloadTest, IdleConnectionsEndSoonerAlsoThoseThatWereThereBefore) {
  Start(Manager(Action("reduce_timeouts", R"(    typed_config:
      "@type": type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig
      timer_scale_factors: [{timer: HTTP_DOWNSTREAM_CONNECTION_IDLE, min_timeout: 0.02s}]
)")));
  Client client(proxy_->port("in"));
  Get(client);
  Press(1);
  EXPECT_TRUE(Ends(client));
  EXPECT_EQ(proxy_->Stat("http.in.downstream_cx_idle_timeout"), 1);
}

TEST_F(OverloadTest, StreamsThatStallEndSooner) {
  Start(Manager(Action("reduce_timeouts", R"(    typed_config:
      "@type": type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig
      timer_scale_factors: [{timer: HTTP_DOWNSTREAM_STREAM_IDLE, min_scale: {value: 0.01}}]
)")));
  Client client(proxy_->port("in"));
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nx");
  ASSERT_TRUE(WaitFor([&] { return proxy_->Stat("http.in.downstream_rq_active") == 1; }));
  Press(1);  // 30 ms instead of five minutes
  EXPECT_TRUE(WaitFor([&] { return proxy_->Stat("http.in.downstream_rq_idle_timeout") == 1; }));
}

TEST_F(OverloadTest, TheHeaviestStreamsAreReset) {
  Start(StrCat(Manager(Action("reset_high_memory_stream")),
               "  buffer_factory_config: {minimum_account_to_track_power_of_two: 16}\n"),
        Logging());
  // One that waits with a body that the proxy holds, because its client does not read what comes back; one with little.
  Client heavy(proxy_->port("in"));
  const std::string body(64 << 20, 'x');
  std::thread sender([&] {
    heavy.Send(StrCat("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ", body.size(), "\r\n\r\n"));
    for (size_t at = 0; at < body.size();) {
      const ssize_t sent = ::send(heavy.fd(), body.data() + at, body.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) break;  // reset: what the test waits for
      at += static_cast<size_t>(sent);
    }
  });
  Client light(proxy_->port("in"));
  light.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nx");
  ASSERT_TRUE(WaitFor([&] { return proxy_->Stat("http.in.downstream_rq_active") == 2; }));
  ASSERT_TRUE(WaitFor([&] { return proxy_->Stat("http.in.downstream_cx_tx_bytes_buffered") > (1 << 17); }));
  Press(1);
  EXPECT_TRUE(
      WaitFor([&] { return proxy_->Stat("overload.envoy.overload_actions.reset_high_memory_stream.count") == 1; }));
  EXPECT_TRUE(WaitFor([&] { return proxy_->Stat("http.in.downstream_rq_active") == 1; }));
  sender.join();
  EXPECT_TRUE(Logged("OM overload_reset_high_memory_stream\n"));
  light.Send("y");
  EXPECT_TRUE(absl::StartsWith(light.ReadResponse(), "HTTP/1.1 200 "));
}

TEST_F(OverloadTest, TheHeapIsGivenBack) {
  Start(Manager(Action("shrink_heap", R"(    typed_config:
      "@type": type.googleapis.com/envoy.config.overload.v3.ShrinkHeapConfig
      timer_interval: 1s
      max_unfreed_memory_bytes: 0
)")));
  EXPECT_EQ(Curl(""), "200");
  Press(1);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their allocators say nothing
  EXPECT_TRUE(WaitFor([&] { return proxy_->Stat("overload.envoy.overload_actions.shrink_heap.shrink_count") >= 1; }));
#endif
  EXPECT_EQ(Curl(""), "200");
}

TEST_F(OverloadTest, EachLoadShedPointShedsAndCounts) {
  struct Case {
    const char *point, *words, *answer;
  };
  for (const Case& c : {Case{"tcp_listener_accept", "", "000"}, Case{"hcm_ondata_creating_codec", "", "000"},
                        Case{"http1_server_abort_dispatch", "", "503"},
                        Case{"http_connection_manager_decode_headers", "--http2-prior-knowledge", "503"},
                        Case{"http2_server_go_away_and_close_on_dispatch", "--http2-prior-knowledge", "000"},
                        Case{"http2_server_go_away_on_dispatch", "--http2-prior-knowledge", "200"},
                        Case{"connection_pool_new_connection", "", "503"}}) {
    Inject(0);
    Start(Manager(Point(c.point)));
    Press(1);
    const std::string answer = Curl(c.words);
    EXPECT_EQ(answer, c.answer) << c.point;
    const std::string name = StrCat("overload.envoy.load_shed_points.", c.point);
    EXPECT_GE(proxy_->Stat(name + ".shed_load_count"), 1) << c.point;
    EXPECT_EQ(proxy_->Stat(name + ".scale_percent"), 100) << c.point;
    Press(0);
    EXPECT_EQ(Curl(c.words), "200") << c.point;
  }
}

TEST_F(OverloadTest, OpenFilesAndTheHeapAreWhatTheProcessHas) {
  Start(R"(overload_manager:
  refresh_interval: 0.01s
  resource_monitors:
  - {name: heap, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: 1000}}
  - {name: files, typed_config: {"@type": type.googleapis.com/outrigger.resource_monitors.v1.OpenFiles, max_open_files: 10}}
  - {name: cpu, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig}}
  - {name: peers, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, max_active_downstream_connections: 4}}
)");
  Client client(proxy_->port("in"));
  Get(client);
  EXPECT_TRUE(WaitFor([&] { return proxy_->Stat("overload.peers.pressure") == 25; }));
  EXPECT_GT(proxy_->Stat("overload.files.pressure"), 100);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_GT(proxy_->Stat("overload.heap.pressure"), 100);  // the sanitizers' allocators say nothing
#endif
  EXPECT_GE(proxy_->Stat("overload.cpu.pressure"), 0);
}

}  // namespace
}  // namespace outrigger::integration
