#include "source/control_plane/serve/commands.h"

#include <csignal>
#include <memory>

#include "source/base/log.h"
#include "source/control_plane/resources/resource_folder.h"
#include "source/control_plane/serve/control_plane.h"
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
                               } else if (signal != SIGUSR2) {
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

absl::Status CheckConfig(const std::string& resources, const std::string& /*mesh*/) {
  const std::unique_ptr<event::Engine> engine = event::MakeEpollEngine();
  return LoadFolder(*engine, resources).catalog.status();
}

}  // namespace outrigger::control_plane
