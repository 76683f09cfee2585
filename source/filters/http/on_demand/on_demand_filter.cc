#include "source/filters/http/on_demand/on_demand_filter.h"

#include <string>
#include <variant>

#include "source/base/mutant.h"
#include "source/model/route.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

using http::FilterStatus;
using http::HeaderMap;
using upstream::Demand;

namespace {

const model::ForwardAction* ForwardOf(const http::Stream& stream) {
  return stream.route() == nullptr ? nullptr : std::get_if<model::ForwardAction>(&stream.route()->action);
}

// The header that names the cluster; empty if the route does.
const std::string& ClusterHeaderOf(const http::Stream& stream, const model::ForwardAction& forward) {
  return stream.weighted_cluster() != nullptr ? stream.weighted_cluster()->cluster_header : forward.cluster_header;
}

}  // namespace

observe::OnDemandStats& OnDemandFilter::Stats() { return stream_.worker().stats().Get(config_.stats); }

absl::string_view OnDemandFilter::ClusterName() const {
  const model::ForwardAction* forward = ForwardOf(stream_);
  if (forward == nullptr) return {};
  const std::string& header = ClusterHeaderOf(stream_, *forward);
  if (!header.empty()) return stream_.request_headers().Get(http::HeaderName(absl::string_view(header)));
  return stream_.weighted_cluster() != nullptr ? stream_.weighted_cluster()->name : forward->cluster;
}

// As the router looks it up.
bool OnDemandFilter::HasCluster() const {
  const model::ForwardAction* forward = ForwardOf(stream_);
  if (forward == nullptr) return true;  // needs none
  if (!ClusterHeaderOf(stream_, *forward).empty()) {
    const absl::string_view name = ClusterName();
    return name.empty() || stream_.worker().ClusterByName(name) != nullptr;
  }
  const auto slot = stream_.weighted_cluster() != nullptr ? stream_.weighted_cluster()->slot : forward->slot;
  if (stream_.worker().Cluster(slot) != nullptr) return true;
  const absl::string_view name = ClusterName();  // it may have another slot by now
  return !name.empty() && stream_.worker().ClusterByName(name) != nullptr;
}

FilterStatus OnDemandFilter::OnRequestHeaders(http::Stream& /*stream*/, HeaderMap& /*headers*/, bool /*end*/) {
  if (stream_.worker().on_demand() == nullptr || IsMutant(Mutant::kDemandNoWait)) return FilterStatus::kContinue;
  return WaitForHost() || WaitForCluster() ? FilterStatus::kPause : FilterStatus::kContinue;
}

bool OnDemandFilter::WaitForHost() {
  if (stream_.route() != nullptr) return false;
  const absl::string_view name = stream_.MissingHost();
  if (name.empty()) return false;
  if (!stream_.worker().on_demand()->Wait(Demand::kVirtualHost, name, nullptr, kHostTimeout, *this)) {
    Stats().on_demand_host_overflow.Inc();
    return false;
  }
  Stats().on_demand_host_attempt.Inc();
  for_host_ = true;
  stream_.dispatcher().Arm(timer_, kHostTimeout);
  return true;
}

bool OnDemandFilter::WaitForCluster() {
  const auto* of_route = static_cast<const OnDemandConfig*>(stream_.PerRouteConfig(*this));
  const OnDemandConfig& config = of_route != nullptr ? *of_route : config_;
  if (config.source == nullptr || asked_cluster_ || HasCluster()) return false;
  asked_cluster_ = true;
  if (!stream_.worker().on_demand()->Wait(Demand::kCluster, ClusterName(), config.source, config.timeout, *this)) {
    Stats().on_demand_cluster_overflow.Inc();
    return false;
  }
  Stats().on_demand_cluster_attempt.Inc();
  for_host_ = false;
  stream_.dispatcher().Arm(timer_, config.timeout);
  return true;
}

void OnDemandFilter::OnAnswer(bool there) {
  timer_.Disarm();
  if (for_host_) {
    const bool found = there && stream_.MissingHost().empty();
    (found ? Stats().on_demand_host_success : Stats().on_demand_host_missing).Inc();
    return GoOn(found);
  }
  (HasCluster() ? Stats().on_demand_cluster_success : Stats().on_demand_cluster_missing).Inc();
  GoOn(there);
}

void OnDemandFilter::OnTimeOver() {
  Cancel();
  (for_host_ ? Stats().on_demand_host_timeout : Stats().on_demand_cluster_timeout).Inc();
  GoOn(false);
}

void OnDemandFilter::GoOn(bool there) {
  // With its route the request begins anew, and another filter of this kind looks whether its cluster is there.
  if (for_host_ && there) return stream_.Restart(*this);
  stream_.ResumeRequest(*this);
}

}  // namespace outrigger::filters
