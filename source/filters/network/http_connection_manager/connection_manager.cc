#include "source/filters/network/http_connection_manager/connection_manager.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "source/base/bug.h"
#include "source/filters/network/http_connection_manager/request_preparation.h"
#include "source/filters/network/http_connection_manager/stream_state.h"
#include "source/http/grpc_status.h"
#include "source/model/header_mutation.h"
#include "source/observe/response_code_details.h"

namespace outrigger::filters::hcm {

using http::HeaderMap;
using http::KnownHeader;
using observe::ResponseFlag;

namespace {

constexpr absl::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kSurelyPreface = 4;  // no other method begins like that

// A stream whose chain is of one Snapshot and whose route of a newer one.
class TwoPins final : public LocallyCounted {
 public:
  TwoPins(LocalRef<LocallyCounted> first, LocalRef<LocallyCounted> second)
      : first_(std::move(first)), second_(std::move(second)) {}

 private:
  void OnUnpinned() override { delete this; }
  LocalRef<LocallyCounted> first_, second_;
};

}  // namespace

ConnectionManager::ConnectionManager(std::shared_ptr<const HcmConfig> accepted_config,
                                     model::DownstreamContext& context)
    : accepted_config_(std::move(accepted_config)),
      context_(context),
      connection_(context.connection()),
      worker_(context.worker()),
      overload_(context.listener().bypass_overload ? overload::State::Inert() : worker_.facts().overload),
      stats_(&worker_.stats().Get(accepted_config_->stats)),
      listener_stats_(&worker_.stats().Get(accepted_config_->listener_stats)),
      timer_([this] { OnTimer(); }),
      opened_(worker_.dispatcher().now()),
      idle_since_(opened_) {
  stats_->downstream_cx_total.Inc();
  stats_->downstream_cx_active.Add(1);
}

ConnectionManager::~ConnectionManager() = default;

ConnectionManager::Verdict ConnectionManager::OnNewConnection(net::FilterChainOnConnection& /*chain*/) {
  context_.SetDrainHandler(this);
  connection_.SetBufferGauges(stats_->downstream_cx_rx_bytes_buffered, stats_->downstream_cx_tx_bytes_buffered);
  connection_.SetFlushTimeout(accepted_config_->delayed_close_timeout);
  const HcmConfig& config = *accepted_config_;
  MonotonicTime first = MonotonicTime::max();
  if (config.idle_timeout > Duration::zero())
    first = opened_ + overload_.Shorten(overload::TimerKind::kConnectionIdle, config.idle_timeout);
  if (config.max_connection_duration > Duration::zero())
    first = std::min(first,
                     opened_ + overload_.Shorten(overload::TimerKind::kConnectionMax, config.max_connection_duration));
  if (const Duration limit = context_.listener().first_byte_timeout; limit > Duration::zero()) {
    first_byte_ends_ = worker_.dispatcher().now() + limit;
    first = std::min(first, first_byte_ends_);
  }
  WatchUntil(first);
  if (context_.draining()) EndWhenIdle();
  return Verdict::kContinue;
}

void ConnectionManager::OnConnected() {
  const HcmConfig& config = *accepted_config_;
  ssl_ = connection_.transport().tls() != nullptr;
  if (ssl_) {
    stats_->downstream_cx_ssl_total.Inc();
    stats_->downstream_cx_ssl_active.Add(1);
  }
  const absl::string_view alpn = connection_.transport().alpn();
  if (config.codec == CodecType::kHttp1) {
    MakeSession(http::Protocol::kHttp11);
  } else if (config.codec == CodecType::kHttp2 || alpn == "h2") {
    MakeSession(http::Protocol::kHttp2);
  } else if (!alpn.empty()) {
    MakeSession(http::Protocol::kHttp11);
  }
}

void ConnectionManager::MakeSession(http::Protocol protocol) {
  if (ShedsCodec()) return;
  const HcmConfig& config = *accepted_config_;
  // What a stream's peer does not take is bounded as the connection is.
  http::CodecOptions options = config.codec_options;
  options.stream_buffer_limit = context_.listener().buffer_limit;
  if (protocol == http::Protocol::kHttp2) {
    // The session limits the rest of the preface by itself, and drains by itself.
    head_ends_ = first_byte_ends_ = idle_ends_ = MonotonicTime::max();
    session_ = http::MakeHttp2Server(connection_, *this, options, config.http2, codec_counters_);
    stats_->downstream_cx_http2_total.Inc();
    stats_->downstream_cx_http2_active.Add(1);
  } else {
    session_ = http::MakeHttp1Server(connection_, *this, options, config.http1, codec_counters_);
    stats_->downstream_cx_http1_total.Inc();
    stats_->downstream_cx_http1_active.Add(1);
  }
  session_->OnConnected();
  if (!context_.draining()) return;
  // It began while the connection shook hands, or before its first bytes.
  if (context_.trust_changed()) return EndWithoutMore();
  BeginDrain();
}

void ConnectionManager::OnAboveWriteHigh() {
  if (session_ != nullptr) session_->OnAboveWriteHigh();
}

void ConnectionManager::OnBelowWriteLow() {
  if (session_ != nullptr) session_->OnBelowWriteLow();
}

void ConnectionManager::OnData(Buffer& input, bool end) {
  first_byte_ends_ = MonotonicTime::max();
  if (session_ == nullptr) {
    const size_t n = std::min(input.size(), kHttp2Preface.size());
    ChooseCodec(input.Linearize(n), end);
    if (connection_.closing()) return input.Clear();  // it is not let in any more
    if (session_ == nullptr) {
      if (n > 0) OnHeadBegun();  // too little to tell which protocol: a limit of time all the same
      if (n >= kSurelyPreface) LimitHead(accepted_config_->http2.preface_timeout);
      return;
    }
  }
  if (overload_.any()) {
    ShedDispatch();
    if (closed_ || connection_.closing()) return input.Clear();
  }
  session_->OnData(input, end);
  aborting_ = false;
}

void ConnectionManager::ChooseCodec(absl::string_view first_bytes, bool end) {
  if (first_bytes.empty() && !end) return;
  if (!absl::StartsWith(kHttp2Preface, first_bytes)) return MakeSession(http::Protocol::kHttp11);
  if (first_bytes.size() == kHttp2Preface.size()) return MakeSession(http::Protocol::kHttp2);
  if (end) MakeSession(http::Protocol::kHttp11);  // a cut preface: the h1 codec refuses it
}

const HcmConfig& ConnectionManager::CurrentConfig() {
  const model::FilterChain* chain = context_.Current();
  if (chain == nullptr) {
    BeginDrain();
    return last_config_ != nullptr ? *last_config_ : *accepted_config_;
  }
  return *static_cast<const HcmConfig*>(chain->filters.back().config.get());
}

// --- streams
// ----------------------------------------------------------------------------------------------------------------

http::StreamReceiver& ConnectionManager::OnStream(http::StreamSender& sender) {
  const HcmConfig& config = CurrentConfig();
  head_ends_ = MonotonicTime::max();
  head_begun_ = false;
  auto* stream = new http::Stream(*this, worker_.dispatcher(), worker_, sender, context_.listener().buffer_limit);
  // What is pinned: the Snapshot that holds `config`; if the slot is gone, this manager keeps what it followed last.
  stream->SetPin(worker_.Pin());
  stream->info().policy = context_.policy();  // of the connection, until a filter decides about the request
  StreamState* state = stream->arena().New<StreamState>(config);
  stream->owner_data = state;
  state->table = FindTable(config);
  streams_.PushBack(*stream);
  ++requests_;
  stats_->downstream_rq_total.Inc();
  stats_->downstream_rq_active.Add(1);
  (sender.protocol() == http::Protocol::kHttp2 ? stats_->downstream_rq_http2_total : stats_->downstream_rq_http1_total)
      .Inc();
  stream->info().start_wall = worker_.dispatcher().wall_now();
  stream->info().listener_metadata = &context_.listener().metadata;
  stream->info().filter_chain_metadata = &context_.accepted_by().metadata;

  const MonotonicTime now = worker_.dispatcher().now();
  Duration first = overload_.Shorten(overload::TimerKind::kStreamIdle, config.stream_idle_timeout);
  const auto consider = [&first](Duration limit) {
    if (limit > Duration::zero() && (first <= Duration::zero() || limit < first)) first = limit;
  };
  consider(config.request_timeout);
  consider(config.request_headers_timeout);
  consider(config.max_stream_duration);
  if (config.access_log_flush_interval > Duration::zero() && !config.access_logs.empty()) {
    state->next_log = now + config.access_log_flush_interval;
    consider(config.access_log_flush_interval);
  }
  if (first > Duration::zero()) WatchUntil(now + first);
  if (config.max_requests_per_connection > 0 && requests_ >= config.max_requests_per_connection) {
    stats_->downstream_cx_max_requests_reached.Inc();
    BeginDrain();
  }
  return *stream;
}

void ConnectionManager::Refuse(http::Stream& stream, uint32_t status, absl::string_view details,
                               absl::string_view location) {
  http::LocalReply reply{.status = status, .details = details, .location = location};
  if (status == 405) {  // RFC 9110 15.5.6
    reply.add_headers = [](HeaderMap& headers, const void*) { headers.Set(http::HeaderName("allow"), "OPTIONS"); };
  }
  stream.SendLocalReply(reply);
}

namespace {

// How long a stream of this route may last: what its client says by grpc-timeout, where the route believes it, else the
// route's own or the connection manager's limit.
Duration StreamDuration(const model::ForwardAction& forward, const HeaderMap& headers, Duration otherwise) {
  int64_t nanos = 0;
  if (forward.grpc_timeout_header_max < Duration::zero() ||
      !http::ParseGrpcTimeout(headers.Get(KnownHeader::kGrpcTimeout), &nanos)) {
    return forward.max_stream_duration >= Duration::zero() ? forward.max_stream_duration : otherwise;
  }
  Duration told(nanos);
  if (forward.grpc_timeout_header_max > Duration::zero()) told = std::min(told, forward.grpc_timeout_header_max);
  return std::max(Duration(1), told - forward.grpc_timeout_header_offset);
}

}  // namespace

bool ConnectionManager::OnRequestHeaders(http::Stream& stream, HeaderMap& headers, bool end) {
  StreamState& state = StateOf(stream);
  const HcmConfig& config = *state.config;
  state.headers_complete = true;
  stream.SetChain(*config.chain);
  if ((aborting_ || overload_.any()) && RefusedForOverload(stream)) return false;
  state.upgrade = IsUpgrade(headers);
  if (const Refusal refusal = CanonicalizeRequest(config, connection_.local().port(), headers); refusal.status != 0) {
    if (refusal.status == 307) stats_->downstream_rq_redirected_with_normalized_path.Inc();
    if (refusal.details == observe::details::kPathNormalizationFailed)
      stats_->downstream_rq_failed_path_normalization.Inc();
    if (refusal.details == observe::details::kAbsolutePathRejected) stats_->downstream_rq_non_relative_path.Inc();
    Refuse(stream, refusal.status, refusal.details, refusal.location);
    return false;
  }
  StripHopByHop(headers, state.upgrade);
  if (const Refusal refusal = CheckSemantics(headers, end); refusal.status != 0) {
    Refuse(stream, refusal.status, refusal.details, refusal.location);
    return false;
  }
  const ClientOrigin origin = PrepareForwarding(config, connection_, worker_.facts().local_address, headers);
  stream.info().internal_request = origin.internal;
  stream.info().scheme_follows_upstream = config.scheme_match_upstream;
  state.client = origin.address;
  stream.info().client = origin.address;
  if (config.add_user_agent && !worker_.facts().node_cluster.empty()) {
    headers.Set(KnownHeader::kXEnvoyDownstreamServiceCluster, worker_.facts().node_cluster);
    if (!headers.Has(KnownHeader::kUserAgent)) headers.Set(KnownHeader::kUserAgent, worker_.facts().node_cluster);
  }
  stream.info().request_id = PrepareRequestId(config, origin, worker_.dispatcher().engine(), headers);
  PrepareClientCert(config, connection_.transport().tls(), headers);
  if (!config.proxy_100_continue && headers.Has(KnownHeader::kExpect)) AnswerExpect(stream, headers);

  if (const model::RouteTable* table = TableOf(stream); table != nullptr && !origin.internal) {
    for (const std::string& name : table->internal_only_headers) headers.Remove(http::HeaderName(name));
  }
  MatchRoute(stream);
  if (!config.access_logs.empty() && config.log_on_new_request) Log(stream, http::LogEvent::kDownstreamStart);
  return ApplyRoute(stream, headers);
}

// What the route that was found says of the request as a whole.
bool ConnectionManager::ApplyRoute(http::Stream& stream, HeaderMap& headers) {
  StreamState& state = StateOf(stream);
  if (!PrepareUpgrade(stream, headers)) return false;
  const model::Route* route = stream.route();
  if (route != nullptr) {
    if (const auto* forward = std::get_if<model::ForwardAction>(&route->action)) {
      if (forward->idle_timeout >= Duration::zero()) state.idle_timeout = forward->idle_timeout;
      state.max_duration = StreamDuration(*forward, headers, state.max_duration);
    }
    if (route->request_buffer_limit > 0) stream.SetBufferLimit(route->request_buffer_limit);
    if (state.idle_timeout > Duration::zero()) {
      WatchUntil(worker_.dispatcher().now() + overload_.Shorten(overload::TimerKind::kStreamIdle, state.idle_timeout));
    }
    if (state.max_duration > Duration::zero()) WatchUntil(worker_.dispatcher().now() + state.max_duration);
    if (route->virtual_host->require_tls != model::VirtualHost::RequireTls::kNone &&
        headers.Get(KnownHeader::kXForwardedProto) != "https" &&
        (route->virtual_host->require_tls == model::VirtualHost::RequireTls::kAll || !stream.info().internal_request)) {
      Refuse(stream, 301, observe::details::kDirectResponse,
             stream.arena().Concat("https://", headers.authority(), headers.path()));
      return false;
    }
  }
  return true;
}

// Without proxy_100_continue the proxy itself says that the body may come, and the upstream never hears of the
// expectation.
void ConnectionManager::AnswerExpect(http::Stream& stream, HeaderMap& headers) {
  if (!absl::EqualsIgnoreCase(headers.Get(KnownHeader::kExpect), "100-continue")) return;
  headers.Remove(KnownHeader::kExpect);
  stream.info().expect_answered = true;
  HeaderMap& interim = *stream.arena().New<HeaderMap>(stream.arena());
  interim.SetStatus(100);
  if (stream.sender() != nullptr) stream.sender()->SendInterim(interim);
}

bool ConnectionManager::PrepareUpgrade(http::Stream& stream, HeaderMap& headers) {
  StreamState& state = StateOf(stream);
  const bool connect = headers.method() == "CONNECT";
  if (!state.upgrade && !connect) return true;
  std::string type = connect ? "connect" : UpgradeType(headers);
  bool enabled = false;
  const http::FilterChainSpec* chain = state.config->chain.get();
  for (const HcmConfig::Upgrade& upgrade : state.config->upgrades) {
    if (upgrade.type != type) continue;
    enabled = upgrade.enabled;
    if (upgrade.chain != nullptr) chain = upgrade.chain.get();
  }
  const model::ForwardAction* forward =
      stream.route() == nullptr ? nullptr : std::get_if<model::ForwardAction>(&stream.route()->action);
  if (forward != nullptr) {
    for (const auto& upgrade : forward->upgrades) {
      if (upgrade.type == type) enabled = upgrade.enabled;
    }
  }
  if (enabled) {
    stream.SetChain(*chain);
    if (state.counted_upgrade) return true;
    stats_->downstream_cx_upgrades_total.Inc();
    stats_->downstream_cx_upgrades_active.Add(1);
    state.counted_upgrade = true;
    return true;
  }
  stats_->downstream_rq_ws_on_non_ws_route.Inc();
  Refuse(stream, 403, observe::details::kUpgradeFailed);
  return false;
}

const model::RouteTable* ConnectionManager::FindTable(const HcmConfig& config) const {
  if (!config.rds.valid()) return config.routes.get();
  const model::RouteTable* newest = worker_.snapshot().Find(config.rds);
  if (&config != last_config_.get()) return newest;
  // Its place may be that of other routes by now.
  const bool same = newest != nullptr && last_routes_ != nullptr && newest->name == last_routes_->name;
  return same ? newest : last_routes_.get();
}

// The newest when the headers are there: its clusters are, too. If that Snapshot has none (its listener names others),
// the one that the stream pinned when it began.
const model::RouteTable* ConnectionManager::TableOf(http::Stream& stream) {
  StreamState& state = StateOf(stream);
  if (std::exchange(state.table_known, true)) return state.table;
  const model::RouteTable* newest = FindTable(*state.config);
  if (newest == nullptr || newest == state.table) return state.table;
  const bool others = state.table != nullptr && newest->name != state.table->name;  // in its place by now
  if (!others) {
    state.table = newest;
    stream.SetPin(LocalRef<LocallyCounted>(new TwoPins(stream.pin(), worker_.Pin())));
  }
  return state.table;
}

void ConnectionManager::MatchRoute(http::Stream& stream) {
  const model::RouteTable* table = TableOf(stream);
  const model::FoundRoute found = table == nullptr ? model::FoundRoute() : model::FindRoute(*table, stream);
  stream.SetRoute(found.route, found.weighted);
  stream.SetUpstreamTlsWish(StateOf(stream).config->upstream_tls_wish |
                            (table == nullptr ? 0 : table->upstream_tls_wish));
}

absl::string_view ConnectionManager::MissingHost(http::Stream& stream) {
  // By the newest table, not the stream's: what it lacked may have come.
  const HcmConfig& config = *StateOf(stream).config;
  const model::RouteTable* table = config.rds.valid() ? worker_.snapshot().Find(config.rds) : nullptr;
  const model::RouteTable* own = StateOf(stream).table;
  if (own != nullptr && table != nullptr && table->name != own->name) return {};  // in its place by now
  if (table == nullptr || !table->fetches_hosts) return {};
  const absl::string_view host = stream.request_headers().authority();
  // A slash would name a host of another table, an asterisk many.
  if (host.empty() || host.find_first_of("/*") != absl::string_view::npos || table->HasHost(host)) return {};
  return stream.arena().Concat(table->name, "/", absl::AsciiStrToLower(host));
}

bool ConnectionManager::OnRestart(http::Stream& stream) {
  StateOf(stream).table_known = false;
  MatchRoute(stream);
  return ApplyRoute(stream, stream.request_headers());
}

int ConnectionManager::PerRouteConfigs(const http::Stream& stream, absl::string_view filter, const void* out[4]) {
  return stream.route() == nullptr ? 0
                                   : model::PerRouteConfigs(*stream.route(), stream.weighted_cluster(), filter, out);
}

bool ConnectionManager::FilterEnabled(const http::Stream& stream, const http::FilterSpec& filter) {
  if (filter.terminal || stream.route() == nullptr) return !filter.disabled || filter.terminal;
  return model::FilterEnabled(*stream.route(), stream.weighted_cluster(), filter.name, !filter.disabled);
}

void ConnectionManager::OnRequestComplete(http::Stream& stream) { StateOf(stream).request_complete = true; }

void ConnectionManager::AddRouteHeaders(http::Stream& stream, HeaderMap& headers) {
  if (stream.route() != nullptr) model::MutateResponse(stream, *stream.route(), headers);
}

void ConnectionManager::OnLocalReply(http::Stream& stream, http::LocalReply& reply, HeaderMap& headers) {
  if (reply.details == observe::details::kRequestPayloadTooLarge) stats_->downstream_rq_too_large.Inc();
  RewriteLocalReply(*StateOf(stream).config, stream, connection_, reply, headers);
}

void ConnectionManager::OnResponseHeaders(http::Stream& stream, HeaderMap& headers, bool /*end*/) {
  StreamState& state = StateOf(stream);
  const HcmConfig& config = *state.config;
  const bool upgraded = headers.status() == 101;
  StripHopByHop(headers, upgraded);
  if (config.server_header == ServerHeader::kOverwrite ||
      (config.server_header == ServerHeader::kAppendIfAbsent && !headers.Has(KnownHeader::kServer))) {
    headers.Set(KnownHeader::kServer, config.server_name);
  }
  if (!headers.Has(KnownHeader::kDate))
    headers.SetCopy(KnownHeader::kDate, worker_.date().Text(worker_.dispatcher().wall_now()));
  if (!config.via.empty()) {
    const absl::string_view via = headers.GetJoined(KnownHeader::kVia);
    headers.Set(KnownHeader::kVia,
                via.empty() ? absl::string_view(config.via) : stream.arena().Concat(via, ", ", config.via));
  }
  if (config.always_set_request_id_in_response && !stream.info().request_id.empty()) {
    headers.Set(KnownHeader::kXRequestId, stream.info().request_id);
  }
  if (!drain_begun_ && (context_.draining() || worker_.facts().draining.load(std::memory_order_relaxed))) {
    stats_->downstream_cx_drain_close.Inc();
    BeginDrain();
  }
  if (!drain_begun_ && overload_.Asks(overload::Point::kDisableKeepalive, worker_.dispatcher().engine())) {
    stats_->downstream_cx_overload_disable_keepalive.Inc();
    BeginDrain();
  }
  if (!stream.request_complete() && !stream.tunnel()) stats_->downstream_rq_response_before_rq_complete.Inc();
  if (config.log_on_tunnel && stream.tunnel()) Log(stream, http::LogEvent::kDownstreamTunnelEstablished);
}

void ConnectionManager::CountResponse(const http::Stream& stream) {
  const uint32_t code = const_cast<http::Stream&>(stream).info().response_code;
  if (code == 0) return;
  stats_->downstream_rq_completed.Inc();
  listener_stats_->downstream_rq_completed.Inc();
  if (auto* counter = observe::ResponseClassCounter(*stats_, code)) counter->Inc();
  if (auto* counter = observe::ResponseClassCounter(*listener_stats_, code)) counter->Inc();
}

void ConnectionManager::OnDone(http::Stream& stream) {
  const http::StreamInfo& info = stream.info();
  CountResponse(stream);
  stats_->downstream_rq_active.Sub(1);
  CountBytes();
  if (info.reset_by_downstream) {
    stats_->downstream_rq_rx_reset.Inc();
    const bool broke_off = info.protocol != http::Protocol::kHttp2;  // HTTP/2 goes on after one bad stream
    if (broke_off && info.flags.Has(ResponseFlag::kDownstreamProtocolError)) stats_->downstream_cx_protocol_error.Inc();
  }
  if (info.reset_by_us) stats_->downstream_rq_tx_reset.Inc();
  if (StateOf(stream).counted_upgrade) stats_->downstream_cx_upgrades_active.Sub(1);
  stats_->downstream_rq_time.Record(static_cast<uint64_t>(ToMillis(info.done - info.start)));
  Log(stream, http::LogEvent::kDownstreamEnd);
  stream.Unlink();
  if (streams_.empty()) idle_since_ = worker_.dispatcher().now();
  worker_.dispatcher().DestroyLater(std::unique_ptr<event::Deferred>(&stream));
}

void ConnectionManager::Log(http::Stream& stream, http::LogEvent event) {
  const StreamState& state = StateOf(stream);
  if (state.config->access_logs.empty()) return;
  http::AccessLogRecord record = model::RecordOf(stream);
  record.event = event;
  record.random = stream.random();
  record.filter_chain = context_.accepted_by().name;
  record.filter_chain_origin = context_.accepted_by().origin_ref();
  for (const auto& log : state.config->access_logs) log->Log(worker_.stats(), record);
}

}  // namespace outrigger::filters::hcm
