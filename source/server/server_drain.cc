// How a server ends: signals, drain, the last connection.
#include <signal.h>

#include <algorithm>
#include <utility>

#include "source/base/log.h"
#include "source/server/server_parts.h"

namespace outrigger::server {

namespace {
constexpr Duration kPoll = milliseconds(20);
}

DrainPlan Server::Parts::plan() const {
  return {.time = options.drain_time, .gradual = options.drain_strategy == DrainStrategy::kGradual};
}

void Server::Parts::OnSignal(int signal) {
  switch (signal) {
    case SIGTERM:
    case SIGINT:
      OUTRIGGER_LOG(kInfo, kMain, signal == SIGTERM ? "SIGTERM" : "SIGINT",
                    ending ? " again: ends now" : ": drains, then ends");
      return Shutdown();
    case SIGUSR1:
      OUTRIGGER_LOG(kInfo, kMain, "SIGUSR1: logs are reopened");
      access_logs->Reopen();
      log::Reopen();
      return;
    default:
      OUTRIGGER_LOG(kInfo, kMain, "signal ", signal, " is ignored");
  }
}

void Server::Parts::Shutdown() {
  if (std::exchange(ending, true)) return Finish();
  state = State::kDraining;
  RefreshProcessGauges();
  if (!workers->started()) return Finish();
  stop_all = true;
  Publish();  // without sockets: workers stop listening
  facts.draining.store(options.drain_strategy == DrainStrategy::kImmediate, std::memory_order_relaxed);
  for (size_t i = 0; i < workers->size(); ++i) workers->worker(i).Drain(nullptr, plan());
  end_by = dispatcher->now() + std::min(options.drain_time, options.parent_shutdown_time);
  workers->Barrier([this] { PollDrain(); });
}

void Server::Parts::PollDrain() {
  if (*self == nullptr) return;  // a worker's answer that came while the parts are taken down
  sockets->Reap();
  const uint64_t left = workers->connections();
  if (left > 0 && dispatcher->now() < end_by) {
    dispatcher->Arm(drain_timer, kPoll);
    return;
  }
  if (left > 0) OUTRIGGER_LOG(kWarn, kMain, "drain time is over: ", left, " connections are closed");
  Finish();
}

void Server::Parts::Finish() {
  drain_timer.Disarm();
  dispatcher->Stop();
}

void Server::Parts::Drain(const std::function<bool(const model::Listener&)>& which) {
  for (size_t i = 0; i < workers->size(); ++i) workers->worker(i).Drain(which, plan());
}

void Server::Shutdown() { parts_->Shutdown(); }

void Server::DrainListeners(bool inbound_only, AfterDrain after) {
  Parts& parts = *parts_;
  parts.Drain([inbound_only](const model::Listener& listener) {
    return !inbound_only || listener.direction == model::TrafficDirection::kInbound;
  });
  const auto stop = [this, inbound_only] {
    (inbound_only ? parts_->stop_inbound : parts_->stop_all) = true;
    parts_->stats.main()
        .Get(parts_->listener_scope)
        .listener_stopped.Add(parts_->workers->current().listening->sockets.size());
    RequestPublish();
  };
  if (after == AfterDrain::kStopNow) return stop();
  if (after == AfterDrain::kListen) return;
  // In its drain time a listener still accepts; each response asks its connection to end.
  parts.stop_inbound_later = parts.stop_inbound_later || inbound_only;
  parts.stop_all_later = parts.stop_all_later || !inbound_only;
  if (!parts.stop_timer.armed()) parts.dispatcher->Arm(parts.stop_timer, parts.options.drain_time);
}

void Server::SetHealthCheckFailed(bool failed) {
  Parts& parts = *parts_;
  if (std::exchange(parts.health_check_failed, failed) == failed) return;
  parts.facts.health_check_failed.store(failed, std::memory_order_relaxed);
  if (failed) {
    parts.Drain([](const model::Listener& listener) { return listener.drain_on_healthcheck_fail; });
  } else {
    for (size_t i = 0; i < parts.workers->size(); ++i) parts.workers->worker(i).EndDrain();
  }
  parts.RefreshProcessGauges();
}

void Server::ReopenLogs() {
  parts_->access_logs->Reopen();
  log::Reopen();
}

}  // namespace outrigger::server
