// Thread: ListenSocket main; TcpListener worker
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "source/event/dispatcher.h"
#include "source/net/address.h"
#include "source/net/connection_properties.h"
#include "source/net/socket_options.h"

namespace outrigger::net {

struct ListenOptions {
  int backlog = 128;
  bool reuse_port = true;  // one descriptor per worker, balanced by the kernel; ignored for Unix sockets
  bool freebind = false;
  bool transparent = false;
  bool ipv4_compat = false;  // an IPv6 wildcard also takes IPv4
  std::optional<uint32_t> fast_open;
  Keepalive keepalive;           // inherited by accepted sockets, as TCP_NODELAY is: no call per connection
  SocketOptions socket_options;  // after those above, at their states
};

// A bound address. It belongs to the address, not to a listener version: it survives updates, and every version that
// names the address shares it. Bound and listening are two steps, because binding is checked before a configuration is
// acknowledged and listening starts when it is in use; in between nobody else can have the
// address. Destroyed on main, after every TcpListener on it was stopped.
class ListenSocket {
 public:
  // Opens and binds `workers` descriptors (reuse_port), or one. Port 0 is replaced by the one the system chose. A Unix
  // path that nobody listens on any more is replaced; one that is in use is an error.
  static absl::StatusOr<std::shared_ptr<ListenSocket>> Bind(event::Engine& engine, const Address& address,
                                                            const ListenOptions& options, size_t workers);
  ~ListenSocket();
  ListenSocket(const ListenSocket&) = delete;

  absl::Status Listen();  // idempotent
  bool listening() const { return listening_; }
  const Address& address() const { return address_; }
  bool shared() const { return fds_.size() == 1 && workers_ > 1; }  // several workers watch one descriptor
  int fd(size_t worker) const { return fds_[fds_.size() == 1 ? 0 : worker % fds_.size()]; }
  // Whether accepted sockets must be asked for their local address (wildcard, redirected or transparent).
  bool local_varies() const { return local_varies_; }
  const ListenOptions& options() const { return options_; }

 private:
  ListenSocket(event::Engine& engine, const Address& address, const ListenOptions& options, size_t workers);
  absl::Status BindAll();
  absl::Status BindOne(const SocketOptions& named);
  absl::Status RemoveStalePath();
  absl::Status Guard(int fd, bool on);
  absl::Status Error(absl::string_view what, int error) const;

  event::Engine& engine_;
  Address address_;
  ListenOptions options_;
  size_t workers_;
  std::vector<int> fds_;
  bool local_varies_ = false;
  bool listening_ = false;
  bool owns_path_ = false;
  bool guarded_ = false;  // nobody else may bind the address before we listen
};

// Accepts on one worker. Registered once, edge-triggered. A shared descriptor is registered with the loops of all
// workers such that a connection wakes one of them where the system can do that (EPOLLEXCLUSIVE); which one is the
// kernel's choice, so a busy proxy should use reuse_port.
class TcpListener final : public event::IoHandler, public event::Deferred, private event::NextTurn {
 public:
  static constexpr uint32_t kAcceptsPerTurn = 4;  // without a limit of its own; the rest next turn
  static constexpr uint32_t kMostOnStop = 4096;   // accepted by Stop() at most
  static constexpr Duration kBackOff = std::chrono::milliseconds(100);  // after running out of descriptors or memory

  class Owner {
   public:
    // A connection came: run listener filters, pick a chain, or post it to another worker. May Stop() the listener.
    virtual void OnAccepted(TcpListener& listener, AcceptedSocket socket) = 0;
    // That many came together; not of a listener that was stopped meanwhile.
    virtual void OnAcceptedTogether(uint32_t /*count*/) {}
    // No descriptor is left for a newcomer: one was turned away, the others wait for kBackOff.
    virtual void OnOutOfDescriptors() {}

   protected:
    ~Owner() = default;
  };
  struct Stats {
    uint64_t accepted = 0;
    uint64_t failed = 0;              // accept errors, the peer's gone connections aside
    uint64_t out_of_descriptors = 0;  // EMFILE, ENFILE: connections reset, then a pause
  };

  // max_accepts: per readiness; the rest waits for the next turn. 0: kAcceptsPerTurn.
  TcpListener(event::Dispatcher& dispatcher, std::shared_ptr<const ListenSocket> socket, size_t worker,
              uint32_t max_accepts, Owner& owner);
  ~TcpListener() override;

  void Start();
  void Pause();  // overload: stops accepting, the kernel's queue holds newcomers
  void Resume();
  // Accepts what is already queued (so that an update or removal refuses nobody the kernel has greeted), then stops.
  void Stop();
  const ListenSocket& socket() const { return *socket_; }
  const Stats& stats() const { return stats_; }

 private:
  void OnReady(uint32_t ready_bits) override;
  void OnNextTurn() override { AcceptSome(max_accepts_); }
  void AcceptSome(uint32_t most);
  bool AcceptOne();  // false: nothing more now
  bool OnAcceptError(int error);
  void ShedOne();

  event::Dispatcher& dispatcher_;
  std::shared_ptr<const ListenSocket> socket_;
  Owner& owner_;
  int fd_;
  int reserve_fd_ = -1;  // closed to have a descriptor with which to turn a connection away
  uint32_t max_accepts_;
  bool registered_ = false, ready_ = false, paused_ = false, stopped_ = false;
  event::Timer back_off_;
  Stats stats_;
};

}  // namespace outrigger::net
