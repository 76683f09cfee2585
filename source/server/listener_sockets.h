// Thread: main
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "source/model/snapshot.h"
#include "source/net/listener.h"
#include "source/server/worker_listener.h"

namespace outrigger::server {

// What must be bound for one listener.
struct BindRequest {
  std::string listener;
  std::vector<net::Address> addresses;
  net::ListenOptions options;
};
BindRequest BindRequestOf(const model::Listener& listener);

// The listening sockets of the process, by address. A socket belongs to its address, not to a listener or a version of one: it survives
// updates, and passes from a listener that goes to one that comes with the same address in one publication. Two listeners of one
// configuration cannot share an address. Addresses with port 0 are each listener's own.
class ListenerSockets final {
 public:
  ListenerSockets(event::Engine& engine, size_t workers) : engine_(engine), workers_(workers) {}

  // Binds what is not bound yet, without listening. The error names the address. What the next Assign() does not use is closed again.
  absl::Status Prepare(const BindRequest& request);
  // The listener, other than the request's own, that uses one of its addresses now; null: none.
  const std::string* ConflictOf(const BindRequest& request) const;

  struct Failure {
    uint32_t slot = 0;
    std::string listener;
    std::string error;
  };
  // Sockets for each listener of `snapshot` that `wanted` says should listen, bound and listening. What nobody uses any more is closed
  // once no worker watches it (see Reap). An address that cannot be had is told in `failures` and tried again at the next call; the
  // listener's others serve.
  absl::flat_hash_map<uint32_t, ListenSockets> Assign(const model::Snapshot& snapshot,
                                                      const std::function<bool(const model::Listener&)>& wanted,
                                                      std::vector<Failure>* failures);
  // Closes what workers let go of. True while something is left to close.
  bool Reap();
  // The bound addresses of a listener, in its order; empty: not bound.
  std::vector<net::Address> AddressesOf(absl::string_view listener) const;

 private:
  struct Held {
    std::shared_ptr<net::ListenSocket> socket;
    std::string owner;  // the listener that was given it last; empty: only prepared
    bool used = false;  // by the assignment being made
  };
  static std::string KeyOf(const BindRequest& request, size_t index);
  absl::Status BindOne(const BindRequest& request, size_t index);
  absl::Status Use(const BindRequest& request, size_t index, ListenSockets* sockets);
  void Release(std::map<std::string, Held>::iterator at);

  event::Engine& engine_;
  const size_t workers_;
  std::map<std::string, Held> by_key_;
  std::vector<std::shared_ptr<net::ListenSocket>> leaving_;
  std::map<std::string, std::vector<net::Address>, std::less<>> bound_;  // by listener
};

}  // namespace outrigger::server
