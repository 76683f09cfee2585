// Thread: main
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "source/server/worker.h"

namespace outrigger::server {

// The workers of the process: gives them publications and knows which generation each of them uses.
class WorkerSet final : public WorkerPeers {
 public:
  struct Settings {
    size_t count = 1;
    bool threads = true;
    event::Dispatcher* main = nullptr;
    observe::StatsRegistry* stats = nullptr;
    const upstream::ProcessFacts* facts = nullptr;
    DrainPlan drain;
    SharedLimit* connections = nullptr;  // downstream ones of the process; null: no limit
    std::function<std::unique_ptr<event::Engine>()> make_engine;
  };
  WorkerSet(Settings settings, std::shared_ptr<const Publication> first);
  ~WorkerSet();

  void Start();
  void Stop();  // joins
  bool started() const { return started_; }
  size_t size() const { return workers_.size(); }
  Worker& worker(size_t i) { return *workers_[i]; }

  void Publish(std::shared_ptr<const Publication> next);
  // WorkerPeers: any worker.
  void HandOver(size_t from, size_t to, model::ListenerSlot slot, net::AcceptedSocket socket) override;
  const Publication& current() const { return *publications_.back(); }
  // The oldest generation that some worker uses.
  uint64_t in_use() const;
  // What streams still hold of older generations, as the workers said last (at most a second ago).
  std::map<uint64_t, uint64_t> StreamsByOlderGeneration() const;
  uint64_t in_use_by(size_t worker) const { return using_[worker]; }
  // Called on main whenever in_use() has grown.
  void OnInUse(std::function<void()> f) { on_in_use_ = std::move(f); }
  uint64_t connections() const;
  uint64_t out_of_descriptors() const;
  // Runs `f` on main after every worker has done what was posted to it before.
  void Barrier(std::function<void()> f);
  // Frees publications that no worker uses any more (large trees are freed on main); true while some are left besides
  // the current one.
  bool Reap();

 private:
  void OnReport(int worker, uint64_t generation, std::vector<upstream::WorkerContext::OlderPin> older);

  Settings settings_;
  std::deque<std::shared_ptr<const Publication>> publications_;  // oldest first; the last is current
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<uint64_t> using_;                                        // by worker
  std::vector<std::vector<upstream::WorkerContext::OlderPin>> older_;  // by worker
  std::function<void()> on_in_use_;
  bool started_ = false;
};

}  // namespace outrigger::server
