// Thread: worker
#pragma once

#include <memory>

#include "source/base/intrusive_list.h"
#include "source/model/listener.h"
#include "source/model/snapshot.h"
#include "source/net/connection.h"
#include "source/net/network_filter.h"
#include "source/upstream/worker_context.h"

namespace outrigger::server {

class WorkerListener;
struct HandshakeTag;  // of the list of those that are not ready yet

// An accepted connection with its filter chain. Owned by its WorkerListener until it closed. Follows its slot (law 9):
// the chain that new requests use is looked up in the newest Snapshot, as long as everything decided at connection time
// still holds.
class DownstreamConnection final : public model::DownstreamContext,
                                   public net::FilterChainOnConnection::Owner,
                                   public event::Deferred,
                                   public ListHook<>,
                                   public ListHook<HandshakeTag> {
 public:
  DownstreamConnection(WorkerListener& listener, std::unique_ptr<net::Connection> connection,
                       std::shared_ptr<const model::FilterChain> chain, model::SnapshotPin pin);
  ~DownstreamConnection() override;
  void Start();
  // What its listener counted it in.
  void SetHeld(uint8_t held) { held_ = held; }
  uint8_t held() const { return held_; }

  // The configuration changed: drains if Current() says so. `before`: what was the newest until now.
  void Recheck(const std::shared_ptr<const model::Snapshot>& before);
  // Its listener is gone, and plans when to drain.
  void LoseListener(const std::shared_ptr<const model::Snapshot>& before);
  // Finish what runs, then close.
  void Drain();
  // Drain() at `ask`; from `idle` on it need not wait for a client that says nothing; CloseNow() at `end`. By the
  // owner's clock (OnDrainDue when drain_due() came). ForgetDrain: unless asked already.
  void PlanDrain(MonotonicTime ask, MonotonicTime idle, MonotonicTime end);
  void ForgetDrain();
  MonotonicTime drain_due() const { return drain_due_; }
  void OnDrainDue(MonotonicTime now);
  void CloseNow();
  void GiveUpHandshake();  // others need its place
  // Overload.
  void OnLimitsScaled();
  void FindHeavyStreams(uint64_t least, std::vector<HeavyStream>& out) {
    if (drain_handler_ != nullptr) drain_handler_->FindHeavyStreams(least, out);
  }

  // model::DownstreamContext
  net::Connection& connection() override { return *connection_; }
  const net::ConnectionProperties& properties() const override { return connection_->properties(); }
  upstream::WorkerContext& worker() override;
  const model::FilterChain* Current() override;
  const model::FilterChain& accepted_by() const override { return *chain_; }
  const model::Listener& listener() const override { return *listener_config_; }
  bool draining() const override { return drain_asked_; }
  bool trust_changed() const override { return trust_changed_; }
  void SetDrainHandler(DrainHandler* handler) override;

  // net::FilterChainOnConnection::Owner
  void OnConnectionReady() override;
  void OnConnectionClosed(const net::CloseInfo& why) override;
  void Dump(DumpWriter& out) const;

 private:
  void LimitHandshake();
  void Unfollow(const model::FilterChain* last, const std::shared_ptr<const model::Snapshot>& its);

  WorkerListener& owner_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<net::FilterChainOnConnection> filters_;
  std::shared_ptr<const model::FilterChain> chain_;  // that accepted it
  std::shared_ptr<const model::Listener> listener_config_;
  DrainHandler* drain_handler_ = nullptr;
  // What it followed last, until there is a handler to tell: it shakes hands, or a filter before the handler holds it.
  struct Unfollowed {
    const model::FilterChain* last;
    std::shared_ptr<const model::Snapshot> its;
  };
  std::unique_ptr<Unfollowed> unfollowed_;
  const model::FilterChain* current_ = nullptr;  // of generation current_generation_
  uint64_t current_generation_ = 0;
  MonotonicTime opened_;
  MonotonicTime drain_due_ = MonotonicTime::max();  // the next step of draining
  MonotonicTime drain_idle_ = MonotonicTime::max();
  MonotonicTime drain_end_ = MonotonicTime::max();
  uint8_t held_ = 0;
  bool drain_asked_ = false;
  bool trust_changed_ = false;
  bool closed_ = false;
};

}  // namespace outrigger::server
