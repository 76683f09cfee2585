#include "test/harness/proxy_harness.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "source/exe/extensions.h"
#include "source/observe/stats_reader.h"
#include "source/server/listener_sockets.h"
#include "test/harness/process.h"

namespace outrigger::harness {

ProxyHarness::ProxyHarness(const std::string& bootstrap, server::Options options,
                           std::function<std::unique_ptr<server::DynamicConfiguration>()> dynamic) {
  static const extension::FactoryTable factories = exe::AllExtensions();
  options.config_yaml = bootstrap;
  if (options.concurrency == 0) options.concurrency = 2;
  server::Surroundings around;
  around.factories = &factories;
  around.make_engine = [] { return event::MakeEpollEngine(); };
  around.dynamic = std::move(dynamic);
  around.hostname = "harness-host";
  around.environment_variable = [](const char* name) -> const char* {
    return absl::string_view(name) == "HARNESS" ? "from the environment" : nullptr;
  };
  std::promise<void> started;
  thread_ = std::thread([&, this] {
    auto made = server::Server::Create(options, std::move(around));
    absl::Status status = made.status();
    if (made.ok()) {
      server_ = *std::move(made);
      status = server_->Start();
    }
    if (!status.ok()) error_ = std::string(status.message());
    const bool ok = status.ok();
    started.set_value();
    if (ok) exit_code_ = server_->Run();
    // Freed on the thread that ran it, once nobody asks it any more.
    let_go_.get_future().wait();
    server_.reset();
  });
  started.get_future().wait();
}

ProxyHarness::~ProxyHarness() {
  if (!thread_.joinable()) return;
  if (error_.empty()) {
    Shutdown();
    Shutdown();
  }
  Wait();
}

void ProxyHarness::Shutdown() {
  server::Server* server = server_.get();
  server->dispatcher().Post([server] { server->Shutdown(); });
}

int ProxyHarness::Wait() {
  if (thread_.joinable()) {
    let_go_.set_value();
    thread_.join();
  }
  return exit_code_;
}

void ProxyHarness::OnMain(std::function<void(server::Server&)> f) {
  std::promise<void> done;
  server_->dispatcher().Post([&] {
    f(*server_);
    done.set_value();
  });
  done.get_future().wait();
}

bool ProxyHarness::WaitUntilLive() {
  return error_.empty() && WaitFor([this] {
           bool live = false;
           OnMain([&live](server::Server& server) { live = server.state() == server::Server::State::kLive; });
           return live;
         });
}

uint16_t ProxyHarness::port(const std::string& listener) {
  uint16_t port = 0;
  OnMain([&](server::Server& server) {
    const auto addresses = server.sockets().AddressesOf(listener);
    if (!addresses.empty()) port = addresses.front().port();
  });
  return port;
}

uint16_t ProxyHarness::admin_port() {
  uint16_t port = 0;
  OnMain([&](server::Server& server) { port = server.admin_address().port(); });
  return port;
}

std::string ProxyHarness::Admin(const std::string& path, const std::string& method, int* status) {
  std::string got = Shell(absl::StrCat("curl -s -X ", method, method == "HEAD" ? " -I" : "",
                                       " -w '\n%{http_code}' 'http://127.0.0.1:", admin_port(), path, "'"));
  const size_t line = got.rfind('\n');
  if (line == std::string::npos) return got;
  if (status != nullptr && !absl::SimpleAtoi(absl::ClippedSubstr(got, line + 1), status)) *status = 0;
  got.resize(line);
  return got;
}

int64_t ProxyHarness::Stat(const std::string& name) {
  int64_t value = -1;
  OnMain([&](server::Server& server) {
    for (const auto& number : server.stats().Read().numbers) {
      if (number.name == name) value = number.value;
    }
  });
  return value;
}

std::string StaticCluster(const std::string& name, uint16_t port, bool http2) {
  return absl::Substitute(R"yaml(
  - name: $0
    connect_timeout: 5s
    type: STATIC$2
    load_assignment:
      cluster_name: $0
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $1}}}}]}]
)yaml",
                          name, port,
                          http2 ? R"yaml(
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}})yaml"
                                : "");
}

std::string HttpListener(const std::string& name, const std::string& cluster, const std::string& more_hcm) {
  return absl::Substitute(R"yaml(
  - name: $0
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: $0
          route_config:
            name: $0_routes
            virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: "/"}, route: {cluster: $1}}]}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
$2)yaml",
                          name, cluster, more_hcm);
}

std::string ListenerResource(const ListenerParts& parts) {
  return absl::Substitute(R"yaml(
"@type": type.googleapis.com/envoy.config.listener.v3.Listener
name: $0
address: {socket_address: $1}
$2
filter_chains:
- filters:
  - name: hcm
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      $3
      http_filters:
$4
      - name: router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
)yaml",
                          parts.name, parts.address, parts.more, parts.routes, parts.filters);
}

std::string Bootstrap(const std::string& listeners, const std::string& clusters) {
  return absl::StrCat(
      "node: {id: harness, cluster: test}\nadmin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n",
      "static_resources:\n  listeners:", listeners.empty() ? " []\n" : listeners,
      "\n  clusters:", clusters.empty() ? " []\n" : clusters, "\n");
}

}  // namespace outrigger::harness
