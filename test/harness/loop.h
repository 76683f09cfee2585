// Thread: test
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>

#include "source/event/dispatcher.h"

namespace outrigger::harness {

// Turns the loop(s) until `done` holds. False when the wall limit passed first: a hang fails a test, it does not block
// it. Loops that share a test thread are turned in the order given.
inline bool RunUntil(std::initializer_list<event::Dispatcher*> loops, const std::function<bool()>& done,
                     Duration limit = seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  const Duration wait = loops.size() == 1 ? Duration(milliseconds(20)) : Duration::zero();
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    for (event::Dispatcher* loop : loops) loop->RunOnce(wait);
  }
  return true;
}

inline bool RunUntil(event::Dispatcher& loop, const std::function<bool()>& done, Duration limit = seconds(20)) {
  return RunUntil({&loop}, done, limit);
}

// A few turns that do not wait: what is ready happens.
inline void Turns(event::Dispatcher& loop, int count = 4) {
  for (int i = 0; i < count; ++i) loop.RunOnce(Duration::zero());
}

}  // namespace outrigger::harness
