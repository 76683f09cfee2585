// Thread: main
#pragma once

#include <functional>
#include <map>
#include <string>

#include "source/control_plane/authority/authority.h"
#include "source/control_plane/resources/snapshot.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// The secrets of each node's workload: "default", its key and certificate, and "ROOTCA". Made when first asked for,
// kept in memory only, renewed after two thirds of their lifetime.
class WorkloadSecrets {
 public:
  // `renewed`: some secrets are new, snapshots are to be made again.
  WorkloadSecrets(event::Dispatcher& dispatcher, Authority& authority, Duration lifetime,
                  std::function<void()> renewed);

  // Adds the secrets of the node, whose workload is `spiffe_id`, to its snapshot.
  void AddTo(const std::string& node, const std::string& spiffe_id, Snapshot& snapshot);
  // New keys and certificates for everybody, now.
  void Rotate();
  // The authority's roots changed: everybody is to have them.
  void RootsChanged();
  // Forgets nodes that are not in the mesh any more.
  void Keep(const std::function<bool(const std::string&)>& stays);

  uint64_t issued() const { return issued_; }

 private:
  struct Entry {
    std::string spiffe_id;
    ResourcePtr certificate;
    WallTime renew_at;
  };
  bool Issue(Entry& entry);
  void RenewDue();
  void ArmNext();

  event::Dispatcher& dispatcher_;
  Authority& authority_;
  const Duration lifetime_;
  std::function<void()> renewed_;
  ResourcePtr roots_;
  std::map<std::string, Entry> entries_;
  uint64_t issued_ = 0;
  event::Timer timer_;
};

}  // namespace outrigger::control_plane
