// Thread: the test's
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "source/filters/network/http_connection_manager/connection_manager.h"
#include "source/model/snapshot.h"
#include "source/router/router.h"
#include "source/server/worker.h"
#include "test/harness/counting_engine.h"

namespace outrigger::integration {

// A blocking server on a thread of its own that answers every request without a body with the same bytes: what a cost test wants
// behind the proxy. Allocates nothing per request.
class FixedBackend {
 public:
  explicit FixedBackend(std::string answer);
  ~FixedBackend();
  uint16_t port() const { return port_; }

 private:
  void Serve(int fd);
  std::string answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
  std::vector<int> accepted_;
  std::thread acceptor_;
};

// One worker on real sockets with a Snapshot made by hand: one listener, a default HCM with the router alone, one route, one static
// cluster. For tests of the request path that want no configuration layer in the way.
class SmallProxy {
 public:
  struct Options {
    uint16_t backend_port = 0;
    std::function<void(filters::hcm::HcmConfig&)> hcm;          // changes to the defaults
    std::function<void(model::ClusterConfig&)> cluster;
    std::function<void(model::ForwardAction&)> route;
    bool connect_route = false;                                 // matches CONNECT requests instead of paths
  };
  explicit SmallProxy(Options options);
  ~SmallProxy();
  uint16_t port() const { return port_; }
  harness::CountingEngine::Counts CountsNow();  // asks the worker
  observe::StatsRegistry& stats() { return registry_; }
  server::Worker& worker() { return *worker_; }

 private:
  observe::StatsRegistry registry_;
  upstream::ProcessFacts facts_;
  harness::CountingEngine::Counts counts_;
  event::Dispatcher main_;
  std::shared_ptr<net::ListenSocket> socket_;
  uint16_t port_ = 0;
  std::unique_ptr<server::Worker> worker_;
};

// A blocking client connection.
class Client {
 public:
  explicit Client(uint16_t port);
  ~Client();
  void Send(const std::string& bytes);
  void Abort();  // RST
  int fd() const { return fd_; }
  size_t ReadSome(char* into, size_t room);  // at least one byte, or the process ends
  std::string ReadResponse();  // a head and its content-length body

 private:
  int fd_;
};

}  // namespace outrigger::integration
