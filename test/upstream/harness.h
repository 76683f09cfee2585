// Thread: test
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/net/listener.h"
#include "source/net/raw_transport.h"
#include "source/upstream/worker_context.h"
#include "test/harness/loop.h"
#include "test/http/h2/pair.h"

namespace outrigger::upstream {

using http::h2::Exchange;
using http::h2::ServerApp;

// A server that speaks HTTP/1 or HTTP/2 with our own sessions on a port of the system's choice.
class FakeUpstream final : public net::TcpListener::Owner {
 public:
  FakeUpstream(event::Dispatcher& loop, bool http2, http::Http2Options options = {})
      : loop_(loop), http2_(http2), http2_options_(options) {
    socket_ = *net::ListenSocket::Bind(loop.engine(), *net::Address::ParseIp("127.0.0.1", 0), {}, 1);
    OUTRIGGER_CHECK(socket_->Listen().ok());
    listener_ = std::make_unique<net::TcpListener>(loop, socket_, 0, 0, *this);
    listener_->Start();
  }
  ~FakeUpstream() {
    CloseAll();
    listener_->Stop();
    listener_.reset();
    harness::Turns(loop_, 2);
  }
  void OnAccepted(net::TcpListener&, net::AcceptedSocket socket) override {
    auto made = std::make_unique<Served>();
    made->app.on_stream = on_stream;
    made->connection = std::make_unique<net::Connection>(loop_, std::move(socket), MakeTransport());
    made->session = http2_ ? http::MakeHttp2Server(*made->connection, made->app, {}, http2_options_, counters_)
                           : http::MakeHttp1Server(*made->connection, made->app, {}, {}, counters_);
    made->connection->SetHandler(made->session.get());
    made->connection->Start();
    served.push_back(std::move(made));
  }
  // Answers every complete request: 200 and `body`.
  void Echo() {
    on_stream = [](Exchange& exchange) {
      exchange.on_end = [](Exchange& e) { e.Send({{":status", "200"}, {"content-length", "0"}}, true); };
    };
  }
  void CloseAll() {
    for (auto& one : served) one->connection->Close(net::Connection::CloseMode::kNow);
  }
  size_t open() const {
    size_t n = 0;
    for (const auto& one : served) n += one->app.closes == 0 ? 1 : 0;
    return n;
  }
  size_t requests() const {
    size_t n = 0;
    for (const auto& one : served) n += one->app.exchanges.size();
    return n;
  }
  const net::Address& address() const { return socket_->address(); }

  struct Served {
    ServerApp app;
    std::unique_ptr<net::Connection> connection;
    std::unique_ptr<http::Session> session;
  };
  std::vector<std::unique_ptr<Served>> served;
  std::function<void(Exchange&)> on_stream;
  std::function<std::unique_ptr<net::Transport>()> transport;  // null: plain

 private:
  std::unique_ptr<net::Transport> MakeTransport() {
    return transport ? transport() : std::make_unique<net::RawTransport>();
  }
  event::Dispatcher& loop_;
  bool http2_;
  http::Http2Options http2_options_;
  http::CodecCounters counters_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::unique_ptr<net::TcpListener> listener_;
};

// One request and what became of it.
struct Wish final : StreamRequest {
  Exchange exchange;
  ConnectionFacts facts;
  int ready = 0, failed = 0;
  http::ResetReason reason = http::ResetReason::kNone;
  std::string transport_failure;
  std::function<void(Wish&)> on_ready, on_failed;
  bool send = true;

  ~Wish() override {
    if (ready > 0 && !exchange.done()) exchange.sender->Reset(http::ResetReason::kLocalReset);
  }
  void OnStreamReady(http::StreamSender& sender, const ConnectionFacts& given) override {
    ++ready;
    facts = given;
    exchange.sender = &sender;
    if (on_ready) return on_ready(*this);
    if (send) exchange.Send(http::h2::Get(), true);
  }
  void OnStreamFailed(const PoolFailure& failure) override {
    ++failed;
    reason = failure.reason;
    transport_failure = std::string(failure.transport_failure);
    if (on_failed) on_failed(*this);
  }
  http::StreamReceiver& receiver() override { return exchange; }
  bool done() const { return failed > 0 || exchange.done(); }
};

inline model::EndpointRef Record(const net::Address& address, uint64_t id) {
  return model::MakeEndpointRecord(id, address);
}

inline std::shared_ptr<model::EndpointSet> SetOf(std::vector<model::EndpointRef> records) {
  static uint64_t version = 0;
  auto set = std::make_shared<model::EndpointSet>();
  set->version = ++version;
  set->priorities.resize(1);
  for (auto& record : records) set->priorities[0].Add({std::move(record)});
  return set;
}

inline std::shared_ptr<model::CircuitBreaker> Limits(uint64_t connections, uint64_t pending, uint64_t requests,
                                                     uint64_t retries = 3) {
  return std::make_shared<model::CircuitBreaker>(connections, pending, requests, retries);
}

// One worker with one cluster, on one loop together with its upstreams.
struct World {
  explicit World(event::Dispatcher* shared = nullptr) {
    if (shared == nullptr) own_loop = std::make_unique<event::Dispatcher>(event::MakeEpollEngine());
    loop = shared != nullptr ? shared : own_loop.get();
    config->name = "c";
    config->stats = registry.Register<observe::ClusterScope>("cluster.c.");
    config->stats.Show(observe::ClusterScope::kHttp2);
    config->circuit_breakers = std::make_shared<model::CircuitBreakers>();
  }
  ~World() {
    context.reset();
    harness::Turns(*loop, 3);
  }
  void Start(std::shared_ptr<model::EndpointSet> endpoints) {
    context = std::make_unique<WorkerContext>(0, *loop, registry.main(), facts, Snapshot(std::move(endpoints), config),
                                              [this](std::shared_ptr<const model::Snapshot>) { ++released; });
  }
  std::shared_ptr<const model::Snapshot> Snapshot(std::shared_ptr<const model::EndpointSet> endpoints,
                                                  std::shared_ptr<const model::ClusterConfig> of) {
    auto snapshot = std::make_shared<model::Snapshot>();
    snapshot->generation = ++generation;
    if (of != nullptr) {
      snapshot->clusters.Set(
          0, std::make_shared<model::Cluster>(model::Cluster{slot, std::move(of), std::move(endpoints)}));
      snapshot->cluster_names.Add("c", 0);
    }
    return snapshot;
  }
  WorkerCluster& cluster() { return *context->Cluster(slot); }
  observe::ClusterStats& stats() { return registry.main().Get(config->stats); }
  void Ask(Wish& wish, StreamOptions options = {}, PickContext pick = {}) {
    pick.priority = options.priority;
    const Picked picked = cluster().Pick(pick);
    OUTRIGGER_CHECK(static_cast<bool>(picked));
    cluster().Request(picked, wish, options);
  }
  bool Until(const std::function<bool()>& done) { return harness::RunUntil(*loop, done); }

  model::ClusterSlot slot{0, 1};
  uint64_t generation = 0;
  int released = 0;
  observe::StatsRegistry registry;
  ProcessFacts facts;
  std::unique_ptr<event::Dispatcher> own_loop;
  event::Dispatcher* loop;
  std::shared_ptr<model::ClusterConfig> config = std::make_shared<model::ClusterConfig>();
  std::unique_ptr<WorkerContext> context;
};

}  // namespace outrigger::upstream
