// Thread: the attacker's
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "test/attack/attack.h"

namespace outrigger::attack {

// What all connections of a run did.
struct Tally {
  uint64_t connections = 0, refused = 0, closed = 0;  // closed: by the proxy
  uint64_t sent = 0, read = 0;                        // bytes
};

// One socket of an attack: sends what its feed says until the proxy ends it, then begins again.
class HostileConnection {
 public:
  HostileConnection(const Attack& attack, int port, int poller, Tally& tally)
      : attack_(attack), port_(port), poller_(poller), tally_(tally) {}
  ~HostileConnection();
  HostileConnection(const HostileConnection&) = delete;
  HostileConnection& operator=(const HostileConnection&) = delete;

  bool connected() const { return fd_ >= 0; }
  void Connect();
  void OnEvents(uint32_t events);
  // One byte more, for those with a pace.
  void Drip();

 private:
  void Read();
  void Write();
  bool Refill();  // false: nothing more to say
  void Send(size_t most);
  void FallSilent();
  void Close(bool by_proxy);

  const Attack& attack_;
  const int port_, poller_;
  Tally& tally_;
  int fd_ = -1;
  bool said_all_ = false;
  std::unique_ptr<Feed> feed_;
  std::string pending_;
  size_t at_ = 0;
};

}  // namespace outrigger::attack
