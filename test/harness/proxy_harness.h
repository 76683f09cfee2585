// Thread: test
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "source/server/server.h"

namespace outrigger::harness {

// A whole server in this process, on real sockets, with its main loop on a thread of its own. Ports are 0 in the
// configuration and asked for afterwards.
class ProxyHarness {
 public:
  // `bootstrap` is YAML. Extensions are the binary's.
  explicit ProxyHarness(const std::string& bootstrap, server::Options options = {},
                        std::function<std::unique_ptr<server::DynamicConfiguration>()> dynamic = nullptr);
  ~ProxyHarness();  // as Shutdown() twice: ends at once
  ProxyHarness(const ProxyHarness&) = delete;

  // Why it could not start; "" if it did.
  const std::string& error() const { return error_; }
  bool WaitUntilLive();
  uint16_t port(const std::string& listener);  // 0: not bound
  uint16_t admin_port();
  // The body of an admin page; `status` gets the code.
  std::string Admin(const std::string& path, const std::string& method = "GET", int* status = nullptr);
  // A counter or gauge; -1 if there is none of that name.
  int64_t Stat(const std::string& name);
  void OnMain(std::function<void(server::Server&)> f);  // returns when it was run
  void Shutdown();
  int Wait();  // the exit code; nothing can be asked afterwards

 private:
  std::unique_ptr<server::Server> server_;
  std::string error_;
  std::promise<void> let_go_;
  std::thread thread_;
  int exit_code_ = -1;
};

// Pieces of a bootstrap.
std::string StaticCluster(const std::string& name, uint16_t port, bool http2 = false);
// A listener on 127.0.0.1:0 with the default HCM, whose route sends everything to `cluster`.
std::string HttpListener(const std::string& name, const std::string& cluster, const std::string& more_hcm = "");
// A Listener as a control plane sends it, on loopback with an HCM. Pieces of it as YAML:
struct ListenerParts {
  std::string routes;   // where the HCM has them from: its field `rds` or `route_config`
  std::string filters;  // before the router: items of `http_filters`, six spaces in
  std::string more;     // fields of the listener
  std::string name = "in";
  std::string address = "{address: 127.0.0.1, port_value: 0}";
};
std::string ListenerResource(const ListenerParts& parts);
std::string Bootstrap(const std::string& listeners, const std::string& clusters);

}  // namespace outrigger::harness
