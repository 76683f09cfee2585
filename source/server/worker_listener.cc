#include "source/server/worker_listener.h"

#include <algorithm>
#include <utility>

#include "source/net/raw_transport.h"
#include "source/tls/tls_transport.h"

namespace outrigger::server {

const model::FilterChain* ChooseChain(const model::Listener& listener, const net::ConnectionProperties& properties) {
  const int index = listener.matcher.Find(properties);
  return index >= 0 ? listener.chains[index].get() : listener.default_chain.get();
}

std::shared_ptr<const model::FilterChain> ShareChain(const model::Listener& listener,
                                                     const net::ConnectionProperties& properties) {
  const int index = listener.matcher.Find(properties);
  return index >= 0 ? listener.chains[index] : listener.default_chain;
}

WorkerListener::WorkerListener(upstream::WorkerContext& worker, size_t worker_index,
                               std::shared_ptr<const model::Listener> config, const DrainPlan& drain,
                               SharedLimit::Lease* units)
    : worker_(worker),
      worker_index_(worker_index),
      units_(units),
      config_(std::move(config)),
      stats_(&worker.stats().Get(config_->stats)),
      drain_(drain) {}

WorkerListener::~WorkerListener() {
  runs_.ForEach([this](net::ListenerFilterRun& run) {
    run.Unlink();
    run.Cancel();
    worker_.dispatcher().DestroyLater(std::unique_ptr<event::Deferred>(&run));
  });
  CloseConnections();
  run_count_ = connection_count_ = 0;
  GiveBackUnits();
}

void WorkerListener::Update(std::shared_ptr<const model::Listener> config, const ListenSockets& sockets) {
  config_ = std::move(config);
  stats_ = &worker_.stats().Get(config_->stats);
  std::vector<std::unique_ptr<net::TcpListener>> kept;
  for (const auto& socket : sockets) {
    auto at = std::find_if(listeners_.begin(), listeners_.end(),
                           [&](const auto& l) { return l != nullptr && &l->socket() == socket.get(); });
    if (at != listeners_.end()) {
      kept.push_back(std::move(*at));
      continue;
    }
    kept.push_back(std::make_unique<net::TcpListener>(worker_.dispatcher(), socket, worker_index_,
                                                      config_->max_accepts_per_event, *this));
    kept.back()->Start();
  }
  std::swap(listeners_, kept);
  for (auto& old : kept) {
    if (old == nullptr) continue;
    old->Stop();
    worker_.dispatcher().DestroyLater(std::move(old));
  }
  connections_.ForEach([](DownstreamConnection& connection) { connection.Recheck(); });
}

void WorkerListener::StopAccepting() {
  for (auto& listener : listeners_) {
    listener->Stop();
    worker_.dispatcher().DestroyLater(std::move(listener));
  }
  listeners_.clear();
}

bool WorkerListener::Watches(const ListenSockets& sockets) const {
  return std::equal(sockets.begin(), sockets.end(), listeners_.begin(), listeners_.end(),
                    [](const auto& socket, const auto& listener) { return socket.get() == &listener->socket(); });
}

void WorkerListener::BeginDrain(const DrainPlan& plan) {
  draining_ = true;
  drain_ = plan;
  drain_ends_ = worker_.dispatcher().now() + plan.time;
  connections_.ForEach([this](DownstreamConnection& connection) { PlanDrain(connection); });
}

void WorkerListener::EndDrain() {
  draining_ = false;
  connections_.ForEach([](DownstreamConnection& connection) { connection.ForgetDrain(); });
}

void WorkerListener::PlanDrain(DownstreamConnection& connection) {
  const MonotonicTime now = worker_.dispatcher().now();
  const auto left = std::max<int64_t>(0, ToMillis(drain_ends_ - now));
  MonotonicTime ask = now;
  if (drain_.gradual && left > 0) {
    ask += milliseconds(worker_.dispatcher().engine().RandomBits() % static_cast<uint64_t>(left));
  }
  connection.PlanDrain(ask, drain_ends_);
}

void WorkerListener::OnSecond() {
  const MonotonicTime now = worker_.dispatcher().now();
  connections_.ForEach([now](DownstreamConnection& connection) {
    if (connection.drain_due() <= now) connection.OnDrainDue(now);
  });
}

void WorkerListener::CloseConnections() {
  while (!connections_.empty()) connections_.front().CloseNow();
}

void WorkerListener::SetPaused(bool paused) {
  for (auto& listener : listeners_) paused ? listener->Pause() : listener->Resume();
}

void WorkerListener::OnAccepted(net::TcpListener& /*listener*/, net::AcceptedSocket socket) {
  Adopt(std::move(socket));
}

bool WorkerListener::TakeUnit() {
  if (units_ == nullptr || config_->ignore_global_conn_limit) return true;
  if (!units_->TryAcquire()) return false;
  ++units_held_;
  return true;
}

void WorkerListener::GiveBackUnits() {
  for (; units_held_ > run_count_ + connection_count_; --units_held_) units_->Release();
}

void WorkerListener::Adopt(net::AcceptedSocket socket) {
  if (!TakeUnit()) {
    stats_->downstream_global_cx_overflow.Inc();
    return net::CloseAccepted(worker_.dispatcher().engine(), socket);
  }
  if (config_->listener_filters.empty()) {
    MakeConnection(std::move(socket));
    return GiveBackUnits();
  }
  std::vector<std::unique_ptr<net::ListenerFilter>> filters;
  for (const model::ListenerFilterSpec& spec : config_->listener_filters)
    filters.push_back(spec.make(spec.config.get(), worker_));
  net::ListenerFilterRun::Options options;
  options.timeout = config_->listener_filters_timeout;
  options.continue_on_timeout = config_->continue_on_listener_filters_timeout;
  stats_->downstream_pre_cx_active.Add(1);
  ++run_count_;
  auto* run = new net::ListenerFilterRun(worker_.dispatcher(), std::move(socket), std::move(filters), options, *this);
  runs_.PushBack(*run);
  run->Start();
}

void WorkerListener::OnListenerFiltersDone(net::ListenerFilterRun& run, net::AcceptedSocket socket,
                                           net::ListenerFilterRun::Outcome outcome) {
  using Outcome = net::ListenerFilterRun::Outcome;
  run.Unlink();
  worker_.dispatcher().DestroyLater(std::unique_ptr<event::Deferred>(&run));
  stats_->downstream_pre_cx_active.Sub(1);
  --run_count_;
  switch (outcome) {
    case Outcome::kTimedOut:
    case Outcome::kTimeout:
      stats_->downstream_pre_cx_timeout.Inc();
      break;
    case Outcome::kPeerClosed:
      stats_->downstream_listener_filter_remote_close.Inc();
      break;
    case Outcome::kError:
    case Outcome::kRefused:
      stats_->downstream_listener_filter_error.Inc();
      break;
    case Outcome::kDone:
      break;
  }
  if (net::ListenerFilterRun::HandedOver(outcome)) MakeConnection(std::move(socket));
  GiveBackUnits();
}

void WorkerListener::MakeConnection(net::AcceptedSocket socket) {
  std::shared_ptr<const model::FilterChain> chain = ShareChain(*config_, socket.properties);
  if (chain == nullptr) {
    stats_->no_filter_chain_match.Inc();
    Log(nullptr, http::LogEvent::kConnectionRefused, "filter_chain_not_found", Duration::zero());
    net::CloseAccepted(worker_.dispatcher().engine(), socket);
    return;
  }
  if (chain->tls_unavailable) {  // its secret has not come: closed, never plaintext
    stats_->downstream_cx_transport_socket_connect_timeout.Inc();
    net::CloseAccepted(worker_.dispatcher().engine(), socket);
    return;
  }
  std::unique_ptr<net::Transport> transport;
  if (chain->tls != nullptr) {
    transport = tls::MakeServerTransport({.context = chain->tls, .stats = &tls_stats_});
  } else {
    transport = std::make_unique<net::RawTransport>();
  }
  stats_->downstream_cx_total.Inc();
  stats_->downstream_cx_active.Add(1);
  auto connection = std::make_unique<net::Connection>(worker_.dispatcher(), std::move(socket), std::move(transport));
  auto* made = new DownstreamConnection(*this, std::move(connection), std::move(chain), worker_.Pin());
  connections_.PushBack(*made);
  ++connection_count_;
  if (draining_) PlanDrain(*made);
  made->Start();
}

void WorkerListener::OnConnectionGone(DownstreamConnection& connection, const net::CloseInfo& why, Duration length) {
  connection.Unlink();
  --connection_count_;
  GiveBackUnits();
  stats_->downstream_cx_destroy.Inc();
  stats_->downstream_cx_active.Sub(1);
  stats_->downstream_cx_length_ms.Record(static_cast<uint64_t>(ToMillis(length)));
  if (why.reason == net::CloseReason::kTransportFailed && connection.connection().failure().code != nullptr &&
      absl::string_view(connection.connection().failure().code) == "handshake_timeout") {
    stats_->downstream_cx_transport_socket_connect_timeout.Inc();
  }
  FoldTlsStats();
  Log(&connection.connection(), http::LogEvent::kTcpConnectionEnd, why.detail, length);
}

void WorkerListener::Log(net::Connection* connection, http::LogEvent event, absl::string_view detail, Duration length) {
  if (config_->access_logs.empty()) return;
  event::Dispatcher& dispatcher = worker_.dispatcher();
  http::StreamInfo info;
  info.done = dispatcher.now();
  info.start = info.done - length;
  info.start_wall = dispatcher.wall_now() - length;
  info.termination = detail;
  info.listener_metadata = &config_->metadata;
  if (connection != nullptr) {
    info.bytes_received = info.wire_bytes_received = connection->stats().bytes_read;
    info.bytes_sent = info.wire_bytes_sent = connection->stats().bytes_written;
  }
  http::AccessLogRecord record;
  record.info = &info;
  record.downstream = connection;
  record.dispatcher = &dispatcher;
  record.random = dispatcher.engine().RandomBits();
  record.event = event;
  for (const auto& log : config_->access_logs) log->Log(worker_.stats(), record);
}

void WorkerListener::Dump(DumpWriter& out) const {
  out.Open("listener");
  out.Field("name", config_->name);
  out.Field("accepting", accepting());
  out.Field("connections", connection_count_);
  const_cast<IntrusiveList<DownstreamConnection>&>(connections_).ForEach([&out](DownstreamConnection& c) {
    c.Dump(out);
  });
  out.Close();
}

}  // namespace outrigger::server
