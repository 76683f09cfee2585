// The overload manager of a server: what it reads, and what it does to the workers.
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/config/overload.h"
#include "source/server/server_parts.h"

namespace outrigger::server {

absl::Status Server::Parts::MakeOverloadWatch() {
  auto spec = config::OverloadOf(*loaded->bootstrap);
  if (!spec.ok()) return spec.status();
  if (!spec->configured()) return absl::OkStatus();
  for (const overload::ActionSpec& action : spec->actions) {
    if (action.kind != overload::ActionKind::kResetStreams) continue;
    reset_streams = stats.Register<observe::ResetStreamsStats>(absl::StrCat("overload.", action.name, "."));
  }
  const auto on_workers = [this](auto&& f) {
    for (size_t i = 0; i < workers->size(); ++i) f(workers->worker(i));
  };
  overload::Effects effects;
  effects.pause_accepting = [on_workers](bool paused) {
    on_workers([paused](Worker& worker) { worker.SetAcceptingPaused(paused); });
  };
  effects.limits_scaled = [on_workers] { on_workers([](Worker& worker) { worker.LimitsScaled(); }); };
  effects.reset_streams = [this, on_workers](uint64_t least) {
    on_workers([this, least](Worker& worker) { worker.ResetHeavyStreams(least, reset_streams); });
  };
  effects.trim = [on_workers] { on_workers([](Worker& worker) { worker.TrimMemory(); }); };
  overload_watch = std::make_unique<overload::Watch>(
      *std::move(spec), overload::Sources{dispatcher.get(), [this] { return connections.taken(); }}, stats,
      facts.overload, std::move(effects));
  return absl::OkStatus();
}

}  // namespace outrigger::server
