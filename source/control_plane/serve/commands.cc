#include "source/control_plane/serve/commands.h"

#include <algorithm>
#include <csignal>
#include <memory>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/control_plane/authority/authority.h"
#include "source/control_plane/authority/token_store.h"
#include "source/control_plane/mesh/mesh_file.h"
#include "source/control_plane/resources/resource_folder.h"
#include "source/control_plane/serve/control_plane.h"
#include "source/control_plane/status/in_use.h"
#include "source/control_plane/status/page_client.h"
#include "source/event/dispatcher.h"
#include "source/event/signal_watch.h"

namespace outrigger::control_plane {

absl::Status Serve(const ServeOptions& options) {
  event::Dispatcher dispatcher(event::MakeEpollEngine());
  std::unique_ptr<ControlPlane> control_plane;
  // Before libgrpc starts threads: they must not take the signals.
  event::SignalWatch signals(dispatcher.engine(), {SIGTERM, SIGINT, SIGHUP, SIGUSR2},
                             [&dispatcher, &control_plane](int signal) {
                               if (signal == SIGHUP) {
                                 control_plane->Reload();
                               } else if (signal == SIGUSR2) {
                                 control_plane->Rotate();
                               } else {
                                 dispatcher.Stop();
                               }
                             });
  control_plane = std::make_unique<ControlPlane>(dispatcher, options);
  const absl::Status started = control_plane->Start();
  if (started.ok()) dispatcher.Run();
  control_plane->Stop();
  OUTRIGGER_LOG(kInfo, kControlPlane, "ended");
  return started;
}

absl::StatusOr<std::string> CheckConfig(const std::string& resources, const std::string& mesh) {
  const std::unique_ptr<event::Engine> engine = event::MakeEpollEngine();
  if (!mesh.empty()) {
    const auto compiled = LoadMesh(*engine, mesh);
    if (!compiled.ok()) return compiled.status();
    return compiled->catalog->Version();
  }
  const auto catalog = LoadFolder(*engine, resources).catalog;
  if (!catalog.ok()) return catalog.status();
  return (*catalog)->Version();
}

absl::StatusOr<std::string> WaitInUse(const WaitOptions& options) {
  constexpr Duration kLongestAnswer = seconds(10), kPause = milliseconds(200);
  event::Dispatcher dispatcher(event::MakeEpollEngine());
  const std::string path = absl::StrCat(
      "/in-use?",
      InUseQueryText({.version = options.version, .node = options.node, .ignore_silent = options.ignore_silent}));
  const MonotonicTime end = dispatcher.now() + options.timeout;
  std::string last;
  while (true) {
    const Duration left = std::max(end - dispatcher.now(), Duration(milliseconds(100)));
    const auto page = FetchPage(dispatcher, options.status, path, std::min<Duration>(left, kLongestAnswer));
    if (page.ok() && page->status == 200) return page->body;
    if (page.ok() && page->status != 202 && page->status != 404) {
      return absl::InternalError(absl::StrCat(options.status, " answers ", page->status, ": ", page->body));
    }
    last = page.ok() ? page->body : absl::StrCat(options.status, ": ", page.status().message());
    if (dispatcher.now() >= end) return absl::DeadlineExceededError(last);
    bool paused = false;
    event::Timer pause([&paused] { paused = true; });
    dispatcher.Arm(pause, kPause);
    while (!paused) dispatcher.RunOnce(kPause);
  }
}

absl::StatusOr<std::string> MakeToken(const std::string& state, const std::string& node, Duration lifetime) {
  event::Dispatcher dispatcher(event::MakeEpollEngine());
  // Nobody may find tokens in a folder that others can enter; this also founds the authority, so that root.pem is
  // there.
  auto authority = Authority::Open(dispatcher, state);
  if (!authority.ok()) return authority.status();
  return TokenStore(dispatcher, state).Make(node, lifetime);
}

absl::Status Enroll(const EnrollOptions& options) {
  event::Dispatcher dispatcher(event::MakeEpollEngine());
  event::SignalWatch signals(dispatcher.engine(), {SIGTERM, SIGINT}, [&dispatcher](int) { dispatcher.Stop(); });
  return EnrollClient(dispatcher, options).Run();
}

}  // namespace outrigger::control_plane
