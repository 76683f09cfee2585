// Thread: the world's
#pragma once

#include <sys/socket.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "source/event/engine.h"

namespace outrigger::event {

class SimulatedEngine;
class SimulatedWorld;

// The sockets of a SimulatedWorld: TCP over IPv4 and IPv6, Unix streams, and datagrams that nobody receives. It follows
// the kernel where programs can tell: a short read means drained, a short write means full, closing with unread bytes
// resets, a reset lets what arrived before be read first, and epoll reports the state at the time it is asked.
class SimulatedNetwork {
 public:
  explicit SimulatedNetwork(SimulatedWorld& world) : world_(world) {}
  SimulatedNetwork(const SimulatedNetwork&) = delete;
  ~SimulatedNetwork();

  void AddHost(const std::vector<std::string>& addresses);
  void Partition(int a, int b, bool cut);
  void ResetAll();
  size_t open_sockets() const;

  IoResult Open(int host, int family, int type);
  IoResult Bind(int fd, const sockaddr* address, socklen_t length);
  IoResult Listen(int fd, int backlog);
  IoResult Accept(int fd, sockaddr_storage* peer, socklen_t* length);
  IoResult Connect(int fd, const sockaddr* address, socklen_t length);
  IoResult Read(int fd, const iovec* into, int count, bool peek);
  IoResult Write(int fd, const iovec* from, int count);
  IoResult Shutdown(int fd, int how);
  IoResult Close(int fd);
  IoResult SetOption(int fd, int level, int name, const void* value, socklen_t length);
  IoResult GetOption(int fd, int level, int name, void* value, socklen_t* length);
  IoResult LocalAddress(int fd, sockaddr_storage* out, socklen_t* length);
  IoResult PeerAddress(int fd, sockaddr_storage* out, socklen_t* length);
  bool RemoveUnixName(int host, const std::string& path);

  bool Watch(int fd, SimulatedEngine* engine, bool shared);
  void Unwatch(int fd, SimulatedEngine* engine);
  void Forget(SimulatedEngine* engine);
  uint32_t StateBits(int fd) const;

 private:
  // `name`: four or sixteen bytes of an IP address, or a path.
  struct Address {
    int family = AF_UNSPEC;
    std::string name;
    uint16_t port = 0;
    bool operator<(const Address& other) const {
      return std::tie(family, name, port) < std::tie(other.family, other.name, other.port);
    }
  };
  struct Link;
  // Not holding the link: it waits inside of it.
  using Arrival = absl::AnyInvocable<void(const std::shared_ptr<Link>&)>;
  // One direction of a connection: from the socket at its index to the other.
  struct Way {
    std::string arrived;
    size_t in_flight = 0;
    size_t capacity = 0;
    bool closed_by_writer = false;  // FIN or close: nothing more will be written
    bool fin_arrived = false;
    bool writer_waits = false;  // it saw a full buffer and is owed an event
    MonotonicTime last_arrival;
    std::deque<Arrival> arriving;  // in order, whatever the delays
  };
  struct Socket;
  struct Link {
    Way ways[2];
    Socket* ends[2] = {nullptr, nullptr};
    int hosts[2] = {0, 0};
    bool reset = false;
  };
  enum class State : uint8_t { kNew, kListening, kConnecting, kConnected, kFailed };
  struct Watcher {
    SimulatedEngine* engine;
    bool shared;
  };
  struct Socket {
    int fd = -1;
    int host = 0;
    int family = AF_UNSPEC;
    int type = SOCK_STREAM;
    State state = State::kNew;
    bool bound = false;
    Address local, peer;
    size_t backlog = 0;
    std::deque<std::unique_ptr<Socket>> accepted;
    std::shared_ptr<Link> link;
    int side = 0;
    int error = 0;  // what SO_ERROR or the next read tells
    std::map<std::pair<int, int>, std::string> options;
    std::vector<Watcher> watchers;
    uint64_t connect_attempt = 0;
  };

  Socket* Find(int fd) const;
  int AddDescriptor(std::unique_ptr<Socket> socket);
  static bool Parse(const sockaddr* from, socklen_t length, Address* out);
  static void Write(const Address& from, sockaddr_storage* out, socklen_t* length);
  bool IsLoopback(const Address& address) const;
  bool IsWildcard(const Address& address) const;
  int HostOf(const Socket& from, const Address& to) const;  // -1: nobody has this address
  Socket* FindListener(int host, const Address& to) const;
  uint16_t FreePort(int host, int family);
  void Establish(Socket& client, Socket& listener);
  void OnSyn(int fd, uint64_t attempt, int host, Address to);
  void FailConnect(int fd, uint64_t attempt, int error);
  void Notify(Socket* socket);
  void SendBytes(const std::shared_ptr<Link>& link, int side, std::string bytes);
  void Deliver(const std::shared_ptr<Link>& link, int side, Arrival arrive);
  void ArriveNext(const std::shared_ptr<Link>& link, int side);
  void SendFin(const std::shared_ptr<Link>& link, int side);
  void ResetLink(const std::shared_ptr<Link>& link, int from_side);
  void OweWritable(const std::shared_ptr<Link>& link, int side);
  static size_t Room(const Way& way) {
    const size_t held = way.arrived.size() + way.in_flight;
    return held >= way.capacity ? 0 : way.capacity - held;
  }

  SimulatedWorld& world_;
  std::vector<std::unique_ptr<Socket>> sockets_;  // by descriptor
  std::vector<std::vector<Address>> hosts_;       // their addresses, port 0
  std::set<std::pair<int, int>> cuts_;
  std::map<std::pair<int, std::string>, bool> unix_names_;  // by host; whether it is there (bound, maybe stale)
  uint16_t next_port_ = 32768;
  uint64_t connects_ = 0;
};

}  // namespace outrigger::event
