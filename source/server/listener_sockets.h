// Thread: main
#pragma once

#include <map>
#include <memory>
#include <set>
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

// The listening sockets of the process, by address. A socket belongs to its address, not to a listener or a version of
// one: it survives updates, and passes from a listener that goes to one that comes with the same address in one
// publication. Two listeners of one configuration cannot share an address. Addresses with port 0 are each listener's
// own.
class ListenerSockets final {
 public:
  ListenerSockets(event::Engine& engine, size_t workers) : engine_(engine), workers_(workers) {}

  // Binds what is not bound yet (with these options), without listening: what cannot be had is known before a listener
  // is acknowledged. An address that another listener has is a conflict, unless that one is named in `leaving`. The
  // error begins with the field: "additional_addresses[0].address: cannot bind ...". The sockets are kept for this
  // listener, however long it waits for the rest of what it needs: until it asks for others, or StopKeeping().
  absl::Status Prepare(const BindRequest& request, const std::vector<std::string>& leaving = {});
  // It waits no longer: the next Assign() uses what was prepared, or closes it.
  void StopKeeping(absl::string_view listener) { Keep(listener, {}); }

  struct Failure {
    uint32_t slot = 0;
    std::string listener;
    std::string error;
  };
  // Sockets for each listener of `snapshot` that `wanted` says should listen, bound and listening. What nobody uses any
  // more is closed once no worker watches it (see Reap). An address that cannot be had is told in `failures` and tried
  // again at the next call; the listener's others serve.
  absl::flat_hash_map<uint32_t, ListenSockets> Assign(const model::Snapshot& snapshot,
                                                      const std::function<bool(const model::Listener&)>& wanted,
                                                      std::vector<Failure>* failures);
  // Nothing was prepared or given up since the last Assign(), which would do nothing if the listeners are the same.
  bool assigned() const { return assigned_; }
  // Closes what workers let go of. True while something is left to close.
  bool Reap();
  // The bound addresses of a listener, in its order; empty: not bound.
  std::vector<net::Address> AddressesOf(absl::string_view listener) const;

 private:
  struct Held {
    std::shared_ptr<net::ListenSocket> socket;
    net::ListenOptions options;               // as they were asked for
    std::shared_ptr<net::ListenSocket> next;  // with other options: takes the place of `socket` when a listener uses it
    net::ListenOptions next_options;
    std::string owner;     // the listener that was given it last; empty: only prepared
    std::string kept_for;  // one that is prepared and waits
    bool used = false;     // by the assignment being made
  };
  static std::string KeyOf(const BindRequest& request, size_t index);
  void Keep(absl::string_view listener, const std::set<std::string>& keys);
  absl::Status BindOne(const BindRequest& request, size_t index);
  absl::Status Use(const BindRequest& request, size_t index, ListenSockets* sockets);
  void Release(std::map<std::string, Held>::iterator at);

  event::Engine& engine_;
  const size_t workers_;
  std::map<std::string, Held> by_key_;
  bool assigned_ = false;
  std::vector<std::shared_ptr<net::ListenSocket>> leaving_;
  std::map<std::string, std::vector<net::Address>, std::less<>> bound_;  // by listener
};

}  // namespace outrigger::server
