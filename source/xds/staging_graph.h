// Thread: main
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "source/base/indexed_map.h"
#include "source/event/dispatcher.h"
#include "source/observe/stats.h"
#include "source/xds/in_use.h"
#include "source/xds/resource_node.h"
#include "source/xds/target.h"
#include "source/xds/update.h"

namespace outrigger::xds {

// Which source a configuration source means. An error: it cannot be used (unknown cluster, a source that would need
// itself).
class SourceDirectory {
 public:
  virtual ~SourceDirectory() = default;
  virtual absl::StatusOr<Source*> SourceFor(ResourceType type, const envoy::config::core::v3::ConfigSource& config) = 0;
};

// One resource as /config_dump shows it; pointers are valid during the call.
struct ResourceRow {
  ResourceType type;
  absl::string_view name;
  bool is_static;
  const Staged* active;   // null: none yet
  const Staged* waiting;  // null: none
  ClientStatus status;
  absl::string_view error, error_version;
  const google::protobuf::Message* failed;  // what was refused; null: nothing was, or it cannot be shown
  WallTime error_time;
  const Source* source;            // who gives it; null: static
  WallTime requested;              // since when it is wanted
  absl::string_view source_error;  // why its source cannot give it; empty: it never said
  bool leaving;                    // gone from its source, in use until those who name it have moved on
};

// All resources between the wire and the Snapshot. What arrives is checked, waits until what it needs is there (its
// closure), then replaces the version in use. The rules:
//  - Roots (listeners, clusters) are independent: nobody waits for what he does not name.
//  - A listener waits for its route configurations and secrets, a cluster for its endpoints and secrets, and a route
//  configuration (or
//    a listener with inline routes) for clusters it names that have come and still wait. An unknown cluster is not
//    waited for.
//  - Every wait ends: a subscription by its initial_fetch_timeout, a changed cluster that has endpoints after
//  kFreshEndpoints.
//  - A cluster that its source drops goes when nobody names it any more, or when kLeaving is over and nobody that
//    names it is about to move away: servers send clusters first, without those that routes are about to leave.
//  - What an active version subscribes to stays until a version that does not has taken its place.
// Changes are applied to the Target, which publishes once per turn.
class StagingGraph final : public UpdateSink {
 public:
  // How long a changed cluster that has endpoints waits for a server that resends them; most servers do not.
  static constexpr Duration kFreshEndpoints = milliseconds(1000);
  // How long a dropped cluster waits for routes to leave it when its source did not order that: after a reconnect all
  // that changed comes within a few turns, but clusters come first.
  static constexpr Duration kLeaving = seconds(5);
  static constexpr Duration kFetchTimeout = seconds(15);  // initial_fetch_timeout when it is not set; 0 waits for ever

  struct Counters {
    uint64_t unchanged = 0;      // resources that came again as they were
    uint64_t unwanted = 0;       // nobody subscribes to them
    uint64_t static_names = 0;   // came under the name of a static resource: ignored
    uint64_t late_refusals = 0;  // failed when applied although the check had passed
    uint64_t applied = 0, removed = 0, fetch_timeouts = 0, kept_endpoints = 0;
  };

  StagingGraph(event::Dispatcher& dispatcher, observe::StatsRegistry& stats, Target& target, SourceDirectory& sources);
  ~StagingGraph() override;

  // Subscribes to all listeners or clusters. The source outlives the graph.
  void WatchAll(ResourceType type, Source& source, Duration fetch_timeout);
  // A static resource, in use from the start: what it needs is subscribed to.
  void AdoptStatic(ResourceType type, const std::string& name, const Needs& needs);

  std::vector<Refusal> OnUpdate(const Update& update) override;
  void OnRefused(ResourceType type, const std::string& version, const std::vector<Refusal>& refused) override;
  void OnSourceErrors(ResourceType type, const std::vector<SourceError>& errors) override;
  void OnSourceFailed(const Source& source) override;
  std::shared_ptr<const schema::WireAssignment> KnownEndpoints(const std::string& name) const override;

  // What was applied is published with this generation (every publication, whoever asked for it); every worker uses it.
  // The first call, before AdoptStatic, says what the static ones are published with.
  void Published(uint64_t generation);
  void InUse(uint64_t generation);
  // How far each source's part of a type got, in the order in which they first gave something.
  const std::vector<TypeUse>& uses(ResourceType type) const { return uses_[static_cast<size_t>(type)]; }
  // Configuration that an earlier process had in use (last_good_store.h): taken as an update of the sources would be,
  // and they are told what they gave (Source::Seed). It counts as the first answer, but not as the sources' own.
  std::vector<Refusal> Seed(const Update& update);
  bool MayTake(ResourceType type, const std::string& name) const;  // a root, or wanted by somebody; not static
  // A source has answered itself; for every type of WatchAll its own has.
  bool HeardAny() const;
  bool HeardAll() const;
  // What is waited for without end ends after kFetchTimeout: nobody may be there to send it.
  void LimitFetches();

  // What requests need (staging_demand.cc): a cluster by name from `source`, or a virtual host as "ROUTES/HOST" from
  // where its routes fetch theirs (`source` null). It is subscribed to until EndDemand; what came then stays as it is.
  // The error: it cannot be asked for.
  absl::Status Demand(const ResourceKey& key, const envoy::config::core::v3::ConfigSource* source);
  void EndDemand(const ResourceKey& key);
  // It came because a request asked for it, under its name or an alias.
  bool IsDemanded(ResourceType type, const Resource& resource) const;
  // It has come, but waits for what it needs itself.
  bool Comes(const ResourceKey& key) const;
  // Told of demanded names: `there` with the next publication, or gone, refused, not existing. From inside of changes:
  // the hearer calls nothing here before the next turn.
  void OnDemanded(std::function<void(const ResourceKey& key, bool there)> f) { on_demanded_ = std::move(f); }

  // Nothing of this type waits, and the first answer of WatchAll came or its time is over.
  bool Settled(ResourceType type) const;
  // What a static resource subscribes to is there or its time is over.
  bool StaticSettled(ResourceType type) const;
  // Called (in a later turn) after something settled that the two above look at.
  void OnSettled(std::function<void()> f) { on_settled_ = std::move(f); }

  void ForEach(const std::function<void(const ResourceRow&)>& f) const;  // by type, then name
  size_t size() const { return nodes_.size(); }
  // Those of one type from this name on, until `f` says false.
  void ForEachOf(ResourceType type, const std::string& from, const std::function<bool(const ResourceRow&)>& f) const;
  const Staged* ActiveOf(ResourceType type, const std::string& name) const;  // null: there is none
  const Counters& counters() const { return counters_; }
  size_t waiting(ResourceType type) const { return waiting_[static_cast<size_t>(type)].size(); }
  const std::string& version(ResourceType type) const { return all_[static_cast<size_t>(type)].version; }
  // What a resource waits for, in words; empty if it does not wait.
  std::string WaitsFor(ResourceType type, const std::string& name) const;
  std::vector<Missing> MissingOf(ResourceType type, const std::string& name) const;

 private:
  struct Whole {  // a subscription to all of a type
    Source* source = nullptr;
    bool answered = false;  // or seeded, or its time is over
    bool heard = false;     // by a source itself
    std::string version;
    std::unique_ptr<event::Timer> fetch;
    SubscriptionCells stats;
  };
  using Keys = std::set<ResourceKey>;
  ResourceNode* Find(const ResourceKey& key) const;
  ResourceNode& NodeOf(const ResourceKey& key);
  Whole& WholeOf(ResourceType type) { return all_[static_cast<size_t>(type)]; }
  const Whole& WholeOf(ResourceType type) const { return all_[static_cast<size_t>(type)]; }

  // Taking what arrives: staging_graph.cc.
  absl::Status Take(ResourceType type, const Resource& resource, Keys* to_try);
  absl::Status Stage(ResourceNode& node, const Resource& resource);
  absl::Status ApplyLeaf(ResourceNode& node, const Resource& resource);
  void TakeAgain(ResourceNode& node, const Resource& resource, Keys* to_try);
  void Removed(const Update& update);
  void EndWait(ResourceNode& node);
  void CountUpdate(const Update& update, bool accepted, MonotonicTime begin);
  void Refused(ResourceNode& node, const std::string& version, const Refusal& refusal);
  static ResourceRow RowOf(const ResourceKey& key, const ResourceNode& node);
  WallTime Now() { return dispatcher_.wall_now(); }

  // Subscriptions, waiting, taking the place: staging_closure.cc.
  absl::Status Connect(const ResourceKey& owner, const Needs& needs);
  void Subscribe(const ResourceKey& owner, const Needs::Subscription& wanted, Source* source);
  void ReleaseNeeds(const ResourceKey& owner, const Needs& needs);  // those that no version of the owner has any more
  void LetOrphansGo();
  void StartWaiting(ResourceNode& node, std::unique_ptr<Staged> staged);
  std::unique_ptr<Staged> StopWaiting(ResourceNode& node);
  bool Fresh(const ResourceNode& owner, const ResourceNode& endpoints) const;
  bool IsReady(const ResourceNode& node, std::vector<Missing>* missing) const;
  absl::Status TryActivate(const ResourceKey& key);
  absl::Status Activate(ResourceNode& node);
  void SetActive(ResourceNode& node, std::unique_ptr<Staged> staged);
  void WakeDependants(const ResourceKey& key);
  void Drop(const ResourceKey& asked);
  void Withdraw(ResourceNode& node);
  void TryLeave(const std::string& cluster);
  void HoldLeaving(ResourceNode& cluster);
  bool AboutToMove(const ResourceKey& key) const;
  void ArmFetch(ResourceNode& node, const Needs::Subscription& wanted);
  void OnFetchTimeout(const ResourceKey& asked);
  void OnKeptLongEnough(const ResourceKey& asked);
  void Changed();  // somebody may have settled

  // From applied to in use: staging_use.cc.
  void NoteApplied(const ResourceKey& key, Staged& staged);
  void RequestPublish();
  void NoteAccepted(const Update& update);
  void SettleUses();
  bool Waits(ResourceType type, const Source* source) const;

  // What requests ask for: staging_demand.cc
  void Tell(const ResourceKey& key, bool there);
  void TellHere(const ResourceNode& node);
  Source* HostsSourceOf(const std::string& host);  // null: no routes fetch it
  ResourceNode* HostNode(const std::string& name);
  // Hosts of one update may hand domains to each other, in any order.
  void TakeRefusedAgain(const Update& update, std::vector<Refusal>* refused);
  void DropHosts(const std::string& routes);

  event::Dispatcher& dispatcher_;
  observe::StatsRegistry& stats_;
  Target& target_;
  SourceDirectory& sources_;
  IndexedMap<ResourceKey, std::unique_ptr<ResourceNode>> nodes_;
  std::array<Whole, kResourceTypes> all_;
  std::array<std::set<std::string>, kResourceTypes> waiting_;  // names of nodes with a waiting version
  std::map<std::string, Keys> waiting_for_;                    // cluster → waiting versions that name it
  std::map<std::string, Keys> named_by_;                       // cluster → active versions that name it
  std::array<std::vector<TypeUse>, kResourceTypes> uses_;
  std::vector<ResourceKey> unpublished_;                    // applied since the last publication
  bool publish_requested_ = false;                          // something changed since then
  std::map<uint64_t, std::vector<ResourceKey>> in_flight_;  // by generation: published, not known to be in use
  uint64_t published_ = 0;
  absl::optional<uint64_t> in_use_;
  std::function<void()> on_settled_;
  std::map<ResourceKey, Source*> demands_;
  std::function<void(const ResourceKey& key, bool there)> on_demanded_;
  event::Timer settle_;
  Keys orphans_;                   // nobody subscribes to them any more; they go when the update that runs is whole
  std::set<std::string> leaving_;  // clusters that their source dropped, until they go or come again
  bool updating_ = false;          // an update runs
  bool letting_go_ = false;        // so does LetOrphansGo
  int waking_ = 0;                 // dependants of something go live, nested
  uint64_t updates_ = 0;
  bool seeding_ = false;
  Counters counters_;
};

}  // namespace outrigger::xds
