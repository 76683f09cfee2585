#include "source/net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

namespace outrigger::net {

SocketOption IntOption(int level, int name, int value, const char* what, SocketOption::State state) {
  return {level, name, std::string(reinterpret_cast<const char*>(&value), sizeof(value)), state, what};
}

void AddKeepalive(const Keepalive& keepalive, SocketOptions& to) {
  if (!keepalive.on) return;
  to.push_back(IntOption(SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"));
  const std::pair<uint32_t, SocketOption> parts[] = {
      {keepalive.probes, IntOption(IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(keepalive.probes), "TCP_KEEPCNT")},
      {keepalive.time_s, IntOption(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(keepalive.time_s), "TCP_KEEPIDLE")},
      {keepalive.interval_s,
       IntOption(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(keepalive.interval_s), "TCP_KEEPINTVL")},
  };
  for (const auto& [set, option] : parts) {
    if (set != 0) to.push_back(option);
  }
}

void AddNoDelay(SocketOptions& to) { to.push_back(IntOption(IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY")); }

void AddReuseAddress(SocketOptions& to) { to.push_back(IntOption(SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR")); }

void AddReusePort(SocketOptions& to) { to.push_back(IntOption(SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT")); }

void AddFreebind(int family, SocketOptions& to) {
  to.push_back(family == AF_INET6 ? IntOption(IPPROTO_IPV6, IPV6_FREEBIND, 1, "IPV6_FREEBIND")
                                  : IntOption(IPPROTO_IP, IP_FREEBIND, 1, "IP_FREEBIND"));
}

void AddTransparent(int family, SocketOptions& to) {
  to.push_back(family == AF_INET6 ? IntOption(IPPROTO_IPV6, IPV6_TRANSPARENT, 1, "IPV6_TRANSPARENT")
                                  : IntOption(IPPROTO_IP, IP_TRANSPARENT, 1, "IP_TRANSPARENT"));
}

void AddV6Only(bool only, SocketOptions& to) {
  to.push_back(IntOption(IPPROTO_IPV6, IPV6_V6ONLY, only ? 1 : 0, "IPV6_V6ONLY"));
}

void AddMark(uint32_t mark, SocketOptions& to) {
  to.push_back(IntOption(SOL_SOCKET, SO_MARK, static_cast<int>(mark), "SO_MARK"));
}

void AddFastOpen(uint32_t queue, SocketOptions& to) {
  to.push_back(
      IntOption(IPPROTO_TCP, TCP_FASTOPEN, static_cast<int>(queue), "TCP_FASTOPEN", SocketOption::State::kListening));
}

SocketOptionResult ApplySocketOptions(event::Engine& engine, int fd, const SocketOptions& options,
                                      SocketOption::State state) {
  for (const SocketOption& option : options) {
    if (option.state != state) continue;
    const event::IoResult done = engine.SetOption(fd, option.level, option.name, option.value.data(),
                                                  static_cast<socklen_t>(option.value.size()));
    if (done < 0) return {static_cast<int>(-done), option.what};
  }
  return {};
}

}  // namespace outrigger::net
