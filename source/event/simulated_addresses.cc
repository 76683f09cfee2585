// The addressing half of SimulatedNetwork: names, ports, options.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "source/base/bug.h"
#include "source/event/simulated_network.h"
#include "source/event/simulated_world.h"

namespace outrigger::event {
namespace {

const std::string& LoopbackV6() {
  static const std::string* const name = new std::string("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
  return *name;
}

}  // namespace

void SimulatedNetwork::AddHost(const std::vector<std::string>& addresses) {
  std::vector<Address> own;
  for (const std::string& text : addresses) {
    char binary[16];
    if (inet_pton(AF_INET, text.c_str(), binary) == 1) {
      own.push_back({AF_INET, std::string(binary, 4), 0});
    } else {
      OUTRIGGER_CHECK(inet_pton(AF_INET6, text.c_str(), binary) == 1);
      own.push_back({AF_INET6, std::string(binary, 16), 0});
    }
  }
  hosts_.push_back(std::move(own));
}

bool SimulatedNetwork::Parse(const sockaddr* from, socklen_t length, Address* out) {
  if (from == nullptr || length < sizeof(sa_family_t)) return false;
  out->family = from->sa_family;
  if (from->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(from);
    out->name.assign(reinterpret_cast<const char*>(&v4->sin_addr), 4);
    out->port = ntohs(v4->sin_port);
    return true;
  }
  if (from->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(from);
    out->name.assign(reinterpret_cast<const char*>(&v6->sin6_addr), 16);
    out->port = ntohs(v6->sin6_port);
    return true;
  }
  if (from->sa_family != AF_UNIX || length <= offsetof(sockaddr_un, sun_path)) return false;
  const auto* local = reinterpret_cast<const sockaddr_un*>(from);
  const size_t room = std::min<size_t>(length - offsetof(sockaddr_un, sun_path), sizeof(local->sun_path));
  const bool abstract = local->sun_path[0] == '\0';
  out->name.assign(local->sun_path, abstract ? room : strnlen(local->sun_path, room));
  return true;
}

void SimulatedNetwork::Write(const Address& from, sockaddr_storage* out, socklen_t* length) {
  memset(out, 0, sizeof(*out));
  out->ss_family = static_cast<sa_family_t>(from.family);
  if (from.family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(out);
    memcpy(&v4->sin_addr, from.name.data(), std::min<size_t>(4, from.name.size()));
    v4->sin_port = htons(from.port);
    *length = sizeof(sockaddr_in);
  } else if (from.family == AF_INET6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(out);
    memcpy(&v6->sin6_addr, from.name.data(), std::min<size_t>(16, from.name.size()));
    v6->sin6_port = htons(from.port);
    *length = sizeof(sockaddr_in6);
  } else {
    auto* local = reinterpret_cast<sockaddr_un*>(out);
    const size_t n = std::min(from.name.size(), sizeof(local->sun_path) - 1);
    memcpy(local->sun_path, from.name.data(), n);
    *length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + (n == 0 ? 0 : n + 1));
  }
}

bool SimulatedNetwork::IsLoopback(const Address& address) const {
  if (address.family == AF_INET) return address.name[0] == 127;
  return address.family == AF_INET6 && address.name == LoopbackV6();
}

bool SimulatedNetwork::IsWildcard(const Address& address) const {
  return address.family != AF_UNIX && address.name.find_first_not_of('\0') == std::string::npos;
}

int SimulatedNetwork::HostOf(const Socket& from, const Address& to) const {
  if (IsLoopback(to) || IsWildcard(to)) return from.host;
  for (size_t host = 0; host < hosts_.size(); ++host) {
    for (const Address& own : hosts_[host]) {
      if (own.family == to.family && own.name == to.name) return static_cast<int>(host);
    }
  }
  return -1;
}

SimulatedNetwork::Socket* SimulatedNetwork::FindListener(int host, const Address& to) const {
  std::vector<Socket*> found;
  for (const auto& socket : sockets_) {
    if (socket == nullptr || socket->state != State::kListening || socket->host != host) continue;
    const Address& local = socket->local;
    const bool exact = local.family == to.family && local.name == to.name && local.port == to.port;
    const bool any = local.family == to.family && IsWildcard(local) && local.port == to.port;
    const auto only = socket->options.find({IPPROTO_IPV6, IPV6_V6ONLY});
    const bool dual = local.family == AF_INET6 && to.family == AF_INET && IsWildcard(local) && local.port == to.port &&
                      (only == socket->options.end() || only->second.find_first_not_of('\0') == std::string::npos);
    if (exact || any || dual) found.push_back(socket.get());
  }
  // Several share the port: any of them, as SO_REUSEPORT does.
  return found.empty() ? nullptr : found[found.size() == 1 ? 0 : world_.random_.Below(found.size())];
}

uint16_t SimulatedNetwork::FreePort(int host, int family) {
  for (;;) {
    next_port_ = next_port_ >= 60999 ? 32768 : static_cast<uint16_t>(next_port_ + 1);
    const bool used = std::any_of(sockets_.begin(), sockets_.end(), [&](const auto& socket) {
      return socket != nullptr && socket->host == host && socket->family == family && socket->local.port == next_port_;
    });
    if (!used) return next_port_;
  }
}

bool SimulatedNetwork::RemoveUnixName(int host, const std::string& path) { return unix_names_.erase({host, path}) > 0; }

IoResult SimulatedNetwork::SetOption(int fd, int level, int name, const void* value, socklen_t length) {
  Socket* socket = Find(fd);
  if (socket == nullptr) return -EBADF;
  socket->options[{level, name}] = std::string(static_cast<const char*>(value), length);
  return 0;
}

IoResult SimulatedNetwork::GetOption(int fd, int level, int name, void* value, socklen_t* length) {
  Socket* socket = Find(fd);
  if (socket == nullptr) return -EBADF;
  int number = 0;
  absl::string_view bytes(reinterpret_cast<const char*>(&number), sizeof(number));
  if (level == SOL_SOCKET && name == SO_ERROR) {
    number = std::exchange(socket->error, 0);
  } else if (level == SOL_SOCKET && name == SO_TYPE) {
    number = socket->type;
  } else if (const auto found = socket->options.find({level, name}); found != socket->options.end()) {
    bytes = found->second;
  } else if (level != SOL_SOCKET) {
    return -ENOPROTOOPT;
  }
  *length = std::min<socklen_t>(*length, static_cast<socklen_t>(bytes.size()));
  memcpy(value, bytes.data(), *length);
  return 0;
}

IoResult SimulatedNetwork::LocalAddress(int fd, sockaddr_storage* out, socklen_t* length) {
  const Socket* socket = Find(fd);
  if (socket == nullptr) return -EBADF;
  Write(socket->local, out, length);
  return 0;
}

IoResult SimulatedNetwork::PeerAddress(int fd, sockaddr_storage* out, socklen_t* length) {
  const Socket* socket = Find(fd);
  if (socket == nullptr) return -EBADF;
  if (socket->state != State::kConnected) return -ENOTCONN;
  Write(socket->peer, out, length);
  return 0;
}

}  // namespace outrigger::event
