#include "source/control_plane/authority/root_rotation.h"

#include <algorithm>
#include <utility>

#include "source/base/log.h"

namespace outrigger::control_plane {
namespace {

constexpr Duration kLongestSleep = minutes(1);  // the wall clock may be set meanwhile
constexpr Duration kRetry = seconds(10);        // after the folder could not be written

}  // namespace

RootRotation::RootRotation(event::Dispatcher& dispatcher, Authority& authority, Options options, Events events)
    : dispatcher_(dispatcher), authority_(authority), options_(options), events_(std::move(events)), timer_([this] {
        Check();
      }) {
  Arm();
}

void RootRotation::Arm() {
  Duration wait = kLongestSleep;
  if (authority_.phase() != Authority::Phase::kSteady) {
    const WallTime due = authority_.phase_since() + options_.step;
    wait = std::clamp<Duration>(due - dispatcher_.wall_now(), milliseconds(1), kLongestSleep);
  }
  dispatcher_.Arm(timer_, wait);
}

absl::Status RootRotation::Begin() {
  const absl::Status announced = authority_.Announce();
  if (!announced.ok()) return announced;
  OUTRIGGER_LOG(kInfo, kControlPlane, "a new root is handed out beside the old one");
  Arm();
  events_.roots_changed();
  return announced;
}

void RootRotation::Check() {
  const WallTime now = dispatcher_.wall_now();
  const bool due = now >= authority_.phase_since() + options_.step;
  absl::Status status;
  switch (authority_.phase()) {
    case Authority::Phase::kSteady:
      if (now >= authority_.root_expires() - options_.renew_before) status = Begin();
      break;
    case Authority::Phase::kAnnounced:
      if (!due) break;
      status = authority_.Move();
      if (!status.ok()) break;
      OUTRIGGER_LOG(kInfo, kControlPlane, "the new root issues from now on");
      events_.issuer_changed();
      break;
    case Authority::Phase::kMoved:
      if (!due) break;
      status = authority_.Drop();
      if (!status.ok()) break;
      OUTRIGGER_LOG(kInfo, kControlPlane, "the old root is trusted no more");
      events_.roots_changed();
      break;
  }
  if (status.ok()) return Arm();
  OUTRIGGER_LOG(kError, kControlPlane, "the root cannot be replaced: ", status.message());
  dispatcher_.Arm(timer_, kRetry);
}

}  // namespace outrigger::control_plane
