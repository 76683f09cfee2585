#include "source/net/heavy_output.h"

namespace outrigger::net {
namespace {

using Waiting = IntrusiveList<event::EndOfTurn, event::EndOfTurnTag>;

Waiting& WaitingOfThread() {
  thread_local Waiting waiting;
  return waiting;
}

}  // namespace

bool HeavyOutputAfter::Add(event::EndOfTurn& hook) {
  if (t_depth == 0) return false;
  hook.Unlink();  // of the turn's end, or because it waits here already
  WaitingOfThread().PushBack(hook);
  t_waiting = true;
  return true;
}

// What is written meanwhile waits for the end of the turn: this ends.
void HeavyOutputAfter::SendAll() {
  Waiting& waiting = WaitingOfThread();
  while (!waiting.empty()) waiting.PopFront().OnEndOfTurn();
  t_waiting = false;
}

}  // namespace outrigger::net
