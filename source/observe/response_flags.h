// Thread: any
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

// The response flags of Envoy: short name (%RESPONSE_FLAGS%), long name (%RESPONSE_FLAGS_LONG%). The order is the
// published one: it is the order in which several flags are printed.
#define OUTRIGGER_RESPONSE_FLAGS(FLAG)                                                 \
  FLAG(kFailedLocalHealthCheck, "LH", "FailedLocalHealthCheck")                        \
  FLAG(kNoHealthyUpstream, "UH", "NoHealthyUpstream")                                  \
  FLAG(kUpstreamRequestTimeout, "UT", "UpstreamRequestTimeout")                        \
  FLAG(kLocalReset, "LR", "LocalReset")                                                \
  FLAG(kUpstreamRemoteReset, "UR", "UpstreamRemoteReset")                              \
  FLAG(kUpstreamConnectionFailure, "UF", "UpstreamConnectionFailure")                  \
  FLAG(kUpstreamConnectionTermination, "UC", "UpstreamConnectionTermination")          \
  FLAG(kUpstreamOverflow, "UO", "UpstreamOverflow")                                    \
  FLAG(kNoRouteFound, "NR", "NoRouteFound")                                            \
  FLAG(kDelayInjected, "DI", "DelayInjected")                                          \
  FLAG(kFaultInjected, "FI", "FaultInjected")                                          \
  FLAG(kRateLimited, "RL", "RateLimited")                                              \
  FLAG(kUnauthorizedExternalService, "UAEX", "UnauthorizedExternalService")            \
  FLAG(kRateLimitServiceError, "RLSE", "RateLimitServiceError")                        \
  FLAG(kDownstreamConnectionTermination, "DC", "DownstreamConnectionTermination")      \
  FLAG(kUpstreamRetryLimitExceeded, "URX", "UpstreamRetryLimitExceeded")               \
  FLAG(kStreamIdleTimeout, "SI", "StreamIdleTimeout")                                  \
  FLAG(kInvalidEnvoyRequestHeaders, "IH", "InvalidEnvoyRequestHeaders")                \
  FLAG(kDownstreamProtocolError, "DPE", "DownstreamProtocolError")                     \
  FLAG(kUpstreamMaxStreamDurationReached, "UMSDR", "UpstreamMaxStreamDurationReached") \
  FLAG(kResponseFromCacheFilter, "RFCF", "ResponseFromCacheFilter")                    \
  FLAG(kNoFilterConfigFound, "NFCF", "NoFilterConfigFound")                            \
  FLAG(kDurationTimeout, "DT", "DurationTimeout")                                      \
  FLAG(kUpstreamProtocolError, "UPE", "UpstreamProtocolError")                         \
  FLAG(kNoClusterFound, "NC", "NoClusterFound")                                        \
  FLAG(kOverloadManager, "OM", "OverloadManagerTerminated")                            \
  FLAG(kDnsResolutionFailed, "DF", "DnsResolutionFailed")                              \
  FLAG(kDropOverload, "DO", "DropOverload")                                            \
  FLAG(kDownstreamRemoteReset, "DR", "DownstreamRemoteReset")                          \
  FLAG(kUnconditionalDropOverload, "UDO", "UnconditionalDropOverload")

namespace outrigger::observe {

enum class ResponseFlag : uint8_t {
#define OUTRIGGER_RESPONSE_FLAG(name, short_name, long_name) name,
  OUTRIGGER_RESPONSE_FLAGS(OUTRIGGER_RESPONSE_FLAG)
#undef OUTRIGGER_RESPONSE_FLAG
      kCount
};

absl::string_view ShortName(ResponseFlag flag);
absl::string_view LongName(ResponseFlag flag);
absl::optional<ResponseFlag> ParseResponseFlag(absl::string_view short_name);

// The flags of one stream or connection.
class ResponseFlags {
 public:
  constexpr ResponseFlags() = default;
  void Set(ResponseFlag flag) { bits_ |= Bit(flag); }
  void Clear(ResponseFlag flag) { bits_ &= ~Bit(flag); }
  bool Has(ResponseFlag flag) const { return (bits_ & Bit(flag)) != 0; }
  bool HasAny(ResponseFlags of) const { return (bits_ & of.bits_) != 0; }
  bool empty() const { return bits_ == 0; }
  uint32_t bits() const { return bits_; }
  // Appends "UH,URX" (or the long names); "-" if there is none.
  void AppendShort(std::string& out) const;
  void AppendLong(std::string& out) const;

 private:
  static constexpr uint32_t Bit(ResponseFlag flag) { return uint32_t{1} << static_cast<uint32_t>(flag); }
  uint32_t bits_ = 0;
};
static_assert(static_cast<int>(ResponseFlag::kCount) <= 32);

}  // namespace outrigger::observe
