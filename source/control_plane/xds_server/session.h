// Thread: main
#pragma once

#include <functional>
#include <map>
#include <string>

#include "source/control_plane/xds_server/admission.h"
#include "source/control_plane/xds_server/log_budget.h"
#include "source/control_plane/xds_server/messages.h"
#include "source/control_plane/xds_server/subscription.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// How changes are ordered on an aggregated stream.
struct OrderingOptions {
  bool make_before_break = true;
  Duration longest_warming = seconds(10);  // listeners and routes wait for clusters and endpoints at most this long
  Duration removal_delay = milliseconds(1000);  // from the last accepted listener or route to the removal of clusters
};

// What one stream's client may ask for. More ends the stream with a reason and is counted.
struct StreamLimits {
  size_t most_types = 64;
  size_t most_names = 100'000;             // subscribed, of all types together
  size_t most_names_bytes = 16 << 20;      // of these names
  size_t most_name_bytes = 4096;           // of one name, type, node id or cluster
  size_t most_request_bytes = 8 << 20;     // with whatever metadata the node has, which is not kept
  Duration longest_silence = seconds(30);  // until the first request
};

// The transport of one stream.
class AnswerSink {
 public:
  virtual void Send(const DiscoveryAnswer& answer) = 0;
  virtual void End(bool denied, const std::string& reason) = 0;  // ends the stream with a status

 protected:
  ~AnswerSink() = default;
};

// One discovery stream: of all types (ADS), or of one. Owned by the XdsServer.
//
// A change of the snapshot reaches an aggregated stream in three steps, make before break:
//
//   kMake ──clusters and endpoints accepted──▶ kSwitch ──listeners and routes accepted, delay──▶ kBreak ──▶ kSteady
//   (old clusters stay; secrets any time)      (listeners and routes go out)                  (old clusters go)
//
// A change that comes in between starts at kMake again, but does not prolong the life of clusters that routes had left
// before it. A refusal counts as an answer on the way to kSwitch: the client keeps what it had of the refused ones.
// While listeners or routes are refused, old clusters stay, because the client's old routes still lead there.
// In delta form whatever else is gone (routes, virtual hosts, filters, secrets) is taken away in kSteady, after them.
class Session {
 public:
  struct Options {
    std::string only_type;  // empty: all types (ADS)
    WireForm form = WireForm::kWorld;
    OrderingOptions ordering;
    AdmissionPolicy policy;
    StreamLimits limits;
    Duration resource_ttl{0};  // heartbeats come at a third of it; 0: resources live without end
    LogBudget* log = nullptr;  // the server's; null: without end
    uint64_t id = 0;           // the server's name for it
  };
  struct Served {
    SnapshotPtr snapshot;
    uint64_t sequence = 0;  // of the published configuration that it is of
  };
  // Asks for the snapshot of a node when the first request names it.
  using SnapshotOf = std::function<Served(const NodeName&)>;
  struct Events {  // told to the server, which counts
    uint64_t acks = 0, nacks = 0, stale = 0, sent = 0, denied_nodes = 0, denied_secrets = 0, malformed = 0;
    uint64_t limits_exceeded = 0, silent = 0, in_use = 0, in_use_unknown = 0, heartbeats = 0;
  };

  Session(event::Dispatcher& dispatcher, AnswerSink& sink, PeerFacts peer, Options options, SnapshotOf snapshot_of,
          Events& events);

  void OnAsk(const DiscoveryAsk& ask);
  void OnSnapshot(Served served);  // ignored before the node is known
  void Dismiss(const std::string& reason) { End(true, reason); }

  bool admitted() const { return snapshot_ != nullptr; }
  const NodeName& node() const { return node_; }
  const std::string& user_agent() const { return user_agent_; }
  const PeerFacts& peer() const { return peer_; }
  const Admission& admission() const { return admission_; }
  const Options& options() const { return options_; }
  WallTime opened() const { return opened_; }
  // Our own proxy says which version it uses, and so may others; of who does not, accepting is all that is known.
  bool tells_use() const { return tells_use_; }
  const Snapshot& snapshot() const { return *snapshot_; }  // of an admitted one
  bool waiting() const { return phase_ != Phase::kSteady; }
  const std::map<std::string, Subscription, std::less<>>& subscriptions() const { return subscriptions_; }

 private:
  enum class Phase : uint8_t { kSteady, kMake, kSwitch, kBreak };

  void OnInUse(const DiscoveryAsk& ask);
  bool Identify(const DiscoveryAsk& ask);
  bool CheckLimits(const DiscoveryAsk& ask);
  const ResourceSet& View(absl::string_view type) const;
  void RebuildViews();
  ResourceSet LeftoverEndpoints(const ResourceSet& leftover) const;
  void Advance();
  void AdvancePhases();
  bool ClustersReady();
  bool RoutesReady();
  void SendAll(bool routes_too);
  void SendType(Subscription& subscription, const std::string& type, bool routes_too);
  Subscription* Find(absl::string_view type);
  void OnWarmedTooLong();
  void OnHeartbeat();
  void ScheduleRemovals();
  void RemoveLeftovers();
  void End(bool denied, const std::string& reason);
  bool MayLog() { return options_.log == nullptr || options_.log->Take(dispatcher_.now()); }

  event::Dispatcher& dispatcher_;
  AnswerSink& sink_;
  const PeerFacts peer_;
  const Options options_;
  SnapshotOf snapshot_of_;
  Events& events_;
  WallTime opened_;
  NodeName node_;
  std::string user_agent_;
  Admission admission_;
  SnapshotPtr snapshot_;
  uint64_t sequence_ = 0;
  bool tells_use_ = false;
  ResourceSet clusters_;  // the snapshot's, and those that are to go last
  ResourceSet leftover_;
  ResourceSet endpoints_;  // likewise, if some of clusters that are to go last are not in the snapshot
  ResourceSet leftover_endpoints_;
  std::map<std::string, MonotonicTime, std::less<>> removals_;  // leftovers that accepted routes have left → when to go
  std::map<std::string, Subscription, std::less<>> subscriptions_;
  Phase phase_ = Phase::kSteady;
  bool warmed_too_long_ = false;
  bool ended_ = false;
  event::Timer silence_timer_;
  event::Timer warming_timer_;
  event::Timer removal_timer_;
  event::Timer heartbeat_timer_;
};

}  // namespace outrigger::control_plane
