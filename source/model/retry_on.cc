#include "source/model/retry_on.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "source/model/route.h"

namespace outrigger::model {

namespace {

struct RetryWord {
  absl::string_view word;
  uint32_t bit;
};
constexpr RetryWord kWords[] = {
    {"5xx", kRetry5xx},
    {"gateway-error", kRetryGatewayError},
    {"reset", kRetryReset},
    {"reset-before-request", kRetryResetBeforeRequest},
    {"connect-failure", kRetryConnectFailure},
    {"retriable-4xx", kRetryRetriable4xx},
    {"refused-stream", kRetryRefusedStream},
    {"retriable-status-codes", kRetryRetriableStatusCodes},
    {"retriable-headers", kRetryRetriableHeaders},
    {"envoy-ratelimited", kRetryEnvoyRatelimited},
    {"http3-post-connect-failure", kRetryHttp3PostConnectFailure},
    {"cancelled", kRetryGrpcCancelled},
    {"deadline-exceeded", kRetryGrpcDeadlineExceeded},
    {"internal", kRetryGrpcInternal},
    {"resource-exhausted", kRetryGrpcResourceExhausted},
    {"unavailable", kRetryGrpcUnavailable},
};

// Calls f with the bit of each word, 0 for one that nobody knows. Allocates nothing: requests bring lists too.
template <class F>
void ForEachBit(absl::string_view list, F f) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const absl::string_view word = absl::StripAsciiWhitespace(list.substr(0, comma));
    list = comma == absl::string_view::npos ? absl::string_view() : list.substr(comma + 1);
    if (word.empty()) continue;
    const auto* known = std::find_if(std::begin(kWords), std::end(kWords),
                                     [word](const RetryWord& candidate) { return candidate.word == word; });
    f(known == std::end(kWords) ? 0u : known->bit);
  }
}

}  // namespace

uint32_t ParseRetryOn(absl::string_view list) {
  uint32_t on = 0;
  ForEachBit(list, [&on](uint32_t bit) { on |= bit; });
  return on;
}

bool AllRetryWordsKnown(absl::string_view list) {
  bool all = true;
  ForEachBit(list, [&all](uint32_t bit) { all = all && bit != 0; });
  return all;
}

}  // namespace outrigger::model
