#include "test/integration/small_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/base/bug.h"

namespace outrigger::integration {

namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

FixedBackend::FixedBackend(std::string answer) : answer_(std::move(answer)) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  OUTRIGGER_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  OUTRIGGER_CHECK(listen(listener_, 128) == 0);
  socklen_t length = sizeof(address);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] {
    for (;;) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0 || stop_) {
        if (fd >= 0) close(fd);
        return;
      }
      const int one = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
      accepted_.push_back(fd);
      threads_.emplace_back([this, fd] { Serve(fd); });
    }
  });
}

FixedBackend::~FixedBackend() {
  stop_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (const int fd : accepted_) shutdown(fd, SHUT_RDWR);
  for (std::thread& thread : threads_) thread.join();
  for (const int fd : accepted_) close(fd);
  close(listener_);
}

void FixedBackend::Serve(int fd) {
  char buffer[16384];
  size_t have = 0;
  for (;;) {
    const ssize_t n = read(fd, buffer + have, sizeof(buffer) - have);
    if (n <= 0) return;
    have += static_cast<size_t>(n);
    absl::string_view seen(buffer, have);
    const size_t end = seen.find("\r\n\r\n");
    if (end == absl::string_view::npos) continue;
    have = 0;  // one request at a time: the proxy does not pipeline
    if (write(fd, answer_.data(), answer_.size()) < 0) return;
  }
}

SmallProxy::SmallProxy(Options options) : main_(event::MakeEpollEngine()) {
  auto snapshot = std::make_shared<model::Snapshot>();
  snapshot->generation = 1;

  auto cluster_config = std::make_shared<model::ClusterConfig>();
  cluster_config->name = "backend";
  cluster_config->stats = registry_.Register<observe::ClusterScope>("cluster.backend.");
  cluster_config->stats.Show(observe::ClusterScope::kHttp2);
  cluster_config->circuit_breakers = std::make_shared<model::CircuitBreakers>();
  cluster_config->transports.Edit().emplace_back();
  if (options.cluster) options.cluster(*cluster_config);
  auto endpoints = std::make_shared<model::EndpointSet>();
  endpoints->version = 1;
  model::PrioritySet priority;
  priority.Add({model::MakeEndpointRecord(1, *net::Address::ParseIp("127.0.0.1", options.backend_port))});
  endpoints->priorities.push_back(priority);
  auto cluster = std::make_shared<model::Cluster>();
  cluster->slot = {0, 1};
  cluster->config = cluster_config;
  cluster->endpoints = endpoints;
  snapshot->clusters.Set(0, cluster);

  auto table = std::make_shared<model::RouteTable>();
  matching::VirtualHostSpec host;
  host.name = "all";
  host.domains = {"*"};
  host.routes.emplace_back();
  host.routes.back().match.path = options.connect_route ? "" : "/";
  if (options.connect_route) host.routes.back().match.path_kind = matching::RouteMatchSpec::Path::kConnect;
  table->matcher = *matching::RouteTable::Build({host});
  model::VirtualHost virtual_host;
  virtual_host.name = "all";
  model::Route route;
  model::ForwardAction forward;
  forward.cluster = "backend";
  forward.slot = {0, 1};
  if (options.route) options.route(forward);
  route.action = std::move(forward);
  virtual_host.routes.push_back(std::move(route));
  table->virtual_hosts.push_back(std::move(virtual_host));
  table->virtual_hosts[0].routes[0].virtual_host = &table->virtual_hosts[0];
  table->virtual_hosts[0].routes[0].table = table.get();

  auto hcm = std::make_shared<filters::hcm::HcmConfig>();
  hcm->stat_prefix = "test";
  hcm->stats = registry_.Register<observe::HttpConnectionStats>("http.test.");
  hcm->listener_stats = registry_.Register<observe::HttpListenerStats>("listener.test.http.test.");
  hcm->http1_stats = registry_.Register<observe::Http1Stats>("http1.");
  hcm->http2_stats = registry_.Register<observe::Http2Stats>("http2.");
  auto router = std::make_shared<router::RouterConfig>();
  router->stats = registry_.Register<observe::RouterStats>("http.test.");
  std::vector<http::FilterSpec> filters;
  filters.push_back(http::MakeFilterSpec<router::Router>(router, true));
  filters.back().name = "router";
  hcm->chain = std::make_shared<http::FilterChainSpec>(std::move(filters));
  hcm->routes = table;
  if (options.hcm) options.hcm(*hcm);

  auto chain = std::make_shared<model::FilterChain>();
  model::NetworkFilterSpec filter;
  filter.terminal = true;
  filter.config = hcm;
  filter.make = [](const std::shared_ptr<const void>& config,
                   model::DownstreamContext& context) -> std::unique_ptr<net::NetworkFilter> {
    return std::make_unique<filters::hcm::ConnectionManager>(
        std::static_pointer_cast<const filters::hcm::HcmConfig>(config), context);
  };
  chain->filters.push_back(filter);
  auto listener = std::make_shared<model::Listener>();
  listener->slot = {0, 1};
  listener->name = "test";
  listener->stats = registry_.Register<observe::ListenerStats>("listener.test.");
  listener->default_chain = chain;
  snapshot->listeners.Set(0, listener);

  socket_ = *net::ListenSocket::Bind(main_.engine(), *net::Address::ParseIp("127.0.0.1", 0), {}, 1);
  OUTRIGGER_CHECK(socket_->Listen().ok());
  port_ = socket_->address().port();
  auto publication = std::make_shared<server::Publication>();
  publication->snapshot = snapshot;
  auto listening = std::make_shared<server::Listening>();
  listening->sockets[0] = {socket_};
  publication->listening = listening;
  server::Worker::Options worker_options;
  worker_options.main = &main_;
  worker_options.stats = &registry_.AddWorker("worker_0");
  worker_options.facts = &facts_;
  worker_ = std::make_unique<server::Worker>(
      worker_options, std::make_unique<harness::CountingEngine>(event::MakeEpollEngine(), counts_), publication);
  worker_->StartThread();
}

SmallProxy::~SmallProxy() {
  worker_->StopThread();
  worker_.reset();
  while (main_.RunOnce(Duration::zero())) {
  }
}

harness::CountingEngine::Counts SmallProxy::CountsNow() {
  std::promise<harness::CountingEngine::Counts> promise;
  auto future = promise.get_future();
  worker_->dispatcher().Post([&] { promise.set_value(counts_); });
  return future.get();
}

Client::Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
  const sockaddr_in address = Loopback(port);
  OUTRIGGER_CHECK(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  const int one = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  const timeval limit{10, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

Client::~Client() {
  if (fd_ >= 0) close(fd_);
}

void Client::Abort() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(std::exchange(fd_, -1));
}

void Client::Send(const std::string& bytes) {
  OUTRIGGER_CHECK(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

size_t Client::ReadSome(char* into, size_t room) {
  const ssize_t got = read(fd_, into, room);
  OUTRIGGER_CHECK(got > 0);
  return static_cast<size_t>(got);
}

std::string Client::ReadResponse() {
  std::string out;
  char buffer[4096];
  size_t want = std::string::npos;
  while (out.size() < want) {
    const ssize_t got = read(fd_, buffer, sizeof(buffer));
    if (got <= 0) return out;
    out.append(buffer, static_cast<size_t>(got));
    const size_t end = out.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    want = end + 4;
    const size_t at = out.find("content-length: ");
    size_t length = 0;
    if (at != std::string::npos && at < end &&
        absl::SimpleAtoi(out.substr(at + 16, out.find('\r', at) - at - 16), &length))
      want += length;
  }
  return out;
}

}  // namespace outrigger::integration
