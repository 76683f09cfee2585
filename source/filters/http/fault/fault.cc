#include "source/filters/http/fault/fault.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/model/route.h"
#include "source/observe/response_code_details.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

using http::FilterStatus;
using http::HeaderMap;
using http::KnownHeader;

namespace {

constexpr size_t kLongestClusterStat = 64;
constexpr int64_t kLongestDelayMs = 24 * 60 * 60 * 1000;  // that a header may ask for

// The cluster that the request is bound for; "" if none is known yet.
absl::string_view ClusterOf(const http::Stream& stream, const HeaderMap& headers) {
  if (stream.weighted_cluster() != nullptr && !stream.weighted_cluster()->name.empty()) {
    return stream.weighted_cluster()->name;
  }
  const model::Route* route = stream.route();
  const auto* forward = route == nullptr ? nullptr : std::get_if<model::ForwardAction>(&route->action);
  if (forward == nullptr) return "";
  if (forward->cluster_header.empty()) return forward->cluster;
  return headers.Get(http::HeaderName(absl::string_view(forward->cluster_header)));
}

// A whole non-negative number of a header, -1 if it is not one.
int64_t Number(const HeaderMap& headers, KnownHeader name) {
  int64_t number = -1;
  const absl::string_view text = headers.Get(name);
  return text.data() != nullptr && absl::SimpleAtoi(text, &number) && number >= 0 ? number : -1;
}

// What becomes part of a stat's name comes from the request: only plain names do.
bool IsStatName(absl::string_view text) {
  return !text.empty() && text.size() <= kLongestClusterStat && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

}  // namespace

Fault::~Fault() {
  if (active_) Stats().active_faults.Dec();
}

observe::FaultStats& Fault::Stats() { return stream_.worker().stats().Get(own_.stats); }

bool Fault::Applies(const HeaderMap& headers) const {
  const Config& config = *config_;
  if (!config.upstream_cluster.empty() && ClusterOf(stream_, headers) != config.upstream_cluster) return false;
  const auto& nodes = config.downstream_nodes;
  if (!nodes.empty()) {
    const absl::string_view node = headers.Get(KnownHeader::kXEnvoyDownstreamServiceNode);
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) return false;
  }
  return matching::MatchAll(config.headers, headers);
}

bool Fault::Hit(const extension::Fraction& percentage, const HeaderMap& headers, KnownHeader lowered_by) {
  extension::Fraction share = percentage;
  if (lowered_by != KnownHeader::kOther) {
    const int64_t asked = Number(headers, lowered_by);
    if (asked >= 0) share.numerator = static_cast<uint32_t>(std::min<int64_t>(asked, share.numerator));
  }
  return !share.never() && share.Hit(stream_.dispatcher().engine().RandomBits());
}

bool Fault::Activate() {
  if (active_) return true;
  if (config_->active != nullptr) {
    lease_.emplace(*config_->active);
    if (!lease_->TryAcquire()) {
      lease_.reset();
      Stats().faults_overflow.Inc();
      return false;
    }
    lease_->ReturnSpare();  // one stream, one fault: the reserve is for others
  }
  active_ = true;
  Stats().active_faults.Inc();
  if (!config_->metadata.empty()) stream_.metadata().Merge("envoy.filters.http.fault", config_->metadata);
  return true;
}

// The counter of the calling cluster.
void Fault::Note(absl::string_view stat) {
  if (!config_->downstream_cluster_stats) return;
  const absl::string_view cluster = stream_.request_headers().Get(KnownHeader::kXEnvoyDownstreamServiceCluster);
  if (IsStatName(cluster)) stream_.worker().stats().Dynamic(own_.stats, absl::StrCat(cluster, ".", stat)).Inc();
}

FilterStatus Fault::OnRequestHeaders(http::Stream& stream, HeaderMap& headers, bool /*end*/) {
  const auto* of_route = static_cast<const Config*>(stream.PerRouteConfig(*this));
  config_ = of_route != nullptr ? of_route : &own_;
  if (!Applies(headers)) return FilterStatus::kContinue;
  faults_ = &config_->faults;
  if (!config_->of_cluster.empty()) {
    const auto at = config_->of_cluster.find(headers.Get(KnownHeader::kXEnvoyDownstreamServiceCluster));
    if (at != config_->of_cluster.end()) faults_ = &at->second;
  }
  if (config_->rate.has_value()) SetUpRate(headers);
  const Duration delay = faults_->delay.has_value() ? DrawDelay(headers) : Duration::zero();
  if (delay > Duration::zero() && Activate()) {
    Stats().delays_injected.Inc();
    Note("delays_injected");
    stream.info().flags.Set(observe::ResponseFlag::kDelayInjected);
    stream.dispatcher().Arm(timer_, delay);
    return FilterStatus::kPause;
  }
  return Abort(headers) ? FilterStatus::kAnswered : FilterStatus::kContinue;
}

Duration Fault::DrawDelay(const HeaderMap& headers) {
  const FaultConfig::Delay& delay = *faults_->delay;
  if (!delay.by_header) {
    return Hit(delay.percentage, headers, KnownHeader::kOther) ? delay.fixed : Duration::zero();
  }
  const int64_t asked = Number(headers, KnownHeader::kXEnvoyFaultDelayRequest);
  if (asked <= 0) return Duration::zero();
  const bool hit = Hit(delay.percentage, headers, KnownHeader::kXEnvoyFaultDelayRequestPercentage);
  if (!hit) return Duration::zero();
  return delay.fixed > Duration::zero() ? delay.fixed : Duration(milliseconds(std::min(asked, kLongestDelayMs)));
}

void Fault::OnDelayOver() {
  if (!Abort(stream_.request_headers())) stream_.ResumeRequest(*this);
}

bool Fault::Abort(const HeaderMap& headers) {
  if (!faults_->abort.has_value()) return false;
  const FaultConfig::Abort& abort = *faults_->abort;
  http::LocalReply reply;
  reply.status = abort.http_status;
  reply.grpc_status = abort.grpc_status;
  KnownHeader lowered_by = KnownHeader::kOther;
  if (abort.by_header) {
    lowered_by = KnownHeader::kXEnvoyFaultAbortRequestPercentage;
    const int64_t status = Number(headers, KnownHeader::kXEnvoyFaultAbortRequest);
    const int64_t grpc = Number(headers, KnownHeader::kXEnvoyFaultAbortGrpcRequest);
    reply.status = status >= 200 && status < 600 ? static_cast<uint32_t>(status) : 0;
    reply.grpc_status = grpc >= 0 && grpc <= 16 ? static_cast<int>(grpc) : -1;
  }
  if (reply.grpc_status >= 0) reply.status = 200;  // said in grpc-status alone
  if (reply.status == 0 || !Hit(abort.percentage, headers, lowered_by) || !Activate()) return false;
  Stats().aborts_injected.Inc();
  Note("aborts_injected");
  stream_.info().flags.Set(observe::ResponseFlag::kFaultInjected);
  reply.body = "fault filter abort";
  reply.details = observe::details::kFaultAbort;
  stream_.SendLocalReply(reply);
  return true;
}

void Fault::SetUpRate(const HeaderMap& headers) {
  const FaultConfig::Rate& rate = *config_->rate;
  uint64_t kib = rate.kib_per_second;
  KnownHeader lowered_by = KnownHeader::kOther;
  if (rate.by_header) {
    kib = static_cast<uint64_t>(std::max<int64_t>(Number(headers, KnownHeader::kXEnvoyFaultThroughputResponse), 0));
    lowered_by = KnownHeader::kXEnvoyFaultThroughputResponsePercentage;
  }
  if (kib == 0 || !Hit(rate.percentage, headers, lowered_by) || !Activate()) return;
  Stats().response_rl_injected.Inc();
  pacer_ = stream_.arena().New<Pacer>(stream_, *this, kib);
}

FilterStatus Fault::OnResponseBody(http::Stream& /*stream*/, Buffer& body, bool end) {
  if (pacer_ == nullptr) return FilterStatus::kContinue;
  if (pacer_->Add(body) && end) return FilterStatus::kContinue;
  if (end) pacer_->Finish();
  return FilterStatus::kPause;
}

FilterStatus Fault::OnResponseTrailers(http::Stream& /*stream*/, HeaderMap& /*trailers*/) {
  if (pacer_ == nullptr || pacer_->empty()) return FilterStatus::kContinue;
  pacer_->Finish();
  return FilterStatus::kPause;
}

}  // namespace outrigger::filters
