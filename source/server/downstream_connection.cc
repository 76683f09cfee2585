#include "source/server/downstream_connection.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "source/base/mutant.h"
#include "source/server/worker_listener.h"

namespace outrigger::server {

DownstreamConnection::DownstreamConnection(WorkerListener& listener, std::unique_ptr<net::Connection> connection,
                                           std::shared_ptr<const model::FilterChain> chain, model::SnapshotPin pin)
    : owner_(listener),
      connection_(std::move(connection)),
      chain_(std::move(chain)),
      listener_config_(listener.config()),
      current_(chain_.get()),
      current_generation_(pin->get().generation),
      opened_(listener.worker().dispatcher().now()) {}

DownstreamConnection::~DownstreamConnection() = default;

upstream::WorkerContext& DownstreamConnection::worker() { return owner_.worker(); }

void DownstreamConnection::Start() {
  connection_->SetWriteLimits(listener_config_->buffer_limit);
  std::vector<std::unique_ptr<net::NetworkFilter>> filters;
  filters.reserve(chain_->filters.size());
  for (const model::NetworkFilterSpec& spec : chain_->filters) filters.push_back(spec.make(spec.config, *this));
  filters_ = std::make_unique<net::FilterChainOnConnection>(*connection_, std::move(filters), this);
  LimitHandshake();
  connection_->Start();
}

void DownstreamConnection::LimitHandshake() {
  Duration limit = chain_->transport_timeout;
  if (limit <= Duration::zero()) return;
  if (!listener_config_->bypass_overload) {
    limit = worker().facts().overload.Shorten(overload::TimerKind::kTransportConnect, limit);
  }
  const Duration passed = worker().dispatcher().now() - opened_;
  connection_->SetHandshakeTimeout(std::max(limit - passed, Duration(milliseconds(1))));
}

void DownstreamConnection::OnLimitsScaled() {
  if (closed_) return;
  if (!connection_->connected() && !connection_->closing()) LimitHandshake();
  if (drain_handler_ != nullptr) drain_handler_->OnLimitsScaled();
}

const model::FilterChain* DownstreamConnection::Current() {
  if (!owner_.slot().valid()) return current_;  // not of the configuration (the admin listener): what accepted it stays
  const model::Snapshot& snapshot = worker().snapshot();
  if (snapshot.generation == current_generation_) return current_;
  current_generation_ = snapshot.generation;
  const model::Listener* listener = snapshot.listeners.Get(owner_.slot().index);
  current_ = nullptr;
  if (listener == nullptr || !(listener->slot == owner_.slot())) return nullptr;
  const model::FilterChain* chain = ChooseChain(*listener, properties());
  if (chain != nullptr && IsMutant(Mutant::kFollowDistrusted)) return current_ = chain;
  // No chain takes such a peer any more, or one that trusts otherwise.
  if (chain == nullptr || chain->trust_hash != chain_->trust_hash) trust_changed_ = true;
  if (chain == nullptr || chain->slot_hash != chain_->slot_hash || chain->connection_hash != chain_->connection_hash ||
      chain->trust_hash != chain_->trust_hash) {
    return nullptr;
  }
  current_ = chain;
  return current_;
}

void DownstreamConnection::SetDrainHandler(DrainHandler* handler) {
  drain_handler_ = handler;
  if (handler == nullptr || unfollowed_ == nullptr) return;
  handler->OnUnfollowed(*unfollowed_->last, *unfollowed_->its);
  unfollowed_.reset();
}

void DownstreamConnection::Unfollow(const model::FilterChain* last, const std::shared_ptr<const model::Snapshot>& its) {
  if (last == nullptr) return;
  if (drain_handler_ != nullptr) return drain_handler_->OnUnfollowed(*last, *its);
  unfollowed_ = std::make_unique<Unfollowed>(Unfollowed{last, its});
}

void DownstreamConnection::LoseListener(const std::shared_ptr<const model::Snapshot>& before) {
  if (closed_) return;
  current_generation_ = worker().snapshot().generation;
  Unfollow(std::exchange(current_, nullptr), before);
}

void DownstreamConnection::Recheck(const std::shared_ptr<const model::Snapshot>& before) {
  const bool trusted = !trust_changed_;
  const model::FilterChain* last = current_;
  if (closed_ || Current() != nullptr) return;
  Unfollow(last, before);
  if (drain_asked_) {
    if (trusted && trust_changed_ && drain_handler_ != nullptr) drain_handler_->OnDrain();
    return;
  }
  const MonotonicTime now = worker().dispatcher().now();
  const MonotonicTime end = std::min(drain_end_, now + owner_.drain_time());
  PlanDrain(now, std::max(owner_.DrainMoment(end), owner_.IdleMoment(now, end)), end);
}

void DownstreamConnection::PlanDrain(MonotonicTime ask, MonotonicTime idle, MonotonicTime end) {
  if (closed_) return;
  drain_end_ = end;
  drain_idle_ = idle;
  drain_due_ = drain_asked_ ? std::min(idle, end) : ask;
  const MonotonicTime now = worker().dispatcher().now();
  if (!drain_asked_ && ask <= now) OnDrainDue(now);
}

void DownstreamConnection::ForgetDrain() {
  if (drain_asked_) return;
  drain_due_ = drain_end_ = MonotonicTime::max();
}

void DownstreamConnection::OnDrainDue(MonotonicTime now) {
  if (drain_end_ <= now) return CloseNow();
  Drain();
  if (drain_idle_ <= now && !closed_) {
    drain_idle_ = MonotonicTime::max();
    if (drain_handler_ != nullptr) drain_handler_->OnDrainIdle();
  }
  drain_due_ = std::min(drain_idle_, drain_end_);
}

void DownstreamConnection::Drain() {
  if (closed_ || std::exchange(drain_asked_, true)) return;
  if (drain_handler_ != nullptr) return drain_handler_->OnDrain();
  // A filter that says nothing of draining (a TCP proxy) goes on until its peers end, or the drain time is over.
}

void DownstreamConnection::CloseNow() {
  if (!closed_) connection_->Close(net::Connection::CloseMode::kNow, {net::CloseReason::kLocal, 0, "drain_time_over"});
}

void DownstreamConnection::GiveUpHandshake() {
  if (closed_) return;
  connection_->Close(net::Connection::CloseMode::kNow, {net::CloseReason::kTransportFailed, 0, "handshake_limit"});
}

void DownstreamConnection::OnConnectionReady() {
  owner_.OnHandshakeOver(*this);
  if (chain_->tls != nullptr) owner_.FoldTlsStats();
}

void DownstreamConnection::OnConnectionClosed(const net::CloseInfo& why) {
  if (std::exchange(closed_, true)) return;
  owner_.OnConnectionGone(*this, why, worker().dispatcher().now() - opened_);
  event::Dispatcher& dispatcher = worker().dispatcher();
  dispatcher.DestroyLater(std::move(filters_));
  dispatcher.DestroyLater(std::unique_ptr<event::Deferred>(this));
}

void DownstreamConnection::Dump(DumpWriter& out) const {
  out.Open("connection");
  connection_->Dump(out);
  out.Field("chain", chain_->name);
  out.Field("origin", chain_->origin);
  out.Field("draining", drain_asked_);
  out.Close();
}

}  // namespace outrigger::server
