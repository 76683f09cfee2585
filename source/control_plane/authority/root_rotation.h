// Thread: main
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "source/control_plane/authority/authority.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// Replaces the mesh's root without a moment in which two who meet do not trust each other:
//
//   1. the new root is handed out beside the old one;      wait: everybody has both
//   2. everything is issued by the new one;                wait: nobody has a certificate of the old one
//   3. the old one is handed out no more.
//
// Goes on where it was after a restart. Begins by itself a year before the root expires.
class RootRotation {
 public:
  struct Options {
    // Each of the two waits. At least the longest lifetime of a certificate: who has a valid one renewed it meanwhile,
    // and was handed the roots with it.
    Duration step = hours(24);
    Duration renew_before = hours(24 * 365);
  };
  struct Events {
    std::function<void()> roots_changed;   // steps 1 and 3
    std::function<void()> issuer_changed;  // step 2
  };
  RootRotation(event::Dispatcher& dispatcher, Authority& authority, Options options, Events events);

  // FailedPrecondition: one is under way.
  absl::Status Begin();

 private:
  void Check();
  void Arm();

  event::Dispatcher& dispatcher_;
  Authority& authority_;
  const Options options_;
  const Events events_;
  event::Timer timer_;
};

}  // namespace outrigger::control_plane
