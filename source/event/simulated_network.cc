#include "source/event/simulated_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "source/base/bug.h"
#include "source/base/hash.h"
#include "source/event/simulated_engine.h"
#include "source/event/simulated_world.h"

namespace outrigger::event {
namespace {

constexpr int kFirstDescriptor = 3;
constexpr size_t kMostDescriptors = 60000;

size_t TotalOf(const iovec* pieces, int count) {
  size_t total = 0;
  for (int i = 0; i < count; ++i) total += pieces[i].iov_len;
  return total;
}

}  // namespace

SimulatedNetwork::~SimulatedNetwork() = default;

SimulatedNetwork::Socket* SimulatedNetwork::Find(int fd) const {
  return fd >= 0 && static_cast<size_t>(fd) < sockets_.size() ? sockets_[fd].get() : nullptr;
}

size_t SimulatedNetwork::open_sockets() const {
  return static_cast<size_t>(
      std::count_if(sockets_.begin(), sockets_.end(), [](const auto& s) { return s != nullptr; }));
}

// The lowest free number, as the kernel does: stale uses of a closed descriptor hit somebody else's.
int SimulatedNetwork::AddDescriptor(std::unique_ptr<Socket> socket) {
  size_t fd = kFirstDescriptor;
  while (fd < sockets_.size() && sockets_[fd] != nullptr) ++fd;
  if (fd >= kMostDescriptors) return -EMFILE;
  if (fd >= sockets_.size()) sockets_.resize(fd + 1);
  socket->fd = static_cast<int>(fd);
  sockets_[fd] = std::move(socket);
  return static_cast<int>(fd);
}

IoResult SimulatedNetwork::Open(int host, int family, int type) {
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return -EAFNOSUPPORT;
  auto socket = std::make_unique<Socket>();
  socket->host = host;
  socket->family = family;
  socket->type = type & 0xf;
  socket->local.family = family;
  socket->local.name.assign(family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0, '\0');
  return AddDescriptor(std::move(socket));
}

IoResult SimulatedNetwork::Bind(int fd, const sockaddr* address, socklen_t length) {
  Socket* socket = Find(fd);
  Address wanted;
  if (socket == nullptr) return -EBADF;
  if (socket->bound || !Parse(address, length, &wanted) || wanted.family != socket->family) return -EINVAL;
  if (wanted.family == AF_UNIX) {
    if (!unix_names_.emplace(std::make_pair(socket->host, wanted.name), true).second) return -EADDRINUSE;
  } else {
    const auto& own = hosts_[socket->host];
    const bool mine = IsWildcard(wanted) || IsLoopback(wanted) ||
                      std::any_of(own.begin(), own.end(),
                                  [&](const auto& a) { return a.family == wanted.family && a.name == wanted.name; });
    if (!mine) return -EADDRNOTAVAIL;
    if (wanted.port == 0) wanted.port = FreePort(socket->host, wanted.family);
    for (const auto& other : sockets_) {
      if (other == nullptr || other->state != State::kListening || other->host != socket->host) continue;
      const bool same = other->local.family == wanted.family && other->local.port == wanted.port &&
                        (other->local.name == wanted.name || IsWildcard(other->local) || IsWildcard(wanted));
      const std::pair<int, int> reuse(SOL_SOCKET, SO_REUSEPORT);
      const bool shared = other->options.count(reuse) > 0 && socket->options.count(reuse) > 0;
      if (same && other->type == socket->type && !shared) return -EADDRINUSE;
    }
  }
  socket->local = wanted;
  socket->bound = true;
  return 0;
}

IoResult SimulatedNetwork::Listen(int fd, int backlog) {
  Socket* socket = Find(fd);
  if (socket == nullptr) return -EBADF;
  if (socket->type != SOCK_STREAM) return -EOPNOTSUPP;
  if (socket->state != State::kNew && socket->state != State::kListening) return -EINVAL;
  if (!socket->bound) socket->local.port = FreePort(socket->host, socket->family);
  socket->bound = true;
  socket->backlog = static_cast<size_t>(std::max(backlog, 1));
  socket->state = State::kListening;
  return 0;
}

IoResult SimulatedNetwork::Accept(int fd, sockaddr_storage* peer, socklen_t* length) {
  Socket* listener = Find(fd);
  if (listener == nullptr) return -EBADF;
  if (listener->state != State::kListening) return -EINVAL;
  if (listener->accepted.empty()) return -EAGAIN;
  if (world_.Chance(world_.faults_.out_of_descriptors_one_in)) return -EMFILE;
  if (world_.Chance(world_.faults_.accept_error_one_in)) {
    auto lost = std::move(listener->accepted.front());
    listener->accepted.pop_front();
    lost->link->ends[1] = nullptr;
    ResetLink(lost->link, 1);
    return -ECONNABORTED;
  }
  const int accepted = AddDescriptor(std::move(listener->accepted.front()));
  listener->accepted.pop_front();
  if (accepted >= 0 && peer != nullptr) Write(Find(accepted)->peer, peer, length);
  return accepted;
}

IoResult SimulatedNetwork::Connect(int fd, const sockaddr* address, socklen_t length) {
  Socket* socket = Find(fd);
  Address to;
  if (socket == nullptr) return -EBADF;
  if (!Parse(address, length, &to) || to.family != socket->family) return -EINVAL;
  if (socket->state == State::kConnecting) return -EALREADY;
  if (socket->state != State::kNew) return -EISCONN;
  socket->peer = to;
  if (socket->type != SOCK_STREAM) {
    socket->state = State::kConnected;
    return 0;
  }
  const bool refused = world_.Chance(world_.faults_.connect_refused_one_in);
  if (to.family == AF_UNIX) {
    Socket* listener = refused ? nullptr : FindListener(socket->host, to);
    if (listener == nullptr) return unix_names_.count({socket->host, to.name}) > 0 ? -ECONNREFUSED : -ENOENT;
    if (listener->accepted.size() > listener->backlog) return -EAGAIN;
    Establish(*socket, *listener);
    socket->state = State::kConnected;
    return 0;
  }
  const int host = HostOf(*socket, to);
  if (!socket->bound || socket->local.port == 0) socket->local.port = FreePort(socket->host, socket->family);
  if (IsWildcard(socket->local)) {  // the source address that a route would choose
    const auto& own = hosts_[socket->host];
    const auto mine = std::find_if(own.begin(), own.end(), [&](const Address& a) { return a.family == to.family; });
    socket->local.name = IsLoopback(to) || mine == own.end() ? to.name : mine->name;
  }
  socket->state = State::kConnecting;
  const uint64_t attempt = socket->connect_attempt = ++connects_;
  const bool lost = host < 0 || cuts_.count({socket->host, host}) > 0;
  if (lost || world_.Chance(world_.faults_.connect_timeout_one_in)) {
    world_.Schedule(world_.faults_.connect_timeout, [this, fd, attempt] { FailConnect(fd, attempt, ETIMEDOUT); });
  } else if (refused) {
    world_.Schedule(world_.Latency() * 2, [this, fd, attempt] { FailConnect(fd, attempt, ECONNREFUSED); });
  } else {
    world_.Schedule(world_.Latency(), [this, fd, attempt, host, to] { OnSyn(fd, attempt, host, to); });
  }
  return -EINPROGRESS;
}

void SimulatedNetwork::OnSyn(int fd, uint64_t attempt, int host, Address to) {
  Socket* client = Find(fd);
  if (client == nullptr || client->connect_attempt != attempt) return;  // closed meanwhile
  Socket* listener = FindListener(host, to);
  if (listener == nullptr) {
    world_.Schedule(world_.Latency(), [this, fd, attempt] { FailConnect(fd, attempt, ECONNREFUSED); });
    return;
  }
  if (listener->accepted.size() > listener->backlog) {  // dropped; the client sends it again
    world_.Schedule(seconds(1), [this, fd, attempt, host, to] { OnSyn(fd, attempt, host, to); });
    return;
  }
  Establish(*client, *listener);
  world_.Schedule(world_.Latency(), [this, fd, attempt] {
    Socket* connected = Find(fd);
    if (connected == nullptr || connected->connect_attempt != attempt) return;
    if (connected->state != State::kConnecting) return;
    connected->state = State::kConnected;
    Notify(connected);
  });
}

void SimulatedNetwork::FailConnect(int fd, uint64_t attempt, int error) {
  Socket* client = Find(fd);
  if (client == nullptr || client->connect_attempt != attempt) return;
  client->state = State::kFailed;
  client->error = error;
  Notify(client);
}

// Makes the connection and its accepted end; the caller says when the client knows.
void SimulatedNetwork::Establish(Socket& client, Socket& listener) {
  auto server = std::make_unique<Socket>();
  server->host = listener.host;
  server->family = listener.family;
  server->state = State::kConnected;
  server->bound = true;
  server->local = client.peer;
  server->peer = client.local;
  if (listener.family == AF_INET6 && client.family == AF_INET) {  // a dual-stack listener sees mapped addresses
    const std::string prefix("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    for (Address* address : {&server->local, &server->peer}) {
      address->family = AF_INET6;
      address->name = prefix + address->name;
    }
  }
  auto link = std::make_shared<Link>();
  for (Way& way : link->ways) {
    way.capacity = world_.random_.Between(world_.faults_.smallest_buffer, world_.faults_.largest_buffer);
    way.last_arrival = world_.now_;
  }
  link->ends[0] = &client;
  link->ends[1] = server.get();
  link->hosts[0] = client.host;
  link->hosts[1] = listener.host;
  client.link = server->link = link;
  client.side = 0;
  server->side = 1;
  listener.accepted.push_back(std::move(server));
  Notify(&listener);
}

IoResult SimulatedNetwork::Read(int fd, const iovec* into, int count, bool peek) {
  Socket* socket = Find(fd);
  if (socket == nullptr) return -EBADF;
  if (socket->state == State::kNew || socket->state == State::kListening) return -ENOTCONN;
  if (socket->state == State::kConnecting || socket->type != SOCK_STREAM) return -EAGAIN;
  if (socket->link == nullptr) return socket->error != 0 ? -std::exchange(socket->error, 0) : 0;
  const std::shared_ptr<Link> link = socket->link;
  Way& way = link->ways[1 - socket->side];
  size_t copied = 0;
  for (int i = 0; i < count && copied < way.arrived.size(); ++i) {
    const size_t n = std::min(into[i].iov_len, way.arrived.size() - copied);
    memcpy(into[i].iov_base, way.arrived.data() + copied, n);
    copied += n;
  }
  if (copied > 0) {
    if (!peek) way.arrived.erase(0, copied);
    if (!peek && way.writer_waits && Room(way) * 3 >= way.capacity) OweWritable(link, 1 - socket->side);
    return static_cast<IoResult>(copied);
  }
  if (TotalOf(into, count) == 0) return 0;
  if (socket->error != 0) return -std::exchange(socket->error, 0);
  return way.fin_arrived || link->reset ? 0 : -EAGAIN;
}

IoResult SimulatedNetwork::Write(int fd, const iovec* from, int count) {
  Socket* socket = Find(fd);
  if (socket == nullptr) return -EBADF;
  const size_t total = TotalOf(from, count);
  if (socket->type != SOCK_STREAM) {
    return socket->state == State::kConnected ? static_cast<IoResult>(total) : -EDESTADDRREQ;
  }
  if (socket->state == State::kConnecting) return -EAGAIN;
  if (socket->error != 0) return -std::exchange(socket->error, 0);
  if (socket->link == nullptr || socket->state != State::kConnected) {
    return socket->state == State::kFailed ? -EPIPE : -ENOTCONN;
  }
  const std::shared_ptr<Link> link = socket->link;
  Way& way = link->ways[socket->side];
  if (link->reset || way.closed_by_writer) return -EPIPE;
  if (total == 0) return 0;
  size_t take = std::min(total, Room(way));
  if (take == 0) {
    way.writer_waits = true;
    return -EAGAIN;
  }
  if (take > 1 && world_.Chance(world_.faults_.short_write_one_in)) take = 1 + world_.random_.Below(take - 1);
  std::string bytes;
  bytes.reserve(take);
  for (int i = 0; i < count && bytes.size() < take; ++i) {
    bytes.append(static_cast<const char*>(from[i].iov_base), std::min(from[i].iov_len, take - bytes.size()));
  }
  world_.Trace("bytes", socket->host, take, StableHash(bytes));
  if (take < total) {  // full as far as the writer can tell: it is owed an event
    way.writer_waits = true;
    if (Room(way) - take > 0) OweWritable(link, socket->side);
  }
  SendBytes(link, socket->side, std::move(bytes));
  if (world_.Chance(world_.faults_.reset_one_in)) ResetLink(link, socket->side);
  return static_cast<IoResult>(take);
}

void SimulatedNetwork::SendBytes(const std::shared_ptr<Link>& link, int side, std::string bytes) {
  Way& way = link->ways[side];
  way.in_flight += bytes.size();
  size_t pieces = world_.Chance(world_.faults_.split_one_in) ? world_.random_.Between(2, 4) : 1;
  while (!bytes.empty()) {
    const size_t n = pieces <= 1 ? bytes.size() : 1 + world_.random_.Below(bytes.size());
    --pieces;
    Deliver(link, side, [this, side, piece = bytes.substr(0, n)](const std::shared_ptr<Link>& link) {
      Way& arriving = link->ways[side];
      arriving.in_flight -= piece.size();
      if (link->reset) return;
      Socket* reader = link->ends[1 - side];
      if (reader == nullptr) {  // nobody is there any more
        ResetLink(link, 1 - side);
        return;
      }
      arriving.arrived += piece;
      Notify(reader);
    });
    bytes.erase(0, n);
  }
}

// Calls `arrive` after a latency, in the order of this direction; not while the hosts are cut off from each other.
void SimulatedNetwork::Deliver(const std::shared_ptr<Link>& link, int side, Arrival arrive) {
  Way& way = link->ways[side];
  way.arriving.push_back(std::move(arrive));
  way.last_arrival = std::max(way.last_arrival, world_.now_ + world_.Latency());
  world_.Schedule(way.last_arrival - world_.now_, [this, link, side] { ArriveNext(link, side); });
}

void SimulatedNetwork::ArriveNext(const std::shared_ptr<Link>& link, int side) {
  if (cuts_.count({link->hosts[0], link->hosts[1]}) > 0) {
    world_.Schedule(milliseconds(200), [this, link, side] { ArriveNext(link, side); });  // sent again, as TCP would
    return;
  }
  auto arrive = std::move(link->ways[side].arriving.front());
  link->ways[side].arriving.pop_front();
  arrive(link);
}

void SimulatedNetwork::SendFin(const std::shared_ptr<Link>& link, int side) {
  Way& way = link->ways[side];
  if (way.closed_by_writer || link->reset) return;
  way.closed_by_writer = true;
  Deliver(link, side, [this, side](const std::shared_ptr<Link>& link) {
    if (link->reset) return;
    link->ways[side].fin_arrived = true;
    Notify(link->ends[1 - side]);
  });
}

// The end at `from_side` knows at once; the other after what was sent before it.
void SimulatedNetwork::ResetLink(const std::shared_ptr<Link>& link, int from_side) {
  if (link->reset) return;
  Deliver(link, from_side, [this](const std::shared_ptr<Link>& link) {
    if (link->reset) return;
    link->reset = true;
    for (Socket* end : link->ends) {
      if (end == nullptr) continue;
      end->error = ECONNRESET;
      Notify(end);
    }
  });
}

void SimulatedNetwork::OweWritable(const std::shared_ptr<Link>& link, int side) {
  link->ways[side].writer_waits = false;
  world_.Schedule(world_.Latency(), [this, link, side] {
    Way& way = link->ways[side];
    if (Room(way) * 3 >= way.capacity) {
      Notify(link->ends[side]);
    } else {
      way.writer_waits = true;  // filled again meanwhile: the reader will make room
    }
  });
}

IoResult SimulatedNetwork::Shutdown(int fd, int how) {
  Socket* socket = Find(fd);
  if (socket == nullptr) return -EBADF;
  if (socket->link == nullptr || socket->state != State::kConnected) return -ENOTCONN;
  if (how != SHUT_RD) SendFin(socket->link, socket->side);
  return 0;
}

IoResult SimulatedNetwork::Close(int fd) {
  if (Find(fd) == nullptr) return -EBADF;
  const std::unique_ptr<Socket> socket = std::move(sockets_[fd]);
  for (const auto& waiting : socket->accepted) {
    waiting->link->ends[1] = nullptr;
    ResetLink(waiting->link, 1);
  }
  if (socket->link != nullptr) {
    const std::shared_ptr<Link> link = socket->link;
    link->ends[socket->side] = nullptr;
    const auto option = socket->options.find({SOL_SOCKET, SO_LINGER});
    linger how{};
    if (option != socket->options.end())
      memcpy(&how, option->second.data(), std::min(sizeof(how), option->second.size()));
    const bool abort = how.l_onoff != 0 && how.l_linger == 0;
    if (abort || !link->ways[1 - socket->side].arrived.empty()) {
      ResetLink(link, socket->side);
    } else {
      SendFin(link, socket->side);
    }
  }
  return 0;
}

void SimulatedNetwork::ResetAll() {
  for (const auto& socket : sockets_) {
    if (socket != nullptr && socket->link != nullptr) ResetLink(socket->link, socket->side);
  }
}

void SimulatedNetwork::Partition(int a, int b, bool cut) {
  for (const auto& pair : {std::make_pair(a, b), std::make_pair(b, a)}) {
    if (cut) {
      cuts_.insert(pair);
    } else {
      cuts_.erase(pair);
    }
  }
}

// One of those that share the registration hears of it, each of the others always.
void SimulatedNetwork::Notify(Socket* socket) {
  if (socket == nullptr) return;
  std::vector<SimulatedEngine*> shared;
  for (const Watcher& watcher : socket->watchers) {
    if (watcher.shared) {
      shared.push_back(watcher.engine);
    } else {
      watcher.engine->MarkReady(socket->fd);
    }
  }
  if (!shared.empty()) shared[world_.random_.Below(shared.size())]->MarkReady(socket->fd);
}

bool SimulatedNetwork::Watch(int fd, SimulatedEngine* engine, bool shared) {
  Socket* socket = Find(fd);
  if (socket == nullptr) return false;
  Unwatch(fd, engine);
  socket->watchers.push_back({engine, shared});
  return true;
}

void SimulatedNetwork::Unwatch(int fd, SimulatedEngine* engine) {
  Socket* socket = Find(fd);
  if (socket != nullptr) std::erase_if(socket->watchers, [engine](const Watcher& w) { return w.engine == engine; });
}

void SimulatedNetwork::Forget(SimulatedEngine* engine) {
  for (size_t fd = 0; fd < sockets_.size(); ++fd) Unwatch(static_cast<int>(fd), engine);
}

uint32_t SimulatedNetwork::StateBits(int fd) const {
  const Socket* socket = Find(fd);
  if (socket == nullptr) return 0;
  if (socket->type != SOCK_STREAM) return kWritable;
  if (socket->state == State::kListening) return socket->accepted.empty() ? 0 : uint32_t{kReadable};
  if (socket->state == State::kFailed) return kReadable | kWritable | kError | kPeerClosed;
  if (socket->state != State::kConnected || socket->link == nullptr) return 0;
  const Link& link = *socket->link;
  if (link.reset) return kReadable | kWritable | kPeerClosed | (socket->error != 0 ? uint32_t{kError} : 0u);
  const Way& in = link.ways[1 - socket->side];
  const Way& out = link.ways[socket->side];
  uint32_t bits = in.arrived.empty() ? 0 : uint32_t{kReadable};
  if (in.fin_arrived) bits |= kReadable | kPeerClosed;
  if (Room(out) * 3 >= out.capacity || out.closed_by_writer) bits |= kWritable;
  return bits;
}

}  // namespace outrigger::event
