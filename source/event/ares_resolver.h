// Thread: its loop
#pragma once

#include <ares.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/event/engine.h"

namespace outrigger::event {

class EpollEngine;

// Name resolution of EpollEngine: c-ares with its sockets in the engine's own epoll set and its timeouts in the
// engine's wait. Answers are queued and delivered by Deliver(), so no callback comes before Resolve() returned.
class AresResolver {
 public:
  AresResolver(EpollEngine& engine, std::string servers);
  ~AresResolver();

  std::unique_ptr<Engine::Query> Resolve(absl::string_view name, ResolveFamily family,
                                         absl::AnyInvocable<void(const ResolveAnswer&) &&> done);
  Duration NextDue();  // how long the engine may wait
  int Deliver();

 private:
  class Handle;
  class Socket;
  struct Pending {
    AresResolver* resolver;
    std::string name;
    absl::AnyInvocable<void(const ResolveAnswer&) &&> done;  // null: cancelled
    ResolveAnswer answer;
    int fallback_family;  // asked next if the first family has no address; AF_UNSPEC: none
  };

  bool Open(ResolveAnswer* error);
  void Ask(std::shared_ptr<Pending> pending, int family);
  void Finish(std::shared_ptr<Pending> pending) { finished_.push_back(std::move(pending)); }
  void OnAnswer(std::shared_ptr<Pending> pending, int status, ares_addrinfo* info);
  void OnSocketState(ares_socket_t fd, bool readable, bool writable);

  EpollEngine& engine_;
  const std::string servers_;
  ares_channel channel_ = nullptr;
  bool reopen_ = false;  // no server answered: read the system's configuration again before the next question
  size_t asked_ = 0;     // questions that c-ares has not answered
  std::map<ares_socket_t, std::unique_ptr<Socket>> sockets_;
  std::vector<std::unique_ptr<Socket>> dead_sockets_;  // may be in their own OnReady
  std::vector<std::shared_ptr<Pending>> finished_;
};

}  // namespace outrigger::event
