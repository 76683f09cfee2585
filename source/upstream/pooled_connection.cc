#include "source/upstream/pooled_connection.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/upstream/worker_context.h"

namespace outrigger::upstream {

using net::CloseReason;

std::string ConnectFailureText(const net::Connection& connection, const net::CloseInfo& why) {
  if (const net::TransportFailure& failure = connection.failure(); failure.code[0] != '\0') {
    return failure.text.empty() ? failure.code : failure.text;
  }
  if (why.error != 0) return absl::StrCat("delayed connect error: ", std::generic_category().message(why.error));
  return why.reason == CloseReason::kConnectTimeout ? "" : why.detail;
}

namespace {
// The configured source address was not to be had: only binding fails with these.
void CountBindError(const ClusterBooks& books, const net::CloseInfo& why) {
  if (books.config->settings->bind_to.kind() == net::Address::Kind::kNone) return;
  if (why.error == EADDRNOTAVAIL || why.error == EADDRINUSE) books.stats->bind_errors.Inc();
}
}  // namespace

// --- the account ---

ConnectionAccount::ConnectionAccount(EndpointPool& pool, bool leased, bool host_leased)
    : config(pool.books().config),
      record(pool.endpoint().record),
      connect_start(pool.books().worker.dispatcher().now()),
      endpoint_(pool.endpoint()),
      breaker_(pool.breaker()),
      leased_(leased),
      host_leased_(host_leased) {
  ++endpoint_.books.connections;
  endpoint_.books.stats->upstream_cx_total.Inc();
  endpoint_.books.stats->upstream_cx_active.Inc();
  endpoint_.cells.cx_total.Inc();
  endpoint_.cells.cx_active.Inc();
}

ConnectionAccount::~ConnectionAccount() {
  if (open_) GiveBack();
}

void ConnectionAccount::GiveBack() {
  open_ = false;
  --endpoint_.books.connections;
  endpoint_.books.stats->upstream_cx_active.Dec();
  endpoint_.cells.cx_active.Dec();
  if (leased_) breaker_.connections.Release();
  if (host_leased_) endpoint_.host_connections.Release();
}

void ConnectionAccount::Watch(net::Connection& connection) {
  observe::ClusterStats& stats = *endpoint_.books.stats;
  connection.SetWriteLimits(config->settings->buffer_limit);
  connection.SetBufferGauges(stats.upstream_cx_rx_bytes_buffered, stats.upstream_cx_tx_bytes_buffered);
}

void ConnectionAccount::OnConnected(MonotonicTime now) {
  connect_done = now;
  endpoint_.books.stats->upstream_cx_connect_ms.Record(static_cast<uint64_t>(ToMillis(now - connect_start)));
  endpoint_.books.Fold();  // the handshake
}

void ConnectionAccount::CountBytes(const net::Connection& connection) {
  const net::Connection::Stats& now = connection.stats();
  endpoint_.books.stats->upstream_cx_rx_bytes_total.Add(now.bytes_read - std::exchange(bytes_read_, now.bytes_read));
  endpoint_.books.stats->upstream_cx_tx_bytes_total.Add(now.bytes_written -
                                                        std::exchange(bytes_written_, now.bytes_written));
}

void ConnectionAccount::OnClosed(const net::Connection* connection, const net::CloseInfo& why,
                                 bool with_active_request) {
  if (!open_) return;
  observe::ClusterStats& stats = *endpoint_.books.stats;
  if (connection != nullptr) CountBytes(*connection);
  endpoint_.books.Fold();
  const bool by_us = why.reason == CloseReason::kLocal || why.reason == CloseReason::kLocalAbort ||
                     why.reason == CloseReason::kIdleTimeout || why.reason == CloseReason::kWriteStalled ||
                     why.reason == CloseReason::kConnectTimeout;
  stats.upstream_cx_destroy.Inc();
  (by_us ? stats.upstream_cx_destroy_local : stats.upstream_cx_destroy_remote).Inc();
  if (with_active_request) {
    stats.upstream_cx_destroy_with_active_rq.Inc();
    (by_us ? stats.upstream_cx_destroy_local_with_active_rq : stats.upstream_cx_destroy_remote_with_active_rq).Inc();
  }
  if (connect_done != MonotonicTime{}) {
    stats.upstream_cx_length_ms.Record(
        static_cast<uint64_t>(ToMillis(endpoint_.books.worker.dispatcher().now() - connect_done)));
  }
  GiveBack();
}

// --- pooled ---

PooledConnection::PooledConnection(EndpointPool& pool, bool leased, bool host_leased, uint32_t assumed_streams)
    : pool_(pool), account_(pool, leased, host_leased), assumed_streams_(assumed_streams) {}

PooledConnection::~PooledConnection() {
  closed_ = true;
  if (streams_ > 0) SyncStreams();
}

void PooledConnection::Start(std::unique_ptr<net::Connection> connection) {
  connection_ = std::move(connection);
  account_.Watch(*connection_);
  connection_->SetHandler(this);
}

bool PooledConnection::SpeaksHttp2() const {
  switch (pool_.key().protocol) {
    case model::UpstreamProtocol::kHttp2:
      return true;
    case model::UpstreamProtocol::kAuto:
      return connection_->transport().alpn() == "h2";
    default:
      return false;
  }
}

void PooledConnection::OnConnected() {
  ClusterBooks& books = pool_.books();
  event::Dispatcher& dispatcher = books.worker.dispatcher();
  const model::ClusterConfig& config = *account_.config;
  account_.OnConnected(dispatcher.now());
  const bool http2 = SpeaksHttp2();
  pool_.spoke_http2_ = http2;
  if (http2) {
    books.stats->upstream_cx_http2_total.Inc();
    session_ = http::MakeHttp2Client(*connection_, *this, config.settings->codec, config.settings->http2, books.http2);
  } else {
    books.stats->upstream_cx_http1_total.Inc();
    session_ = http::MakeHttp1Client(*connection_, *this, config.settings->codec, config.settings->http1, books.http1);
  }
  if (config.settings->max_connection_duration > Duration::zero()) {
    longest_life_ = std::make_unique<event::Timer>([this] { OnLongestLife(); });
    dispatcher.Arm(*longest_life_, config.settings->max_connection_duration);
  }
  connection_->SetHandler(session_.get());
  session_->OnConnected();
  if (gone_) return;
  pool_.Settle(*this);
  pool_.ServePending();
  if (pool_.for_good_) Retire();
}

void PooledConnection::OnData(Buffer& input, bool /*end*/) { input.Clear(); }  // there is a session before any data

void PooledConnection::OnClosed(const net::CloseInfo& why) {
  if (!gone_) ConnectFailed(why);
}

void PooledConnection::ConnectFailed(const net::CloseInfo& why) {
  closed_ = true;
  const bool given_up = why.reason == CloseReason::kLocal || why.reason == CloseReason::kLocalAbort;
  observe::ClusterStats& stats = *pool_.books().stats;
  if (!given_up) {
    stats.upstream_cx_connect_fail.Inc();
    pool_.endpoint().cells.cx_connect_fail.Inc();
    if (why.reason == CloseReason::kConnectTimeout) stats.upstream_cx_connect_timeout.Inc();
    CountBindError(pool_.books(), why);
  }
  account_.OnClosed(connection_.get(), why, false);
  EndpointPool& pool = pool_;
  const std::string text = given_up ? "" : ConnectFailureText(*connection_, why);
  Leave();
  if (given_up) return;
  const auto reason = why.reason == CloseReason::kConnectTimeout ? http::ResetReason::kConnectTimeout
                                                                 : http::ResetReason::kConnectFailure;
  pool.FailPending({reason, text, why.detail});
}

void PooledConnection::Leave() {
  if (std::exchange(gone_, true)) return;
  if (place_ == EndpointPool::kConnecting) pool_.NoLongerConnecting(*this);
  --pool_.connections_;
  ListHook<PooledConnection>::Unlink();
  ListHook<event::Timeout>::Unlink();
  if (longest_life_ != nullptr) longest_life_->Disarm();
  pool_.books().worker.dispatcher().DestroyLater(std::unique_ptr<event::Deferred>(this));
  pool_.OnConnectionGone();
}

http::StreamSender* PooledConnection::NewStream(http::StreamReceiver& receiver) {
  http::StreamSender* sender = session_->NewStream(receiver);
  if (sender == nullptr) return nullptr;
  ++streams_;
  ++requests_;
  if (session_->protocol() == http::Protocol::kHttp2) pool_.books().http2_stats->streams_active.Inc();
  const uint32_t most = account_.config->settings->max_requests_per_connection;
  if (most != 0 && requests_ >= most && !retired_) {
    pool_.books().stats->upstream_cx_max_requests.Inc();
    retired_ = true;
  }
  return sender;
}

// Gives back what streams that ended meanwhile had taken: the session says how many are left, not which.
void PooledConnection::SyncStreams() {
  const uint32_t left = closed_ || session_ == nullptr ? 0 : session_->active_streams();
  if (left >= streams_) return;
  Breaker& breaker = pool_.breaker();
  const uint32_t ended = streams_ - left;
  for (uint32_t i = 0; i < ended; ++i) {
    breaker.requests.Release();
    breaker.UncountActive();
  }
  pool_.endpoint().active -= ended;
  pool_.endpoint().cells.rq_active.Sub(ended);
  pool_.books().stats->upstream_rq_active.Sub(ended);
  if (session_->protocol() == http::Protocol::kHttp2) pool_.books().http2_stats->streams_active.Sub(ended);
  streams_ = left;
}

void PooledConnection::OnStreamClosed() {
  if (gone_) return;
  SyncStreams();
  account_.CountBytes(*connection_);
  pool_.books().Fold();
  CloseIfRetired();
  pool_.Settle(*this);
  // Not from here: the session may be in the middle of what it reads, and bytes behind a response must not be taken for
  // the answer to a request that it never saw.
  if (pool_.pending_count_ > 0) pool_.books().worker.dispatcher().AtEndOfTurn(pool_);
}

void PooledConnection::OnGoAway() {
  if (gone_) return;
  LearnFromEnd();
  going_away_ = true;
  SyncStreams();
  pool_.Settle(*this);
  if (pool_.pending_count_ > 0) pool_.books().worker.dispatcher().AtEndOfTurn(pool_);
}

void PooledConnection::OnStreamLimitChanged() {
  if (gone_) return;
  pool_.Settle(*this);
  if (pool_.pending_count_ > 0) pool_.books().worker.dispatcher().AtEndOfTurn(pool_);
}

void PooledConnection::OnSessionClosed(const net::CloseInfo& why) {
  if (gone_) return;
  closed_ = true;
  if (why.reason == CloseReason::kPeerReset) LearnFromEnd();
  const bool with_active_request = streams_ > 0;
  SyncStreams();
  account_.OnClosed(connection_.get(), why, with_active_request);
  Leave();
}

void PooledConnection::Retire() {
  if (gone_) return;
  retired_ = true;
  if (session_ == nullptr) return connection_->Close(net::Connection::CloseMode::kNow);
  CloseIfRetired();
  pool_.Settle(*this);
}

void PooledConnection::CloseIfRetired() {
  if (retired_ && session_ != nullptr && session_->active_streams() == 0 && !session_->draining()) {
    session_->StartDrain(Duration::zero());
  }
}

void PooledConnection::BeginIdle() {
  WorkerContext& worker = pool_.books().worker;
  idle_since_ = worker.dispatcher().now();
  Duration longest = account_.config->settings->idle_timeout;
  const Duration before = pool_.endpoint().idle_limit.Ours(idle_since_);
  before_peer_ = before > Duration::zero() && (longest <= Duration::zero() || before < longest);
  if (before_peer_) longest = before;
  if (longest > Duration::zero()) worker.timeouts().Add(*this, longest);
}

bool PooledConnection::outlived() const {
  return ListHook<event::Timeout>::linked() && deadline() <= pool_.books().worker.dispatcher().now();
}

void PooledConnection::OnTimeout() {
  if (gone_ || place_ != EndpointPool::kIdle) return;
  observe::ClusterStats& stats = *pool_.books().stats;
  (before_peer_ ? stats.upstream_cx_idle_before_peer : stats.upstream_cx_idle_timeout).Inc();
  Retire();
}

void PooledConnection::OnPeerIdleTimeout(Duration timeout) { pool_.endpoint().idle_limit.Announced(timeout); }

// The host ended a connection on which nothing was under way. In HTTP/2 its GOAWAY says what was not processed.
void PooledConnection::LearnFromEnd() {
  if (place_ != EndpointPool::kIdle || retired_ || session_->protocol() == http::Protocol::kHttp2) return;
  pool_.endpoint().idle_limit.Ended(idle_since_, pool_.books().worker.dispatcher().now());
}

void PooledConnection::OnLongestLife() {
  if (gone_ || retired_) return;
  pool_.books().stats->upstream_cx_max_duration_reached.Inc();
  Retire();
}

void PooledConnection::Dump(DumpWriter& out) const {
  static constexpr const char* kNames[] = {"connecting", "idle", "part_filled", "full", "draining"};
  out.Open("pooled_connection");
  out.Field("state", kNames[place_]).Field("streams", streams_).Field("requests", requests_);
  if (session_ != nullptr) session_->Dump(out);
  out.Close();
}

// --- dedicated ---

DedicatedConnection::DedicatedConnection(EndpointPool& pool, TcpRequest& request, bool leased, bool host_leased)
    : pool_(pool), account_(pool, leased, host_leased), request_(&request) {}

void DedicatedConnection::Start(std::unique_ptr<net::Connection> connection) {
  connecting_ = std::move(connection);
  account_.Watch(*connecting_);
  connecting_->SetHandler(this);
}

void DedicatedConnection::OnConnected() {
  account_.OnConnected(pool_.books().worker.dispatcher().now());
  ClusterBooks& books = pool_.books();
  books.stats->upstream_rq_pending_active.Dec();
  --books.waiting;
  pool_.breaker().pending.Release();
  books.stats->upstream_rq_total.Inc();
  books.stats->upstream_rq_active.Inc();
  ++pool_.endpoint().active;
  pool_.endpoint().cells.rq_total.Inc();
  pool_.endpoint().cells.rq_active.Inc();
  given_ = connecting_.get();
  given_->SetHandler(nullptr);
  ConnectionFacts facts;
  facts.connection = given_;
  facts.endpoint = account_.record.get();
  facts.connect_start = account_.connect_start;
  facts.connect_done = account_.connect_done;
  request_->OnTcpReady(std::move(connecting_), facts);
}

void DedicatedConnection::OnData(Buffer& input, bool /*end*/) { input.Clear(); }

void DedicatedConnection::OnClosed(const net::CloseInfo& why) {
  if (gone_ || given_ != nullptr) return;
  observe::ClusterStats& stats = *pool_.books().stats;
  stats.upstream_cx_connect_fail.Inc();
  pool_.endpoint().cells.cx_connect_fail.Inc();
  if (why.reason == CloseReason::kConnectTimeout) stats.upstream_cx_connect_timeout.Inc();
  CountBindError(pool_.books(), why);
  stats.upstream_rq_pending_failure_eject.Inc();
  const std::string text = ConnectFailureText(*connecting_, why);
  TcpRequest* request = request_;
  const auto reason = why.reason == CloseReason::kConnectTimeout ? http::ResetReason::kConnectTimeout
                                                                 : http::ResetReason::kConnectFailure;
  account_.OnClosed(connecting_.get(), why, false);
  Leave();
  request->OnTcpFailed({reason, text, why.detail});
}

void DedicatedConnection::Release(bool connection_lives) {
  if (gone_) return;
  if (given_ != nullptr) {
    account_.OnClosed(connection_lives ? given_ : nullptr, {}, false);
  } else {
    account_.OnClosed(connecting_.get(), {}, false);
    connecting_->SetHandler(nullptr);
    connecting_->Close(net::Connection::CloseMode::kNow);
  }
  Leave();
}

void DedicatedConnection::Leave() {
  gone_ = true;
  request_->dedicated_ = nullptr;
  ClusterBooks& books = pool_.books();
  if (given_ != nullptr) {
    books.stats->upstream_rq_active.Dec();
    --pool_.endpoint().active;
    pool_.endpoint().cells.rq_active.Dec();
  } else {
    books.stats->upstream_rq_pending_active.Dec();
    --books.waiting;
    pool_.breaker().pending.Release();
  }
  Unlink();
  books.worker.dispatcher().DestroyLater(std::unique_ptr<event::Deferred>(this));
  pool_.OnConnectionGone();
}

void DedicatedConnection::Close() {
  net::Connection* connection = given_ != nullptr ? given_ : connecting_.get();
  connection->Close(net::Connection::CloseMode::kNow, {CloseReason::kLocal, 0, "upstream_host_unhealthy"});
}

void DedicatedConnection::Dump(DumpWriter& out) const {
  out.Open("dedicated_connection");
  out.Field("state", given_ != nullptr ? "given" : "connecting");
  out.Close();
}

}  // namespace outrigger::upstream
