#include "source/upstream/endpoint_pool.h"

#include <algorithm>
#include <utility>

#include "source/base/bug.h"
#include "source/net/raw_transport.h"
#include "source/tls/tls_transport.h"
#include "source/upstream/pooled_connection.h"
#include "source/upstream/worker_context.h"

namespace outrigger::upstream {

using http::ResetReason;
using model::UpstreamProtocol;

StreamRequest::~StreamRequest() { Cancel(); }
void StreamRequest::Cancel() {
  if (pool_ != nullptr) pool_->Cancel(*this);
}
TcpRequest::~TcpRequest() {
  if (dedicated_ != nullptr) dedicated_->Release(/*connection_lives=*/false);  // its owner's members are gone by now
}
void TcpRequest::Cancel() {
  if (dedicated_ != nullptr) dedicated_->Release(/*connection_lives=*/true);
}

EndpointPool::EndpointPool(LiveEndpoint& endpoint, PoolKey key)
    : endpoint_(endpoint), books_(endpoint.books), key_(std::move(key)) {}

EndpointPool::~EndpointPool() {
  while (!pending_.empty()) Cancel(pending_.front());
  while (!dedicated_.empty()) dedicated_.front().Release(false);
  for (auto& place : places_) {
    while (!place.empty()) delete &place.front();
  }
}

bool EndpointPool::has_connections() const {
  return !places_[kConnecting].empty() || !places_[kIdle].empty() || !places_[kPartFilled].empty() ||
         !places_[kFull].empty();
}

bool EndpointPool::only_idle() const {
  return pending_count_ == 0 && places_[kConnecting].empty() && places_[kPartFilled].empty() &&
         places_[kFull].empty() && !places_[kIdle].empty() && const_cast<EndpointPool*>(this)->dedicated_.empty();
}

bool EndpointPool::empty() const {
  return pending_count_ == 0 && !has_connections() && places_[kDraining].empty() &&
         const_cast<EndpointPool*>(this)->dedicated_.empty();
}

// --- requests ---

PooledConnection* EndpointPool::Ready() {
  if (pending_fresh_ > 0 && !places_[kIdle].empty() && places_[kIdle].front().requests_ == 0) {
    return &places_[kIdle].front();
  }
  if (!places_[kPartFilled].empty()) return &places_[kPartFilled].front();
  while (!places_[kIdle].empty()) {
    PooledConnection& connection = places_[kIdle].front();
    if (!connection.outlived()) return &connection;
    connection.ListHook<event::Timeout>::Unlink();
    connection.OnTimeout();
  }
  return nullptr;
}

void EndpointPool::Request(StreamRequest& request, const StreamOptions& options) {
  const bool dedicated = options.dedicated && key_.protocol != UpstreamProtocol::kHttp2;
  if (!options.fresh && pending_count_ == pending_fresh_) {
    while (PooledConnection* connection = Ready()) {
      if (Attach(*connection, request, dedicated)) return;
    }
  }
  if (!has_connections() && ShedsConnection()) {
    return Fail(request, {ResetReason::kOverflow, "", "connection_shed_for_overload"});
  }
  Breaker& limits = breaker();
  if (!limits.pending.TryAcquire()) {
    books_.stats->upstream_rq_pending_overflow.Inc();
    return Fail(request, {ResetReason::kOverflow, "", "pending_overflow"});
  }
  limits.CountActive();
  ++pending_count_;
  ++books_.waiting;
  request.pool_ = this;
  request.dedicated_ = dedicated;
  request.fresh_ = options.fresh;
  pending_fresh_ += options.fresh ? 1 : 0;
  pending_.PushBack(request);
  books_.stats->upstream_rq_pending_total.Inc();
  books_.stats->upstream_rq_pending_active.Inc();
  OpenWhatIsNeeded();
}

// Leaves the queue, and what the queue counted.
void EndpointPool::Cancel(StreamRequest& request) {
  request.pool_ = nullptr;
  static_cast<ListHook<StreamRequest>&>(request).Unlink();
  --pending_count_;
  if (std::exchange(request.fresh_, false)) --pending_fresh_;
  --books_.waiting;
  breaker().pending.Release();
  breaker().UncountActive();
  books_.stats->upstream_rq_pending_active.Dec();
  if (empty()) OnConnectionGone();
}

void EndpointPool::Fail(StreamRequest& request, const PoolFailure& failure) { request.OnStreamFailed(failure); }

// True: the request is dealt with (it has its stream, or failed). False: this connection takes none, try another.
bool EndpointPool::Attach(PooledConnection& connection, StreamRequest& request, bool dedicated) {
  Breaker& limits = breaker();
  if (!limits.requests.TryAcquire()) {
    books_.stats->upstream_rq_pending_overflow.Inc();
    if (request.pool_ != nullptr) Cancel(request);
    Fail(request, {ResetReason::kOverflow, "", "requests_overflow"});
    return true;
  }
  http::StreamSender* sender = connection.NewStream(request.receiver());
  if (sender == nullptr) {
    limits.requests.Release();
    connection.Retire();
    return false;
  }
  if (request.pool_ != nullptr) Cancel(request);  // it waits no longer
  limits.CountActive();
  ++endpoint_.active;
  books_.stats->upstream_rq_total.Inc();
  books_.stats->upstream_rq_active.Inc();
  endpoint_.cells.rq_total.Inc();
  endpoint_.cells.rq_active.Inc();
  if (dedicated || for_good_) connection.retired_ = true;
  Settle(connection);
  ConnectionFacts facts;
  facts.connection = connection.connection_.get();
  facts.endpoint = endpoint_.record.get();
  facts.protocol = connection.session_->protocol();
  facts.reused = connection.requests_ > 1;
  facts.connect_start = connection.account_.connect_start;
  facts.connect_done = connection.account_.connect_done;
  request.OnStreamReady(*sender, facts);
  return true;
}

void EndpointPool::ServePending() {
  if (serving_) {
    serve_again_ = true;
    return;
  }
  serving_ = true;
  do {
    serve_again_ = false;
    while (!pending_.empty()) {
      PooledConnection* connection = Ready();
      StreamRequest* next = connection != nullptr ? FirstFor(*connection) : nullptr;
      if (next == nullptr) break;
      Attach(*connection, *next, next->dedicated_);
    }
  } while (serve_again_);
  serving_ = false;
  OpenWhatIsNeeded();
}

// Who waits longest of those that may use it.
StreamRequest* EndpointPool::FirstFor(const PooledConnection& connection) {
  if (connection.requests_ == 0 || pending_fresh_ == 0) return &pending_.front();
  StreamRequest* found = nullptr;
  pending_.ForEach([&](StreamRequest& request) {
    if (found == nullptr && !request.fresh_) found = &request;
  });
  return found;
}

// No connection may be opened: those that are idle make room for a fresh one, and where that does not help, any will
// do.
void EndpointPool::LetFreshHaveAny() {
  if (!places_[kIdle].empty()) return places_[kIdle].back().Retire();  // its end comes back here
  pending_.ForEach([this](StreamRequest& request) { pending_fresh_ -= std::exchange(request.fresh_, false) ? 1 : 0; });
  books_.worker.dispatcher().AtEndOfTurn(*this);
}

void EndpointPool::OnEndOfTurn() { ServePending(); }

void EndpointPool::FailPending(const PoolFailure& failure) {
  // A request that is made again meanwhile is a new one.
  IntrusiveList<StreamRequest, StreamRequest> failed;
  while (!pending_.empty()) failed.PushBack(pending_.front());
  while (!failed.empty()) {
    StreamRequest& request = failed.front();
    Cancel(request);
    books_.stats->upstream_rq_pending_failure_eject.Inc();
    Fail(request, failure);
  }
}

// --- connections ---

uint32_t EndpointPool::AssumedStreams() const {
  const bool http2 =
      key_.protocol == UpstreamProtocol::kHttp2 || (key_.protocol == UpstreamProtocol::kAuto && spoke_http2_);
  if (!http2) return 1;
  const uint32_t most = books_.config->settings->max_requests_per_connection;
  const uint32_t streams = std::max<uint32_t>(books_.config->settings->http2.max_concurrent_streams, 1);
  return most == 0 ? streams : std::min(streams, most);
}

// Requests that are cancelled while they wait cost no connection: those that are being made serve whoever waits then.
// As many at once as there are, so that their number may double in the time that one takes, and a crowd that comes and
// goes does not flood the host's queue of newcomers.
uint32_t EndpointPool::MostConnecting() const {
  return std::clamp<uint32_t>(connections_ - connecting_, kConnectingAtLeast, kConnectingAtMost);
}

void EndpointPool::NoLongerConnecting(const PooledConnection& connection) {
  connecting_streams_ -= connection.assumed_streams_;
  --connecting_;
}

void EndpointPool::OpenWhatIsNeeded() {
  while (pending_count_ > connecting_streams_ && connecting_ < MostConnecting()) {
    if (Open()) continue;
    if (pending_fresh_ > 0) LetFreshHaveAny();
    return;
  }
}

bool EndpointPool::ShedsConnection() {
  WorkerContext& worker = books_.worker;
  return worker.facts().overload.Sheds(overload::Point::kShedPool, worker.dispatcher().engine(), worker.stats());
}

// One connection per pool is always allowed, so that one endpoint's connections cannot starve another's requests for
// ever.
bool EndpointPool::MayOpen(bool* leased, bool* host_leased, bool force_first) {
  if (has_connections() && ShedsConnection()) return false;
  const bool first = force_first && !has_connections();
  if (books_.config->settings->per_host_max_connections > 0) {
    *host_leased = endpoint_.host_connections.TryAcquire();
    if (!*host_leased && !first) {
      books_.stats->upstream_cx_overflow.Inc();
      return false;
    }
  }
  *leased = breaker().connections.TryAcquire();
  if (*leased) return true;
  books_.stats->upstream_cx_overflow.Inc();
  if (first) return true;
  if (std::exchange(*host_leased, false)) endpoint_.host_connections.Release();
  return false;
}

bool EndpointPool::Open() {
  bool leased = false, host_leased = false;
  if (!MayOpen(&leased, &host_leased, true)) return false;
  const uint32_t streams = AssumedStreams();
  auto* made = new PooledConnection(*this, leased, host_leased, streams);
  connecting_streams_ += streams;
  ++connecting_;
  ++connections_;
  places_[kConnecting].PushBack(*made);
  made->Start(Connect(endpoint_.left_with != nullptr ? *endpoint_.left_with : *books_.config));
  return true;
}

std::unique_ptr<net::Connection> EndpointPool::Connect(const model::ClusterConfig& config) const {
  net::Connection::ConnectOptions options;
  options.remote = endpoint_.record->address();
  options.bind_to = config.settings->bind_to;
  options.timeout = config.settings->connect_timeout;
  options.keepalive = config.settings->keepalive;
  options.socket_options = &config.settings->socket_options;
  return net::Connection::Connect(books_.worker.dispatcher(), options, MakeTransport(config));
}

std::unique_ptr<net::Transport> EndpointPool::MakeTransport(const model::ClusterConfig& config) const {
  static const auto* const kHttp1Only = new std::vector<std::string>{"http/1.1"};
  static const auto* const kHttp2Only = new std::vector<std::string>{"h2"};
  static const auto* const kBoth = new std::vector<std::string>{"h2", "http/1.1"};
  const size_t index = endpoint_.transport < 0 ? 0 : static_cast<size_t>(endpoint_.transport);
  if (index >= config.transports->size() || (*config.transports)[index].tls == nullptr)
    return std::make_unique<net::RawTransport>();
  const tls::ClientContext& context = *(*config.transports)[index].tls;
  tls::ClientTransportOptions options;
  options.context = (*config.transports)[index].tls;
  if (config.settings->auto_sni) options.sni = key_.server_name;
  if (context.auto_host_sni() && !endpoint_.record->hostname().empty())
    options.sni = std::string(endpoint_.record->hostname());
  if (config.settings->auto_san_validation) options.verify_dns = key_.server_name;
  if (context.alpn().empty()) {
    options.alpn = key_.protocol == UpstreamProtocol::kHttp2  ? kHttp2Only
                   : key_.protocol == UpstreamProtocol::kAuto ? kBoth
                                                              : kHttp1Only;
  }
  options.sessions = &books_.worker.tls_sessions();
  options.endpoint = endpoint_.record->address_text();
  options.stats = &books_.tls;
  return tls::MakeClientTransport(options);
}

void EndpointPool::Settle(PooledConnection& connection) {
  if (connection.gone_) return;
  Place to = kConnecting;
  if (connection.session_ != nullptr) {
    if (connection.retired_ || connection.going_away_ || connection.session_->draining()) {
      to = kDraining;
    } else if (connection.session_->accepts_streams()) {
      to = connection.session_->active_streams() == 0 ? kIdle : kPartFilled;
    } else {
      to = kFull;
    }
  }
  if (to == connection.place_) return;
  if (connection.place_ == kConnecting) NoLongerConnecting(connection);
  if (connection.place_ == kIdle) connection.ListHook<event::Timeout>::Unlink();
  connection.place_ = to;
  places_[to].PushFront(connection);
  if (to == kIdle) connection.BeginIdle();
}

void EndpointPool::OnConnectionGone() {
  event::Dispatcher& dispatcher = books_.worker.dispatcher();
  if (pending_count_ > 0) dispatcher.AtEndOfTurn(*this);
  if (empty()) endpoint_.reaper.ReapLater(endpoint_);
}

void EndpointPool::Drain(bool for_good) {
  for_good_ = for_good;
  const bool keep_connecting = for_good && pending_count_ > 0;  // they still serve those who wait
  for (Place place : {kConnecting, kIdle, kPartFilled, kFull}) {
    if (place == kConnecting && keep_connecting) continue;
    places_[place].ForEach([](PooledConnection& connection) { connection.Retire(); });
  }
}

// --- TCP ---

void EndpointPool::Request(TcpRequest& request) {
  Breaker& limits = breaker();
  if (!limits.pending.TryAcquire()) {
    books_.stats->upstream_rq_pending_overflow.Inc();
    return request.OnTcpFailed({ResetReason::kOverflow, "", "pending_overflow"});
  }
  bool leased = false, host_leased = false;
  if (!MayOpen(&leased, &host_leased, false)) {
    limits.pending.Release();
    return request.OnTcpFailed({ResetReason::kOverflow, "", "connections_overflow"});
  }
  ++books_.waiting;
  books_.stats->upstream_rq_pending_total.Inc();
  books_.stats->upstream_rq_pending_active.Inc();
  auto* made = new DedicatedConnection(*this, request, leased, host_leased);
  request.dedicated_ = made;
  dedicated_.PushBack(*made);
  made->Start(Connect(endpoint_.left_with != nullptr ? *endpoint_.left_with : *books_.config));
}

void EndpointPool::CloseDedicated() {
  dedicated_.ForEach([](DedicatedConnection& connection) { connection.Close(); });
}

void EndpointPool::Dump(DumpWriter& out) const {
  out.Open("pool");
  out.Field("priority", static_cast<int>(key_.priority)).Field("protocol", static_cast<int>(key_.protocol));
  out.Field("server_name", key_.server_name).Field("pending", pending_count_);
  for (auto& place : places_) place.ForEach([&](PooledConnection& connection) { connection.Dump(out); });
  out.Close();
}

// --- LiveEndpoint ---

LiveEndpoint::LiveEndpoint(ClusterBooks& of_books, Reaper& of_reaper, model::EndpointRef of_record,
                           int32_t of_transport)
    : books(of_books),
      reaper(of_reaper),
      record(std::move(of_record)),
      cells(record->CellsOf(books.worker.index())),
      transport(of_transport),
      host_connections(record->connections()) {}

LiveEndpoint::~LiveEndpoint() = default;

EndpointPool* LiveEndpoint::Pool(model::RoutingPriority priority, UpstreamProtocol protocol,
                                 absl::string_view server_name) {
  for (const auto& pool : pools_) {
    const PoolKey& key = pool->key();
    if (key.priority == priority && key.protocol == protocol && key.server_name == server_name) return pool.get();
  }
  if (pools_.size() >= kMostPools && !MakeRoom()) return nullptr;
  pools_.push_back(std::make_unique<EndpointPool>(*this, PoolKey{priority, protocol, std::string(server_name)}));
  return pools_.back().get();
}

// Names may come from clients (auto_sni): a pool that carries nothing makes room, or a client could use them all up.
bool LiveEndpoint::MakeRoom() {
  if (pools_.size() >= 2 * kMostPools) return false;  // many in one turn: those that leave are still here
  for (const auto& pool : pools_) {
    if (pool->key().server_name.empty() || !pool->only_idle()) continue;
    pool->Drain(false);
    return true;
  }
  return false;
}

void LiveEndpoint::Drain(bool for_good) {
  for (const auto& pool : pools_) pool->Drain(for_good);
}

void LiveEndpoint::Revive() {
  for (const auto& pool : pools_) pool->Revive();
}

void LiveEndpoint::CloseDedicated() {
  for (const auto& pool : pools_) pool->CloseDedicated();
}

bool LiveEndpoint::Reap(bool everything) {
  pools_.erase(std::remove_if(pools_.begin(), pools_.end(),
                              [&](const std::unique_ptr<EndpointPool>& pool) {
                                return pool->empty() && (everything || !pool->key().server_name.empty());
                              }),
               pools_.end());
  return pools_.empty();
}

void LiveEndpoint::Dump(DumpWriter& out) const {
  out.Open(record->address_text());
  out.Field("active", active).Field("present", present ? 1 : 0);
  for (const auto& pool : pools_) pool->Dump(out);
  out.Close();
}

}  // namespace outrigger::upstream
