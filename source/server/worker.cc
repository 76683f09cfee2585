#include "source/server/worker.h"

#include <algorithm>
#include <utility>

#include "source/base/arena.h"
#include "source/base/buffer.h"
#include "source/base/bug.h"
#include "source/http/h2/memory.h"
#include "source/net/read_block.h"
#include "source/tls/tls_transport.h"

namespace outrigger::server {

namespace {
constexpr Duration kReapEvery = seconds(1);
constexpr Duration kReapInDrain = milliseconds(20);  // somebody waits for the last connection
}  // namespace

Worker::Worker(Options options, std::unique_ptr<event::Engine> engine, std::shared_ptr<const Publication> first)
    : options_(std::move(options)),
      dispatcher_(std::make_unique<event::Dispatcher>(std::move(engine))),
      publication_(std::move(first)),
      reap_timer_([this] { OnReapTimer(); }) {
  if (options_.connections != nullptr) connections_lease_.emplace(*options_.connections);
  event::Dispatcher* main = options_.main;
  context_ = std::make_unique<upstream::WorkerContext>(
      options_.index, *dispatcher_, *options_.stats, *options_.facts, publication_->snapshot,
      [main](std::shared_ptr<const model::Snapshot> last) {
        // Freed on main, however large it is: no request waits for it.
        main->Post([last = std::move(last)]() mutable { last.reset(); });
      });
}

Worker::~Worker() {
  StopThread();
  for (HandedOver& parcel : early_) net::CloseAccepted(dispatcher_->engine(), parcel.socket);
  listeners_.clear();
  leaving_.clear();
}

void Worker::StartStepped() {
  dispatcher_->Post([this, first = publication_] { Apply(first); });
}

void Worker::StartThread() {
  StartStepped();
  thread_ = std::thread([this] { dispatcher_->Run(); });
}

void Worker::StopStepped() {
  dispatcher_->Post([this] {
    for (auto& [slot, listener] : listeners_) {
      listener->StopAccepting();
      listener->CloseConnections();
    }
    for (auto& listener : leaving_) listener->CloseConnections();
    context_->DrainUpstream();
    dispatcher_->Post([this] { dispatcher_->Stop(); });  // after the deferred destruction of this turn
  });
}

void Worker::StopThread() {
  if (!thread_.joinable()) return;
  StopStepped();
  thread_.join();
}

void Worker::Publish(std::shared_ptr<const Publication> next) {
  dispatcher_->Post([this, next = std::move(next)]() mutable { Apply(std::move(next)); });
}

void Worker::Apply(std::shared_ptr<const Publication> next) {
  const std::shared_ptr<const Publication> before = std::exchange(publication_, std::move(next));
  if (before != publication_) context_->Publish(publication_->snapshot);
  if (before == publication_ || before->listening != publication_->listening) ApplyListeners(before->snapshot);
  AdoptEarly();
  ReportUse();
}

void Worker::ApplyListeners(const std::shared_ptr<const model::Snapshot>& before) {
  const model::Snapshot& snapshot = *publication_->snapshot;
  const Listening& listening = *publication_->listening;
  static const ListenSockets kNone;
  // Removed or replaced slots first: their sockets may be taken over.
  for (auto at = listeners_.begin(); at != listeners_.end();) {
    const model::Listener* now = snapshot.listeners.Get(at->first);
    if (now != nullptr && now->slot == at->second->slot()) {
      ++at;
      continue;
    }
    at->second->StopAccepting();
    at->second->LoseSlot(before);
    at->second->BeginDrain(options_.drain);
    leaving_.push_back(std::move(at->second));
    at = listeners_.erase(at);
  }
  for (uint32_t i = 0; i < snapshot.listeners.size(); ++i) {
    const model::Listener* now = snapshot.listeners.Get(i);
    if (now == nullptr) continue;
    auto sockets = listening.sockets.find(i);
    const ListenSockets& bound = sockets == listening.sockets.end() ? kNone : sockets->second;
    std::unique_ptr<WorkerListener>& mine = listeners_[i];
    if (mine == nullptr) {
      ListenerNeighbours neighbours;
      if (auto share = listening.shares.find(i); share != listening.shares.end()) neighbours.share = share->second;
      if (connections_lease_.has_value()) neighbours.process_connections = &*connections_lease_;
      neighbours.peers = options_.peers;
      mine = std::make_unique<WorkerListener>(*context_, static_cast<size_t>(options_.index),
                                              snapshot.listeners.Share(i), options_.drain, std::move(neighbours));
      mine->SetPaused(accepting_paused_);
    } else if (mine->config().get() == now && mine->Watches(bound)) {
      continue;  // unchanged: its connections still find their chain
    }
    mine->Update(snapshot.listeners.Share(i), bound, before);
  }
  Reap();
}

void Worker::ReportUse() {
  reported_ = context_->OlderPins();
  if (!options_.in_use) return;
  options_.main->Post([report = options_.in_use, index = options_.index, generation = context_->generation(),
                       older = reported_]() mutable { report(index, generation, std::move(older)); });
}

WorkerListener* Worker::FindListener(model::ListenerSlot slot) {
  WorkerListener* found = FindListener(slot.index);
  return found != nullptr && found->slot() == slot ? found : nullptr;
}

void Worker::TakeOver(HandedOver socket) {
  // A loop that ends without having run this closes nothing: so does the process.
  dispatcher_->Post([this, socket = std::move(socket)]() mutable {
    if (socket.known->snapshot->generation > context_->generation()) return early_.push_back(std::move(socket));
    AdoptHandedOver(std::move(socket));
  });
}

void Worker::AdoptEarly() {
  for (HandedOver& socket : std::exchange(early_, {})) AdoptHandedOver(std::move(socket));
}

void Worker::AdoptHandedOver(HandedOver handed) {
  if (WorkerListener* listener = FindListener(handed.slot)) return listener->AdoptHandedOver(std::move(handed.socket));
  // The listener went meanwhile: what was accepted is served as those that were here when it went.
  ListenerNeighbours neighbours;
  if (connections_lease_.has_value()) neighbours.process_connections = &*connections_lease_;
  const auto& shares = handed.known->listening->shares;
  if (auto share = shares.find(handed.slot.index); share != shares.end()) neighbours.share = share->second;
  auto left = std::make_unique<WorkerListener>(*context_, static_cast<size_t>(options_.index),
                                               handed.known->snapshot->listeners.Share(handed.slot.index),
                                               options_.drain, std::move(neighbours));
  left->AdoptHandedOver(std::move(handed.socket));
  left->LoseSlot(handed.known->snapshot);
  left->BeginDrain(options_.drain);
  leaving_.push_back(std::move(left));
}

void Worker::Drain(std::function<bool(const model::Listener&)> which, DrainPlan plan) {
  dispatcher_->Post([this, which = std::move(which), plan] {
    for (auto& [slot, listener] : listeners_) {
      if (!which || which(*listener->config())) listener->BeginDrain(plan);
    }
    draining_ = true;
    dispatcher_->Arm(reap_timer_, kReapInDrain);
    Reap();
  });
}

void Worker::EndDrain() {
  dispatcher_->Post([this] {
    draining_ = false;
    for (auto& [slot, listener] : listeners_) listener->EndDrain();
  });
}

void Worker::CloseAll() {
  dispatcher_->Post([this] {
    for (auto& [slot, listener] : listeners_) listener->CloseConnections();
    for (auto& listener : leaving_) listener->CloseConnections();
    Reap();
  });
}

void Worker::SetAcceptingPaused(bool paused) {
  dispatcher_->Post([this, paused] {
    accepting_paused_ = paused;
    for (auto& [slot, listener] : listeners_) listener->SetPaused(paused);
  });
}

void Worker::LimitsScaled() {
  dispatcher_->Post([this] {
    for (auto& [slot, listener] : listeners_) listener->OnLimitsScaled();
    for (auto& listener : leaving_) listener->OnLimitsScaled();
  });
}

void Worker::ResetHeavyStreams(uint64_t least, const observe::StatsScope<observe::ResetStreamsStats>& count) {
  dispatcher_->Post([this, least, count] {
    std::vector<model::DownstreamContext::HeavyStream> found;
    for (auto& [slot, listener] : listeners_) listener->FindHeavyStreams(least, found);
    for (auto& listener : leaving_) listener->FindHeavyStreams(least, found);
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
    if (found.size() > kMostResets) found.resize(kMostResets);
    for (const auto& heavy : found) heavy.of->ResetHeavyStream(heavy.stream);
    if (!found.empty()) context_->stats().Get(count).count.Add(found.size());
  });
}

void Worker::TrimMemory() {
  dispatcher_->Post([] {
    net::ReadBlock::OfThread().Release();
    tls::ReleaseReadScratch();
    TrimArenaChunks();
    TrimBlockPool(0);
    http::h2::Memory::Trim();
  });
}

WorkerListener* Worker::FindListener(uint32_t slot_index) {
  auto at = listeners_.find(slot_index);
  return at == listeners_.end() ? nullptr : at->second.get();
}

void Worker::Reap() {
  uint64_t connections = 0;
  uint64_t out_of_descriptors = out_of_descriptors_.load(std::memory_order_relaxed);
  for (auto at = leaving_.begin(); at != leaving_.end();) {
    connections += (*at)->connection_count();
    out_of_descriptors += (*at)->TakeOutOfDescriptors();
    at = (*at)->idle() ? leaving_.erase(at) : at + 1;
  }
  for (const auto& [slot, listener] : listeners_) {
    connections += listener->connection_count();
    out_of_descriptors += listener->TakeOutOfDescriptors();
  }
  out_of_descriptors_.store(out_of_descriptors, std::memory_order_relaxed);
  connections_.store(connections, std::memory_order_relaxed);
  if (!reap_timer_.armed()) dispatcher_->Arm(reap_timer_, draining_ ? kReapInDrain : kReapEvery);
}

void Worker::OnReapTimer() {
  for (auto& [slot, listener] : listeners_) listener->OnSecond();
  for (auto& listener : leaving_) listener->OnSecond();
  Reap();
  if (context_->OlderPins() != reported_) ReportUse();
}

void Worker::Dump(DumpWriter& out) const {
  out.Open("worker");
  out.Field("index", options_.index);
  out.Field("generation", context_->generation());
  for (const auto& [slot, listener] : listeners_) listener->Dump(out);
  for (const auto& listener : leaving_) listener->Dump(out);
  context_->Dump(out);
  out.Close();
}

}  // namespace outrigger::server
