// Thread: test
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/event/simulated_world.h"
#include "source/model/listener.h"
#include "source/net/listener.h"
#include "source/net/network_filter.h"
#include "source/net/raw_transport.h"
#include "test/harness/recorder.h"
#include "test/upstream/harness.h"

namespace outrigger::filters {

// Accepts connections and keeps what they say.
class TcpServer final : public net::TcpListener::Owner {
 public:
  struct Accepted {
    harness::Recorder recorder;
    std::unique_ptr<net::Connection> connection;
  };
  explicit TcpServer(event::Dispatcher& loop) : loop_(loop) {
    socket_ = *net::ListenSocket::Bind(loop.engine(), *net::Address::ParseIp("127.0.0.1", 0), {}, 1);
    OUTRIGGER_CHECK(socket_->Listen().ok());
    listener_ = std::make_unique<net::TcpListener>(loop, socket_, 0, 0, *this);
    listener_->Start();
  }
  void OnAccepted(net::TcpListener&, net::AcceptedSocket socket) override {
    auto made = std::make_unique<Accepted>();
    made->connection =
        std::make_unique<net::Connection>(loop_, std::move(socket), std::make_unique<net::RawTransport>());
    made->connection->SetHandler(&made->recorder);
    if (on_accepted) on_accepted(*made);
    made->connection->Start();
    all.push_back(std::move(made));
  }
  const net::Address& address() const { return socket_->address(); }
  std::function<void(Accepted&)> on_accepted;
  std::vector<std::unique_ptr<Accepted>> all;

 private:
  event::Dispatcher& loop_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::unique_ptr<net::TcpListener> listener_;
};

// One client connection through a chain of network filters to real upstream machinery, in virtual time.
class Proxied final : public net::TcpListener::Owner,
                      public model::DownstreamContext,
                      public net::FilterChainOnConnection::Owner {
 public:
  using Make = std::function<std::unique_ptr<net::NetworkFilter>(model::DownstreamContext&)>;

  Proxied()
      : simulated(3, event::FaultPlan::None()), loop(simulated.MakeDispatcher()), upstream(loop.get()), server(*loop) {
    upstream.config->settings.Edit().connect_timeout = seconds(2);
    socket_ = *net::ListenSocket::Bind(loop->engine(), *net::Address::ParseIp("127.0.0.1", 0), {}, 1);
    OUTRIGGER_CHECK(socket_->Listen().ok());
    listener_ = std::make_unique<net::TcpListener>(*loop, socket_, 0, 0, *this);
    listener_->Start();
    chain_.name = "chain";
  }
  ~Proxied() override {
    chain_on_connection_.reset();
    connection_.reset();
    client.reset();
    upstream.context.reset();
  }
  // Endpoints are server.address() unless Start gets others.
  void Start(std::vector<Make> filters) { Start(std::move(filters), {server.address()}); }
  void Start(std::vector<Make> filters, const std::vector<net::Address>& endpoints) {
    filters_ = std::move(filters);
    std::vector<model::EndpointRef> records;
    for (const net::Address& address : endpoints) records.push_back(upstream::Record(address, records.size() + 1));
    upstream.Start(upstream::SetOf(std::move(records)));
  }
  void ConnectClient() {
    net::Connection::ConnectOptions options;
    options.remote = socket_->address();
    client = net::Connection::Connect(*loop, options, std::make_unique<net::RawTransport>());
    client->SetHandler(&recorder);
  }
  bool Until(const std::function<bool()>& done, Duration limit = seconds(60)) {
    return simulated.RunUntil(done, limit);
  }
  bool ServerHas(size_t connections) {
    return Until([&] { return server.all.size() >= connections; });
  }
  bool Closed() {
    return Until([&] { return closed; });
  }

  void OnAccepted(net::TcpListener&, net::AcceptedSocket accepted) override {
    connection_ = std::make_unique<net::Connection>(*loop, std::move(accepted), std::make_unique<net::RawTransport>());
    if (on_connection) on_connection(*connection_);
    std::vector<std::unique_ptr<net::NetworkFilter>> filters;
    for (const Make& make : filters_) filters.push_back(make(*this));
    chain_on_connection_ = std::make_unique<net::FilterChainOnConnection>(*connection_, std::move(filters), this);
    connection_->Start();
  }
  void OnConnectionClosed(const net::CloseInfo& why) override {
    closed = true;
    close_detail = why.detail;  // a filter's own text may go with the filter
    loop->DestroyLater(std::move(chain_on_connection_));
    loop->DestroyLater(std::move(connection_));
  }

  net::Connection& connection() override { return *connection_; }
  const net::ConnectionProperties& properties() const override { return connection_->properties(); }
  upstream::WorkerContext& worker() override { return *upstream.context; }
  const model::FilterChain* Current() override { return &chain_; }
  const model::FilterChain& accepted_by() const override { return chain_; }
  const model::Listener& listener() const override { return listener_config_; }
  bool draining() const override { return false; }
  void SetDrainHandler(DrainHandler* handler) override { drain_handler = handler; }

  event::SimulatedWorld simulated;
  std::unique_ptr<event::Dispatcher> loop;
  upstream::World upstream;
  TcpServer server;
  harness::Recorder recorder;  // the client's
  std::unique_ptr<net::Connection> client;
  std::function<void(net::Connection&)> on_connection;
  DrainHandler* drain_handler = nullptr;
  bool closed = false;
  std::string close_detail;

 private:
  std::shared_ptr<net::ListenSocket> socket_;
  std::unique_ptr<net::TcpListener> listener_;
  std::vector<Make> filters_;
  model::FilterChain chain_;
  model::Listener listener_config_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<net::FilterChainOnConnection> chain_on_connection_;
};

}  // namespace outrigger::filters
