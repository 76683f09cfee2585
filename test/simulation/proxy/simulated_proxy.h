// Thread: the world's
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/event/simulated_world.h"
#include "test/simulation/proxy/proxy_config.h"

namespace outrigger::simulation {

// A proxy in a simulated world: main and N workers are dispatchers that the world's scheduler runs; the rest is what
// production runs.
class SimulatedProxy final : public server::WorkerPeers {
 public:
  SimulatedProxy(event::SimulatedWorld& world, int host, const std::string& ip, uint16_t port, size_t workers)
      : world_(world),
        config_(registry_),
        main_(world.MakeDispatcher(host)),
        host_(host),
        worker_count_(workers),
        share_(std::make_shared<server::ListenerShare>(workers)) {
    auto bound = net::ListenSocket::Bind(main_->engine(), *net::Address::ParseIp(ip, port), {}, workers);
    OUTRIGGER_CHECK(bound.ok());
    socket_ = *bound;
    OUTRIGGER_CHECK(socket_->Listen().ok());
  }
  ~SimulatedProxy() { workers_.clear(); }

  ProxyConfig& config() { return config_; }
  const net::Address& address() const { return socket_->address(); }
  void Start() {
    const auto first = config_.Build({socket_}, share_);
    for (size_t i = 0; i < worker_count_; ++i) {
      server::Worker::Options options;
      options.index = static_cast<int>(i);
      options.main = main_.get();
      options.stats = &registry_.AddWorker(absl::StrCat("worker_", i));
      options.facts = &facts_;
      options.drain = {seconds(30), false};
      options.peers = this;
      options.in_use = [this](int worker, uint64_t generation, std::vector<upstream::WorkerContext::OlderPin>) {
        const bool swapped = !using_.contains(worker) || using_[worker] != generation;  // else older ones were let go
        using_[worker] = generation;
        if (swapped) ++reports_;
        newest_ = std::max(newest_, generation);
      };
      workers_.push_back(std::make_unique<server::Worker>(options, world_.MakeEngine(host_), first));
      world_.Attach(workers_.back()->dispatcher());
      workers_.back()->dispatcher().SetIdSpace(static_cast<uint16_t>(i + 1));
      workers_.back()->StartStepped();
    }
  }
  void Publish() {
    const auto next = config_.Build({socket_}, share_);
    for (auto& worker : workers_) worker->Publish(next);
    ++publications_;
  }
  // As the end of a process: everything is told to finish. `stopped()` some steps later.
  void Stop() {
    for (auto& worker : workers_) worker->StopStepped();
  }
  bool stopped() const {
    for (const auto& worker : workers_) {
      if (!worker->dispatcher().stopping()) return false;
    }
    return true;
  }
  // Every worker uses every publication.
  bool settled() const { return reports_ == workers_.size() * (publications_ + 1); }
  uint64_t connections() const {
    uint64_t n = 0;
    for (const auto& worker : workers_) n += worker->connections();
    return n;
  }
  size_t worker_count() const { return worker_count_; }
  server::Worker& worker(size_t i) { return *workers_[i]; }
  observe::StatsRegistry& stats() { return registry_; }
  upstream::ProcessFacts& facts() { return facts_; }

 private:
  void HandOver(size_t from, size_t to, model::ListenerSlot slot, net::AcceptedSocket socket) override {
    workers_[to]->TakeOver({workers_[from]->publication(), slot, std::move(socket)});
  }

  event::SimulatedWorld& world_;
  observe::StatsRegistry registry_;
  upstream::ProcessFacts facts_;
  ProxyConfig config_;
  std::unique_ptr<event::Dispatcher> main_;
  const int host_;
  const size_t worker_count_;
  const std::shared_ptr<server::ListenerShare> share_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::vector<std::unique_ptr<server::Worker>> workers_;
  size_t publications_ = 0, reports_ = 0;
  std::map<int, uint64_t> using_;  // by worker
  uint64_t newest_ = 0;
};

}  // namespace outrigger::simulation
