#include "source/router/mirror.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/router/request_rewrite.h"

namespace outrigger::router {

using http::HeaderMap;
using http::KnownHeader;
using http::ResetReason;

Mirror::Mirror(upstream::WorkerContext& worker, upstream::WorkerCluster& cluster, const Limits& limits)
    : worker_(worker),
      cluster_(cluster),
      headers_(arena_),
      timer_([this] { End(true); }),
      longest_([this] { End(true); }),
      limits_(limits) {}

Mirror::~Mirror() {
  if (owner_ != nullptr) *owner_ = nullptr;
}

Mirror* Mirror::Begin(upstream::WorkerContext& worker, const model::MirrorPolicy& policy, const HeaderMap& headers,
                      uint64_t random, bool end, const Limits& limits) {
  if (policy.denominator == 0 || random % policy.denominator >= policy.numerator) return nullptr;
  upstream::WorkerCluster* cluster;
  if (policy.cluster_header.empty()) {
    cluster = worker.Cluster(policy.slot);
  } else {
    const absl::string_view name = headers.Get(http::HeaderName(absl::string_view(policy.cluster_header)));
    cluster = name.empty() ? nullptr : worker.ClusterByName(name);
  }
  if (cluster == nullptr) return nullptr;
  const upstream::Picked picked = cluster->Pick({});
  if (!picked) return nullptr;
  auto* mirror = new Mirror(worker, *cluster, limits);
  worker.Start(std::unique_ptr<upstream::Background>(mirror));
  HeaderMap& copy = mirror->headers_;
  copy.CopyFrom(headers);
  if (!policy.disable_host_suffix) {
    // "host:port" becomes "host-shadow:port", as published.
    const absl::string_view host = copy.authority();
    const size_t colon = host.rfind(':');
    const size_t bracket = host.rfind(']');
    const bool port = colon != absl::string_view::npos && (bracket == absl::string_view::npos || colon > bracket);
    copy.Set(KnownHeader::kAuthority, port ? mirror->arena_.Concat(host.substr(0, colon), "-shadow", host.substr(colon))
                                           : mirror->arena_.Concat(host, "-shadow"));
  }
  if (end) mirror->RequestEnded();
  upstream::StreamOptions options;
  options.authority = ServerNameSource(cluster->config(), copy);
  cluster->Request(picked, *mirror, options);
  return mirror->over_ ? nullptr : mirror;
}

void Mirror::SendBody(const Buffer& body, bool end) {
  if (over_) return;
  for (size_t i = 0; i < body.slice_count(); ++i) {
    const Buffer::Slice& slice = body.slice(i);
    body_.AppendSlice(slice.block, slice.begin, slice.end);
  }
  if (end) RequestEnded();
  Flush();
  if (!over_ && body_.size() > limits_.buffer) {
    cluster_.stats().retry_or_shadow_abandoned.Inc();
    End(true);
  }
}

void Mirror::SendTrailers(const HeaderMap& trailers) {
  if (over_) return;
  trailers_ = arena_.New<HeaderMap>(arena_);
  trailers_->CopyFrom(trailers);
  RequestEnded();
  Flush();
}

void Mirror::RequestEnded() {
  request_ended_ = true;
  if (limits_.timeout > Duration::zero()) worker_.dispatcher().Arm(timer_, limits_.timeout);
}

void Mirror::Flush() {
  if (sender_ == nullptr || blocked_ || end_sent_) return;
  const bool end = request_ended_ && trailers_ == nullptr;
  if (!headers_sent_) {
    headers_sent_ = true;
    end_sent_ = end && body_.empty();
    sender_->SendHeaders(headers_, end_sent_);
    if (over_ || end_sent_) return;
  }
  if (!body_.empty() || end) {
    end_sent_ = end;
    sender_->SendBody(body_, end);
    if (over_ || end_sent_) return;
  }
  if (request_ended_ && trailers_ != nullptr) {
    end_sent_ = true;
    sender_->SendTrailers(*trailers_);
  }
}

void Mirror::OwnerGone(bool request_complete) {
  owner_ = nullptr;
  if (!request_complete) End(true);
}

void Mirror::OnStreamReady(http::StreamSender& sender, const upstream::ConnectionFacts& /*facts*/) {
  if (over_) return sender.Reset(ResetReason::kLocalReset);
  sender_ = &sender;
  const Duration longest = cluster_.config().settings->max_stream_duration;
  if (longest > Duration::zero()) worker_.dispatcher().Arm(longest_, longest);
  Flush();
}

void Mirror::OnStreamFailed(const upstream::PoolFailure& /*failure*/) { End(false); }

void Mirror::OnHeaders(HeaderMap& headers, bool end) {
  if (over_) return;
  cluster_.stats().upstream_rq_completed.Inc();
  cluster_.stats().upstream_rq.Inc(headers.status());
  response_ended_ = end;
  if (end) End(false);
}

void Mirror::OnBody(Buffer& body, bool end) {
  body.Clear();
  if (over_) return;
  response_ended_ = end;
  if (end) End(false);
}

void Mirror::OnTrailers(HeaderMap& /*trailers*/) {
  response_ended_ = true;
  if (!over_) End(false);
}

void Mirror::OnReset(ResetReason /*reason*/, const char* /*detail*/) {
  sender_ = nullptr;
  if (!over_) End(false);
}

void Mirror::OnBelowWriteLow() {
  blocked_ = false;
  if (!over_) Flush();
}

void Mirror::End(bool reset) {
  if (std::exchange(over_, true)) return;
  timer_.Disarm();
  longest_.Disarm();
  if (owner_ != nullptr) *std::exchange(owner_, nullptr) = nullptr;
  if (http::StreamSender* sender = std::exchange(sender_, nullptr);
      sender != nullptr && !(end_sent_ && response_ended_)) {
    sender->Reset(reset || !response_ended_ ? ResetReason::kLocalReset : ResetReason::kNone);
  } else if (sender == nullptr) {
    Cancel();
  }
  worker_.Finish(*this);
}

}  // namespace outrigger::router
