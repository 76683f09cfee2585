// Thread: its loop; make it before other threads start
#pragma once

#include <functional>
#include <initializer_list>

#include "source/event/engine.h"

namespace outrigger::event {

// Process signals as events of one loop (signalfd, so nothing runs in a signal handler). Making it blocks the signals
// for this thread and those it starts later: threads that run already would still take them the usual way. For the real
// engine only. Must not outlive the engine.
class SignalWatch final : public IoHandler {
 public:
  SignalWatch(Engine& engine, std::initializer_list<int> signals, std::function<void(int)> seen);
  ~SignalWatch() override;  // the signals stay blocked
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  void OnReady(uint32_t ready_bits) override;

 private:
  Engine& engine_;
  std::function<void(int)> seen_;
  int fd_ = -1;
};

}  // namespace outrigger::event
