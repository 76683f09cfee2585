#include "source/router/router.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/http/grpc_status.h"
#include "source/model/retry_on.h"
#include "source/observe/response_code_details.h"
#include "source/router/attempt.h"
#include "source/router/mirror.h"
#include "source/router/request_rewrite.h"
#include "source/router/tcp_tunnel.h"

namespace outrigger::router {

using http::FilterStatus;
using http::HeaderMap;
using http::KnownHeader;
using http::ResetReason;
using observe::ResponseFlag;
namespace details = observe::details;

Router::Router(const RouterConfig& config, http::Stream& stream)
    : config_(config),
      stream_(stream),
      worker_(stream.worker()),
      stats_(&stream.worker().stats().Get(config.stats)),
      global_timeout_(*this) {}

Router::~Router() { GiveUp(); }

FilterStatus Router::OnRequestHeaders(http::Stream& stream, HeaderMap& headers, bool end) {
  stats_->rq_total.Inc();
  request_ended_ = end;
  const model::Route* route = stream.route();
  if (route == nullptr) {
    stats_->no_route.Inc();
    stream.info().flags.Set(ResponseFlag::kNoRouteFound);
    stream.SendLocalReply({.status = 404, .details = details::kRouteNotFound});
    return FilterStatus::kAnswered;
  }
  if (const auto* direct = std::get_if<model::DirectResponse>(&route->action)) {
    stats_->rq_direct_response.Inc();
    AnswerFromRoute(direct->status, direct->body, "");
    return FilterStatus::kAnswered;
  }
  if (const auto* redirect = std::get_if<model::RedirectAction>(&route->action)) {
    stats_->rq_redirect.Inc();
    AnswerFromRoute(redirect->code, "", RedirectLocation(stream, *route, *redirect));
    return FilterStatus::kAnswered;
  }
  action_ = &std::get<model::ForwardAction>(route->action);
  if (!ChooseCluster(headers)) return FilterStatus::kAnswered;
  if (!config_.strict_check_headers.empty() && !PassesStrictCheck(headers)) return FilterStatus::kAnswered;
  stream.info().upstream.cluster = cluster_->config().name;
  stream.info().upstream.cluster_stat_name = cluster_->config().alt_stat_name;
  if (cluster_->config().settings->maintenance_numerator > 0 && UnderMaintenance()) return FilterStatus::kAnswered;
  PrepareRequest(headers);
  StartMirrors(headers, end);
  if (end) RequestEnded();
  StartAttempt();
  return stream.answered() || stream.done() ? FilterStatus::kAnswered : FilterStatus::kContinue;
}

void Router::AnswerFromRoute(uint32_t status, absl::string_view body, absl::string_view location) {
  over_ = true;
  stream_.SendLocalReply({.status = status, .body = body, .details = details::kDirectResponse, .location = location});
}

// That of the route, or of one of its weighted clusters. By name where the slot misses it: a request that was routed
// long ago, because it waited, may name what nobody else named when that came.
upstream::WorkerCluster* Router::NamedCluster() {
  const model::WeightedClusterEntry* weighted = stream_.weighted_cluster();
  upstream::WorkerCluster* cluster = worker_.Cluster(weighted != nullptr ? weighted->slot : action_->slot);
  if (cluster != nullptr) return cluster;
  return worker_.ClusterByName(weighted != nullptr ? weighted->name : action_->cluster);
}

bool Router::ChooseCluster(HeaderMap& headers) {
  const model::WeightedClusterEntry* weighted = stream_.weighted_cluster();
  const std::string& by_header = weighted != nullptr ? weighted->cluster_header : action_->cluster_header;
  if (!by_header.empty()) {
    const absl::string_view name = headers.Get(http::HeaderName(absl::string_view(by_header)));
    cluster_ = name.empty() ? nullptr : worker_.ClusterByName(name);
  } else {
    cluster_ = NamedCluster();
  }
  if (cluster_ != nullptr) return true;
  stats_->no_cluster.Inc();
  stream_.info().flags.Set(ResponseFlag::kNoClusterFound);
  over_ = true;
  stream_.SendLocalReply({.status = action_->cluster_not_found_code, .details = details::kClusterNotFound});
  return false;
}

bool Router::UnderMaintenance() {
  const model::ClusterConfig& config = cluster_->config();
  const uint64_t random = stream_.dispatcher().engine().RandomBits();
  if (random % config.settings->maintenance_denominator >= config.settings->maintenance_numerator) return false;
  over_ = true;
  stream_.info().flags.Set(ResponseFlag::kUpstreamOverflow);
  cluster_stats().upstream_rq_maintenance_mode.Inc();
  CountCode(503);
  Answer({.status = 503, .body = "maintenance mode", .details = details::kMaintenanceMode}, true);
  return true;
}

// strict_check_headers: a number that is none, or a retry word that is unknown, refuses the request instead of being
// ignored.
bool Router::PassesStrictCheck(const HeaderMap& headers) {
  for (const std::string& text : config_.strict_check_headers) {
    const http::HeaderName name{absl::string_view(text)};
    const absl::string_view value = headers.Get(name);
    if (value.data() == nullptr) continue;
    uint32_t number = 0;
    const bool words = name.known() == KnownHeader::kXEnvoyRetryOn || name.known() == KnownHeader::kXEnvoyRetryGrpcOn;
    if (words ? model::AllRetryWordsKnown(value) : absl::SimpleAtoi(value, &number)) continue;
    stream_.info().flags.Set(ResponseFlag::kInvalidEnvoyRequestHeaders);
    over_ = true;
    stream_.SendLocalReply({.status = 400,
                            .body = stream_.arena().Concat("invalid header '", text, "'"),
                            .details = details::kInvalidRequestHeaders});
    return false;
  }
  return true;
}

void Router::PrepareRequest(HeaderMap& headers) {
  timeouts_ = DecideTimeouts(config_, *action_, headers);
  RetryState retry(action_->retry.get(), headers);
  if (retry.wanted()) {
    retry_ = stream_.arena().New<RetryState>(retry);
    retry_wanted_ = retry_->enabled();
  }
  connect_ = headers.method() == "CONNECT";
  upgrade_ = headers.Has(KnownHeader::kUpgrade);
  RewriteRequest(stream_, *stream_.route(), *action_, config_.suppress_envoy_headers);
}

void Router::StartMirrors(HeaderMap& headers, bool end) {
  if (action_->mirrors.empty() || connect_ || upgrade_) return;
  mirrors_ =
      static_cast<Mirror**>(stream_.arena().Allocate(sizeof(Mirror*) * action_->mirrors.size(), alignof(Mirror*)));
  for (const model::MirrorPolicy& policy : action_->mirrors) {
    Mirror* mirror = Mirror::Begin(worker_, policy, headers, stream_.random() >> 8, end,
                                   {.timeout = timeouts_.global, .buffer = stream_.buffer_limit()});
    if (mirror == nullptr) continue;
    mirror->SetOwner(&mirrors_[mirror_count_]);
    mirrors_[mirror_count_++] = mirror;
  }
}

bool Router::EndsConnect() const {
  for (const auto& upgrade : action_->upgrades) {
    if (upgrade.type == "connect" && upgrade.connect_terminate) return true;
  }
  return false;
}

void Router::StartAttempt() {
  if (over_ || stream_.done()) return;
  ++attempts_;
  body_given_ = 0;
  upstream::PickContext pick;
  pick.priority = action_->priority;
  pick.metadata_match = action_->metadata_match.empty() ? nullptr : &action_->metadata_match;
  if (retry_ != nullptr && action_->retry != nullptr && action_->retry->previous_hosts && attempts_ > 1) {
    pick.avoid = avoided_;
    pick.avoid_count = avoided_count_;
    pick.attempts = std::max(1u, action_->retry->host_selection_attempts);
  }
  const upstream::Picked picked = cluster_->Pick(pick);
  if (!picked) {
    cluster_stats().upstream_cx_none_healthy.Inc();
    stream_.info().flags.Set(ResponseFlag::kNoHealthyUpstream);
    GiveUp();
    CountCode(503);
    --attempts_;  // this one was none
    Answer({.status = 503, .body = "no healthy upstream", .details = details::kNoHealthyUpstream});
    return;
  }
  if (retry_ != nullptr) {
    if (avoided_ == nullptr) {
      avoided_room_ = retry_->remaining() + 1 + kMostRepeats;
      avoided_ = static_cast<uint64_t*>(stream_.arena().Allocate(sizeof(uint64_t) * avoided_room_, alignof(uint64_t)));
    }
    if (avoided_count_ < avoided_room_) avoided_[avoided_count_++] = picked.record->id;
  }
  cluster_pin_ = worker_.PickPin();
  http::UpstreamInfo& info = stream_.info().upstream;
  if (attempts_ > 1) RememberAttempt(stream_);
  info.host = &picked.record->address();
  info.host_name = picked.record->hostname();
  info.host_metadata = picked.endpoint->metadata.get();
  info.cluster_metadata = &*cluster_->config().metadata;
  info.cluster_origin = {cluster_->config().resource_origin.get(), cluster_->config().origin};
  info.attempts = attempts_;
  HeaderMap& headers = stream_.request_headers();
  if (stream_.route()->virtual_host->include_request_attempt_count) {
    headers.SetNumber(KnownHeader::kXEnvoyAttemptCount, attempts_);
  }
  RewriteHostFor(stream_, *action_, picked.record->hostname(), config_.suppress_envoy_headers, attempts_ > 1);
  if (connect_ && EndsConnect()) {
    tunnel_ = stream_.arena().New<TcpTunnel>(*this);
    return tunnel_->Start(picked);
  }
  attempt_ = stream_.arena().New<Attempt>(*this, attempts_);
  attempt_->Start(picked);
}

// --- the request's way up
// ---------------------------------------------------------------------------------------------------

FilterStatus Router::OnRequestBody(http::Stream& /*stream*/, Buffer& body, bool end) {
  for (uint32_t i = 0; i < mirror_count_; ++i) {
    if (mirrors_[i] != nullptr) mirrors_[i]->SendBody(body, end);
  }
  body_.Append(std::move(body));
  if (end) RequestEnded();
  if (attempt_ != nullptr) attempt_->OnMoreBody();
  if (tunnel_ != nullptr) tunnel_->OnMoreBody();
  // Kept for a retry, or waiting for a connection: both are bounded by the stream's limit.
  if (body_.size() > stream_.buffer_limit()) {
    if (MayRetry() && !response_begun_) {
      retry_abandoned_ = true;
      cluster_stats().retry_or_shadow_abandoned.Inc();
      if (attempt_ != nullptr && attempt_->ready()) {
        LetBodyGo();
      }
    }
    if (body_.size() - body_given_ > stream_.buffer_limit() && !body_paused_) {
      body_paused_ = true;
      PauseSource();
    }
  }
  return FilterStatus::kContinue;
}

FilterStatus Router::OnRequestTrailers(http::Stream& /*stream*/, HeaderMap& trailers) {
  request_trailers_ = &trailers;
  for (uint32_t i = 0; i < mirror_count_; ++i) {
    if (mirrors_[i] != nullptr) mirrors_[i]->SendTrailers(trailers);
  }
  RequestEnded();
  if (attempt_ != nullptr) attempt_->OnMoreBody();
  if (tunnel_ != nullptr) tunnel_->OnMoreBody();  // the end; a tunnel has no place for trailers
  return FilterStatus::kContinue;
}

void Router::RequestEnded() {
  request_ended_ = true;
  if (timeouts_.global > Duration::zero() && !connect_ && !upgrade_ && !response_complete_) {
    worker_.timeouts().Add(global_timeout_, timeouts_.global);
  }
}

bool Router::KeepsBody(bool may_be_unprocessed) const {
  if (response_begun_) return false;
  return MayRetry() || (may_be_unprocessed && MayRepeat() &&
                        body_.size() <= std::min<uint64_t>(kMostKeptForRepeat, stream_.buffer_limit()));
}

void Router::LetBodyGo() {
  if (body_given_ == 0) return;
  body_let_go_ = true;
  body_.Drain(std::exchange(body_given_, 0));
}

void Router::GiveBody(Buffer& to, bool may_be_unprocessed) {
  if (!KeepsBody(may_be_unprocessed)) {
    LetBodyGo();
    body_let_go_ = body_let_go_ || !body_.empty();
    to.Append(std::move(body_));
  } else {
    // Shared, not copied: the same blocks are kept for the next attempt.
    uint64_t skip = body_given_;
    for (size_t i = 0; i < body_.slice_count(); ++i) {
      const Buffer::Slice& slice = body_.slice(i);
      const uint64_t n = slice.end - slice.begin;
      if (skip >= n) {
        skip -= n;
        continue;
      }
      to.AppendSlice(slice.block, slice.begin + static_cast<uint32_t>(skip), slice.end);
      skip = 0;
    }
    body_given_ = body_.size();
  }
  if (body_paused_) {
    body_paused_ = false;
    ResumeSource();
  }
}

void Router::PauseSource() {
  ++source_pauses_;
  stream_.PauseRequestSource();
}

void Router::ResumeSource() {
  if (source_pauses_ == 0) return;
  --source_pauses_;
  if (!stream_.done()) stream_.ResumeRequestSource();
}

}  // namespace outrigger::router
