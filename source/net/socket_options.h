// Thread: any (plain values); the functions: the engine's loop
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "source/event/engine.h"

namespace outrigger::net {

// One setsockopt(2) and when it is made: config.core.v3.SocketOption, and what named settings come down to.
struct SocketOption {
  enum class State : uint8_t { kPreBind, kBound, kListening };
  int level = 0;
  int name = 0;
  std::string value;  // the bytes
  State state = State::kPreBind;
  const char* what = "";  // static text for errors
  friend bool operator==(const SocketOption& a, const SocketOption& b) {
    return a.level == b.level && a.name == b.name && a.value == b.value && a.state == b.state;
  }
};
using SocketOptions = std::vector<SocketOption>;

SocketOption IntOption(int level, int name, int value, const char* what,
                       SocketOption::State state = SocketOption::State::kPreBind);

// Named settings. 0 leaves the system's default.
struct Keepalive {
  bool on = false;
  uint32_t probes = 0;
  uint32_t time_s = 0;
  uint32_t interval_s = 0;
  friend bool operator==(const Keepalive& a, const Keepalive& b) = default;
};
void AddKeepalive(const Keepalive& keepalive, SocketOptions& to);
void AddNoDelay(SocketOptions& to);
void AddReuseAddress(SocketOptions& to);
void AddReusePort(SocketOptions& to);
void AddFreebind(int family, SocketOptions& to);
void AddTransparent(int family, SocketOptions& to);
void AddV6Only(bool only, SocketOptions& to);
void AddMark(uint32_t mark, SocketOptions& to);
void AddFastOpen(uint32_t queue, SocketOptions& to);  // listening sockets

// Applies those of `state`, in order; stops at the first that fails and says which.
struct SocketOptionResult {
  int error = 0;  // errno, 0: all applied
  const char* what = "";
};
SocketOptionResult ApplySocketOptions(event::Engine& engine, int fd, const SocketOptions& options,
                                      SocketOption::State state);

}  // namespace outrigger::net
