#include "source/server/worker_listener.h"

#include <algorithm>
#include <utility>

#include "source/net/raw_transport.h"
#include "source/observe/response_code_details.h"
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

namespace {

// Where an accepted socket is counted (AcceptedSocket::held).
enum Held : uint8_t { kInLoad = 1, kInListenerLimit = 2, kInProcessLimit = 4 };

constexpr Duration kPatience = seconds(60);  // with idle clients, in a gradual drain that lasts long enough

}  // namespace

WorkerListener::WorkerListener(upstream::WorkerContext& worker, size_t worker_index,
                               std::shared_ptr<const model::Listener> config, const DrainPlan& drain,
                               ListenerNeighbours neighbours)
    : worker_(worker),
      worker_index_(worker_index),
      config_(std::move(config)),
      neighbours_(std::move(neighbours)),
      stats_(&worker.stats().Get(config_->stats)),
      drain_(drain) {
  if (neighbours_.share == nullptr) return;
  listener_connections_.emplace(neighbours_.share->connections());
  if (const auto* scope = neighbours_.share->stats(worker_index)) worker_stats_ = &worker.stats().Get(*scope);
}

WorkerListener::~WorkerListener() {
  runs_.ForEach([this](net::ListenerFilterRun& run) {
    run.Unlink();
    Leave(run.socket().held);
    run.Cancel();
    worker_.dispatcher().DestroyLater(std::unique_ptr<event::Deferred>(&run));
  });
  CloseConnections();
}

void WorkerListener::Update(std::shared_ptr<const model::Listener> config, const ListenSockets& sockets,
                            const std::shared_ptr<const model::Snapshot>& before) {
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
  SetPaused(paused_);
  for (auto& old : kept) {
    if (old == nullptr) continue;
    old->Stop();
    worker_.dispatcher().DestroyLater(std::move(old));
  }
  connections_.ForEach([&before](DownstreamConnection& connection) { connection.Recheck(before); });
}

void WorkerListener::LoseSlot(std::shared_ptr<const model::Snapshot> before) {
  connections_.ForEach([&before](DownstreamConnection& connection) { connection.LoseListener(before); });
  if (!runs_.empty()) last_followed_ = std::move(before);
}

void WorkerListener::StopAccepting() {
  stopping_ = true;
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
  const MonotonicTime ask = DrainMoment(drain_ends_);
  connection.PlanDrain(ask, IdleMoment(ask, drain_ends_), drain_ends_);
}

MonotonicTime WorkerListener::IdleMoment(MonotonicTime ask, MonotonicTime end) const {
  return drain_.gradual && end > ask ? ask + std::min<Duration>(kPatience, (end - ask) / 2) : ask;
}

MonotonicTime WorkerListener::DrainMoment(MonotonicTime end) {
  const MonotonicTime now = worker_.dispatcher().now();
  // The last tenth is for those who were asked late: a busy client hears it with its next answer.
  const auto left = std::max<int64_t>(0, ToMillis(end - now) * 9 / 10);
  if (!drain_.gradual || left == 0) return now;
  return now + milliseconds(worker_.dispatcher().engine().RandomBits() % static_cast<uint64_t>(left));
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
  paused_ = paused;
  const bool now = paused && !config_->bypass_overload;
  for (auto& listener : listeners_) now ? listener->Pause() : listener->Resume();
}

void WorkerListener::OnLimitsScaled() {
  if (config_->bypass_overload) return;
  connections_.ForEach([](DownstreamConnection& connection) { connection.OnLimitsScaled(); });
}

void WorkerListener::FindHeavyStreams(uint64_t least, std::vector<model::DownstreamContext::HeavyStream>& out) {
  if (config_->bypass_overload) return;
  connections_.ForEach([&](DownstreamConnection& connection) { connection.FindHeavyStreams(least, out); });
}

bool WorkerListener::RefusedForOverload(net::AcceptedSocket& socket) {
  if (config_->bypass_overload) return false;
  const overload::State& state = worker_.facts().overload;
  event::Engine& engine = worker_.dispatcher().engine();
  if (!state.Asks(overload::Point::kRejectConnection, engine) &&
      !state.Sheds(overload::Point::kShedAccept, engine, worker_.stats())) {
    return false;
  }
  stats_->downstream_cx_overload_reject.Inc();
  Log(nullptr, http::LogEvent::kConnectionRefused, observe::details::kOverload, Duration::zero());
  net::CloseAccepted(engine, socket);
  return true;
}

// What a listener that stops still finds in its queue stays here: the others may have let go of it already.
bool WorkerListener::Keeps() const {
  if (stopping_ || neighbours_.peers == nullptr || neighbours_.share == nullptr) return true;
  return !config_->exact_balance && neighbours_.share->MayKeep(worker_index_);
}

void WorkerListener::OnAccepted(net::TcpListener& /*listener*/, net::AcceptedSocket socket) {
  if (Keeps()) return Adopt(std::move(socket));
  const size_t to = neighbours_.share->Choose(worker_index_);
  if (to == worker_index_) return AdoptHandedOver(std::move(socket));
  neighbours_.peers->HandOver(worker_index_, to, slot(), std::move(socket));
}

void WorkerListener::AdoptHandedOver(net::AcceptedSocket socket) {
  Adopt(std::move(socket));
  if (neighbours_.share != nullptr) neighbours_.share->Arrived(worker_index_);
}

bool WorkerListener::Admit(net::AcceptedSocket& socket) {
  if (RefusedForOverload(socket)) return false;
  SharedLimit::Lease* process = config_->ignore_global_conn_limit ? nullptr : neighbours_.process_connections;
  if (listener_connections_.has_value()) {
    if (!listener_connections_->TryAcquire()) {
      stats_->downstream_cx_overflow.Inc();
      Log(nullptr, http::LogEvent::kConnectionRefused, "listener_connection_limit", Duration::zero());
      net::CloseAccepted(worker_.dispatcher().engine(), socket);
      return false;
    }
    socket.held |= kInListenerLimit;
  }
  if (process != nullptr) {
    if (!process->TryAcquire()) {
      stats_->downstream_global_cx_overflow.Inc();
      Log(nullptr, http::LogEvent::kConnectionRefused, "global_connection_limit", Duration::zero());
      net::CloseAccepted(worker_.dispatcher().engine(), socket);
      Leave(std::exchange(socket.held, uint8_t{0}));
      return false;
    }
    socket.held |= kInProcessLimit;
  }
  socket.held |= kInLoad;
  CountLoad(1);
  return true;
}

void WorkerListener::Leave(uint8_t held) {
  if ((held & kInListenerLimit) != 0) listener_connections_->Release();
  if ((held & kInProcessLimit) != 0) neighbours_.process_connections->Release();
  if ((held & kInLoad) != 0) CountLoad(-1);
}

void WorkerListener::CountLoad(int64_t delta) {
  load_ += static_cast<uint64_t>(delta);
  if (neighbours_.share != nullptr) neighbours_.share->SetLoad(worker_index_, load_);
}

void WorkerListener::Adopt(net::AcceptedSocket socket) {
  if (!Admit(socket)) return;
  if (config_->filter_config_missing) {
    stats_->extension_config_missing.Inc();
    net::CloseAccepted(worker_.dispatcher().engine(), socket);
    return Leave(socket.held);
  }
  if (config_->listener_filters.empty()) return MakeConnection(std::move(socket));
  std::vector<std::unique_ptr<net::ListenerFilter>> filters;
  for (const model::ListenerFilterSpec& spec : config_->listener_filters)
    filters.push_back(spec.make(spec.config.get(), worker_));
  net::ListenerFilterRun::Options options;
  options.timeout = config_->listener_filters_timeout;
  options.continue_on_timeout = config_->continue_on_listener_filters_timeout;
  MakeRoomForRun();
  ++run_count_;
  stats_->downstream_pre_cx_active.Add(1);
  auto* run = new net::ListenerFilterRun(worker_.dispatcher(), std::move(socket), std::move(filters), options, *this);
  runs_.PushBack(*run);
  run->Start();
}

void WorkerListener::MakeRoomForRun() {
  while (config_->handshake_limit > 0 && run_count_ >= config_->handshake_limit) {
    net::ListenerFilterRun& oldest = runs_.PopFront();
    --run_count_;
    stats_->downstream_pre_cx_active.Sub(1);
    stats_->downstream_pre_cx_overflow.Inc();
    Log(nullptr, http::LogEvent::kConnectionRefused, "listener_filters_limit", Duration::zero());
    Leave(oldest.socket().held);
    oldest.Cancel();
    worker_.dispatcher().DestroyLater(std::unique_ptr<event::Deferred>(&oldest));
  }
}

void WorkerListener::MakeRoomForHandshake() {
  while (config_->handshake_limit > 0 && handshake_count_ >= config_->handshake_limit) {
    stats_->downstream_cx_handshake_overflow.Inc();
    handshakes_.front().GiveUpHandshake();  // leaves the list
  }
}

void WorkerListener::OnHandshakeOver(DownstreamConnection& connection) {
  auto& hook = static_cast<ListHook<HandshakeTag>&>(connection);
  if (!hook.linked()) return;
  hook.Unlink();
  --handshake_count_;
  stats_->downstream_cx_handshakes_active.Sub(1);
}

void WorkerListener::OnListenerFiltersDone(net::ListenerFilterRun& run, net::AcceptedSocket socket,
                                           net::ListenerFilterRun::Outcome outcome) {
  using Outcome = net::ListenerFilterRun::Outcome;
  run.Unlink();
  --run_count_;
  worker_.dispatcher().DestroyLater(std::unique_ptr<event::Deferred>(&run));
  stats_->downstream_pre_cx_active.Sub(1);
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
    case Outcome::kTurnedAway:  // the filter has counted it
      Log(nullptr, http::LogEvent::kConnectionRefused, run.refusal(), Duration::zero());
      break;
    case Outcome::kDone:
      break;
  }
  if (!net::ListenerFilterRun::HandedOver(outcome)) return Leave(socket.held);
  MakeConnection(std::move(socket));
}

void WorkerListener::MakeConnection(net::AcceptedSocket socket) {
  std::shared_ptr<const model::FilterChain> chain = ShareChain(*config_, socket.properties);
  if (chain == nullptr) {
    stats_->no_filter_chain_match.Inc();
    Log(nullptr, http::LogEvent::kConnectionRefused, "filter_chain_not_found", Duration::zero());
    net::CloseAccepted(worker_.dispatcher().engine(), socket);
    return Leave(socket.held);
  }
  if (chain->filter_config_missing) {
    stats_->network_extension_config_missing.Inc();
    net::CloseAccepted(worker_.dispatcher().engine(), socket);
    return Leave(socket.held);
  }
  if (chain->tls_unavailable) {  // its secret has not come: closed, never plaintext
    stats_->downstream_cx_transport_socket_connect_timeout.Inc();
    net::CloseAccepted(worker_.dispatcher().engine(), socket);
    return Leave(socket.held);
  }
  std::unique_ptr<net::Transport> transport;
  const bool shakes_hands = chain->tls != nullptr;
  if (shakes_hands) {
    MakeRoomForHandshake();
    transport = tls::MakeServerTransport({.context = chain->tls, .stats = &tls_stats_});
  } else {
    transport = std::make_unique<net::RawTransport>();
  }
  stats_->downstream_cx_total.Inc();
  stats_->downstream_cx_active.Add(1);
  if (worker_stats_ != nullptr) worker_stats_->downstream_cx_total.Inc(), worker_stats_->downstream_cx_active.Inc();
  const uint8_t held = socket.held;
  auto connection = std::make_unique<net::Connection>(worker_.dispatcher(), std::move(socket), std::move(transport));
  auto* made = new DownstreamConnection(*this, std::move(connection), std::move(chain), worker_.Pin());
  made->SetHeld(held);
  connections_.PushBack(*made);
  ++connection_count_;
  if (shakes_hands) {
    handshakes_.PushBack(*made);
    ++handshake_count_;
    stats_->downstream_cx_handshakes_active.Add(1);
  }
  if (draining_) PlanDrain(*made);
  made->Start();
  if (last_followed_ != nullptr) made->LoseListener(last_followed_);
}

void WorkerListener::OnConnectionGone(DownstreamConnection& connection, const net::CloseInfo& why, Duration length) {
  static_cast<ListHook<>&>(connection).Unlink();
  OnHandshakeOver(connection);
  --connection_count_;
  Leave(connection.held());
  if (worker_stats_ != nullptr) worker_stats_->downstream_cx_active.Dec();
  stats_->downstream_cx_destroy.Inc();
  stats_->downstream_cx_active.Sub(1);
  stats_->downstream_cx_length_ms.Record(static_cast<uint64_t>(ToMillis(length)));
  if (why.reason == net::CloseReason::kTransportFailed && absl::string_view(why.detail) == "handshake_timeout") {
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
