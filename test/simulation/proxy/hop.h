// Thread: the world's
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/tls/seeded_random.h"
#include "test/simulation/proxy/load.h"
#include "test/simulation/proxy/simulated_proxy.h"
#include "test/tls/authority.h"

namespace outrigger::simulation {

// OpenSSL's clock is that of `world` from now on; null: the real one again. A Hop does it for itself.
void UseClockOf(const event::SimulatedWorld* world);
// As long as it lives.
struct ClockOf {
  explicit ClockOf(const event::SimulatedWorld& world) { UseClockOf(&world); }
  ~ClockOf() { UseClockOf(nullptr); }
};

// A small mesh drawn from a seed: clients, one proxy or two in a row with mutual TLS between them, servers. What speaks
// HTTP/1 and what HTTP/2, how many workers, what the servers do to their connections: all from the seed.
class Hop {
 public:
  enum class Plan : uint8_t {
    kOrdinary,  // delays, pieces, full buffers, servers that misbehave where the proxies retry: every call succeeds
    kHarsh,     // connections break and refuse
    kChanges,   // ordinary, without retries: for changes of configuration
  };
  Hop(uint64_t seed, Plan plan, std::string* trace = nullptr);
  ~Hop();

  // Everything, to the end: load, then the end of clients, proxies and servers. Problems are sentences; none: all well.
  std::vector<std::string> Run();

  event::SimulatedWorld& world() { return world_; }
  SimulatedProxy& front() { return *proxies_.front(); }  // the one that clients talk to
  SimulatedProxy& back() { return *proxies_.back(); }    // the one that talks to servers
  bool two() const { return proxies_.size() == 2; }
  const Score& score() const { return score_; }
  Random& dice() { return dice_; }
  std::vector<net::Address> servers() const;
  model::UpstreamProtocol server_protocol() const {
    return server_http2_ ? model::UpstreamProtocol::kHttp2 : model::UpstreamProtocol::kHttp1;
  }
  // Certificates for the connection between the proxies, as of now.
  std::shared_ptr<const tls::ServerContext> NewServerContext();
  std::shared_ptr<const tls::ClientContext> NewClientContext();
  ProxyConfig::Cluster ToBack();  // what the front proxy's cluster is
  ProxyConfig::Cluster ToServers();
  ProxyConfig::Listener BackListener();
  void AddRetries(model::ForwardAction& route, bool to_servers) const;
  // Called once per virtual millisecond or so while the load runs.
  void OnTick(std::function<void()> tick) { tick_ = std::move(tick); }
  const std::string& Describe() const { return description_; }
  uint64_t trace_hash() const { return world_.trace_hash(); }

 private:
  void MakeServers();
  void MakeProxies();
  void MakeCallers();
  bool CallersDone() const;
  void Tick();
  void Describe(std::vector<std::string>& problems);

  const uint64_t seed_;
  const Plan plan_;
  tls::SeededRandom seeded_;
  Random dice_;
  event::SimulatedWorld world_;
  bool server_http2_, between_http2_, retries_;
  int client_host_ = 0;
  std::unique_ptr<tls::TestAuthority> authority_;
  std::unique_ptr<event::Dispatcher> server_loop_, client_loop_, second_client_loop_;
  std::vector<std::unique_ptr<TestServer>> servers_;
  std::vector<std::unique_ptr<SimulatedProxy>> proxies_;
  Score score_;
  std::string description_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::unique_ptr<PipeliningCaller> pipelining_;
  std::function<void()> tick_;
  event::Timer tick_timer_{[this] { Tick(); }};
};

}  // namespace outrigger::simulation
