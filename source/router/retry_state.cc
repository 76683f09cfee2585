#include "source/router/retry_state.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "source/http/grpc_status.h"
#include "source/model/retry_on.h"

namespace outrigger::router {

using http::HeaderMap;
using http::KnownHeader;
using http::ResetReason;

namespace {

template <class F>
void ForEachWord(absl::string_view list, F&& f) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const absl::string_view word = absl::StripAsciiWhitespace(list.substr(0, comma));
    if (!word.empty()) f(word);
    if (comma == absl::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

constexpr int64_t kLatestSecond = 9'000'000'000;  // in 2255; a count of nanoseconds holds little more

constexpr uint32_t kAnyGrpc = model::kRetryGrpcCancelled | model::kRetryGrpcDeadlineExceeded |
                              model::kRetryGrpcInternal | model::kRetryGrpcResourceExhausted |
                              model::kRetryGrpcUnavailable;

}  // namespace

RetryState::RetryState(const model::RetryPolicy* policy, HeaderMap& request) : policy_(policy) {
  if (policy != nullptr) {
    on_ = policy->on;
    remaining_ = policy->retries;
  }
  const absl::string_view on = request.GetJoined(KnownHeader::kXEnvoyRetryOn);
  const absl::string_view grpc_on = request.GetJoined(KnownHeader::kXEnvoyRetryGrpcOn);
  if (!on.empty()) on_ |= model::ParseRetryOn(on) & ~kAnyGrpc;
  if (!grpc_on.empty()) on_ |= model::ParseRetryOn(grpc_on) & kAnyGrpc;
  if ((!on.empty() || !grpc_on.empty()) && policy == nullptr) remaining_ = 1;
  uint32_t most = 0;
  if (absl::SimpleAtoi(request.Get(KnownHeader::kXEnvoyMaxRetries), &most)) remaining_ = most;
  remaining_ = std::min(remaining_, kMostRetries);
  ForEachWord(request.GetJoined(KnownHeader::kXEnvoyRetriableStatusCodes), [this](absl::string_view word) {
    uint32_t code = 0;
    if (header_code_count_ < std::size(header_codes_) && absl::SimpleAtoi(word, &code))
      header_codes_[header_code_count_++] = code;
  });
  header_names_ = request.GetJoined(KnownHeader::kXEnvoyRetriableHeaderNames);
  if (policy != nullptr && !policy->retriable_request_headers.empty()) {
    const auto& matchers = policy->retriable_request_headers;
    if (std::none_of(matchers.begin(), matchers.end(), [&](const auto& matcher) { return matcher.Match(request); }))
      on_ = 0;
  }
  if (on_ != 0 || !on.empty()) {
    for (const KnownHeader name :
         {KnownHeader::kXEnvoyRetryOn, KnownHeader::kXEnvoyRetryGrpcOn, KnownHeader::kXEnvoyMaxRetries,
          KnownHeader::kXEnvoyRetriableStatusCodes, KnownHeader::kXEnvoyRetriableHeaderNames}) {
      request.Remove(name);
    }
  }
}

bool RetryState::RetriableStatus(uint32_t status) const {
  if ((on_ & model::kRetry5xx) != 0 && status >= 500 && status < 600) return true;
  if ((on_ & model::kRetryGatewayError) != 0 && (status == 502 || status == 503 || status == 504)) return true;
  if ((on_ & model::kRetryRetriable4xx) != 0 && status == 409) return true;
  if ((on_ & model::kRetryRetriableStatusCodes) == 0) return false;
  if (std::find(header_codes_, header_codes_ + header_code_count_, status) != header_codes_ + header_code_count_)
    return true;
  if (policy_ == nullptr) return false;
  const auto& codes = policy_->retriable_status_codes;
  return std::find(codes.begin(), codes.end(), status) != codes.end();
}

bool RetryState::WantsRetry(const HeaderMap& response, bool end) const {
  if (on_ == 0) return false;
  // An upstream that says it limits us is repeated only if asked for by name.
  if (response.Has(KnownHeader::kXEnvoyRatelimited)) return (on_ & model::kRetryEnvoyRatelimited) != 0;
  if (RetriableStatus(response.status())) return true;
  if ((on_ & model::kRetryRetriableHeaders) != 0) {
    if (policy_ != nullptr) {
      for (const auto& matcher : policy_->retriable_headers) {
        if (matcher.Match(response)) return true;
      }
    }
    bool named = false;
    ForEachWord(header_names_, [&](absl::string_view name) {
      if (!named) named = response.Has(http::HeaderName(response.arena().Copy(absl::AsciiStrToLower(name))));
    });
    if (named) return true;
  }
  if ((on_ & kAnyGrpc) == 0 || !end) return false;
  switch (http::ReadGrpcStatus(response)) {
    case 1:
      return (on_ & model::kRetryGrpcCancelled) != 0;
    case 4:
      return (on_ & model::kRetryGrpcDeadlineExceeded) != 0;
    case 8:
      return (on_ & model::kRetryGrpcResourceExhausted) != 0;
    case 13:
      return (on_ & model::kRetryGrpcInternal) != 0;
    case 14:
      return (on_ & model::kRetryGrpcUnavailable) != 0;
    default:
      return false;
  }
}

bool RetryState::WantsRetry(ResetReason reason, bool sent) const {
  switch (reason) {
    case ResetReason::kOverflow:
      return false;  // more load is the last thing it needs
    case ResetReason::kConnectFailure:
    case ResetReason::kConnectTimeout:
      if ((on_ & (model::kRetryConnectFailure | model::kRetryResetBeforeRequest)) != 0) return true;
      break;
    case ResetReason::kRemoteRefused:
    case ResetReason::kRemoteGoneAway:
      if ((on_ & (model::kRetryRefusedStream | model::kRetryResetBeforeRequest)) != 0) return true;
      break;
    default:
      break;
  }
  if (!sent && (on_ & model::kRetryResetBeforeRequest) != 0) return true;
  return (on_ & (model::kRetry5xx | model::kRetryGatewayError | model::kRetryReset)) != 0;
}

bool RetryState::WantsRetryAfterPerTryTimeout() const {
  return (on_ & (model::kRetry5xx | model::kRetryGatewayError | model::kRetryReset)) != 0;
}

Duration RetryState::NextBackOff(event::Engine& engine) {
  const Duration base = policy_ == nullptr ? milliseconds(25) : policy_->back_off_base;
  const Duration most = policy_ == nullptr ? milliseconds(250) : policy_->back_off_max;
  const uint32_t shift = std::min(done_++, 20u);
  const int64_t grown = base.count() > (most.count() >> shift) ? most.count() : base.count() << shift;
  const int64_t ceiling = std::max<int64_t>(1, grown);
  return Duration(static_cast<int64_t>(engine.RandomBits() % static_cast<uint64_t>(ceiling)));
}

bool RetryState::RateLimitedBackOff(const HeaderMap& response, WallTime now, event::Engine& engine,
                                    Duration* pause) const {
  if (policy_ == nullptr) return false;
  for (const auto& reset : policy_->rate_limited_reset_headers) {
    const absl::string_view text = response.Get(http::HeaderName(absl::string_view(reset.name)));
    int64_t number = 0;
    if (text.empty() || !absl::SimpleAtoi(text, &number) || number <= 0 || number > kLatestSecond) continue;
    Duration wait;
    if (reset.unix_timestamp) {
      wait = seconds(number) - now.time_since_epoch();
    } else {
      if (number > policy_->rate_limited_max / seconds(1)) continue;
      wait = seconds(number);
    }
    if (wait <= Duration::zero() || wait > policy_->rate_limited_max) continue;
    // Up to half of it again, so that waiting clients do not come back together.
    *pause = wait + Duration(static_cast<int64_t>(engine.RandomBits() % (static_cast<uint64_t>(wait.count()) / 2 + 1)));
    return true;
  }
  return false;
}

}  // namespace outrigger::router
