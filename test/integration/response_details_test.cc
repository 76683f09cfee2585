// Every detail of how a stream may end (%RESPONSE_CODE_DETAILS%): how a request gets it, or which test makes it happen.
// The list is what the sources say, so a new detail without a row fails here.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/http/h2/frames.h"
#include "test/integration/response_detail_rows.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"
#include "test/integration/threaded_proxy.h"

namespace outrigger::integration {
namespace {

using absl::StrCat;
using harness::StaticCluster;
using Peer = ScriptedBackend::Peer;

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << path;
  return text.str();
}

void AddMatches(const std::string& text, const std::string& pattern, std::set<std::string>* out) {
  const std::regex regex(pattern);
  for (auto at = std::sregex_iterator(text.begin(), text.end(), regex); at != std::sregex_iterator(); ++at)
    out->insert((*at)[1]);
}

// What the sources have: the named constants, the codecs' words, and what stands where a detail is given.
std::set<std::string> Known() {
  std::set<std::string> known;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("source")) {
    const std::string path = entry.path().string();
    if (!absl::EndsWith(path, ".cc") && !absl::EndsWith(path, ".h")) continue;
    const std::string text = Contents(path);
    AddMatches(text, "\"(http[12]\\.[a-z0-9_.]+)\"", &known);
    AddMatches(text, "(?:details = |Refusal\\{[0-9]+, |CloseReason::\\w+, [^,;]+, )\"([^\"]+)\"", &known);
    if (absl::EndsWith(path, "response_code_details.h")) {
      AddMatches(text, "string_view k\\w+ = \"([^\"]*)\"", &known);
    }
  }
  return known;
}

TEST(ResponseDetailsTest, EachDetailInTheSourcesHasARow) {
  const std::set<std::string> known = Known();
  EXPECT_GT(known.size(), 100u);
  const std::map<std::string, Row> rows = DetailRows();
  for (const std::string& detail : known) EXPECT_EQ(rows.count(detail), 1u) << detail << " has no row";
  for (const auto& [detail, row] : rows) {
    EXPECT_EQ(known.count(detail), 1u) << detail << " is in no source";
    const auto given = [](const char* text) { return *text != '\0' ? 1 : 0; };
    EXPECT_EQ((row.listener.empty() ? 0 : 1) + (row.scenario != nullptr ? 1 : 0) + given(row.elsewhere) +
                  given(row.later) + given(row.never),
              1)
        << detail;
    if (*row.elsewhere != '\0') {
      EXPECT_TRUE(absl::StrContains(Contents(row.elsewhere), detail)) << row.elsewhere << " says nothing of " << detail;
    }
  }
}

// What stands behind the proxy does what the path says.
void Serve(Peer& peer, int) {
  for (std::string request; !(request = peer.ReadRequest()).empty();) {
    const auto asked = [&](const char* path) { return absl::StrContains(request.substr(0, request.find('\r')), path); };
    if (asked("/fine")) peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    if (asked("/nonsense")) peer.Write("no such protocol\r\n\r\n");
    if (asked("/half")) peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    if (asked("/half") || asked("/cut")) return;
  }
}

enum class Http2Act { kReset, kRefuse, kClose, kAbort };
void ServeHttp2(Peer& peer, Http2Act act) {
  using namespace http::h2;  // the frames
  peer.Write(Settings());
  std::string bytes;
  for (std::string more; !(more = peer.ReadSome()).empty();) {
    bytes += more;
    for (const SeenFrame& frame : SplitFrames(bytes, &bytes)) {
      if (frame.type == 4 && (frame.flags & 1) == 0) peer.Write(Frame(4, 1, 0, ""));
      if (frame.type == 6) return peer.Reset();  // the proxy has all that was sent
      if (frame.type != 1) continue;
      if (act == Http2Act::kReset) peer.Write(Reset(frame.stream, ErrorCode::kCancel));
      if (act == Http2Act::kRefuse) peer.Write(Reset(frame.stream, ErrorCode::kRefusedStream));
      if (act != Http2Act::kClose && act != Http2Act::kAbort) continue;
      peer.Write(Headers(frame.stream, {{":status", "200"}}, false) + Data(frame.stream, "half", false));
      if (act == Http2Act::kClose) {  // by FIN: close() would say RST if there is something unread
        shutdown(peer.fd(), SHUT_WR);
        peer.WaitForEnd();
        return;
      }
      peer.Write(Frame(6, 0, 0, "12345678"));
    }
  }
}

class ResponseDetailScenarioTest : public testing::Test {
 protected:
  ResponseDetailScenarioTest()
      : folder_(harness::TempFolder()),
        backend_(Serve),
        resets_([](Peer& peer, int) { ServeHttp2(peer, Http2Act::kReset); }),
        refuses_([](Peer& peer, int) { ServeHttp2(peer, Http2Act::kRefuse); }),
        closes_([](Peer& peer, int) { ServeHttp2(peer, Http2Act::kClose); }),
        aborts_([](Peer& peer, int) { ServeHttp2(peer, Http2Act::kAbort); }) {
    uint16_t dead = 0;
    {
      ScriptedBackend gone([](Peer&, int) {});
      dead = gone.port();
    }
    const std::string options =
        "    typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {\"@type\": "
        "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: "
        "{http_protocol_options: {}}, "
        "common_http_protocol_options: {max_stream_duration: 0.05s}}}\n";
    const std::string clusters = StrCat(
        StaticCluster("up", backend_.port()), StaticCluster("dead", dead), StaticCluster("short", backend_.port()),
        options, StaticCluster("full", backend_.port()),
        "    circuit_breakers: {thresholds: [{max_pending_requests: 0}]}\n",
        StaticCluster("reset2", resets_.port(), true), StaticCluster("refuse2", refuses_.port(), true),
        StaticCluster("close2", closes_.port(), true), StaticCluster("abort2", aborts_.port(), true),
        StaticCluster("maintained", backend_.port()), "\n  - {name: empty, load_assignment: {cluster_name: empty}}\n");
    server::Options fast;
    fast.file_flush_interval = milliseconds(5);
    proxy_ = std::make_unique<harness::ProxyHarness>(
        "layered_runtime: {layers: [{name: s, static_layer: {upstream: {maintenance_mode: {maintained: 100}}}}]}\n" +
            harness::Bootstrap(
                StrCat(Listener("plain"), Listener("h2", "codec_type: HTTP2, "),
                       Listener(
                           "strict",
                           "path_with_escaped_slashes_action: REJECT_REQUEST, use_remote_address: true, "
                           "internal_address_config: "
                           "{cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}, common_http_protocol_options: "
                           "{max_headers_count: 8, headers_with_underscores_action: REJECT_REQUEST}, "),
                       Listener("redirect", "path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT, "),
                       Listener("timed",
                                "request_headers_timeout: 0.05s, request_timeout: 0.1s, stream_idle_timeout: 0.2s, ")),
                clusters),
        fast);
    EXPECT_EQ(proxy_->error(), "");
    EXPECT_TRUE(proxy_->WaitUntilLive());
  }

  std::string Listener(const std::string& name, const std::string& hcm = "") const {
    const auto route = [](const char* path, const char* cluster, const char* more = "") {
      return StrCat("{match: {prefix: ", path, "}, route: {cluster: ", cluster, more, "}}, ");
    };
    const std::string type = "\"@type\": type.googleapis.com/envoy.extensions.";
    const bool strict = name == "strict";
    return StrCat(
        "\n  - name: ", name,
        "\n    address: {socket_address: {address: 127.0.0.1, port_value: 0}}\n    filter_chains: [{filters: [{name: "
        "hcm, ",
        "typed_config: {", type,
        "filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: ", name, ", ", hcm,
        "access_log: [{name: log, typed_config: {", type, "access_loggers.file.v3.FileAccessLog, path: ", folder_, "/",
        name, ", log_format: {text_format_source: {inline_string: \"%RESPONSE_CODE_DETAILS%\\n\"}}}}], ",
        "route_config: {name: r, validate_clusters: false, virtual_hosts: [{name: v, domains: [a], routes: [",
        "{match: {prefix: /direct}, direct_response: {status: 418}}, ", route("/unknown", "unknown"),
        route("/empty", "empty"), route("/dead", "dead"), route("/full", "full"), route("/short", "short"),
        route("/reset2", "reset2"), route("/refuse2", "refuse2"), route("/close2", "close2"),
        route("/abort2", "abort2"), route("/maintained", "maintained"), route("/timeout", "up", ", timeout: 0.05s"),
        route("/try", "up", ", retry_policy: {retry_on: connect-failure, per_try_timeout: 0.05s}"),
        route("/idle", "up", ", retry_policy: {retry_on: connect-failure, per_try_idle_timeout: 0.05s}"),
        route("/lasting", "up", ", max_stream_duration: {max_stream_duration: 0.05s}"),
        "{match: {prefix: /}, route: {cluster: up}}]}]}, ", "http_filters: [{name: rbac, typed_config: {", type,
        "filters.http.rbac.v3.RBAC, rules: {action: DENY, policies: {p: {permissions: [{url_path: {path: {prefix: "
        "/forbidden}}}], "
        "principals: [{any: true}]}}}}}, {name: fault, typed_config: {",
        type, "filters.http.fault.v3.HTTPFault, abort: {header_abort: {}, percentage: {numerator: 100}}}}, ",
        strict
            ? StrCat("{name: buffer, typed_config: {", type, "filters.http.buffer.v3.Buffer, max_request_bytes: 10}}, ")
            : "",
        "{name: router, typed_config: {", type, "filters.http.router.v3.Router",
        strict ? ", strict_check_headers: [x-envoy-max-retries]" : "", "}}]}}]}]\n");
  }

  // The line that the listener logs next.
  std::string Logged(const Row& row) {
    const std::string path = StrCat(folder_, "/", row.listener);
    const size_t before = harness::ReadFile(path).size();
    Client client(proxy_->port(row.listener));
    client.Send(row.bytes);
    if (row.leave) {
      EXPECT_TRUE(
          harness::WaitFor([&] { return proxy_->Stat(StrCat("http.", row.listener, ".downstream_rq_active")) == 1; }));
      client.Abort();
    }
    harness::WaitFor([&] { return harness::ReadFile(path).size() > before; }, std::chrono::seconds(10));
    const std::string lines = harness::ReadFile(path).substr(before);
    return lines.substr(0, lines.find('\n'));
  }

  const std::string folder_;
  ScriptedBackend backend_, resets_, refuses_, closes_, aborts_;
  std::unique_ptr<harness::ProxyHarness> proxy_;
};

TEST_F(ResponseDetailScenarioTest, EachIsLogged) {
  for (const auto& [detail, row] : DetailRows()) {
    if (row.listener.empty()) continue;
    EXPECT_EQ(Logged(row), row.logged.empty() ? detail : row.logged);
  }
}

// As over HTTP/1, which the table has.
TEST_F(ResponseDetailScenarioTest, AnHttp2ClientThatLeavesIsSaidToHaveLeft) {
  const std::string silent = Http2(http::h2::Headers(1, GetFields(), true));
  EXPECT_EQ(Logged({"plain", silent, "", true}), "downstream_remote_disconnect");
}

// One worker, one route, one cluster named "backend" that may change while it runs.
struct Rig {
  ThreadedProxy proxy;
  std::shared_ptr<LogRecorder> log = std::make_shared<LogRecorder>();
  simulation::ProxyConfig::Cluster cluster;
  simulation::ProxyConfig::Route route{"/", "backend", nullptr};
  std::unique_ptr<Client> client;

  void Send(uint16_t backend, const std::string& request) {
    cluster.endpoints = {*net::Address::ParseIp("127.0.0.1", backend)};
    simulation::ProxyConfig::Listener listener;
    listener.hcm = [this](filters::hcm::HcmConfig& hcm) { hcm.access_logs.push_back(log); };
    proxy.config().SetCluster("backend", cluster);
    proxy.config().SetRoutes({route});
    proxy.config().SetListener(listener);
    proxy.Start();
    client = std::make_unique<Client>(proxy.address().port());
    client->Send(request);
  }
  std::string Logged() {
    harness::WaitFor([this] { return log->Has(); });
    return log->Take().details;
  }
};

}  // namespace

std::string ClusterRemovedBetweenTries() {
  ScriptedBackend backend([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 503 Later\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n");
    peer.WaitForEnd();
  });
  Rig rig;
  rig.route.change = [](model::ForwardAction& forward) {
    auto policy = std::make_shared<model::RetryPolicy>();
    policy->on = model::kRetry5xx;
    policy->rate_limited_reset_headers = {{"retry-after", false}};
    forward.retry = policy;
  };
  rig.Send(backend.port(), Get("/"));
  EXPECT_TRUE(harness::WaitFor([&] { return rig.proxy.Stat("cluster.backend.upstream_rq_retry") == 1; }));
  rig.proxy.config().RemoveCluster("backend");
  rig.proxy.Publish();
  return rig.Logged();
}

std::string ConnectsToAHostThatNeverAnswers() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t n = sizeof(address);
  EXPECT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), n), 0);
  EXPECT_EQ(listen(listener, 0), 0);  // nobody accepts: when the queue is full, what comes is not answered
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &n);
  const Client only(ntohs(address.sin_port));
  Rig rig;
  rig.cluster.change = [](model::ClusterConfig& cluster) {
    cluster.settings.Edit().connect_timeout = milliseconds(100);
  };
  rig.Send(ntohs(address.sin_port), Get("/"));
  const std::string logged = rig.Logged();
  close(listener);
  return logged;
}

std::string CutAtTheEndOfTheDrain() {
  ScriptedBackend backend(Serve);
  const std::string path = harness::TempFolder() + "/log";
  server::Options options;
  options.file_flush_interval = milliseconds(5);
  options.drain_time = milliseconds(100);
  harness::ProxyHarness proxy(
      harness::Bootstrap(harness::HttpListener(
                             "in", "up",
                             StrCat("          access_log: [{name: log, typed_config: {\"@type\": type.googleapis.com/"
                                    "envoy.extensions.access_loggers.file.v3.FileAccessLog, path: ",
                                    path,
                                    ", log_format: {text_format_source: {inline_string: "
                                    "\"%RESPONSE_CODE_DETAILS%\\n\"}}}}]\n")),
                         StaticCluster("up", backend.port())),
      options);
  EXPECT_EQ(proxy.error(), "");
  EXPECT_TRUE(proxy.WaitUntilLive());
  Client one(proxy.port("in")), two(proxy.port("in"));
  one.Send(Get("/silent"));
  two.Send(Http2(http::h2::Headers(1, GetFields(), true)));
  EXPECT_TRUE(harness::WaitFor([&] { return backend.connections() == 2; }));
  proxy.Shutdown();
  EXPECT_EQ(proxy.Wait(), 0);
  const std::string lines = harness::ReadFile(path);
  const std::string line = lines.substr(0, lines.find('\n'));
  EXPECT_EQ(lines, StrCat(line, "\n", line, "\n"));  // both protocols say the same
  return line;
}

namespace {

TEST(ResponseDetailsTest, EachWithAScenarioOfItsOwnIsLogged) {
  for (const auto& [detail, row] : DetailRows()) {
    if (row.scenario == nullptr) continue;
    EXPECT_EQ(row.scenario(), row.logged) << detail;
  }
}

}  // namespace
}  // namespace outrigger::integration
