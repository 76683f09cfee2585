#include "source/server/worker_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::server {

WorkerSet::WorkerSet(Settings settings, std::shared_ptr<const Publication> first) : settings_(std::move(settings)) {
  publications_.push_back(std::move(first));
  using_.resize(settings_.count, 0);
  older_.resize(settings_.count);
  for (size_t i = 0; i < settings_.count; ++i) {
    Worker::Options options;
    options.index = static_cast<int>(i);
    options.main = settings_.main;
    options.stats = &settings_.stats->AddWorker(absl::StrCat("worker_", i));
    options.facts = settings_.facts;
    options.drain = settings_.drain;
    options.connections = settings_.connections;
    options.peers = this;
    options.in_use = [this](int worker, uint64_t generation, std::vector<upstream::WorkerContext::OlderPin> older) {
      OnReport(worker, generation, std::move(older));
    };
    workers_.push_back(std::make_unique<Worker>(std::move(options), settings_.make_engine(), publications_.back()));
    workers_.back()->dispatcher().SetIdSpace(static_cast<uint16_t>(i + 1));
  }
}

WorkerSet::~WorkerSet() { Stop(); }

void WorkerSet::Start() {
  if (std::exchange(started_, true)) return;
  for (auto& worker : workers_) {
    settings_.threads ? worker->StartThread() : worker->StartStepped();
    worker->Publish(publications_.back());
  }
}

void WorkerSet::Stop() {
  for (auto& worker : workers_) worker->StopThread();
}

void WorkerSet::Publish(std::shared_ptr<const Publication> next) {
  publications_.push_back(next);
  for (auto& worker : workers_) {
    if (started_) worker->Publish(next);  // otherwise Start() gives it the newest
  }
  Reap();
}

void WorkerSet::HandOver(size_t from, size_t to, model::ListenerSlot slot, net::AcceptedSocket socket) {
  workers_[to]->TakeOver({workers_[from]->publication(), slot, std::move(socket)});
}

void WorkerSet::OnReport(int worker, uint64_t generation, std::vector<upstream::WorkerContext::OlderPin> older) {
  const uint64_t before = in_use();
  older_[static_cast<size_t>(worker)] = std::move(older);
  using_[static_cast<size_t>(worker)] = std::max(using_[static_cast<size_t>(worker)], generation);
  Reap();
  if (in_use() != before && on_in_use_) on_in_use_();
}

uint64_t WorkerSet::in_use() const { return using_.empty() ? 0 : *std::min_element(using_.begin(), using_.end()); }

std::map<uint64_t, uint64_t> WorkerSet::StreamsByOlderGeneration() const {
  std::map<uint64_t, uint64_t> streams;
  for (const auto& worker : older_) {
    for (const upstream::WorkerContext::OlderPin& pin : worker) streams[pin.generation] += pin.streams;
  }
  return streams;
}

uint64_t WorkerSet::connections() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->connections();
  return sum;
}

uint64_t WorkerSet::out_of_descriptors() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->out_of_descriptors();
  return sum;
}

void WorkerSet::Barrier(std::function<void()> f) {
  auto all = std::make_shared<std::function<void()>>(std::move(f));
  auto left = std::make_shared<size_t>(workers_.size());
  event::Dispatcher* main = settings_.main;
  for (auto& worker : workers_) {
    worker->dispatcher().Post([main, all, left] {
      main->Post([all, left] {
        if (--*left == 0) (*all)();
      });
    });
  }
}

bool WorkerSet::Reap() {
  // A worker may still hold one for the rest of its turn: then the next report or second takes it.
  while (publications_.size() > 1 && publications_.front().use_count() == 1) publications_.pop_front();
  return publications_.size() > 1;
}

}  // namespace outrigger::server
