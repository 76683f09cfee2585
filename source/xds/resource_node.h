// Thread: main
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/types/optional.h"
#include "source/event/dispatcher.h"
#include "source/xds/subscription_stats.h"
#include "source/xds/target.h"
#include "source/xds/update.h"

namespace outrigger::xds {

struct ResourceKey {
  ResourceType type = ResourceType::kCluster;
  SharedText name;
  friend bool operator<(const ResourceKey& a, const ResourceKey& b) {
    return std::tie(a.type, a.name) < std::tie(b.type, b.name);
  }
  friend bool operator==(const ResourceKey& a, const ResourceKey& b) { return a.type == b.type && a.name == b.name; }
  template <class H>
  friend H AbslHashValue(H h, const ResourceKey& key) {
    return H::combine(std::move(h), static_cast<uint8_t>(key.type), key.name);
  }
};

// What a client knows of a resource, as /config_dump and CSDS name it (envoy.admin.v3.ClientResourceStatus).
enum class ClientStatus : uint8_t { kUnknown, kRequested, kDoesNotExist, kAcked, kNacked, kReceivedError, kTimeout };

// One version of a resource.
struct Staged {
  Resource resource;
  Needs needs;
  WallTime received{};      // also since when it waits
  WallTime applied{};       // it took the place of the version before; zero: it waits
  uint64_t generation = 0;  // of the publication that has it; 0: it waits, or is published at the end of this turn
  WallTime in_use_since{};  // all workers use that generation; zero: not yet
  uint64_t since = 0;       // the graph's count of updates when it began to wait: tells fresh endpoints from kept ones
};

// A set that mostly has one key or none.
class KeySet {
 public:
  bool insert(const ResourceKey& key);  // true: it was not there
  void erase(const ResourceKey& key);
  bool empty() const { return !one_.has_value() && many_ == nullptr; }
  std::set<ResourceKey> All() const;
  template <class F>
  void ForEach(F f) const {
    if (one_.has_value()) f(*one_);
    if (many_ == nullptr) return;
    for (const ResourceKey& key : *many_) f(key);
  }

 private:
  absl::optional<ResourceKey> one_;              // the only one
  std::unique_ptr<std::set<ResourceKey>> many_;  // or these, two or more at least once
};

// One name of one type: the version in use and the one that waits for what it needs ("warming").
//
//          OnUpdate            all needs there, or their time is over
//   (new) ─────────▶ waiting ─────────────────────────────────────────▶ active ──update──▶ active + waiting
// Freed at the end of the turn, because its timers may be what runs. There may be very many: what few of them have, few
// of them hold.
struct ResourceNode : event::Deferred {
  explicit ResourceNode(ResourceKey k) : key(std::move(k)) {}
  const ResourceKey key;
  Source* source = nullptr;  // who gives it; null: static
  std::unique_ptr<Staged> active, waiting;
  KeySet wanted_by;          // roots whose active or waiting version subscribes to it
  uint64_t last_update = 0;  // the graph's count of updates when it came last, changed or not
  WallTime requested{};      // since when somebody wants it
  SubscriptionCells stats;
  bool is_static = false;
  bool leaving = false;    // gone from its source, but in use until those who name it have moved on
  bool timed_out = false;  // its fetch time is over and nothing came
  bool absent = false;     // its source says that there is none
  bool kept_over = false;

  struct Pending {
    std::unique_ptr<event::Timer> held;   // a cluster that leaves: until then it stays for those who name it
    std::unique_ptr<event::Timer> fetch;  // runs from the subscription until the first version, or its end
    std::unique_ptr<event::Timer> kept;   // a cluster: until then it waits for fresh endpoints, although it has some
  };
  struct Failure {
    std::string source_error;                                 // why its source cannot give it, until it does
    std::string error, error_version;                         // the last refusal, until a version is accepted
    std::shared_ptr<const google::protobuf::Message> failed;  // what was refused
    WallTime error_time{};
  };
  std::unique_ptr<Pending> pending;  // null: no timer
  std::unique_ptr<Failure> failure;  // null: none

  Pending& MutablePending();
  Failure& MutableFailure();
  bool refused() const { return failure != nullptr && !failure->error.empty(); }
  void StopFetch();
  // No timer may be what runs: those that are of no use any more go.
  void NoteAccepted();
  bool settled() const { return active != nullptr || timed_out; }
};

}  // namespace outrigger::xds
