#include "source/server/server.h"

#include <utility>

#include "source/base/bug.h"
#include "source/base/log.h"
#include "source/server/server_parts.h"

namespace outrigger::server {

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() = default;

Server::Parts::~Parts() {
  *self = nullptr;
  for (event::Timer* timer : {&stats_timer, &drain_timer, &stop_timer}) timer->Disarm();
  // What still lives on a loop dies while everything it refers to is there: workers first, they may still post to main;
  // then main's own.
  dynamic.reset();
  if (workers != nullptr) workers->Stop();
  admin.reset();
  Turns();
  files.reset();
  dns.reset();
  watchdog.reset();
  overload_watch.reset();
  workers.reset();
  for (event::Timer* timer : {&stats_timer, &drain_timer, &stop_timer}) OUTRIGGER_DCHECK(!timer->armed());
  sockets.reset();
  context.reset();
  builder.reset();
  Turns();
}

void Server::Parts::Turns() {
  for (int i = 0; i < 4; ++i) dispatcher->RunOnce(Duration::zero());
}

int Server::Run() {
  Parts& parts = *parts_;
  parts.dispatcher->Run();
  parts.workers->Stop();
  parts.access_logs->Flush();
  OUTRIGGER_LOG(kInfo, kMain, "ended");
  log::Flush();
  return parts.exit_code;
}

config::SnapshotBuilder& Server::builder() { return *parts_->builder; }
Server::State Server::state() const {
  return parts_->state == State::kLive && parts_->health_check_failed ? State::kDraining : parts_->state;
}
const Options& Server::options() const { return parts_->options; }
const envoy::config::bootstrap::v3::Bootstrap& Server::bootstrap() const { return *parts_->loaded->bootstrap; }
event::Dispatcher& Server::dispatcher() { return *parts_->dispatcher; }
upstream::WorkerContext& Server::context() { return *parts_->context; }
observe::StatsRegistry& Server::stats() { return parts_->stats; }
observe::AccessLogFiles& Server::access_logs() { return *parts_->access_logs; }
WorkerSet& Server::workers() { return *parts_->workers; }
ListenerSockets& Server::sockets() { return *parts_->sockets; }
AdminPages& Server::admin() { return parts_->pages; }
net::Address Server::admin_address() const {
  return parts_->admin == nullptr ? net::Address() : parts_->admin->address();
}
MonotonicTime Server::started() const { return parts_->started; }
WallTime Server::started_wall() const { return parts_->started_wall; }
void Server::ForEachDynamicResource(const std::function<void(const DynamicResource&)>& f) const {
  if (parts_->dynamic != nullptr) parts_->dynamic->ForEachResource(f);
}
LastGoodView Server::last_good() const {
  return parts_->dynamic != nullptr ? parts_->dynamic->last_good() : LastGoodView();
}
const Surroundings& Server::surroundings() const { return parts_->around; }
const DynamicConfiguration* Server::dynamic() const { return parts_->dynamic.get(); }
void Server::RefreshGauges() { parts_->RefreshGauges(); }

}  // namespace outrigger::server
